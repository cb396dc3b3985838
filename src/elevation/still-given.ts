import { findCell, givesRole } from '../domain/cell.ts';
import { formatDuration, parseDuration } from '../domain/duration.ts';
import type { Grant } from '../domain/grant.ts';
import { memberOf } from '../domain/membership.ts';
import type { Person } from '../domain/person.ts';
import { isInSquad } from '../domain/squad.ts';
import type { TenantInForce } from './contract.ts';

type InForce = Pick<TenantInForce, 'engagement'>;

interface Lost {
  readonly code: string;
  readonly line: string;
}

/**
 * Why the matrix in force no longer lets this person use this grant; null while it does. The grant itself ends by
 * its owner's word or the clock: this is asked at each door besides.
 */
export function whyNoLonger(inForce: InForce, person: Person, grant: Grant, now: Date): Lost | null {
  const lost = whyNotGiven(inForce, person, grant);
  if (lost) return lost;
  const within = findCell(inForce.engagement, grant.cell)?.activity.sign_in_within;
  if (
    within !== undefined &&
    now.getTime() - person.signedInAt.getTime() > (parseDuration(within) ?? 0) * 1000
  ) {
    const line = `${grant.cell} asks for a sign-in within ${formatDuration(parseDuration(within) ?? 0)}: sign in again.`;
    return { code: 'sign-in-needed', line };
  }
  return null;
}

/** The same of what runs already: a sign-in that grows old opens nothing new, and ends nothing. */
export function whyNotGiven({ engagement }: InForce, person: Person, grant: Grant): Lost | null {
  const cell = findCell(engagement, grant.cell);
  const member = memberOf(engagement, person);
  if (!cell) return { code: 'no-cell', line: `The matrix in force has no ${grant.cell} any more.` };
  if (!member || !cell.activity.R.some(squad => isInSquad(engagement, squad, member))) {
    const line = `You are no longer in a squad that is responsible for ${grant.cell}.`;
    return { code: 'not-responsible', line };
  }
  if (!givesRole(cell, grant)) {
    return { code: 'not-given', line: `${grant.cell} no longer gives ${grant.role}.` };
  }
  return null;
}
