/**
 * A change of what the matrix allows, of who allows it, or of what it says besides. In the order in which they are
 * read: what opens access comes first.
 */
export const KINDS = ['gains', 'easier', 'answers', 'harder', 'loses', 'other'] as const;
export type Kind = (typeof KINDS)[number];

/** What a line is about: one word for programs, stable. */
export type Topic =
  | 'access'
  | 'window'
  | 'limit'
  | 'answer'
  | 'co-approve'
  | 'ticket'
  | 'parties'
  | 'answerable'
  | 'recording'
  | 'review'
  | 'sign-in'
  | 'capability'
  | 'exception'
  | 'rule'
  | 'checklist'
  | 'approver'
  | 'squad'
  | 'party'
  | 'governance'
  | 'mode'
  | 'address'
  | 'host-key'
  | 'told'
  | 'text'
  | 'other';

/** Where and for whom a line holds. Lists are in the order of the files; empty: it does not depend on it. */
export interface Scope {
  /** `client/it`. */
  readonly squads: readonly string[];
  /** Handles of the people known who are meant. */
  readonly people: readonly string[];
  /** `backups/restore`. */
  readonly cells: readonly string[];
  readonly targets: readonly string[];
  /** `ssh root`. */
  readonly access: readonly string[];
}

/** What a sentence is said of; `places`: where several cells have targets of their own, each of them. */
export interface Said extends Scope {
  readonly places?: readonly Pick<Scope, 'cells' | 'targets'>[];
}

/** One line of a difference, plain data. */
export interface AccessLine extends Scope {
  readonly kind: Kind;
  readonly topic: Topic;
  /** How much it opens, 0 to 100: within its kind the heaviest comes first. */
  readonly weight: number;
  readonly sentence: string;
  /** The sentence with its long lists cut, to stand before the whole one; `null`: it has none. */
  readonly short: string | null;
  /** The exception or rule that has to apply; `null`: whenever the cell does. */
  readonly when: string | null;
  /** What stood there and what stands there now, as the topic has it. */
  readonly before: unknown;
  readonly after: unknown;
  /**
   * What in the files it tells of: JSON pointers into `{"matrix": …, "targets": …}`, where a part of a list that has
   * a name stands under its name.
   */
  readonly paths: readonly string[];
}

/** A line before it is merged with those that say the same of other targets, logins or squads. */
export interface Fact extends Partial<Scope> {
  readonly kind: Kind;
  readonly topic: Topic;
  readonly weight: number;
  readonly when?: string | null;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly paths: readonly string[];
  /** The sentence, once it is known for what all it holds. */
  readonly say: (scope: Said) => string;
}

/** One line for facts that differ in one dimension alone, dimension after dimension; then the heaviest first. */
export function linesOf(facts: readonly Fact[]): AccessLine[] {
  const whole = facts.map(fact => ({
    ...fact,
    when: fact.when ?? null,
    before: fact.before ?? null,
    after: fact.after ?? null,
    squads: fact.squads ?? [],
    people: fact.people ?? [],
    cells: fact.cells ?? [],
    targets: fact.targets ?? [],
    access: fact.access ?? [],
  }));
  const merged = (['access', 'targets', 'squads', 'cells'] as const).reduce(mergedAlong, whole);
  return gathered(merged)
    .map(({ kind, topic, weight, say, places, when, before, after, paths, ...scope }): AccessLine => {
      const all = { ...scope, people: shortened(scope.people, NAMED), ...(places ? { places } : {}) };
      const sentence = say(all);
      const short = say({
        ...all,
        squads: shortened(scope.squads, FEW),
        people: shortened(scope.people, FEW),
        cells: shortened(scope.cells, FEW),
        targets: shortened(scope.targets, FEW),
        access: shortened(scope.access, FEW),
        ...(places ? { places: fewPlaces(places) } : {}),
      });
      return {
        kind,
        topic,
        weight,
        sentence,
        short: short === sentence ? null : short,
        when,
        ...scope,
        before,
        after,
        paths,
      };
    })
    .sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || other.weight - one.weight);
}

/** So many people known are named in a sentence, whose squad is named as well; cells and targets are all named. */
export const NAMED = 50;
const FEW = 6;

/** The first of them and how many more there are. */
export const shortened = (names: readonly string[], most: number): readonly string[] =>
  names.length > most + 1 ? [...names.slice(0, most), `${names.length - most} more`] : names;

