import { createRoute, z } from '@hono/zod-openapi';
import { and, eq, ne } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import { cellsCovering, findCell } from '../domain/cell.ts';
import { ownersOf } from '../domain/decision.ts';
import { rolesGiven } from '../domain/gives.ts';
import { membersOf } from '../domain/membership.ts';
import { mayPinHostKey } from '../domain/permission.ts';
import { readPublicKey } from '../domain/ssh-public-key.ts';
import { standingOf } from '../domain/standing.ts';
import { Refused } from '../elevation/contract.ts';
import { appendEvents } from '../store/log.ts';
import { hostKeys, people } from '../store/tables.ts';
import {
  type Api,
  type Application,
  membershipsIn,
  membershipsOf,
  pickTarget,
  pickTargetAt,
  pickTenant,
} from './application.ts';
import { body, json, line, refusals, tenantQuery, token } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const targetShape = z
  .object({
    name: z.string(),
    tenant: z.string(),
    label: z.string().nullable(),
    labels: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    protocols: z.array(z.string()),
    cells: z.array(z.string()),
  })
  .openapi('Target');

const list = createRoute({
  method: 'get',
  path: '/targets',
  summary: 'What there is to reach',
  request: { query: tenantQuery },
  responses: { 200: json(z.object({ targets: z.array(targetShape) }), 'Targets'), ...refusals },
});

const staffed = z.object({ squad: z.string(), people: z.array(z.string()) });
const ownersShape = z
  .object({
    cell: z.string(),
    label: z.string().nullable(),
    R: z.array(staffed),
    A: staffed,
    A2: staffed.nullable(),
    C: z.array(staffed),
    I: z.array(staffed),
    escalate: z.array(staffed),
    runbook: z.string().nullable(),
    rollback: z.string().nullable(),
    takeover: z.array(z.string()),
    handback: z.array(z.string()),
    controls: z.array(z.string()),
    primary: z.string().nullable().openapi({ description: 'Who of A is asked first, else of A2' }),
    answer: z.enum(['needs-approval', 'pre-approved']),
    exception: z.string().nullable(),
    co_approve: z.array(z.string()),
    open: z.boolean().openapi({ description: 'Whether its window is open now' }),
    open_when: z.string().nullable(),
    open_until: z.string().nullable(),
    ask: z.string().nullable().openapi({ description: 'The command that asks for it' }),
    page: z.string(),
  })
  .openapi('Owners');

const owners = createRoute({
  method: 'get',
  path: '/owners',
  summary: 'Who is R, A, C and I on a target now, by cell, and how it stands; for alert enrichment',
  request: {
    query: tenantQuery.extend({
      target: line(200).optional(),
      address: line(260).optional().openapi({
        description: 'In the place of a target: the host or IP address of one, with or without a port',
        example: '10.0.0.5',
      }),
      severity: token(20).optional().openapi({ description: 'As the matrix names them; of the alert' }),
    }),
  },
  responses: {
    200: json(z.object({ target: z.string(), tenant: z.string(), owners: z.array(ownersShape) }), 'Owners'),
    ...refusals,
  },
});

const enrolment = createRoute({
  method: 'get',
  path: '/targets/{name}/enrolment',
  summary: 'What the host must hold: the CA to trust and the principals of each login',
  request: { params: z.object({ name: line(200) }), query: tenantQuery },
  responses: {
    200: json(
      z.object({
        target: z.string(),
        tenant: z.string(),
        user_ca: z.string(),
        principals: z.record(z.string(), z.string()),
        host_keys: z.array(z.string()),
      }),
      'Enrolment',
    ),
    ...refusals,
  },
});

const pin = createRoute({
  method: 'post',
  path: '/targets/{name}/host-keys',
  summary: "Pin a host's public key; sessions to a target without one are refused",
  request: {
    params: z.object({ name: line(200) }),
    query: tenantQuery,
    body: body(z.strictObject({ host_key: line(2000), replace: z.boolean().default(false) })),
  },
  responses: { 200: json(z.object({ fingerprint: z.string() }), 'Pinned'), ...refusals },
});

const matrix = createRoute({
  method: 'get',
  path: '/matrix',
  summary: 'The version in force, as it was parsed',
  request: { query: tenantQuery },
  responses: {
    200: json(
      z.object({
        tenant: z.string(),
        digest: z.string(),
        matrix: z.looseObject({}),
        targets: z.looseObject({}),
      }),
      'The matrix',
    ),
    ...refusals,
  },
});

