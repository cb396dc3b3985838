import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { mayReadLog } from '../domain/permission.ts';
import { Refused } from '../elevation/contract.ts';
import { appendEvents, lengthOf, readLines } from '../store/log.ts';
import {
  type Api,
  type Application,
  type Env,
  type Membership,
  membershipsOf,
  pickTenant,
} from './application.ts';
import { json, refusals, tenantQuery } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const text = (type: string, description: string) => ({
  description,
  content: { [type]: { schema: z.string() } },
});

const exportLog = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'The log of an engagement, NDJSON, each line as it was chained',
  request: {
    query: tenantQuery.extend({
      to: z
        .string()
        .regex(/^[1-9]\d{0,14}$/)
        .optional()
        .openapi({
          description: "The last entry wanted, such as a checkpoint's size: then it proves every line",
        }),
    }),
  },
  responses: { 200: text('application/x-ndjson', 'The lines'), ...refusals },
});

const checkpoint = createRoute({
  method: 'get',
  path: '/audit/checkpoint',
  summary: 'A signed checkpoint over everything in the log now (C2SP tlog-checkpoint)',
  request: { query: tenantQuery },
  responses: { 200: text('text/plain', 'The signed note'), ...refusals },
});

const key = createRoute({
  method: 'get',
  path: '/audit/key',
  summary: 'The verifier key of the checkpoints; keep it where the broker cannot change it',
  request: { query: tenantQuery },
  responses: { 200: json(z.object({ tenant: z.string(), vkey: z.string() }), 'The key'), ...refusals },
});

export function auditRoutes(api: Api, app: Application): void {
  api.openapi(exportLog, async c => {
    const { tenant: named, to } = c.req.valid('query');
    const { tenant } = await reader(app, c, named);
    const { person } = signedIn(c);
    const size = await lengthOf(app.database, tenant);
    // Without an end it includes the entry that says it was exported.
    const last = Math.min(Number(to ?? Number.MAX_SAFE_INTEGER), size + 1);
    await app.database.within([tenant], tx =>
      appendEvents(tx, [
        {
          tenant,
          action: 'log.exported',
          actor: `person:${person.id}`,
          subject: `tenant:${tenant}`,
          data: { entries: last },
        },
      ]),
    );
    const lines = readLines(app.database, tenant, 0, last);
    const encoder = new TextEncoder();
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await lines.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`${value.line}\n`));
      },
      async cancel() {
        await lines.return();
      },
    });
    return c.body(stream, 200, {
      'content-type': 'application/x-ndjson',
      'content-disposition': `attachment; filename="${tenant}.ndjson"`,
    }) as never;
  });

  api.openapi(checkpoint, async c => {
    const { tenant } = await reader(app, c, c.req.valid('query').tenant);
    const signed = await app.checkpoint(tenant);
    if (!signed) throw new Refused('empty-log', 'There is nothing in this log yet.', 404);
    return c.body(signed.note, 200, { 'content-type': 'text/plain; charset=utf-8' }) as never;
  });

  api.openapi(key, async c => {
    const { tenant } = await reader(app, c, c.req.valid('query').tenant);
    return c.json({ tenant, vkey: (await app.logKey(tenant)).vkey }, 200);
  });
}

/** @throws Refused `not-yours` for those in no squad */
async function reader(app: Application, c: Context<Env>, tenant: string | undefined): Promise<Membership> {
  const membership = pickTenant(await membershipsOf(app, signedIn(c).person), tenant);
  if (!mayReadLog(membership.engagement, membership.member)) {
    throw new Refused('not-yours', 'The log is for the people whom the matrix gives a squad.', 403);
  }
  return membership;
}
