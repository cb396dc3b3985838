import { isDeepStrictEqual } from 'node:util';

/** Something that is not the same in two documents. `undefined`: it is not there. */
export interface ChangedPath {
  /** JSON pointer (RFC 6901); a part of a list that has a name stands under it, and `#order` is their order. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

export const pointer = (...parts: readonly string[]): string =>
  parts.map(part => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * Every place at which two documents differ; together they are the whole difference, so it is empty only where both
 * are the same. Lists of texts are compared whole, lists of named parts part by part.
 */
export function changedPaths(before: unknown, after: unknown, path = ''): ChangedPath[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [one, other] = [partsOf(before), partsOf(after)];
  if (!one || !other) return [{ path, before, after }];
  const names = [...new Set([...one.keys(), ...other.keys()])];
  const inside = names.flatMap(name => {
    const at = path + pointer(name);
    if (!one.has(name)) return [{ path: at, before: undefined, after: other.get(name) }];
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

/** The named parts of an object or of a list whose items all have a name of their own; else `null`. */
function partsOf(value: unknown): Map<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const parts = new Map(value.map(item => [(item as { name?: unknown } | null)?.name, item] as const));
  const named = [...parts.keys()].every(name => typeof name === 'string');
  return value.length > 0 && named && parts.size === value.length ? (parts as Map<string, unknown>) : null;
}

/** Whether one of these pointers tells of a place: names it, or what it lies in, or, where all of it is new or gone, something in it. */
export function isTold({ path, before, after }: ChangedPath, told: readonly string[]): boolean {
  const whole = before === undefined || after === undefined;
  return told.some(
    claim => claim === path || path.startsWith(`${claim}/`) || (whole && claim.startsWith(`${path}/`)),
  );
}
