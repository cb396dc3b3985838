import type { AuditEvent } from '../domain/audit-event.ts';
import type { Grant, GrantEndReason } from '../domain/grant.ts';
import { memberOf } from '../domain/membership.ts';
import { mayEndGrant } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { type Change, type Look, type Outside, Refused, type Step } from './contract.ts';

export interface Ended {
  readonly grant: Grant;
  /** Live sessions that the gateways must cut now. */
  readonly sessions: readonly string[];
}

/**
 * Ends a grant before its time: `revoked` by its holder, its accountable or those who may lock out;
 * `handed-back` by its holder. Ending twice changes nothing.
 *
 * @throws Refused `no-such-grant`, `not-yours`
 */
export async function endGrant(
  look: Look,
  outside: Outside,
  person: Person,
  of: { readonly tenant: string; readonly grant: string; readonly reason: 'revoked' | 'handed-back' },
): Promise<Step<Ended>> {
  const inForce = await look.tenant(of.tenant);
  const member = inForce && memberOf(inForce.engagement, person);
  const grant = member && (await look.grant(of.grant));
  if (!grant || grant.tenant !== of.tenant || !mayEndGrant(inForce.engagement, member, person, grant)) {
    throw new Refused('no-such-grant', 'There is no such grant for you to end.', 404);
  }
  if (of.reason === 'handed-back' && grant.person !== person.id) {
    throw new Refused('not-yours', 'Only its holder hands a grant back; you may revoke it.', 403);
  }
  const sessions = (await look.openSessions([grant.id])).map(session => session.id);
  if (grant.endedAt !== null || outside.now >= grant.endsAt) return { result: { grant, sessions } };
  const { ended, change, event } = closing(grant, outside.now, of.reason, `person:${person.id}`);
  const word = of.reason === 'revoked' ? 'was revoked' : 'was handed back';
  return {
    result: { grant: ended, sessions },
    changes: [change],
    events: [event],
    cuts: { sessions, reason: 'revoked', message: `the grant for ${grant.role}@${grant.target} ${word}` },
  };
}

/** What ending a grant changes and says. */
export function closing(
  grant: Grant,
  endedAt: Date,
  reason: GrantEndReason,
  actor: string,
): { ended: Grant; change: Change; event: AuditEvent } {
  return {
    ended: { ...grant, endedAt, endReason: reason },
    change: { update: 'grant', id: grant.id, set: { endedAt, endReason: reason } },
    event: {
      tenant: grant.tenant,
      action: 'grant.ended',
      actor,
      subject: grant.id,
      data: { reason, ended_at: endedAt.toISOString() },
    },
  };
}
