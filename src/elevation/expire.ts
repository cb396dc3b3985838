import { handleOf } from '../domain/membership.ts';
import { stateAt } from '../domain/request.ts';
import type { Look, Outside, Step } from './contract.ts';
import { closing } from './end-grant.ts';
import { linesOf } from './letters.ts';

/** Writes down that nobody answered in time, and tells those whom the cell escalates to. Twice is once. */
export async function expireRequest(
  look: Look,
  outside: Outside,
  of: { readonly tenant: string; readonly request: string },
): Promise<Step<boolean>> {
  const inForce = await look.tenant(of.tenant);
  const request = await look.request(of.request);
  if (!inForce || !request || request.state !== 'waiting' || stateAt(request, outside.now) !== 'expired') {
    return { result: false };
  }
  const asker = await look.person(request.person);
  const asked = request.decision.ladder.flatMap(rung => rung.people);
  const { escalate } = request.decision;
  const party = inForce.engagement.matrix.parties[request.party].name;
  const letter = asker && {
    tenant: request.tenant,
    title: `Nobody answered ${asker.name} (${party}): ${request.role} on ${request.target}`,
    lines: [...linesOf(request, asker, party), { label: 'Asked', text: asked.join(', ') || 'nobody' }],
    path: `/r/${request.id}`,
    dueAt: null,
    whileWaiting: null,
  };
  return {
    result: true,
    changes: [{ update: 'request', id: request.id, set: { state: 'expired', decidedAt: request.expiresAt } }],
    events: [
      {
        tenant: request.tenant,
        action: 'request.expired',
        actor: 'broker',
        subject: request.id,
        data: { asked, escalated: [...escalate] },
      },
    ],
    letters: letter
      ? [
          { ...letter, kind: 'request-expired', to: [handleOf(asker)], party: request.party },
          ...(escalate.length > 0 ? [{ ...letter, kind: 'escalated' as const, to: escalate }] : []),
        ]
      : [],
  };
}

/** Writes down that a grant's time is over. It stopped opening doors at that moment whether or not this ran. */
export async function expireGrant(
  look: Look,
  outside: Outside,
  of: { readonly tenant: string; readonly grant: string },
): Promise<Step<boolean>> {
  await look.tenant(of.tenant);
  const grant = await look.grant(of.grant);
  if (!grant || grant.endedAt !== null || outside.now < grant.endsAt) return { result: false };
  const { change, event } = closing(grant, grant.endsAt, 'deadline', 'broker');
  return { result: true, changes: [change], events: [event] };
}
