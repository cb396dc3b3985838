import { calendarOf, dateAt, openAt, parseMoment, parseWeekly } from '../../domain/calendar.ts';
import type { Engagement } from '../../domain/decision.ts';
import type { When } from '../../domain/matrix.ts';
import { memo } from './side.ts';

/** A severity and a moment: what, besides its labels, a `when` looks at. */
export interface Situation {
  readonly severity: string | null;
  readonly at: number;
}

/**
 * For any `when`s of two versions, situations such that each situation there ever is has one among them in which all
 * of them hold alike: every severity that is named and none, each with a moment for every pattern of open calendars.
 */
export type Situations = (whens: readonly When[]) => readonly Situation[];

export function situationsBetween(before: Engagement, after: Engagement): Situations {
  const moments = memo(key => momentsOf([before, after], JSON.parse(key) as string[]));
  return whens => {
    const calendars = [...new Set(whens.flatMap(({ during }) => listOf(during)))].sort();
    const severities = [null, ...new Set(whens.flatMap(({ severity }) => listOf(severity)))];
    return moments(JSON.stringify(calendars)).flatMap(at => severities.map(severity => ({ severity, at })));
  };
}

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

const DAY = 86_400_000;
/** A January week in which hardly any clock of the world is changed. */
const ANY_WEEK = Date.UTC(2026, 0, 12);
/** A week, and one more for the week in which the clocks change. */
const DAYS = 15;

/** One moment for each pattern in which these calendars are open and shut in the versions. */
function momentsOf(versions: readonly Engagement[], names: readonly string[]): number[] {
  const used = versions.flatMap(({ matrix: { calendars = {}, timezone } }) =>
    names.flatMap(name => (Object.hasOwn(calendars, name) ? [{ entry: calendars[name]!, timezone }] : [])),
  );
  const calendars = used.map(({ entry, timezone }) => calendarOf(entry, timezone));
  const edges = calendars.flatMap(({ range }) => (range ? [range.from, range.to] : []));
  const starts = edges.length > 0 ? [Math.min(...edges) - DAYS * DAY, ...new Set(edges)] : [ANY_WEEK];
  const found = new Map<string, number>();
  for (const start of starts) {
    const end = Math.min(start + DAYS * DAY, ...edges.filter(edge => edge > start));
    for (const at of [start, ...turnsBetween(start, end, used)]) {
      const pattern = calendars.map(calendar => (openAt([calendar], at) ? 1 : 0)).join('');
      if (!found.has(pattern)) found.set(pattern, at);
    }
  }
  return [...found.values()];
}

/** When a weekly window of these calendars begins or ends. */
function turnsBetween(
  start: number,
  end: number,
  used: readonly { entry: { readonly weekly?: string }; timezone: string }[],
): number[] {
  const turns = new Set<number>();
  for (const { entry, timezone } of used) {
    const minutes = new Set(
      (entry.weekly ? (parseWeekly(entry.weekly) ?? []) : []).flatMap(({ from, to }) => [from, to % 1_440]),
    );
    for (let day = start - DAY; day < end + DAY; day += DAY) {
      for (const minute of minutes) {
        const clock = `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
        const at = parseMoment(`${dateAt(day, timezone)}T${clock}`, timezone);
        if (at !== null && at >= start && at < end) turns.add(at);
      }
    }
  }
  return [...turns];
}

const two = (number: number): string => String(number).padStart(2, '0');
