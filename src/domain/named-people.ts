import type { Matrix } from './matrix.ts';
import { PARTIES, type Party } from './party.ts';
import { sameEmail } from './squad.ts';

/** The emails that a matrix names, lower case, with the party whose identity provider must vouch for each. */
export function namedEmails(matrix: Matrix): { party: Party; issuer: string; email: string }[] {
  const found = PARTIES.flatMap(party => {
    const { issuer, squads } = matrix.parties[party];
    return Object.values(squads)
      .flatMap(({ people = [], primary, secondary }) => [...people, primary, secondary])
      .filter(email => email !== undefined)
      .map(email => ({ party, issuer, email: email.toLowerCase() }));
  });
  return found.filter(
    (one, at) =>
      found.findIndex(other => other.party === one.party && sameEmail(other.email, one.email)) === at,
  );
}
