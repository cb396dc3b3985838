import { memberOf } from '../domain/membership.ts';
import { mayEndGrant } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { type Look, type Outside, Refused, type Step } from './contract.ts';

/**
 * Ends one live session now; its grant stays. For its holder, its owners and those who may lock out.
 *
 * @throws Refused `no-such-session`, `not-yours`, `already-ended`
 */
export async function terminateSession(
  look: Look,
  _outside: Outside,
  person: Person,
  of: { readonly tenant: string; readonly session: string },
): Promise<Step<void>> {
  const inForce = await look.tenant(of.tenant);
  const member = inForce && memberOf(inForce.engagement, person);
  const session = member && (await look.session(of.session));
  const grant = session && (await look.grant(session.grant));
  if (!grant || grant.tenant !== of.tenant) {
    throw new Refused('no-such-session', 'There is no such session for you.', 404);
  }
  if (!mayEndGrant(inForce.engagement, member, person, grant)) {
    throw new Refused('not-yours', 'Its holder, its owners and those who may lock out end a session.', 403);
  }
  if (session.endedAt !== null) throw new Refused('already-ended', 'This session has ended.', 409);
  return {
    result: undefined,
    events: [
      {
        tenant: of.tenant,
        action: 'session.terminated',
        actor: `person:${person.id}`,
        subject: session.id,
        data: {},
      },
    ],
    cuts: { sessions: [session.id], reason: 'terminated', message: `${person.name} ended this session` },
  };
}
