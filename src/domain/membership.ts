import type { Engagement } from './engagement.ts';
import { PARTIES, type Party } from './party.ts';
import type { Member, Person } from './person.ts';

/** How decisions name a person. */
export const handleOf = (person: Pick<Person, 'boundEmail' | 'issuer' | 'subject'>): string =>
  person.boundEmail ?? `${person.issuer}#${person.subject}`;

/**
 * Whose side of an engagement a person is on: that of the party whose issuer they signed in at, with the claims
 * that the matrix requires of it. `null`: on neither, so nothing of this engagement is theirs to see.
 */
export function partyOf(engagement: Engagement, person: Pick<Person, 'issuer' | 'claims'>): Party | null {
  const fitting = PARTIES.filter(name => {
    const party = engagement.matrix.parties[name];
    return (
      party.issuer === person.issuer &&
      Object.entries(party.claims ?? {}).every(([claim, value]) => person.claims[claim] === value)
    );
  });
  // Two parties that cannot be told apart would let one speak for the other.
  return fitting.length === 1 ? fitting[0]! : null;
}

export function memberOf(engagement: Engagement, person: Person): Member | null {
  const party = partyOf(engagement, person);
  return party && { handle: handleOf(person), party, email: person.boundEmail, groups: person.groups };
}

/** Everybody of both parties among these people; frozen, so that who is in a squad is looked up once. */
export const membersOf = (engagement: Engagement, people: readonly Person[]): readonly Member[] =>
  Object.freeze(people.flatMap(person => memberOf(engagement, person) ?? []));

/** The issuers that may speak in this engagement. */
export const issuersOf = (engagement: Engagement): string[] => [
  ...new Set(PARTIES.map(party => engagement.matrix.parties[party].issuer)),
];
