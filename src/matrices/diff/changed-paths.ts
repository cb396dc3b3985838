import { isDeepStrictEqual } from 'node:util';

/** Something that is not the same in two documents. `undefined`: it is not there. */
export interface ChangedPath {
  /** JSON pointer (RFC 6901); a part of a list that has a name stands under it, and `#order` is their order. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  /** Of a leaf of something that is new: the path of all that is new with it. */
  readonly added?: string;
}

export function pointer(...parts: readonly string[]): string {
  let path = '';
  for (const part of parts) path += `/${SPECIAL.test(part) ? escaped(part) : part}`;
  return path;
}

const SPECIAL = /[~/]/;
const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * Every place at which two documents differ; together they are the whole difference, so it is empty only where both
 * are the same. Lists of texts are compared whole, lists of named parts part by part. What is new is there leaf by
 * leaf, so that a line tells of no more than it states; what is gone is there as a whole.
 */
export function changedPaths(before: unknown, after: unknown, path = ''): ChangedPath[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [one, other] = [partsOf(before), partsOf(after)];
  if (!one || !other) return [{ path, before, after }];
  const names = [...new Set([...one.keys(), ...other.keys()])];
  const inside = names.flatMap(name => {
    const at = path + pointer(name);
    if (!one.has(name)) {
      const part = other.get(name);
      return leavesOf(Array.isArray(after) ? unnamed(part) : part, at, at);
    }
    if (!other.has(name)) return [{ path: at, before: one.get(name), after: undefined }];
    return changedPaths(one.get(name), other.get(name), at);
  });
  if (!Array.isArray(before) || !Array.isArray(after)) return inside;
  const orders = [one, other].map(parts =>
    [...parts.keys()].filter(name => one.has(name) && other.has(name)),
  ) as [string[], string[]];
  if (isDeepStrictEqual(...orders)) return inside;
  return [...inside, { path: `${path}/#order`, before: orders[0], after: orders[1] }];
}

function leavesOf(value: unknown, path: string, added: string): ChangedPath[] {
  const inside = leafParts(value);
  if (!inside) return [{ path, before: undefined, after: value, added }];
  const leaves = inside.flatMap(([name, part]) => leavesOf(part, path + pointer(name), added));
  // The first exception that holds is the one that applies.
  if (!Array.isArray(value) || inside.length < 2 || !path.endsWith('/exceptions')) return leaves;
  return [
    ...leaves,
    { path: `${path}/#order`, before: undefined, after: inside.map(([name]) => name), added },
  ];
}

/** What lies in a value that is new, and `null` for a leaf. A part's name stands in its path. */
function leafParts(value: unknown): [string, unknown][] | null {
  const parts = partsOf(value);
  if (!parts || parts.size === 0) return null;
  if (!Array.isArray(value)) return [...parts];
  return [...parts].map(([name, part]) => [name, unnamed(part)]);
}

/** A part of a list without its name, where it has more than that. */
function unnamed(part: unknown): unknown {
  const { name: _, ...rest } = part as { name: string };
  return Object.keys(rest).length > 0 ? rest : part;
}

/** The named parts of an object or of a list whose items all have a name of their own; else `null`. */
function partsOf(value: unknown): Map<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const parts = new Map(value.map(item => [(item as { name?: unknown } | null)?.name, item] as const));
  const named = [...parts.keys()].every(name => typeof name === 'string');
  return value.length > 0 && named && parts.size === value.length ? (parts as Map<string, unknown>) : null;
}

/**
 * Which of the changed places a pointer tells of: the place that it names, what lies in it, and, where all of it is
 * gone, what it lies in.
 */
export function toldBy(changed: readonly ChangedPath[]): (claim: string) => readonly string[] {
  const within = new Map<string, string[]>();
  const gone = new Set<string>();
  for (const { path, after } of changed) {
    if (after === undefined) gone.add(path);
    for (const above of aboveOf(path)) {
      const known = within.get(above);
      if (known) known.push(path);
      else within.set(above, [path]);
    }
  }
  return claim => {
    const inside = within.get(claim) ?? [];
    const around = gone.size === 0 ? [] : aboveOf(claim).filter(above => above !== claim && gone.has(above));
    return around.length === 0 ? inside : [...inside, ...around];
  };
}

/** A path and all that it lies in. */
function aboveOf(path: string): string[] {
  const found: string[] = [];
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) found.push(path.slice(0, end));
  return found;
}
