import type { Matrix } from './matrix.ts';
import { once } from './once.ts';
import { PARTIES, type Party } from './party.ts';

/** An email that a matrix names, lower case, with the party whose identity provider must vouch for it. */
export interface NamedEmail {
  readonly party: Party;
  readonly issuer: string;
  readonly email: string;
}

/** Each once for each party. */
export const namedEmails = once((matrix: Matrix): readonly NamedEmail[] =>
  PARTIES.flatMap(party => {
    const { issuer, squads } = matrix.parties[party];
    const named = Object.values(squads).flatMap(({ people = [], primary, secondary }) =>
      [...people, primary, secondary].flatMap(email => email?.toLowerCase() ?? []),
    );
    return [...new Set(named)].map(email => ({ party, issuer, email }));
  }),
);