export function targetRoutes(api: Api, app: Application): void {
  api.openapi(list, async c => {
    const { tenant } = c.req.valid('query');
    const mine = await membershipsIn(app, signedIn(c).person, tenant);
    const targets = mine.flatMap(({ tenant: of, engagement }) =>
      Object.entries(engagement.targets.targets).map(([name, target]) => ({
        name,
        tenant: of,
        label: target.label ?? null,
        labels: target.labels as Record<string, string | string[]>,
        protocols: (['ssh', 'postgres', 'web'] as const).filter(protocol => target[protocol] !== undefined),
        cells: cellsCovering(engagement, name).map(cell => cell.id),
      })),
    );
    return c.json({ targets }, 200);
  });

  api.openapi(owners, async c => {
    const { target: asked, address, tenant: named, severity = null } = c.req.valid('query');
    if ((asked === undefined) === (address === undefined)) {
      throw new Refused('invalid', 'target: say a target, or an address in its place', 400);
    }
    const mine = await membershipsOf(app, signedIn(c).person);
    const { target, tenant, engagement } =
      asked === undefined ? pickTargetAt(mine, address!, named) : pickTarget(mine, asked, named);
    const known = membersOf(engagement, await app.database.installation.select().from(people));
    const moment = { at: app.clock.now().getTime(), severity };
    const found = ownersOf(engagement, target, known).map(one => {
      const cell = findCell(engagement, one.cell)!;
      const standing = standingOf(engagement, cell, target, known, moment);
      const until = standing.open_until;
      const page = new URL('/matrix', app.url);
      page.searchParams.set('tenant', tenant);
      page.hash = one.cell;
      return {
        ...one,
        ...standing,
        open_until: until === null ? null : new Date(until).toISOString(),
        page: page.href,
      };
    });
    return c.json({ target, tenant, owners: found }, 200);
  });

  api.openapi(enrolment, async c => {
    const place = pickTarget(
      await membershipsOf(app, signedIn(c).person),
      c.req.valid('param').name,
      c.req.valid('query').tenant,
    );
    const { target, tenant, engagement } = place;
    const logins = cellsCovering(engagement, target).flatMap(({ activity }) => rolesGiven(activity, 'ssh'));
    const pinned = await app.commit(tenant, async look => ({ result: await look.hostKeys(tenant, target) }));
    return c.json(
      {
        target,
        tenant,
        user_ca: await app.authorities.publicKey(tenant, 'ssh'),
        principals: Object.fromEntries(
          [...new Set(logins)].sort().map(login => [login, `sallyport:${target}.${tenant}:${login}`]),
        ),
        host_keys: pinned,
      },
      200,
    );
  });

  api.openapi(pin, async c => {
    const { person } = signedIn(c);
    const { host_key: given, replace } = c.req.valid('json');
    const { target, tenant, engagement, member } = pickTarget(
      await membershipsOf(app, person),
      c.req.valid('param').name,
      c.req.valid('query').tenant,
    );
    const cells = cellsCovering(engagement, target).map(cell => cell.id);
    if (!mayPinHostKey(engagement, member, cells)) {
      throw new Refused(
        'not-yours',
        "The client's people who answer for a cell on this target pin its key.",
        403,
      );
    }
    const key = readPublicKey(given);
    if (!key) throw new Refused('invalid', 'host_key: expected a line such as "ssh-ed25519 AAAA…"', 400);
    await app.database.within([tenant], async tx => {
      const removed = replace
        ? await tx
            .delete(hostKeys)
            .where(
              and(
                eq(hostKeys.tenant, tenant),
                eq(hostKeys.target, target),
                ne(hostKeys.fingerprint, key.fingerprint),
              ),
            )
            .returning()
        : [];
      const unpinned = removed.map(
        ({ fingerprint }): AuditEvent => ({
          tenant,
          action: 'host-key.unpinned',
          actor: `person:${person.id}`,
          subject: `target:${target}`,
          data: { target, fingerprint },
        }),
      );
      await appendEvents(tx, unpinned);
      const pinned = await tx
        .insert(hostKeys)
        .values({
          tenant,
          target,
          publicKey: key.publicKey,
          fingerprint: key.fingerprint,
          pinnedBy: person.id,
          pinnedAt: app.clock.now(),
        })
        .onConflictDoNothing()
        .returning();
      if (pinned.length === 0) return;
      await appendEvents(tx, [
        {
          tenant,
          action: 'host-key.pinned',
          actor: `person:${person.id}`,
          subject: `target:${target}`,
          data: { target, fingerprint: key.fingerprint, type: key.type },
        },
      ]);
    });
    return c.json({ fingerprint: key.fingerprint }, 200);
  });

  api.openapi(matrix, async c => {
    const mine = await membershipsOf(app, signedIn(c).person);
    const { tenant, engagement } = pickTenant(mine, c.req.valid('query').tenant);
    const { digest } = engagement;
    return c.json(
      {
        tenant,
        digest,
        matrix: engagement.matrix as unknown as Record<string, unknown>,
        targets: engagement.targets as unknown as Record<string, unknown>,
      },
      200,
    );
  });
}