const fewPlaces = (places: readonly Pick<Scope, 'cells' | 'targets'>[]) =>
  places.length <= FEW + 1
    ? places.map(({ cells, targets }) => ({
        cells: shortened(cells, FEW),
        targets: shortened(targets, FEW),
      }))
    : [
        ...places.slice(0, FEW).map(({ cells }) => ({ cells: shortened(cells, FEW), targets: [] })),
        { cells: [`${places.length - FEW} more`], targets: [] },
      ];

interface Whole extends Required<Fact> {
  readonly places?: readonly Pick<Scope, 'cells' | 'targets'>[];
}

function mergedAlong(facts: readonly Whole[], dimension: 'access' | 'targets' | 'squads' | 'cells'): Whole[] {
  const groups = new Map<string, Whole[]>();
  for (const fact of facts) {
    const { kind, topic, when, before, after, squads, cells, targets, access } = fact;
    const scope = { squads, cells, targets, access, people: [], [dimension]: [] };
    // Who it concerns is told by the sentence where it matters, and merges where it does not.
    const key = JSON.stringify([
      kind,
      topic,
      when,
      before,
      after,
      fact.say(scope),
      topic === 'access' ? scope : { ...scope, squads: [] },
    ]);
    const known = groups.get(key);
    if (known) known.push(fact);
    else groups.set(key, [fact]);
  }
  return [...groups.values()].map(together);
}

/** So many lines that say the same of other cells on other targets can still be read one by one. */
const MANY = 5;

/** One line for many that say the same of cells each on targets of its own. */
function gathered(facts: readonly Whole[]): Whole[] {
  const groups = new Map<string, Whole[]>();
  for (const fact of facts) {
    const { kind, topic, when, before, after, cells, targets } = fact;
    const nowhere = { squads: [], people: [], cells: [], targets: [], access: [] };
    // Who gains or loses what is worth a line for each cell.
    const alone = topic === 'access' || cells.length === 0 || targets.length === 0;
    const key = alone ? [groups.size] : [kind, topic, when, before, after, fact.say(nowhere)];
    const name = JSON.stringify(key);
    const known = groups.get(name);
    if (known) known.push(fact);
    else groups.set(name, [fact]);
  }
  return [...groups.values()].flatMap(group =>
    group.length <= MANY
      ? group
      : [{ ...together(group), places: group.map(({ cells, targets }) => ({ cells, targets })) }],
  );
}

/** One fact for several that say the same, each of its own places. */
function together(facts: readonly Whole[]): Whole {
  const [one] = facts as [Whole];
  if (facts.length === 1) return one;
  return {
    ...one,
    weight: facts.reduce((most, { weight }) => Math.max(most, weight), 0),
    squads: unionOf(facts.map(({ squads }) => squads)),
    people: unionOf(facts.map(({ people }) => people)),
    cells: unionOf(facts.map(({ cells }) => cells)),
    targets: unionOf(facts.map(({ targets }) => targets)),
    access: unionOf(facts.map(({ access }) => access)),
    paths: unionOf(facts.map(({ paths }) => paths)),
  };
}

/** All that is in one of them, once. */
export function unionOf(lists: readonly (readonly string[])[]): readonly string[] {
  // Facts of one squad share the list of its people, however many they are.
  const different = [...new Set(lists)];
  if (different.length === 1) return different[0]!;
  const all = new Set<string>();
  for (const list of different) for (const item of list) all.add(item);
  return [...all];
}

export const union = (one: readonly string[], other: readonly string[]): string[] => [
  ...new Set([...one, ...other]),
];

/** `a, b and c`: all of them. What is cut could be what counts. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  const shown = [...names];
  const last = shown.pop()!;
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

/** `msp/noc (noah)`; a squad in which nobody is known stands alone. */
export const withPeople = (squads: readonly string[], people: readonly string[]): string =>
  people.length === 0 ? listed(squads) : `${listed(squads)} (${listed(shortened(people, NAMED + 1))})`;

/** `backups/restore on db01`. */
export const placeOf = ({ cells, targets, places }: Pick<Said, 'cells' | 'targets' | 'places'>): string =>
  places
    ? places.map(place => placeOf(place)).join(', ')
    : targets.length === 0
      ? listed(cells)
      : `${listed(cells)} on ${listed(targets)}`;
