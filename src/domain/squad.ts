import type { Engagement } from './engagement.ts';
import type { Squad } from './matrix.ts';
import { once } from './once.ts';
import { PARTIES, type Party } from './party.ts';
import type { Member } from './person.ts';
import { type Roster, rosterOf } from './roster.ts';

/** What names somebody who may have to answer; emails compare without case. */
type Named = Pick<Member, 'handle' | 'email'>;

/** A squad of an engagement. */
export interface KnownSquad {
  /** `party/name` */
  readonly name: string;
  readonly party: Party;
  readonly group: string | undefined;
  readonly squad: Squad;
  /** The emails that it names, in lower case. */
  readonly people: ReadonlySet<string>;
}

/** The squads of both parties, by `party/name`. */
const squadsOf = once((parties: Engagement['matrix']['parties']): ReadonlyMap<string, KnownSquad> => {
  const known = PARTIES.flatMap(party =>
    Object.entries(parties[party].squads).map(([name, squad]): [string, KnownSquad] => [
      `${party}/${name}`,
      {
        name: `${party}/${name}`,
        party,
        group: squad.group,
        squad,
        people: new Set(squad.people?.map(email => email.toLowerCase())),
      },
    ]),
  );
  return new Map(known);
});

/** The squad `party/name` of an engagement, `null` when it has none of that name. */
export const knownSquad = (engagement: Engagement, name: string): KnownSquad | null =>
  squadsOf(engagement.matrix.parties).get(name) ?? null;

export const findSquad = (engagement: Engagement, name: string): { party: Party; squad: Squad } | null =>
  knownSquad(engagement, name);

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
  const found = knownSquad(engagement, name);
  return found !== null && isMember(found, member);
}

/** The same of a squad that was looked up before. */
export const isMember = ({ party, group, people }: KnownSquad, member: Member): boolean =>
  party === member.party &&
  ((group !== undefined && member.groups.includes(group)) ||
    (people.size > 0 && member.email !== null && people.has(member.email.toLowerCase())));

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

/** The answerers of a squad, and what a decision has to know of them. */
export interface Staff {
  /** In the order in which they are asked. */
  readonly people: readonly Answerer[];
  readonly handles: readonly string[];
  /** Whether one of them may be the same person. */
  readonly includes: (person: Named) => boolean;
}

export function staffOf(people: readonly Answerer[]): Staff {
  // Decisions share it.
  const handles = Object.freeze(people.map(({ handle }) => handle));
  const known = new Set(handles);
  const emails = new Set(people.flatMap(({ email }) => email?.toLowerCase() ?? []));
  return {
    people,
    handles,
    includes: ({ handle, email }) => known.has(handle) || (email !== null && emails.has(email.toLowerCase())),
  };
}

const NOBODY = staffOf([]);

/**
 * Everybody who is in a squad: its primary, its secondary, then the others by handle. Whom the matrix names is
 * expected even before their first sign-in, under their email; once known, a group squad's named person counts
 * only while their IdP gives them the group.
 *
 * Of a list of people that is frozen, each squad is worked out once.
 */
export function staffing(engagement: Engagement, people: readonly Member[]): (squad: string) => Staff {
  // Only of lists that are frozen.
  const known = staffings.get(people)?.get(engagement);
  if (known) return known;
  const squads = squadsOf(engagement.matrix.parties);
  const roster = rosterOf(people);
  if (!Object.isFrozen(people)) return name => staffAmong(squads.get(name), roster);
  const staffed = new Map<string, Staff>();
  const of = (name: string): Staff => {
    const found = staffed.get(name);
    if (found) return found;
    const staff = staffAmong(squads.get(name), roster);
    if (squads.has(name)) staffed.set(name, staff);
    return staff;
  };
  const byEngagement = staffings.get(people) ?? new WeakMap();
  byEngagement.set(engagement, of);
  staffings.set(people, byEngagement);
  return of;
}

const staffings = new WeakMap<readonly Member[], WeakMap<Engagement, (squad: string) => Staff>>();

const staffAmong = (squad: KnownSquad | undefined, roster: Roster): Staff =>
  squad ? staffOf(answerersAmong(squad, roster)) : NOBODY;

/** The people of one squad, as `staffing` has them. */
export const answerersOf = (
  engagement: Engagement,
  name: string,
  people: readonly Member[],
): readonly Answerer[] => staffing(engagement, people)(name).people;

function answerersAmong({ party, squad, people }: KnownSquad, roster: Roster): readonly Answerer[] {
  const members = new Set([
    ...(squad.group === undefined ? [] : roster.inGroup(party, squad.group)),
    ...[...people].flatMap(email => roster.withEmail(party, email)),
  ]);
  const named = [squad.primary, squad.secondary, ...(squad.people ?? [])].filter(
    email => email !== undefined,
  );
  const expected = named
    .filter((email, at) => named.findIndex(other => sameEmail(other, email)) === at)
    .filter(email => roster.withEmail(party, email.toLowerCase()).length === 0)
    .map(email => ({ handle: email, email, party }));
  const rank = ({ email }: Answerer) =>
    sameEmail(email, squad.primary) ? 0 : sameEmail(email, squad.secondary) ? 1 : 2;
  return [...[...members].map(({ handle, email }) => ({ handle, email, party })), ...expected].sort(
    (one, other) =>
      rank(one) - rank(other) || (one.handle < other.handle ? -1 : one.handle > other.handle ? 1 : 0),
  );
}
