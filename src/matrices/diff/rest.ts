import type { CalendarEntry } from '../../domain/matrix.ts';
import { type ChangedPath, changedPaths, isTold, pointer } from './changed-paths.ts';
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
export function untold(before: Side, after: Side, told: readonly string[]): Fact[] {
  return pathsBetween(before, after)
    .filter(change => !isTold(change, told))
    .map(change => ({
      kind: 'other' as const,
      topic: /\/(label|runbook|rollback|controls|version|change|review_by|name)(\/|$)/.test(change.path)
        ? ('text' as const)
        : ('other' as const),
      weight: change.before === undefined || change.after === undefined ? 20 : 10,
      before: change.before,
      after: change.after,
      paths: [change.path],
      say: () => wordsOf(change),
    }));
}

export const pathsBetween = (before: Side, after: Side): ChangedPath[] =>
  changedPaths(document(before), document(after));

const document = ({ engagement: { matrix, targets } }: Side) => ({ matrix, targets });

function wordsOf({ path, before, after }: ChangedPath): string {
  const [file, ...parts] = path
    .slice(1)
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const ordered = parts.at(-1) === '#order';
  const what = placeWords(file!, ordered ? parts.slice(0, -1) : parts);
  if (ordered) return `${what}: now in the order ${shown(after)}, was ${shown(before)}`;
  if (before === undefined) return `${what} is new: ${shown(after)}`;
  if (after === undefined) return `${what} is gone: ${shown(before)}`;
  return `${what}: ${shown(after)}, was ${shown(before)}`;
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

const MOST = 160;

/** As one would write it in the file, and no longer than can be read in a line. */
function shown(value: unknown): string {
  const text = written(value);
  return text.length > MOST ? `${text.slice(0, MOST - 1)}…` : text;
}

function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const inside = Object.entries(value).map(([key, item]) => `${key}: ${written(item)}`);
    return `{ ${inside.join(', ')} }`;
  }
  return String(value);
}
