import { createRoute, z } from '@hono/zod-openapi';
import { mayEndGrant, oversees } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { Refused } from '../elevation/contract.ts';
import { endGrant } from '../elevation/end-grant.ts';
import { type GrantWithHolder, listGrants } from '../store/grants.ts';
import { type Api, type Application, membershipsIn, membershipsOf } from './application.ts';
import { grantJson, grantShape } from './present.ts';
import { idParameter, json, refusals, tenantQuery } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const list = createRoute({
  method: 'get',
  path: '/grants',
  summary: 'Grants that you hold or answer for, the latest ending first',
  request: { query: tenantQuery.extend({ live: z.enum(['true', 'false']).optional() }) },
  responses: { 200: json(z.object({ grants: z.array(grantShape) }), 'Grants'), ...refusals },
});

const ending = (verb: 'revoke' | 'handback') =>
  createRoute({
    method: 'post',
    path: `/grants/{id}/${verb}`,
    summary: verb === 'revoke' ? 'End a grant and its sessions now' : 'Give a grant of yours back',
    request: { params: idParameter },
    responses: { 200: json(grantShape, 'Ended'), ...refusals },
  });

const revoke = ending('revoke');
const handback = ending('handback');

export function grantRoutes(api: Api, app: Application): void {
  api.openapi(list, async c => {
    const { person } = signedIn(c);
    const { tenant, live } = c.req.valid('query');
    const rows = await grantsFor(app, person, { tenant });
    const grants = rows.map(row => grantJson(row, app.clock.now()));
    return c.json(
      { grants: live === undefined ? grants : grants.filter(grant => String(grant.live) === live) },
      200,
    );
  });
  api.openapi(revoke, async c => {
    const ended = await endGrantFor(app, signedIn(c).person, c.req.valid('param').id, 'revoked');
    return c.json(grantJson(ended, app.clock.now()), 200);
  });
  api.openapi(handback, async c => {
    const ended = await endGrantFor(app, signedIn(c).person, c.req.valid('param').id, 'handed-back');
    return c.json(grantJson(ended, app.clock.now()), 200);
  });
}

/** The grants that a person holds, answers for or oversees. */
export async function grantsFor(
  app: Application,
  person: Person,
  { tenant }: { tenant?: string | undefined },
) {
  const memberships = await membershipsIn(app, person, tenant);
  const rows = await listGrants(app.database, { tenants: memberships.map(m => m.tenant) });
  return rows.filter(({ grant }) => {
    const { engagement, member } = memberships.find(m => m.tenant === grant.tenant)!;
    return mayEndGrant(engagement, member, person, grant) || oversees(engagement, member);
  });
}

/** @throws Refused `no-such-grant`, `not-yours` */
export async function endGrantFor(
  app: Application,
  person: Person,
  id: string,
  reason: 'revoked' | 'handed-back',
): Promise<GrantWithHolder> {
  const tenants = (await membershipsOf(app, person)).map(({ tenant }) => tenant);
  const [row] = await listGrants(app.database, { tenants, id });
  if (!row) throw new Refused('no-such-grant', 'There is no such grant for you to end.', 404);
  const { grant } = await app.commit(row.grant.tenant, (look, outside) =>
    endGrant(look, outside, person, { tenant: row.grant.tenant, grant: id, reason }),
  );
  return { grant, holder: row.holder };
}
