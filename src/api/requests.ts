import { createRoute, z } from '@hono/zod-openapi';
import { parseDuration } from '../domain/duration.ts';
import { maySeeRequest } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { digestOf, REQUEST_STATES } from '../domain/request.ts';
import { amendRequest } from '../elevation/amend-request.ts';
import { Refused } from '../elevation/contract.ts';
import { type Answer, recordApproval } from '../elevation/record-approval.ts';
import { showRequest } from '../elevation/show-request.ts';
import { submitRequest } from '../elevation/submit-request.ts';
import { withdrawRequest } from '../elevation/withdraw-request.ts';
import { listGrants } from '../store/grants.ts';
import { answersTo, findRequest, listRequests } from '../store/requests.ts';
import { type Api, type Application, membershipsIn, membershipsOf, pickTarget } from './application.ts';
import { grantJson, grantShape, personJson, requestJson, requestShape } from './present.ts';
import {
  askOf,
  body,
  decisionShape,
  idParameter,
  json,
  questionShape,
  refusals,
  tenantQuery,
  ticketShape,
  words,
} from './shapes.ts';
import { signedIn } from './signed-in.ts';

const shown = requestShape
  .extend({
    approvals: z.array(
      z.object({
        place: z.string(),
        person: z.object({ id: z.string(), name: z.string(), handle: z.string() }),
        answer: z.string(),
        reason: z.string().nullable(),
        revision: z.number(),
        at: z.string(),
      }),
    ),
    grant: grantShape.nullable(),
    decision_now: decisionShape.openapi({
      description: 'What the matrix in force says of it at this moment',
    }),
  })
  .openapi('RequestInFull');

const submit = createRoute({
  method: 'post',
  path: '/requests',
  summary: 'Ask for access',
  request: { body: body(questionShape.extend({ reason: words(2000) })) },
  responses: {
    201: json(
      requestShape,
      'Waits for an answer, was pre-approved, or `observed`: recorded, and nothing was opened',
    ),
    ...refusals,
  },
});

const list = createRoute({
  method: 'get',
  path: '/requests',
  summary: 'Requests that you may see, the newest first',
  request: {
    query: tenantQuery.extend({
      state: z.enum(REQUEST_STATES).optional(),
      mine: z.enum(['true', 'false']).optional(),
    }),
  },
  responses: { 200: json(z.object({ requests: z.array(requestShape) }), 'Requests'), ...refusals },
});

const show = createRoute({
  method: 'get',
  path: '/requests/{id}',
  summary: 'One request, as it is displayed now',
  request: { params: idParameter },
  responses: { 200: json(shown, 'The request'), ...refusals },
});

const amend = createRoute({
  method: 'patch',
  path: '/requests/{id}',
  summary: 'Change a request of yours that still waits',
  request: {
    params: idParameter,
    body: body(
      z.strictObject({
        for: z.string().max(40).optional(),
        reason: words(2000).optional(),
        ticket: ticketShape.nullable().optional(),
      }),
    ),
  },
  responses: { 200: json(requestShape, 'Changed'), ...refusals },
});

const answerBody = z.strictObject({
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .openapi({ description: 'Of the request as it was displayed to you' }),
  reason: words(2000).optional(),
});

const answerRoute = (verb: 'approve' | 'deny', schema: typeof answerBody | typeof denyBody) =>
  createRoute({
    method: 'post',
    path: `/requests/{id}/${verb}`,
    summary: verb === 'approve' ? 'Say yes to what was displayed' : 'Say no',
    request: { params: idParameter, body: body(schema) },
    responses: { 200: json(requestShape, 'The request after your answer'), ...refusals },
  });

const denyBody = answerBody.extend({ reason: words(2000) });
const approve = answerRoute('approve', answerBody);
const deny = answerRoute('deny', denyBody);

const withdraw = createRoute({
  method: 'post',
  path: '/requests/{id}/withdraw',
  summary: 'Take a waiting request of yours back',
  request: { params: idParameter },
  responses: { 200: json(requestShape, 'Withdrawn'), ...refusals },
});

