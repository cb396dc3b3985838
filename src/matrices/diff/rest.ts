import type { CalendarEntry } from '../../domain/matrix.ts';
import { type ChangedPath, changedPaths, pointer } from './changed-paths.ts';
import { type Fact, union } from './lines.ts';
import { type Side, same } from './side.ts';
import { calendarWords, timesOf, timezoneWords } from './windows.ts';

/** Calendars and the zone in their own words, where no cell's window has told of them. */
export function calendarFacts(before: Side, after: Side): Fact[] {
  const [was, is] = [before, after].map(side => side.engagement.matrix.calendars ?? {}) as [
    Record<string, CalendarEntry>,
    Record<string, CalendarEntry>,
  ];
  const facts = Object.keys(is).flatMap((name): Fact[] => {
    const [one, other] = [was[name], is[name]!];
    if (!one || same(timesOf(one), timesOf(other))) return [];
    const { wider, narrower } = calendarWords(one, other);
    const words = union(wider, narrower);
    const path = pointer('matrix', 'calendars', name);
    return [
      windowWords(
        timesOf(one),
        timesOf(other),
        ['weekly', 'from', 'to', 'dates', 'except'].map(key => `${path}/${key}`),
        `the calendar ${name} is open ${words.length > 0 ? words.join(', ') : 'at the same times, written otherwise'}`,
      ),
    ];
  });
  const zone = timezoneWords(before, after).map(words =>
    windowWords(
      before.engagement.matrix.timezone,
      after.engagement.matrix.timezone,
      ['/matrix/timezone'],
      words,
    ),
  );
  return [...facts, ...zone];
}

const windowWords = (before: unknown, after: unknown, paths: string[], words: string): Fact => ({
  kind: 'other',
  topic: 'window',
  weight: 50,
  before,
  after,
  paths,
  say: () => words,
});

/** What no line told of, each by its place in the files, so that nothing that changed goes unsaid. */
export function untold(changed: readonly ChangedPath[], told: ReadonlySet<string>): Fact[] {
  const left = changed.filter(({ path }) => !told.has(path));
  const units = new Map<string, { of: ChangedPath[]; added: string }>();
  for (const change of left) {
    if (change.added === undefined) continue;
    const unit = unitOf(change.path, change.added);
    const known = units.get(unit);
    if (known) known.of.push(change);
    else units.set(unit, { of: [change], added: change.added });
  }
  const whole = new Map<string, number>();
  for (const { path, added } of changed) {
    if (added === undefined) continue;
    const unit = unitOf(path, added);
    whole.set(unit, (whole.get(unit) ?? 0) + 1);
  }
  return [
    ...left
      .filter(({ added }) => added === undefined)
      .map(change => factOf([change], change.after === undefined ? 20 : 10, () => wordsOf(change))),
    ...[...units].map(([unit, { of }]) =>
      factOf(of, 20, () => {
        const words = of.length === whole.get(unit) ? 'is new' : 'besides';
        return `${placeOf(unit)} ${words}: ${written(together(unit, of))}`;
      }),
    ),
  ];
}

const TEXT = /\/(label|runbook|rollback|controls|version|change|review_by|name)(\/|$)/;

const factOf = (changes: readonly ChangedPath[], weight: number, say: () => string): Fact => ({
  kind: 'other',
  topic: changes.every(({ path }) => TEXT.test(path)) ? 'text' : 'other',
  weight,
  before: changes.length === 1 ? changes[0]!.before : undefined,
  after: changes.length === 1 ? changes[0]!.after : undefined,
  paths: changes.map(({ path }) => path),
  say,
});

/** What is read as one thing: a cell, a service without its cells, a squad, a target, a calendar, a rule. */
const UNIT =
  /^(?:\/matrix\/services\/[^/]+\/activities\/[^/]+|\/matrix\/parties\/[^/]+\/squads\/[^/]+|\/(?:matrix|targets)\/[^/]+\/[^/]+)/;

/** The unit in which a leaf of something new lies, or all that is new where that is less. */
function unitOf(path: string, added: string): string {
  const unit = UNIT.exec(path)?.[0] ?? path;
  return unit.length > added.length ? unit : added;
}

/** The leaves of one unit as they stand in the file. */
function together(unit: string, leaves: readonly ChangedPath[]): unknown {
  if (leaves.length === 1 && leaves[0]!.path === unit) return leaves[0]!.after;
  const all: Tree = {};
  for (const { path, after } of leaves) {
    const parts = path
      .slice(unit.length + 1)
      .split('/')
      .map(unescaped);
    const last = parts.pop()!;
    let at = all;
    for (const part of parts) {
      if (!Object.hasOwn(at, part)) Object.defineProperty(at, part, { value: {}, enumerable: true });
      at = at[part] as Tree;
    }
    Object.defineProperty(at, last, { value: after, enumerable: true });
  }
  return all;
}

interface Tree {
  [name: string]: unknown;
}

export const pathsBetween = (before: Side, after: Side): ChangedPath[] =>
  changedPaths(document(before), document(after));

const document = ({ engagement: { matrix, targets } }: Side) => ({ matrix, targets });

function wordsOf({ path, before, after }: ChangedPath): string {
  const ordered = path.endsWith('/#order');
  const what = placeOf(ordered ? path.slice(0, -'/#order'.length) : path);
  if (ordered) return `${what}: now in the order ${written(after)}, was ${written(before)}`;
  if (after === undefined) return `${what} is gone: ${written(before)}`;
  return `${what}: ${written(after)}, was ${written(before)}`;
}

const unescaped = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

function placeOf(path: string): string {
  const [file, ...parts] = path.slice(1).split('/').map(unescaped);
  return placeWords(file!, parts);
}

/** `backups/restore, for`; `squad msp/noc, label`; `target db01, labels, site`. */
function placeWords(file: string, parts: readonly string[]): string {
  const [one, two, three, four, ...rest] = parts;
  if (two === undefined) return one ?? file;
  if (file === 'targets') return [`target ${two}`, ...parts.slice(2)].join(', ');
  if (one === 'services' && three === 'activities' && four) return [`${two}/${four}`, ...rest].join(', ');
  if (one === 'parties' && three === 'squads' && four) return [`squad ${two}/${four}`, ...rest].join(', ');
  return [`${SINGULAR[one!] ?? one} ${two}`, ...parts.slice(2)].join(', ');
}

const SINGULAR: Readonly<Record<string, string>> = {
  parties: 'party',
  services: 'service',
  calendars: 'calendar',
  rules: 'rule',
};

/** As one would write it in the file, and all of it: what is cut could be what counts. */
export function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const inside = Object.entries(value).map(([key, item]) => `${key}: ${written(item)}`);
    return `{ ${inside.join(', ')} }`;
  }
  return String(value);
}
