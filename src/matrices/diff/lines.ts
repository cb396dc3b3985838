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

/** One line of a difference, plain data. */
export interface AccessLine extends Scope {
  readonly kind: Kind;
  readonly topic: Topic;
  /** How much it opens, 0 to 100: within its kind the heaviest comes first. */
  readonly weight: number;
  readonly sentence: string;
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
  readonly say: (scope: Scope) => string;
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
    .map(({ kind, topic, weight, say, when, before, after, paths, ...scope }): AccessLine => {
      return { kind, topic, weight, sentence: say(scope), when, ...scope, before, after, paths };
    })
    .sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || other.weight - one.weight);
}

type Whole = Required<Fact>;

function mergedAlong(facts: readonly Whole[], dimension: 'access' | 'targets' | 'squads' | 'cells'): Whole[] {
  const groups = new Map<string, Whole>();
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
    groups.set(key, known ? mergedTwo(known, fact) : fact);
  }
  return [...groups.values()];
}

/** So many lines that say the same of other cells on other targets can still be read one by one. */
const MANY = 5;

/** One line for many that say the same of cells each on targets of its own; it names the cells and leaves those out. */
function gathered(facts: readonly Whole[]): Whole[] {
  const groups = new Map<string, Whole[]>();
  for (const fact of facts) {
    const { kind, topic, when, before, after, cells, targets } = fact;
    const nowhere = { squads: [], people: [], cells: [], targets: [], access: [] };
    // Who gains or loses what is worth a line for each cell.
    const alone = topic === 'access' || cells.length === 0 || targets.length === 0;
    const key = alone ? [groups.size] : [kind, topic, when, before, after, fact.say(nowhere)];
    const name = JSON.stringify(key);
    groups.set(name, [...(groups.get(name) ?? []), fact]);
  }
  return [...groups.values()].flatMap(group => {
    if (group.length <= MANY) return group;
    const one = group.reduce(mergedTwo);
    return [{ ...one, say: scope => one.say({ ...scope, targets: [] }) }];
  });
}

const mergedTwo = (one: Whole, other: Whole): Whole => ({
  ...one,
  weight: Math.max(one.weight, other.weight),
  squads: union(one.squads, other.squads),
  people: union(one.people, other.people),
  cells: union(one.cells, other.cells),
  targets: union(one.targets, other.targets),
  access: union(one.access, other.access),
  paths: union(one.paths, other.paths),
});

export const union = (one: readonly string[], other: readonly string[]): string[] => [
  ...new Set([...one, ...other]),
];

/** `a, b and c`; past a few, how many more there are. */
export function listed(names: readonly string[], most = 6): string {
  if (names.length === 0) return 'nothing';
  const shown =
    names.length > most + 1 ? [...names.slice(0, most), `${names.length - most} more`] : [...names];
  const last = shown.pop()!;
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

/** `msp/noc (noah)`; a squad in which nobody is known stands alone. */
export const withPeople = (squads: readonly string[], people: readonly string[]): string =>
  people.length === 0 ? listed(squads) : `${listed(squads)} (${listed(people)})`;

/** `backups/restore on db01`. */
export const placeOf = ({ cells, targets }: Pick<Scope, 'cells' | 'targets'>): string =>
  targets.length === 0 ? listed(cells) : `${listed(cells)} on ${listed(targets)}`;
