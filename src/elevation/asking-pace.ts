import type { Person } from '../domain/person.ts';
import { type Look, type Outside, Refused } from './contract.ts';

/** A request that was changed this often is better asked anew. */
const MOST_REVISIONS = 20;

/**
 * Whoever asks again and again is asked to wait: each ask is an entry in the log and a message to its owners, also
 * where the answer is no. Counted from the requests themselves, so that every broker of this database counts alike.
 *
 * @throws Refused `too-many-requests`, with the seconds to wait in `retry_after`; nothing is recorded then
 */
export async function requirePace(
  look: Look,
  outside: Outside,
  asker: Person,
  tenant: string,
): Promise<void> {
  const { perMinute, perHour } = outside.asking;
  for (const [most, seconds, each] of [
    [perMinute, 60, 'minute'],
    [perHour, 3600, 'hour'],
  ] as const) {
    const since = new Date(outside.now.getTime() - seconds * 1000);
    const { count, first } = await look.asksSince(asker.id, tenant, since);
    if (count < most) continue;
    const wait = secondsUntilFree(first ?? outside.now, seconds, outside.now);
    throw tooOften(`ask ${most} times in one ${each} here`, wait);
  }
}

/** Until the first of those that were counted over so many seconds has aged out of them. */
export function secondsUntilFree(first: Date, seconds: number, now: Date): number {
  const free = first.getTime() + seconds * 1000 - now.getTime();
  return Math.min(seconds, Math.max(1, Math.ceil(free / 1000)));
}

/** What a person may do only so often, as a refusal that says in how many seconds to come again. */
export const tooOften = (what: string, wait: number): Refused =>
  new Refused('too-many-requests', `A person may ${what}; try again in ${wait} s.`, 429, {
    retry_after: wait,
  });

/** @throws Refused `too-many-changes` */
export function requireFewChanges({ revision }: { readonly revision: number }): void {
  if (revision < MOST_REVISIONS) return;
  throw new Refused(
    'too-many-changes',
    `This request was changed ${MOST_REVISIONS - 1} times; withdraw it and ask anew.`,
    409,
  );
}
