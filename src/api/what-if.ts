import { setImmediate as turn } from 'node:timers/promises';
import { createRoute, z } from '@hono/zod-openapi';
import type { Engagement } from '../domain/engagement.ts';
import { issuersOf, memberOf } from '../domain/membership.ts';
import { oversees } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { Refused } from '../elevation/contract.ts';
import { readTexts } from '../matrices/read.ts';
import { countsOf, type Outcome, openWhatIf, type RecordedRequest } from '../matrices/what-if.ts';
import { type AskedRequest, requestsSince } from '../store/requests.ts';
import { type Api, type Application, type Membership, membershipsOf, pickTenant } from './application.ts';
import { openPace } from './pace.ts';
import { personJson } from './present.ts';
import { body, json, problem, refusals, tenantQuery } from './shapes.ts';
import { signedIn } from './signed-in.ts';

/** What is decided again at most, and what of it is listed; both the newest. */
const MOST_REQUESTS = 10_000;
const MOST_LISTED = 1_000;
/** It is much work, and looking at a version twice in a minute is plenty. */
const PER_MINUTE = 6;
/** So many are decided before others have their turn. */
const AT_ONCE = 50;

const file = z.string().min(1).max(1_048_576);

export const answeredShape = z
  .object({
    decision: z.enum(['refused', 'needs-approval', 'pre-approved']),
    code: z.string().nullable(),
    cell: z.string().nullable(),
    exception: z.string().nullable(),
    answerers: z.array(z.string()).openapi({ description: 'Squads, in the order in which they are asked' }),
    co_approve: z.array(z.string()),
    limit: z.number().nullable().openapi({ description: 'Longest grant in seconds' }),
    obligations: z.array(z.string()),
  })
  .openapi('Answered');

const effect = z.enum(['gains', 'easier', 'answers', 'harder', 'loses', 'other', 'same']);
const version = z.object({ version: z.string(), digest: z.string() });

export const whatIfShape = z
  .object({
    tenant: z.string(),
    before: version.openapi({ description: 'The version in force' }),
    after: version.openapi({ description: 'The version that was sent' }),
    since: z.string(),
    decided: z.number().openapi({ description: 'How many requests were decided again' }),
    cut: z
      .boolean()
      .openapi({ description: `Whether older requests were left out: ${MOST_REQUESTS} are decided at most` }),
    counts: z.record(effect, z.number()),
    unlisted: z
      .number()
      .openapi({ description: `Changed requests past the newest ${MOST_LISTED}: counted and not listed` }),
    requests: z
      .array(
        z.object({
          id: z.string(),
          who: z.object({ id: z.string(), name: z.string(), handle: z.string(), party: z.string() }),
          target: z.string(),
          protocol: z.string(),
          role: z.string(),
          seconds: z.number(),
          created_at: z.string(),
          state: z.string(),
          effect,
          changed: z.array(z.string()),
          recorded: answeredShape,
          before: answeredShape,
          after: answeredShape,
          explanation: z.array(z.string()),
        }),
      )
      .openapi({ description: 'Those whose answer would change, the newest first' }),
  })
  .openapi('WhatIf');

const whatIf = createRoute({
  method: 'post',
  path: '/matrix/what-if',
  summary:
    'The requests of the last days decided again under a version that is not in force; nothing is recorded. People are as they are known now',
  request: {
    query: tenantQuery,
    body: body(
      z.strictObject({
        days: z.number().int().min(1).max(365),
        matrix: file.openapi({ description: 'The text of matrix.yaml' }),
        targets: file.openapi({ description: 'The text of targets.yaml' }),
      }),
    ),
  },
  responses: {
    200: json(whatIfShape, 'What would change'),
    ...refusals,
    422: problem('The files do not make a version; `problems` says where'),
    429: problem('Too often'),
  },
});

export function whatIfRoutes(api: Api, app: Application): void {
  const pace = openPace(PER_MINUTE);

  api.openapi(whatIf, async c => {
    const { person } = signedIn(c);
    const { days, matrix, targets } = c.req.valid('json');
    const place = pickTenant(await membershipsOf(app, person), c.req.valid('query').tenant);
    const { tenant, engagement, member } = place;
    if (!oversees(engagement, member)) {
      const message = "This shows everybody's requests: it is for those who sign, lock out or audit.";
      throw new Refused('not-allowed', message, 403);
    }
    const wait = pace.take(person.id);
    if (wait > 0) {
      throw new Refused('too-many-requests', `Try again in ${wait} s.`, 429, { retry_after: wait });
    }
    const reading = readTexts(tenant, { matrix, targets, expectations: null });
    if (!reading.ok) {
      const [first] = reading.problems;
      const message = `${first!.file}:${first!.line}: ${first!.message}`;
      throw new Refused('matrix-invalid', message, 422, { problems: reading.problems });
    }
    const since = new Date(app.clock.now().getTime() - days * 86_400_000);
    const people = await peopleOf(app, place);
    const found = await requestsSince(app.database, tenant, since, MOST_REQUESTS + 1);
    const recorded = found.slice(0, MOST_REQUESTS);
    const outcomes = await decidedAgain(engagement, reading.engagement, people, recorded);
    const changed = recorded
      .map((one, at) => ({ ...one, outcome: outcomes[at]! }))
      .filter(({ outcome }) => outcome.effect !== 'same');
    return c.json(
      {
        tenant,
        before: versionOf(engagement),
        after: versionOf(reading.engagement),
        since: since.toISOString(),
        decided: recorded.length,
        cut: found.length > recorded.length,
        counts: countsOf(outcomes),
        unlisted: Math.max(0, changed.length - MOST_LISTED),
        requests: changed.slice(0, MOST_LISTED).map(outcomeJson),
      },
      200,
    );
  });
}

const versionOf = ({ matrix, digest }: Engagement) => ({ version: matrix.version, digest });

/**
 * Those who are on a side now. A version that is only proposed can name any issuer and drop any claim, and must not
 * be a way to learn who the people of another engagement are.
 */
async function peopleOf(app: Application, { tenant, engagement }: Membership): Promise<Person[]> {
  const known = await app.commit(tenant, async look => ({
    result: await look.peopleOf(issuersOf(engagement)),
  }));
  return known.filter(person => memberOf(engagement, person) !== null);
}

async function decidedAgain(
  before: Engagement,
  after: Engagement,
  people: readonly Person[],
  recorded: readonly RecordedRequest[],
): Promise<Outcome[]> {
  const decide = openWhatIf(before, after, people);
  const outcomes: Outcome[] = [];
  for (const [at, request] of recorded.entries()) {
    if (at % AT_ONCE === AT_ONCE - 1) await turn();
    outcomes.push(decide(request));
  }
  return outcomes;
}

function outcomeJson({
  request,
  asker,
  outcome: { recorded, before, after, ...outcome },
}: {
  request: AskedRequest;
  asker: Person;
  outcome: Outcome;
}) {
  const plain = (answer: Outcome['after']) => ({
    ...answer,
    answerers: [...answer.answerers],
    co_approve: [...answer.co_approve],
    obligations: [...answer.obligations],
  });
  return {
    id: request.id,
    who: { ...personJson(asker), party: request.party },
    target: request.target,
    protocol: request.protocol,
    role: request.role,
    seconds: request.seconds,
    created_at: request.createdAt.toISOString(),
    state: request.state,
    effect: outcome.effect,
    changed: [...outcome.changed],
    recorded: plain(recorded),
    before: plain(before),
    after: plain(after),
    explanation: [...outcome.explanation],
  };
}
