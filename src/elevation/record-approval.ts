import { type Approval, placesOpen } from '../domain/approval.ts';
import { placesOf } from '../domain/decision.ts';
import { sameDigest } from '../domain/digest.ts';
import { handleOf, memberOf } from '../domain/membership.ts';
import { maySeeRequest } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { type AccessRequest, digestOf, displayOf, saltedHash, stateAt } from '../domain/request.ts';
import { sameEmail } from '../domain/squad.ts';
import { requireAgreedClocks } from './agreed-clocks.ts';
import { type Assessment, assess } from './assess.ts';
import { type Look, type Outside, Refused, type Step } from './contract.ts';
import { linesOf } from './letters.ts';
import { onlyObserved, requireEnforced } from './observing.ts';
import { openGrant } from './open-grant.ts';
import { requireSettled } from './settled.ts';

export interface Answer {
  readonly tenant: string;
  readonly request: string;
  /** Digest of the request as it was displayed to the answerer. */
  readonly digest: string;
  readonly answer: 'yes' | 'no';
  readonly reason: string | null;
}

/**
 * Records an answer: lock, look again, then change. Two at once, an answer after a withdrawal and a double click
 * all come out as one outcome, since the second finds the request as the first left it.
 *
 * @throws Refused `own-request`, `not-your-answer` (403); `no-such-request` (404); `already-decided`,
 *   `already-answered`, `moved`, `version-not-signed`, `observed`, `no-longer-allowed`, `outside-window` (409, nothing happened); `clock-skew` (503)
 */
export async function recordApproval(
  look: Look,
  outside: Outside,
  person: Person,
  answer: Answer,
): Promise<Step<AccessRequest>> {
  const { request, asker, assessment } = await lookAgain(look, outside, person, answer);
  if (answer.answer === 'yes') {
    requireSettled(assessment.inForce);
    await requireAgreedClocks(look);
  }
  const { decision } = assessment;
  const state = stateAt(request, outside.now);
  // Also by the email that either side's provider tells, verified or not: it can only refuse here.
  if (request.person === person.id || sameEmail(asker.email, person.email)) {
    throw new Refused('own-request', 'Nobody answers their own request.', 403);
  }
  if (state === 'observed') throw onlyObserved();
  if (state !== 'waiting') {
    throw new Refused('already-decided', `This request is ${state}; your answer changed nothing.`, 409, {
      state,
    });
  }
  const member = memberOf(assessment.engagement, person)!;
  const elapsed = (outside.now.getTime() - request.createdAt.getTime()) / 1000;
  const places = placesOf(assessment.engagement, decision, assessment.question, member, elapsed);
  if (places.length === 0 && decision.decision === 'needs-approval') {
    const asked = decision.approvers.join(', ') || 'nobody';
    throw new Refused('not-your-answer', `This is not yours to answer now; asked are ${asked}.`, 403);
  }
  if (answer.answer === 'yes') requireEnforced(assessment.inForce);
  const shown = digestOf(displayOf(request, asker, assessment.engagement, decision));
  if (!sameDigest(shown, answer.digest)) {
    throw new Refused(
      'moved',
      'The request changed after it was shown to you. Nothing happened: read it again.',
      409,
    );
  }
  if (decision.decision !== 'needs-approval' || !decision.cell) {
    throw new Refused(
      'no-longer-allowed',
      `The matrix in force no longer lets this be answered (${decision.code ?? decision.decision}).`,
      409,
      { decision },
    );
  }
  // An answer counts for what it was given to: one to another display, though of the same revision, does not.
  const approvals = (await look.approvals(request.id, request.revision)).filter(
    given => given.digest === shown,
  );
  for (const given of approvals) {
    const before = await look.person(given.person);
    if (given.person === person.id || sameEmail(before?.email, person.email)) {
      throw new Refused(
        'already-answered',
        'Your answer is already recorded; one person fills one place.',
        409,
      );
    }
  }
  const open = placesOpen(decision.co_approve, approvals);
  // A co-approver's place first: fewer people can fill it.
  const free = places
    .filter(place => open.includes(place))
    .sort()
    .reverse();
  const place = free[0];
  if (!place) throw new Refused('already-answered', 'Somebody else already gave that answer.', 409);
  const given: Approval = {
    request: request.id,
    place,
    person: person.id,
    answer: answer.answer,
    reason: answer.reason,
    reasonSalt: answer.reason === null ? null : outside.salt(),
    digest: shown,
    revision: request.revision,
    at: outside.now,
  };
  return answer.answer === 'yes'
    ? approve(outside, request, asker, person, assessment, given, open.length === 1)
    : deny(outside, request, asker, person, assessment, given);
}

