import type { Engagement } from './engagement.ts';
import { namedEmails } from './named-people.ts';
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
  if (!party) return null;
  const email = emailIn(engagement, party, person);
  return {
    handle: email ?? `${person.issuer}#${person.subject}`,
    party,
    email,
    groups: person.groups,
  };
}

/**
 * The email by which an engagement may mean this person. Once both parties have signed who the named people are,
 * an email that the matrix names is theirs alone whom they signed; a first sign-in makes nobody anybody then.
 */
function emailIn({ bindings, matrix }: Engagement, party: Party, person: Person): string | null {
  if (bindings === undefined) return person.boundEmail;
  const { issuer, subject } = person;
  const own = bindings.find(binding => binding.issuer === issuer && binding.subject === subject);
  if (own) return own.email;
  const named = namedEmails(matrix).some(one => one.party === party && one.email === person.boundEmail);
  return named ? null : person.boundEmail;
}

/** Everybody of both parties among these people; frozen, so that who is in a squad is looked up once. */
export const membersOf = (engagement: Engagement, people: readonly Person[]): readonly Member[] =>
  Object.freeze(people.flatMap(person => memberOf(engagement, person) ?? []));

/** The issuers that may speak in this engagement. */
export const issuersOf = (engagement: Engagement): string[] => [
  ...new Set(PARTIES.map(party => engagement.matrix.parties[party].issuer)),
];
