import { inArray } from 'drizzle-orm';
import type { Application } from '../api/application.ts';
import type { Engagement } from '../domain/decision.ts';
import { handleOf, issuersOf, partyOf } from '../domain/membership.ts';
import type { Party } from '../domain/party.ts';
import { PARTIES } from '../domain/party.ts';
import type { Person } from '../domain/person.ts';
import { sameEmail } from '../domain/squad.ts';
import { people } from '../store/tables.ts';

/** Who is behind a handle or an id, as one engagement knows them. */
export interface Known {
  readonly name: string;
  /** `null`: no longer, or never, on a side. */
  readonly party: Party | null;
  /** The matrix names them, and they never signed in. */
  readonly unseen: boolean;
}

export interface Directory {
  readonly people: readonly Person[];
  byHandle(handle: string): Known;
  byId(id: string): Known | null;
}

/** Everybody who ever signed in on a side of an engagement. */
export async function directoryOf(app: Application, engagement: Engagement): Promise<Directory> {
  const rows: Person[] = await app.database.installation
    .select()
    .from(people)
    .where(inArray(people.issuer, issuersOf(engagement)));
  const known = (person: Person): Known => ({
    name: person.name,
    party: partyOf(engagement, person),
    unseen: false,
  });
  const ids = new Map(rows.map(person => [person.id, person]));
  const handles = new Map(rows.map(person => [handleOf(person), person]));
  return {
    people: rows,
    byHandle(handle) {
      const person = handles.get(handle);
      return person ? known(person) : { name: handle, party: partyNaming(engagement, handle), unseen: true };
    },
    byId(id) {
      const person = ids.get(id);
      return person ? known(person) : null;
    },
  };
}

/** The party whose squads name this email. */
function partyNaming({ matrix }: Engagement, email: string): Party | null {
  const names = (party: Party) =>
    Object.values(matrix.parties[party].squads).some(({ people: listed = [], primary, secondary }) =>
      [...listed, primary, secondary].some(one => sameEmail(one, email)),
    );
  return PARTIES.find(names) ?? null;
}
