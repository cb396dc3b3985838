import { formatDuration } from '../domain/duration.ts';
import { type Look, Refused } from './contract.ts';

/** Clocks that are further apart than this do not decide together. Milliseconds. */
export const MOST_SKEW_MS = 30_000;

/** Why nothing is opened at such a skew, as one line; `null` while the clocks agree. */
export function whyApart(skew: number): string | null {
  if (Math.abs(skew) <= MOST_SKEW_MS) return null;
  const apart = formatDuration(Math.round(Math.abs(skew) / 1000));
  return `The broker's clock is ${apart} ${skew > 0 ? 'ahead of' : 'behind'} its database's: nothing is opened until they agree.`;
}

/**
 * For steps that open something: a grant's end means nothing while nobody knows what time it is.
 *
 * @throws Refused `clock-skew`
 */
export async function requireAgreedClocks(look: Look): Promise<void> {
  const why = whyApart(await look.clockSkew());
  if (why) throw new Refused('clock-skew', why, 503);
}

/** Whether a moment that should be past lies ahead: the clock was put back since. */
export const liesAhead = (at: Date, now: Date): boolean => at.getTime() - now.getTime() > MOST_SKEW_MS;

/**
 * Whether the clock was put back while a grant ran: the log, whose time never goes back, went on past `now` since the
 * grant was opened. A log that was ahead already when it was opened says nothing: the clock was put right before.
 */
export const putBackSince = (
  opened: { readonly at: Date; readonly startsAt: Date },
  head: Date,
  now: Date,
): boolean => !liesAhead(opened.at, opened.startsAt) && liesAhead(head, now);
