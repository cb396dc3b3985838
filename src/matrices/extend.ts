import { findLibrary, libraryNames } from './library.ts';
import { nearestOf, type Problem } from './problem.ts';
import type { Path, Source } from './source.ts';

/**
 * A matrix that says `extends: hipaa@1` is that library's rows with its own on top. What has a name is merged by it:
 * services, their activities, the keys of both, calendars and rules. What stands under one key is one statement and
 * replaces the library's as a whole, so that nothing is given which the matrix's own line does not show. A library
 * builds on nothing, so there are no circles.
 */

/** A part of the merged document, and where its parts stand. */
interface Part {
  readonly value: unknown;
  readonly source: Source;
  readonly path: Path;
  /** The parts that stand elsewhere than below `path` of `source`, by key or index. */
  readonly inside?: ReadonlyMap<PropertyKey, Part>;
}

/** What takes a named part of the library out again. An empty value does so only where that takes access away. */
export const TAKEN_OUT = 'none';

type Table = Readonly<Record<string, unknown>>;
const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const step = (part: Part, key: PropertyKey): Part => ({
  value: (part.value as Record<PropertyKey, unknown>)[key],
  source: part.source,
  path: [...part.path, key],
});

/** The document with its library's rows below it; without `extends` it is the one that was given. */
export function extended(own: Source): { source: Source; problems: Problem[] } {
  if (!isTable(own.value) || !Object.hasOwn(own.value, 'extends')) return { source: own, problems: [] };
  const name = own.value.extends;
  // What is no text is told by the schema.
  if (typeof name !== 'string') return { source: own, problems: [] };
  const library = findLibrary(name);
  // The rows that would be there are not missed as well.
  if (!library) {
    return {
      source: { ...own, value: { services: {}, ...own.value } },
      problems: [unknownLibrary(own, name)],
    };
  }
  const problems: Problem[] = [];
  // A version's values are frozen when they are read; the library's own copy is for the next reader.
  const root: Part = { value: structuredClone(library.source.value), source: library.source, path: [] };
  const part = matrixOf({ value: own.value, source: own, path: [] }, root, { name, problems });
  const find = (path: Path): [Source, Path] => {
    let found = part;
    let at = 0;
    for (let next = found.inside?.get(path[0]!); next; next = found.inside?.get(path[at]!)) {
      found = next;
      at += 1;
    }
    return [found.source, [...found.path, ...path.slice(at)]];
  };
  const source: Source = {
    file: own.file,
    text: own.text,
    value: part.value,
    where: path => {
      const [from, there] = find(path);
      return from.where(there);
    },
    whereKey: path => {
      const [from, there] = find(path);
      return from.whereKey(there);
    },
  };
  return { source, problems };
}

function unknownLibrary(own: Source, name: string): Problem {
  const names = libraryNames();
  const wanted = name.slice(0, 60);
  return {
    ...own.where(['extends']),
    message: `unknown library ${JSON.stringify(wanted)}`,
    expected: `a library with its version, one of ${names.join(', ')}`,
    nearest: names.findLast(known => known.startsWith(`${wanted}@`)) ?? nearestOf(wanted, names),
  };
}

interface Merging {
  readonly name: string;
  readonly problems: Problem[];
}

type Merge = (own: Part, library: Part, merging: Merging) => Part;

const matrixOf: Merge = (own, library, merging) =>
  keysOf(own, library, merging, {
    calendars: namedOf(null),
    services: namedOf((one, other) =>
      keysOf(one, other, merging, { activities: namedOf((row, base) => keysOf(row, base, merging, {})) }),
    ),
    rules: rulesOf,
  });

/** A block whose keys are the schema's: own ones go before the library's, `none` takes one of the library's out. */
function keysOf(own: Part, library: Part, merging: Merging, merges: Readonly<Record<string, Merge>>): Part {
  if (!isTable(own.value) || !isTable(library.value)) return own;
  const [mine, base] = [own.value, library.value];
  const parts = new Map<string, Part>();
  const ownOnly = Object.keys(mine).filter(key => !Object.hasOwn(base, key));
  // The document begins as it was written; a row reads like the other rows of its library.
  const order =
    own.path.length === 0 ? [...ownOnly, ...Object.keys(base)] : [...Object.keys(base), ...ownOnly];
  for (const key of order) {
    if (!Object.hasOwn(mine, key)) parts.set(key, step(library, key));
    else if (!Object.hasOwn(base, key)) parts.set(key, step(own, key));
    else if (Object.hasOwn(merges, key))
      parts.set(key, merges[key]!(step(own, key), step(library, key), merging));
    else if (mine[key] !== TAKEN_OUT) parts.set(key, step(own, key));
  }
  return whole(own, parts);
}

/** A block of names: in the library's order, then the own ones. */
function namedOf(merge: Merge | null): Merge {
  return (own, library, merging) => {
    if (!isTable(own.value) || !isTable(library.value)) return own;
    const parts = new Map<string, Part>();
    for (const name of Object.keys(library.value)) {
      const base = step(library, name);
      const mine = Object.hasOwn(own.value, name) ? step(own, name) : null;
      if (mine === null) parts.set(name, base);
      else if (!takesOut(mine.value)) parts.set(name, merge ? merge(mine, base, merging) : mine);
    }
    for (const name of Object.keys(own.value)) {
      if (Object.hasOwn(library.value, name)) continue;
      const mine = step(own, name);
      if (takesOut(mine.value))
        merging.problems.push(notThere(mine, name, Object.keys(library.value), merging));
      else parts.set(name, mine);
    }
    return whole(own, parts);
  };
}

const takesOut = (value: unknown): boolean => value === null || value === TAKEN_OUT;

/** Rules only ever ask for more, so an own one never silently drops the others: they are merged by their names. */
const rulesOf: Merge = (own, library, merging) => {
  if (!Array.isArray(own.value) || !Array.isArray(library.value)) return own;
  const nameOf = ({ value }: Part) => (isTable(value) ? value.name : undefined);
  const [mine, base] = [own, library].map(part =>
    [...(part.value as unknown[]).keys()].map(at => step(part, at)),
  ) as [Part[], Part[]];
  const isOut = ({ value }: Part) => isTable(value) && value.require === TAKEN_OUT;
  const names = base.map(nameOf);
  for (const rule of mine.filter(isOut)) {
    const name = nameOf(rule);
    if (!names.includes(name)) {
      const known = names.filter(other => typeof other === 'string');
      merging.problems.push(notThere(rule, String(name), known, merging));
    }
  }
  const kept = [
    ...base.filter(rule => !mine.some(other => nameOf(other) === nameOf(rule))),
    ...mine.filter(rule => !isOut(rule)),
  ];
  return {
    value: kept.map(({ value }) => value),
    source: own.source,
    path: own.path,
    inside: new Map(kept.entries()),
  };
};

function notThere(part: Part, name: string, known: readonly string[], merging: Merging): Problem {
  return {
    ...part.source.whereKey(part.path),
    message: `${merging.name} has no "${name.slice(0, 60)}" that could be taken out`,
    expected: `one of ${known.join(', ')}`,
    nearest: nearestOf(name, known),
  };
}

function whole(own: Part, parts: ReadonlyMap<string, Part>): Part {
  const value = Object.fromEntries([...parts].map(([key, { value }]) => [key, value]));
  return { value, source: own.source, path: own.path, inside: parts };
}
