import type { Engagement } from '../domain/engagement.ts';
import type { Grant } from '../domain/grant.ts';
import type { Person } from '../domain/person.ts';
import type { Session } from '../domain/session.ts';
import type { TenantInForce } from './contract.ts';
import { whyNotGiven } from './still-given.ts';

/** A session as the database has it, with what it rests on. */
export interface HeldSession {
  readonly session: Pick<Session, 'id' | 'endedAt'>;
  readonly grant: Grant;
  readonly person: Person;
  /** Somebody ended it; the word to the gateway may have been lost. */
  readonly terminated: boolean;
  /** The version under which the grant was given, with today's people; null: it is not known any more. */
  readonly givenUnder: Engagement | null;
}

/**
 * Why a session that runs is not given any more, as one line for its person; null while it is. Asked of all sessions
 * every few seconds: what ends a session, and whose word to the gateway was lost, ends it by this.
 */
export function whyNotRenewed(
  inForce: Pick<TenantInForce, 'engagement' | 'lockedOutAt'> | null,
  held: HeldSession,
  now: Date,
): string | null {
  const { session, grant, person, terminated } = held;
  if (session.endedAt !== null) return 'this session has been written down as ended; it is closed.';
  if (terminated) return 'somebody who may end this session has ended it.';
  if (grant.endedAt !== null && grant.endReason !== 'deadline') return ENDED[grant.endReason ?? 'revoked'];
  // The start is not looked at: it has begun, and a clock that is set back takes nothing away.
  if (grant.endedAt !== null || grant.endsAt <= now) return 'the grant has ended.';
  if (!inForce) return 'its engagement is not served any more.';
  if (inForce.lockedOutAt !== null && grant.party === 'msp') {
    return `${inForce.engagement.matrix.parties.client.name} has shut out all sessions of its provider.`;
  }
  const lost = whyNotGiven(inForce, person, grant);
  if (!lost) return null;
  // A version that came into force since ends nothing by itself: its owners are told, and end what they want ended.
  const { givenUnder } = held;
  const byVersion = givenUnder !== null && givenUnder.digest !== inForce.engagement.digest;
  return byVersion && !whyNotGiven({ engagement: givenUnder }, person, grant) ? null : lost.line;
}

const ENDED = {
  revoked: 'the grant was revoked.',
  'handed-back': 'the grant was handed back.',
  'locked-out': 'the grant was ended by a lockout.',
  restored: 'the grant was ended when a backup was restored.',
} as const;
