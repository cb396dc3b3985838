import type { Party } from './party.ts';
import type { Protocol } from './protocol.ts';

/** A yes, with its beginning and its end. */
export interface Grant {
  readonly id: string;
  readonly request: string;
  readonly tenant: string;
  readonly person: string;
  readonly party: Party;
  readonly target: string;
  readonly protocol: Protocol;
  readonly role: string;
  readonly cell: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly endedAt: Date | null;
  readonly endReason: GrantEndReason | null;
}

export type GrantEndReason = 'deadline' | 'revoked' | 'handed-back' | 'locked-out' | 'restored';

/** Whether it opens doors at this moment. Computed from the clock, never read from a column. */
export const isLive = (grant: Pick<Grant, 'startsAt' | 'endsAt' | 'endedAt'>, now: Date): boolean =>
  grant.endedAt === null && grant.startsAt <= now && now < grant.endsAt;

/**
 * When a grant given at `now` runs: from the asked start or now, for the asked time, and never past the end of the
 * window that allowed it. `null` when nothing is left of that window.
 */
export function termOf(
  asked: { startsAt: Date | null; seconds: number },
  windowEnd: number | null,
  now: Date,
): { startsAt: Date; endsAt: Date } | null {
  const start = Math.max(now.getTime(), asked.startsAt?.getTime() ?? 0);
  const end = Math.min(start + asked.seconds * 1000, windowEnd ?? Number.POSITIVE_INFINITY);
  return end > start ? { startsAt: new Date(start), endsAt: new Date(end) } : null;
}
