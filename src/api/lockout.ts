import { createRoute, z } from '@hono/zod-openapi';
import type { Person } from '../domain/person.ts';
import { liftLockout, lockOut } from '../elevation/lock-out.ts';
import { type Api, type Application, membershipsOf, pickTenant } from './application.ts';
import { json, refusals, tenantQuery, words } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const state = z
  .object({ tenant: z.string(), locked_out: z.boolean(), since: z.string().nullable() })
  .openapi('Lockout');

const show = createRoute({
  method: 'get',
  path: '/lockout',
  summary: 'Whether the client has shut out its provider',
  request: { query: tenantQuery },
  responses: { 200: json(state, 'The state'), ...refusals },
});

const begin = createRoute({
  method: 'post',
  path: '/lockout',
  summary: 'Shut every MSP grant and session of the engagement at once; nothing opens until it is lifted',
  request: {
    query: tenantQuery,
    body: { content: { 'application/json': { schema: z.strictObject({ reason: words(2000).optional() }) } } },
  },
  responses: {
    200: json(state.extend({ grants: z.number(), sessions: z.number() }), 'Shut'),
    ...refusals,
  },
});

const lift = createRoute({
  method: 'delete',
  path: '/lockout',
  summary: 'Lift it',
  request: { query: tenantQuery },
  responses: { 200: json(state, 'Lifted'), ...refusals },
});

export function lockoutRoutes(api: Api, app: Application): void {
  const place = async (person: Person, tenant: string | undefined) =>
    pickTenant(await membershipsOf(app, person), tenant);

  api.openapi(show, async c => {
    const { tenant, lockedOutAt } = await place(signedIn(c).person, c.req.valid('query').tenant);
    return c.json(
      { tenant, locked_out: lockedOutAt !== null, since: lockedOutAt?.toISOString() ?? null },
      200,
    );
  });

  api.openapi(begin, async c => {
    const { person } = signedIn(c);
    const { tenant } = await place(person, c.req.valid('query').tenant);
    const { reason = null } = c.req.valid('json') ?? {};
    const done = await app.commit(tenant, (look, outside) =>
      lockOut(look, outside, person, { tenant, reason }),
    );
    return c.json(
      {
        tenant,
        locked_out: true,
        since: done.since.toISOString(),
        grants: done.grants,
        sessions: done.sessions.length,
      },
      200,
    );
  });

  api.openapi(lift, async c => {
    const { person } = signedIn(c);
    const { tenant } = await place(person, c.req.valid('query').tenant);
    await app.commit(tenant, (look, outside) => liftLockout(look, outside, person, { tenant }));
    return c.json({ tenant, locked_out: false, since: null }, 200);
  });
}
