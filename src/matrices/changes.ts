import { isDeepStrictEqual } from 'node:util';
import type { Matrix } from '../domain/matrix.ts';
import { findLibrary } from './library.ts';

/** One part in which a matrix differs from the library that it builds on. */
export interface Change {
  readonly what: 'added' | 'changed' | 'removed';
  /** Where in the matrix: `['services', 'backups', 'activities', 'restore', 'for']`; a rule goes by its name. */
  readonly path: readonly string[];
  /** `null` where it is added. */
  readonly library: unknown;
  /** `null` where it is removed. */
  readonly own: unknown;
}

/**
 * What a version's own rows change against its library, in the matrix's order. `matrix` is the resolved one, as a
 * reading gives it and as it is stored. `null`: it builds on none, or on one that this product does not carry.
 */
export function changesOf(matrix: Matrix): Change[] | null {
  const library = matrix.extends === undefined ? null : findLibrary(matrix.extends);
  if (!library) return null;
  const base = library.source.value as Pick<Matrix, 'services' | 'calendars' | 'rules'>;
  return [
    ...statements(base.calendars ?? {}, matrix.calendars ?? {}, ['calendars']),
    ...services(base.services, matrix.services, ['services']),
    ...statements(byName(base.rules), byName(matrix.rules), ['rules']),
  ];
}

const byName = (rules: Matrix['rules'] = []): object =>
  Object.fromEntries(rules.map(rule => [rule.name, rule]));

type Compare = (library: object, own: object, path: readonly string[]) => Change[];

/** @param inside how the parts below a key are compared one by one; `null`: what stands there is one statement */
const compare =
  (inside: (key: string) => Compare | null): Compare =>
  (library, own, path) => {
    const base = new Map<string, unknown>(Object.entries(library));
    const mine = new Map<string, unknown>(Object.entries(own));
    return [...new Set([...mine.keys(), ...base.keys()])].flatMap((key): Change[] => {
      const there = [...path, key];
      const [before, after] = [base.get(key), mine.get(key)];
      if (!mine.has(key)) return [{ what: 'removed', path: there, library: before, own: null }];
      if (!base.has(key)) return [{ what: 'added', path: there, library: null, own: after }];
      const further = inside(key);
      if (further) return further(before as object, after as object, there);
      return isDeepStrictEqual(before, after)
        ? []
        : [{ what: 'changed', path: there, library: before, own: after }];
    });
  };

const statements = compare(() => null);
const activities = compare(() => statements);
const service = compare(key => (key === 'activities' ? activities : null));
const services = compare(() => service);
