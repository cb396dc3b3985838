import type { Person } from '../domain/person.ts';
import { type AccessRequest, stateAt } from '../domain/request.ts';
import { type Look, type Outside, Refused, type Step } from './contract.ts';
import { lookAgain } from './record-approval.ts';

/** The asker takes a waiting request back. @throws Refused `no-such-request`, `not-yours`, `already-decided` */
export async function withdrawRequest(
  look: Look,
  outside: Outside,
  person: Person,
  of: { readonly tenant: string; readonly request: string },
): Promise<Step<AccessRequest>> {
  const { request } = await lookAgain(look, outside, person, of);
  if (request.person !== person.id) throw new Refused('not-yours', 'Only who asked may withdraw.', 403);
  const state = stateAt(request, outside.now);
  if (state !== 'waiting') {
    throw new Refused('already-decided', `This request is ${state}; there is nothing to withdraw.`, 409, {
      state,
    });
  }
  const set = { state: 'withdrawn' as const, decidedAt: outside.now };
  return {
    result: { ...request, ...set },
    changes: [{ update: 'request', id: request.id, set }],
    events: [
      {
        tenant: request.tenant,
        action: 'request.withdrawn',
        actor: `person:${person.id}`,
        subject: request.id,
        data: {},
      },
    ],
  };
}
