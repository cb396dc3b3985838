import { createRoute, z } from '@hono/zod-openapi';
import { parseMoment } from '../domain/calendar.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Check } from '../domain/preflight.ts';
import type { NotTried } from '../domain/preflight-target.ts';
import type { ProbeReport } from '../domain/probe.ts';
import type { Protocol } from '../domain/protocol.ts';
import { Refused } from '../elevation/contract.ts';
import { whyNoTryNow } from '../elevation/may-try.ts';
import {
  MOST_TARGETS,
  type Preflight,
  type PreflightAsk,
  planPreflight,
  recordPreflight,
} from '../elevation/run-preflight.ts';
import {
  type Api,
  type Application,
  type Membership,
  membershipsOf,
  pickTarget,
  pickTenant,
} from './application.ts';
import { openTurns } from './preflight-turns.ts';
import { body, json, line, refusals, ticketShape, token } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const askShape = z.strictObject({
  tenant: line(200).optional(),
  at: z.string().max(40).openapi({
    description: "When the change begins; without a zone, in the matrix's",
    example: '2026-11-29T01:00',
  }),
  activity: token(130).optional(),
  targets: z.array(line(200)).min(1).max(MOST_TARGETS).optional(),
  ssh: token(64).optional(),
  postgres: token(64).optional(),
  web: token(64).optional(),
  for: z.string().max(40).optional(),
  ticket: ticketShape.optional(),
  severity: token(20).optional(),
});

const checkShape = z
  .object({
    check: z.string(),
    subject: z.string(),
    ok: z.boolean().nullable().openapi({ description: 'null: it cannot be known' }),
    detail: z.string(),
    mend: z.string().nullable().openapi({ description: 'What to do; beside a yes, what to mind' }),
  })
  .openapi('Check');

const run = createRoute({
  method: 'post',
  path: '/preflight',
  summary: 'For a coming change: would everybody who must act be able to? Tries the targets, gives no access',
  request: { body: body(askShape) },
  responses: {
    200: json(
      z.object({
        preflight: z.string(),
        tenant: z.string(),
        matrix: z.string(),
        at: z.string(),
        targets: z.array(z.string()),
        ok: z.boolean().openapi({ description: 'Nothing that was looked at would stop anybody' }),
        failed: z.number(),
        unknown: z.number(),
        checks: z.array(checkShape),
      }),
      'What was found',
    ),
    ...refusals,
  },
});

/** Targets that are tried at once. */
const AT_ONCE = 16;
/** What is not tried by then is said not to be: well below the time in which a silent connection is given up. */
const WHOLE_MS = 45_000;
/** A time that is past says nothing about a change that is coming; clocks may differ. */
const PAST_MS = 60_000;

export function preflightRoutes(api: Api, app: Application): void {
  const turns = openTurns();

  api.openapi(run, async c => {
    const { person } = signedIn(c);
    const asked = askOf(c.req.valid('json'), await membershipsOf(app, person), app.clock.now());
    const done = turns.take(person.id, asked.tenant);
    try {
      const preflight = await app.commit(asked.tenant, (look, outside) =>
        planPreflight(look, outside, person, asked, app.preflight),
      );
      const found = await tryAll(app, person.id, preflight.tries);
      const checks = await app.commit(asked.tenant, async () => recordPreflight(person, preflight, found));
      return c.json(answerOf(preflight, checks), 200);
    } finally {
      done();
    }
  });
}

function answerOf({ id, tenant, matrix, at, targets }: Preflight, checks: readonly Check[]) {
  const failed = checks.filter(({ ok }) => ok === false).length;
  return {
    preflight: id,
    tenant,
    matrix,
    at: at.toISOString(),
    targets: [...targets],
    ok: failed === 0,
    failed,
    unknown: checks.filter(({ ok }) => ok === null).length,
    checks: [...checks],
  };
}

/** @throws Refused `invalid`, and what picks the tenant */
function askOf(given: z.infer<typeof askShape>, mine: readonly Membership[], now: Date): PreflightAsk {
  const places = (given.targets ?? []).map(name => pickTarget(mine, name, given.tenant));
  const { tenant, engagement } = pickTenant(mine, given.tenant ?? places[0]?.tenant);
  const elsewhere = places.find(place => place.tenant !== tenant);
  if (elsewhere) {
    const message = `One preflight is of one engagement: ${elsewhere.target} is of ${elsewhere.tenant}.`;
    throw new Refused('tenant-needed', message, 400);
  }
  const invalid = (field: string, message: string) =>
    new Refused('invalid', `${field}: ${message}`, 400, { errors: [{ field, message }] });
  const at = parseMoment(given.at, engagement.matrix.timezone);
  if (at === null) throw invalid('at', 'expected a time such as 2026-11-24T10:00');
  if (at < now.getTime() - PAST_MS) throw invalid('at', 'expected a time to come');
  const seconds = given.for === undefined ? null : parseDuration(given.for);
  if (given.for !== undefined && seconds === null)
    throw invalid('for', 'expected a duration such as 45m or 1h30m');
  const logins = (['ssh', 'postgres', 'web'] as const).flatMap((protocol: Protocol) =>
    given[protocol] === undefined ? [] : [{ protocol, role: given[protocol] }],
  );
  if (logins.length > 1) throw invalid('ssh', 'say one of ssh, postgres and web at most');
  return {
    tenant,
    at: new Date(at),
    activity: given.activity ?? null,
    targets: places.map(({ target }) => target),
    as: logins[0] ?? null,
    seconds,
    ticket: given.ticket ?? null,
    severity: given.severity ?? null,
  };
}

/** Several at a time, in their order, until the time is up or the asker may no longer. */
async function tryAll(
  app: Application,
  asker: string,
  tries: Preflight['tries'],
): Promise<readonly (ProbeReport | NotTried)[]> {
  const found: (ProbeReport | NotTried)[] = tries.map(({ why }) => ({
    notTried: why ?? 'there was no time left',
  }));
  const late = AbortSignal.timeout(WHOLE_MS);
  const waiting = tries.map(({ order, why }, at) => ({ order, why, at })).filter(({ why }) => why === null);
  const work = async () => {
    for (let next = waiting.shift(); next && !late.aborted; next = waiting.shift()) {
      const { order, at } = next;
      const shut = await app.commit(order.tenant, look => whyNoTryNow(look, asker, order));
      if (shut) {
        found[at] = { notTried: shut.line };
        continue;
      }
      const report = await app.preflight.probe(order, asker, late);
      // What was called off in the middle says nothing of the target.
      if (!late.aborted) found[at] = report;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}
