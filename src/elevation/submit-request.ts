import type { RequestFacts } from '../domain/audit-event.ts';
import type { Decision } from '../domain/decision.ts';
import { observes } from '../domain/observed.ts';
import type { Person } from '../domain/person.ts';
import {
  type AccessRequest,
  type Display,
  digestOf,
  displayOf,
  type RequestState,
  saltedHash,
} from '../domain/request.ts';
import { liesAhead, requireAgreedClocks } from './agreed-clocks.ts';
import { requirePace } from './asking-pace.ts';
import { type Ask, assess } from './assess.ts';
import type { Look, Outside, Step, TenantInForce } from './contract.ts';
import { lettersTo } from './letters.ts';
import { openGrant } from './open-grant.ts';
import { requireSettled } from './settled.ts';

/**
 * Puts a question on record with its answer: a refusal too, a grant at once where the matrix says so. A matrix that only
 * observes opens nothing and asks nobody: what would have been is recorded.
 *
 * @throws Refused `too-many-requests`, `version-not-signed`, `clock-skew` where a grant would open, and what `assess` throws
 */
export async function submitRequest(
  look: Look,
  outside: Outside,
  asker: Person,
  asked: Ask & { readonly tenant: string; readonly reason: string },
): Promise<Step<AccessRequest>> {
  await requirePace(look, outside, asker, asked.tenant);
  const assessment = await assess(look, asked.tenant, asker, asked, outside.now);
  const { decision, engagement, member } = assessment;
  requireSettled(assessment.inForce);
  const observed = observes(engagement);
  const waits = decision.decision === 'needs-approval' && !observed;
  const at = observed ? notYetTold(assessment.inForce, outside.now) : outside.now;
  const base: Omit<AccessRequest, 'display'> = {
    id: outside.id('req'),
    tenant: asked.tenant,
    person: asker.id,
    party: member.party,
    target: asked.target,
    activity: asked.activity,
    protocol: asked.protocol,
    role: asked.role,
    seconds: asked.seconds,
    reason: asked.reason,
    reasonSalt: outside.salt(),
    ticket: asked.ticket,
    severity: asked.severity,
    startsAt: asked.startsAt,
    revision: 1,
    decision,
    state: stateOf(decision, observed),
    createdAt: at,
    expiresAt: waits ? new Date(outside.now.getTime() + decision.answer_seconds * 1000) : null,
    decidedAt: waits ? null : at,
  };
  const display = displayOf(base, asker, engagement, decision);
  const request: AccessRequest = { ...base, display };
  const actor = `person:${asker.id}`;
  if (decision.decision === 'refused') {
    return {
      result: request,
      changes: [{ insert: 'request', record: request }],
      events: [
        {
          tenant: request.tenant,
          action: 'request.refused',
          actor,
          subject: request.id,
          data: { ...factsOf(request), code: decision.code!, explanation: decision.explanation },
        },
      ],
    };
  }
  if (observed) return onlyRecorded(request, display, actor);
  if (!waits) await requireAgreedClocks(look);
  const opened = waits ? null : openGrant(outside, request, asker, assessment, actor);
  return {
    result: request,
    changes: [{ insert: 'request', record: request }, ...(opened?.changes ?? [])],
    events: [
      {
        tenant: request.tenant,
        action: 'request.submitted',
        actor,
        subject: request.id,
        data: {
          ...factsOf(request),
          digest: digestOf(display),
          answer: waits ? 'needs-approval' : 'pre-approved',
          approvers: decision.approvers,
          co_approve: decision.co_approve,
          expires_at: request.expiresAt?.toISOString() ?? null,
          explanation: decision.explanation,
        },
      },
      ...(opened?.events ?? []),
    ],
    letters: waits ? lettersTo(request, asker, assessment) : (opened?.letters ?? []),
  };
}

/** Not before the last digest, which another broker's clock may have sent a moment ahead of ours: the next one has it. */
const notYetTold = ({ observedUntil }: TenantInForce, now: Date): Date =>
  observedUntil !== null && observedUntil > now && !liesAhead(observedUntil, now) ? observedUntil : now;

function stateOf({ decision }: Decision, observed: boolean): RequestState {
  if (decision === 'refused') return 'refused';
  if (observed) return 'observed';
  return decision === 'needs-approval' ? 'waiting' : 'approved';
}

function onlyRecorded(request: AccessRequest, display: Display, actor: string): Step<AccessRequest> {
  const { decision, approvers, co_approve, explanation } = request.decision;
  return {
    result: request,
    changes: [{ insert: 'request', record: request }],
    events: [
      {
        tenant: request.tenant,
        action: 'request.observed',
        actor,
        subject: request.id,
        data: {
          ...factsOf(request),
          digest: digestOf(display),
          answer: decision === 'pre-approved' ? 'pre-approved' : 'needs-approval',
          approvers,
          co_approve,
          explanation,
        },
      },
    ],
  };
}

/** What the log keeps of a request: facts, and hashes of words. */
export const factsOf = (request: AccessRequest): RequestFacts => ({
  person: request.person,
  party: request.party,
  target: request.target,
  cell: request.decision.cell,
  protocol: request.protocol,
  role: request.role,
  seconds: request.seconds,
  ticket: request.ticket,
  severity: request.severity,
  starts_at: request.startsAt?.toISOString() ?? null,
  matrix: request.decision.matrix,
  reason_hash: saltedHash(request.reasonSalt, request.reason),
});