export function requestRoutes(api: Api, app: Application): void {
  const now = () => app.clock.now();

  api.openapi(submit, async c => {
    const { person } = signedIn(c);
    const asked = c.req.valid('json');
    const place = pickTarget(await membershipsOf(app, person), asked.target, asked.tenant);
    const ask = askOf(asked, place);
    if (ask.startsAt && ask.startsAt.getTime() < now().getTime() - 60_000) {
      throw new Refused('invalid', 'at: the start lies in the past', 400);
    }
    const request = await app.commit(place.tenant, (look, outside) =>
      submitRequest(look, outside, person, { ...ask, tenant: place.tenant, reason: asked.reason }),
    );
    if (request.state === 'refused') {
      const { decision } = request;
      throw new Refused(decision.code!, decision.explanation[0] ?? 'The matrix does not allow this.', 403, {
        request: request.id,
        ...decision,
      });
    }
    return c.json(requestJson(request, person, now(), app.url, null), 201);
  });

  api.openapi(list, async c => {
    const { person } = signedIn(c);
    const { tenant, state, mine } = c.req.valid('query');
    const rows = await requestsFor(app, person, { tenant, mine: mine === 'true' });
    const requests = rows.map(({ request, asker }) => requestJson(request, asker, now(), app.url, null));
    return c.json(
      { requests: requests.filter(request => state === undefined || request.state === state) },
      200,
    );
  });

  api.openapi(show, async c => {
    const { person } = signedIn(c);
    const { id } = c.req.valid('param');
    const { request, asker, display, decision } = await displayRequest(app, person, id);
    const [grant] = await listGrants(app.database, { tenants: [request.tenant], request: id });
    const answers = await answersTo(app.database, request);
    return c.json(
      {
        ...requestJson(request, asker, now(), app.url, display),
        approvals: answers.map(({ approval, person: answerer }) => ({
          place: approval.place,
          person: personJson(answerer),
          answer: approval.answer,
          reason: approval.reason,
          revision: approval.revision,
          at: approval.at.toISOString(),
        })),
        grant: grant ? grantJson(grant, now()) : null,
        decision_now: decision,
      },
      200,
    );
  });

  api.openapi(amend, async c => {
    const { person } = signedIn(c);
    const { id } = c.req.valid('param');
    const change = c.req.valid('json');
    const seconds = change.for === undefined ? undefined : parseDuration(change.for);
    if (seconds === null) throw new Refused('invalid', 'for: expected a duration such as 45m or 1h30m', 400);
    const tenant = await tenantOfRequest(app, person, id);
    const { reason, ticket } = change;
    const amended = await app.commit(tenant, (look, outside) =>
      amendRequest(look, outside, person, { tenant, request: id, seconds, reason, ticket }),
    );
    return c.json(requestJson(amended, person, now(), app.url, null), 200);
  });

  api.openapi(approve, async c => {
    const { person } = signedIn(c);
    const { digest, reason } = c.req.valid('json');
    return c.json(
      await answer(app, person, c.req.valid('param').id, { answer: 'yes', digest, reason: reason ?? null }),
      200,
    );
  });

  api.openapi(deny, async c => {
    const { person } = signedIn(c);
    const { digest, reason } = c.req.valid('json');
    return c.json(
      await answer(app, person, c.req.valid('param').id, { answer: 'no', digest, reason: reason ?? null }),
      200,
    );
  });

  api.openapi(withdraw, async c => {
    const { person } = signedIn(c);
    const { id } = c.req.valid('param');
    const tenant = await tenantOfRequest(app, person, id);
    const request = await app.commit(tenant, (look, outside) =>
      withdrawRequest(look, outside, person, { tenant, request: id }),
    );
    return c.json(requestJson(request, person, now(), app.url, null), 200);
  });
}

async function answer(
  app: Application,
  person: Person,
  id: string,
  given: Pick<Answer, 'answer' | 'digest' | 'reason'>,
) {
  const tenant = await tenantOfRequest(app, person, id);
  const request = await app.commit(tenant, (look, outside) =>
    recordApproval(look, outside, person, { ...given, tenant, request: id }),
  );
  const found = await findRequest(app.database, [tenant], id);
  return requestJson(request, found!.asker, app.clock.now(), app.url, null);
}

/**
 * The engagement of a request, among those that the reader is on a side of; whether they may know of it is the
 * step's to say.
 *
 * @throws Refused `no-such-request`
 */
export async function tenantOfRequest(app: Application, person: Person, id: string): Promise<string> {
  const mine = (await membershipsOf(app, person)).map(({ tenant }) => tenant);
  const found = await findRequest(app.database, mine, id);
  if (!found) throw new Refused('no-such-request', 'There is no such request for you.', 404);
  return found.request.tenant;
}

/** A request as a reader sees it at this moment, with the digest that an answer must carry. */
export async function displayRequest(app: Application, person: Person, id: string) {
  const tenant = await tenantOfRequest(app, person, id);
  const shown = await app.commit(tenant, (look, outside) =>
    showRequest(look, outside, person, { tenant, request: id }),
  );
  return { ...shown, digest: digestOf(shown.display) };
}

/** What a person may see, the newest first. */
export async function requestsFor(
  app: Application,
  person: Person,
  { tenant, mine }: { tenant?: string | undefined; mine?: boolean },
) {
  const memberships = await membershipsIn(app, person, tenant);
  const rows = await listRequests(app.database, {
    tenants: memberships.map(membership => membership.tenant),
    reader: person.id,
    mine: mine ?? false,
  });
  return rows.filter(({ request }) => {
    const membership = memberships.find(({ tenant }) => tenant === request.tenant)!;
    return maySeeRequest(membership.engagement, membership.member, person, request);
  });
}
