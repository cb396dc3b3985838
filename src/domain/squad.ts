import type { Engagement } from './engagement.ts';
import type { Squad } from './matrix.ts';
import { PARTIES, type Party } from './party.ts';
import type { Member } from './person.ts';

/** What names somebody who may have to answer; emails compare without case. */
type Named = Pick<Member, 'handle' | 'email'>;

/** The squad `party/name` of an engagement, `null` when it has none of that name. */
export function findSquad(engagement: Engagement, name: string): { party: Party; squad: Squad } | null {
  const [first, second, ...rest] = name.split('/');
  const party = PARTIES.find(candidate => candidate === first);
  if (!party || second === undefined || rest.length > 0) return null;
  const { squads } = engagement.matrix.parties[party];
  return Object.hasOwn(squads, second) ? { party, squad: squads[second]! } : null;
}

export const sameEmail = (one: string | null | undefined, other: string | null | undefined): boolean =>
  one != null && other != null && one.toLowerCase() === other.toLowerCase();

/** The same person, as far as an engagement can tell. An email shared across the parties counts as one. */
export const samePerson = (one: Named, other: Named): boolean =>
  one.handle === other.handle || sameEmail(one.email, other.email);

/**
 * Whether somebody is in a squad: their own party's, by a group that their IdP gives them or by name. The other
 * party's IdP can say what it likes. `Member.email` must be one that its issuer verified.
 */
export function isInSquad(engagement: Engagement, name: string, member: Member): boolean {
  const found = findSquad(engagement, name);
  if (!found || found.party !== member.party) return false;
  const { group, people = [] } = found.squad;
  return (
    (group !== undefined && member.groups.includes(group)) ||
    people.some(email => sameEmail(email, member.email))
  );
}

export const inAnySquad = (engagement: Engagement, member: Member): boolean =>
  Object.keys(engagement.matrix.parties[member.party].squads).some(squad =>
    isInSquad(engagement, `${member.party}/${squad}`, member),
  );

/** Somebody who may answer for a squad, in the order in which they are asked. */
export interface Answerer {
  readonly handle: string;
  readonly email: string | null;
  readonly party: Party;
}

/**
 * Everybody who is in a squad: its primary, its secondary, then the others by handle. Whom the matrix names is
 * expected even before their first sign-in, under their email; once known, a group squad's named person counts
 * only while their IdP gives them the group.
 */
export function answerersOf(engagement: Engagement, name: string, people: readonly Member[]): Answerer[] {
  const found = findSquad(engagement, name);
  if (!found) return [];
  const { party, squad } = found;
  const known = people
    .filter(member => isInSquad(engagement, name, member))
    .map(({ handle, email }) => ({ handle, email, party }));
  const named = [squad.primary, squad.secondary, ...(squad.people ?? [])].filter(
    email => email !== undefined,
  );
  const expected = named
    .filter((email, at) => named.findIndex(other => sameEmail(other, email)) === at)
    .filter(email => !people.some(member => member.party === party && sameEmail(member.email, email)))
    .map(email => ({ handle: email, email, party }));
  const rank = ({ email }: Answerer) =>
    sameEmail(email, squad.primary) ? 0 : sameEmail(email, squad.secondary) ? 1 : 2;
  return [...known, ...expected].sort(
    (one, other) =>
      rank(one) - rank(other) || (one.handle < other.handle ? -1 : one.handle > other.handle ? 1 : 0),
  );
}
