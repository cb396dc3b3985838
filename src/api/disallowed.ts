import { createRoute, z } from '@hono/zod-openapi';
import type { Person } from '../domain/person.ts';
import { disallowedGrants, endDisallowed } from '../elevation/end-disallowed.ts';
import { type Api, type Application, membershipsOf, pickTenant } from './application.ts';
import { personJson } from './present.ts';
import { body, idParameter, json, refusals, tenantQuery } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const disallowedShape = z.object({
  grant: z.string(),
  holder: z.object({ id: z.string(), name: z.string(), handle: z.string() }),
  target: z.string(),
  role: z.string(),
  cell: z.string(),
  ends_at: z.string(),
  code: z.string(),
  because: z.array(z.string()),
});

const disallowed = createRoute({
  method: 'get',
  path: '/matrix/disallowed',
  summary: 'Running grants that are yours to end and that the version in force no longer allows',
  request: { query: tenantQuery },
  responses: { 200: json(z.object({ grants: z.array(disallowedShape) }), 'Grants'), ...refusals },
});

const endThem = createRoute({
  method: 'post',
  path: '/matrix/disallowed/end',
  summary: 'End those of them that are named',
  request: {
    query: tenantQuery,
    body: body(z.strictObject({ grants: z.array(idParameter.shape.id).min(1).max(1000) })),
  },
  responses: { 200: json(z.object({ grants: z.number(), sessions: z.number() }), 'Ended'), ...refusals },
});

export function disallowedRoutes(api: Api, app: Application): void {
  const membership = async (person: Person, tenant: string | undefined) =>
    pickTenant(await membershipsOf(app, person), tenant);

  api.openapi(disallowed, async c => {
    const { person } = signedIn(c);
    const { tenant } = await membership(person, c.req.valid('query').tenant);
    const found = await app.commit(tenant, async (look, outside) => ({
      result: await disallowedGrants(look, person, tenant, outside.now),
    }));
    return c.json(
      {
        grants: found.map(({ grant, holder, code, because }) => ({
          grant: grant.id,
          holder: personJson(holder),
          target: grant.target,
          role: grant.role,
          cell: grant.cell,
          ends_at: grant.endsAt.toISOString(),
          code,
          because: [...because],
        })),
      },
      200,
    );
  });

  api.openapi(endThem, async c => {
    const { person } = signedIn(c);
    const { tenant } = await membership(person, c.req.valid('query').tenant);
    const { grants } = c.req.valid('json');
    const done = await app.commit(tenant, (look, outside) =>
      endDisallowed(look, outside, person, { tenant, grants }),
    );
    return c.json(done, 200);
  });
}