function approve(
  outside: Outside,
  request: AccessRequest,
  asker: Person,
  person: Person,
  assessment: Assessment,
  given: Approval,
  last: boolean,
): Step<AccessRequest> {
  const actor = `person:${person.id}`;
  const { decision, engagement } = assessment;
  const decided: AccessRequest = {
    ...request,
    decision,
    display: displayOf(request, asker, engagement, decision),
    ...(last ? { state: 'approved', decidedAt: outside.now } : {}),
  };
  const opened = last ? openGrant(outside, decided, asker, assessment, actor) : null;
  return {
    result: decided,
    changes: [
      { insert: 'approval', record: given },
      {
        update: 'request',
        id: request.id,
        set: { state: decided.state, decidedAt: decided.decidedAt, decision, display: decided.display },
      },
      ...(opened?.changes ?? []),
    ],
    events: [
      {
        tenant: request.tenant,
        action: 'request.approved',
        actor,
        subject: request.id,
        data: {
          digest: given.digest,
          place: given.place,
          cell: decision.cell!,
          matrix: decision.matrix,
          reason_hash: given.reasonSalt && saltedHash(given.reasonSalt, given.reason!),
        },
      },
      ...(opened?.events ?? []),
    ],
    letters: opened?.letters ?? [],
  };
}

function deny(
  outside: Outside,
  request: AccessRequest,
  asker: Person,
  person: Person,
  { engagement }: Assessment,
  given: Approval,
): Step<AccessRequest> {
  const decided: AccessRequest = { ...request, state: 'denied', decidedAt: outside.now };
  const reason = given.reason ? [{ label: 'Because', text: given.reason }] : [];
  return {
    result: decided,
    changes: [
      { insert: 'approval', record: given },
      { update: 'request', id: request.id, set: { state: 'denied', decidedAt: outside.now } },
    ],
    events: [
      {
        tenant: request.tenant,
        action: 'request.denied',
        actor: `person:${person.id}`,
        subject: request.id,
        data: {
          digest: given.digest,
          reason_hash: given.reasonSalt && saltedHash(given.reasonSalt, given.reason!),
        },
      },
    ],
    letters: [
      {
        kind: 'request-decided',
        tenant: request.tenant,
        to: [handleOf(asker)],
        party: request.party,
        title: `Denied by ${person.name}: ${request.role} on ${request.target}`,
        lines: [...reason, ...linesOf(request, asker, engagement.matrix.parties[request.party].name)],
        path: `/r/${request.id}`,
        dueAt: null,
        whileWaiting: null,
      },
    ],
  };
}

/**
 * The request, locked, as the matrix in force reads it at this moment.
 *
 * @throws Refused `no-such-request` also for those who may not see it
 */
export async function lookAgain(
  look: Look,
  outside: Outside,
  reader: Person,
  of: { readonly tenant: string; readonly request: string },
): Promise<{ request: AccessRequest; asker: Person; assessment: Assessment }> {
  const missing = () => new Refused('no-such-request', 'There is no such request for you.', 404);
  const inForce = await look.tenant(of.tenant);
  const member = inForce && memberOf(inForce.engagement, reader);
  const request = member && (await look.request(of.request));
  if (!member || !request || request.tenant !== of.tenant) throw missing();
  if (!maySeeRequest(inForce.engagement, member, reader, request)) throw missing();
  const asker = await look.person(request.person);
  if (!asker) throw missing();
  const assessment = await assess(look, request.tenant, asker, request, outside.now);
  return { request, asker, assessment };
}
