import type { Person } from '../domain/person.ts';
import { type AccessRequest, digestOf, displayOf, stateAt } from '../domain/request.ts';
import { requireFewChanges, requirePace } from './asking-pace.ts';
import { assessAmong } from './assess.ts';
import { type Look, type Outside, Refused, type Step } from './contract.ts';
import { lettersTo } from './letters.ts';
import { requireEnforced } from './observing.ts';
import { lookAgain } from './record-approval.ts';
import { factsOf } from './submit-request.ts';

export interface Amendment {
  readonly tenant: string;
  readonly request: string;
  readonly seconds?: number | undefined;
  readonly reason?: string | undefined;
  readonly ticket?: string | null | undefined;
}

/**
 * The asker changes a request that still waits. It becomes another revision: answers to the one before count no
 * longer, and whoever is looking at it must look again.
 *
 * @throws Refused `no-such-request`, `not-yours`, `already-decided`, `observed`, `too-many-requests`, `too-many-changes`, or the code of the decision it would get
 */
export async function amendRequest(
  look: Look,
  outside: Outside,
  person: Person,
  amendment: Amendment,
): Promise<Step<AccessRequest>> {
  const { request, asker, assessment } = await lookAgain(look, outside, person, amendment);
  if (request.person !== person.id) throw new Refused('not-yours', 'Only who asked may change it.', 403);
  const state = stateAt(request, outside.now);
  if (state !== 'waiting') {
    throw new Refused('already-decided', `This request is ${state}; ask anew.`, 409, { state });
  }
  requireEnforced(assessment.inForce);
  requireFewChanges(request);
  await requirePace(look, outside, person, request.tenant);
  const draft = {
    ...request,
    revision: request.revision + 1,
    seconds: amendment.seconds ?? request.seconds,
    reason: amendment.reason ?? request.reason,
    ticket: amendment.ticket === undefined ? request.ticket : amendment.ticket,
    reasonSalt: outside.salt(),
  };
  const inForce = (await look.tenant(request.tenant))!;
  const again = assessAmong(inForce, assessment.member, assessment.people, draft, outside.now);
  if (again.decision.decision !== 'needs-approval') {
    const code = again.decision.code ?? 'no-longer-allowed';
    throw new Refused(
      code,
      `Changed like that, the answer is ${again.decision.decision}; it stays as it was.`,
      403,
      {
        decision: again.decision,
      },
    );
  }
  const display = displayOf(draft, asker, again.engagement, again.decision);
  const amended: AccessRequest = { ...draft, decision: again.decision, display };
  const { revision, seconds, reason, reasonSalt, ticket, decision } = amended;
  return {
    result: amended,
    changes: [
      {
        update: 'request',
        id: request.id,
        set: { revision, seconds, reason, reasonSalt, ticket, decision, display },
      },
    ],
    events: [
      {
        tenant: request.tenant,
        action: 'request.amended',
        actor: `person:${person.id}`,
        subject: request.id,
        data: {
          ...factsOf(amended),
          digest: digestOf(display),
          previous: request.display && digestOf(request.display),
        },
      },
    ],
    letters: lettersTo(amended, asker, again).map(letter => ({
      ...letter,
      title: `Changed: ${letter.title}`,
    })),
  };
}
