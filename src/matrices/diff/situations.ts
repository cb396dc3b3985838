import { type Calendar, calendarsOf, openAt, parseMoment } from '../../domain/calendar.ts';
import { listOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import type { When } from '../../domain/matrix.ts';
import { memo } from './memo.ts';

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

const DAY = 86_400_000;
const MINUTE = 60_000;
/** A January week in which hardly any clock of the world is changed. */
const ANY_WEEK = Date.UTC(2026, 0, 12);
/** A week, and the days that a change of clocks spoils. */
const DAYS = 11;

/** One moment for each pattern in which these calendars are open and shut in the versions. */
function momentsOf(versions: readonly Engagement[], names: readonly string[]): number[] {
  const read = versions.map(({ matrix: { calendars = {}, timezone } }) => calendarsOf(calendars, timezone));
  const asked = read.flatMap(calendars => names.flatMap(name => calendars.get(name) ?? []));
  const all = withExcepted(asked);
  const edges = all.flatMap(({ range, days }) =>
    [...(range ? [range] : []), ...(days ?? [])].flatMap(({ from, to }) => [from, to]),
  );
  const starts = edges.length > 0 ? [Math.min(...edges) - DAYS * DAY, ...new Set(edges)] : [ANY_WEEK];
  const offset = memo(offsetOf);
  const found = new Map<string, number>();
  for (const start of starts) {
    const end = Math.min(start + DAYS * DAY, ...edges.filter(edge => edge > start));
    for (const at of [start, ...turnsBetween(start, end, all, offset)]) {
      const pattern = asked.map(calendar => (isOpen(calendar, at, offset) ? 1 : 0)).join('');
      if (!found.has(pattern)) found.set(pattern, at);
    }
  }
  return [...found.values()];
}

const withExcepted = (calendars: readonly Calendar[]): Calendar[] =>
  calendars.flatMap(calendar => [calendar, ...withExcepted(calendar.except)]);

type Offset = (key: string) => number | null;

/**
 * By how many milliseconds the clocks of a zone are ahead of UTC around a day of UTC (`zone day`, days since 1970);
 * `null` where they are changed thereabouts.
 */
function offsetOf(key: string): number | null {
  const [zone, day] = key.split(' ') as [string, string];
  const offsets = [-1, 0, 1, 2].map(step => {
    const midnight = (Number(day) + step) * DAY;
    return midnight - (parseMoment(new Date(midnight).toISOString().slice(0, 16), zone) ?? Number.NaN);
  });
  return offsets.every(offset => offset === offsets[0]) ? offsets[0]! : null;
}

/** When a weekly window of these calendars begins or ends. */
function turnsBetween(start: number, end: number, calendars: readonly Calendar[], offset: Offset): number[] {
  const turns = new Set<number>();
  for (const { weekly, timezone } of calendars) {
    const minutes = new Set((weekly ?? []).flatMap(({ from, to }) => [from, to % 1_440]));
    for (let day = Math.floor(start / DAY) - 1; day * DAY < end + DAY; day += 1) {
      const ahead = offset(`${timezone} ${day}`);
      for (const minute of minutes) {
        const clock = day * DAY + minute * MINUTE;
        const at =
          ahead === null ? parseMoment(new Date(clock).toISOString().slice(0, 16), timezone) : clock - ahead;
        if (at !== null && at >= start && at < end) turns.add(at);
      }
    }
  }
  return [...turns];
}

/** The same as `openAt` says, by plain arithmetic on the days on which no clock is changed. */
function isOpen(calendar: Calendar, at: number, offset: Offset): boolean {
  const { range, days, weekly, timezone, except } = calendar;
  const ahead = offset(`${timezone} ${Math.floor(at / DAY)}`);
  if (ahead === null) return openAt([calendar], at) !== null;
  const holds = ({ from, to }: { from: number; to: number }) => from <= at && at < to;
  const local = at + ahead;
  const minute = (local % DAY) / MINUTE;
  // The first of January 1970 was a Thursday.
  const today = ((Math.floor(local / DAY) + 3) % 7) + 1;
  const yesterday = today === 1 ? 7 : today - 1;
  return (
    (!range || holds(range)) &&
    (!days || days.some(holds)) &&
    (!weekly ||
      weekly.some(
        ({ days: on, from, to }) =>
          (on.has(today) && from <= minute && minute < to) ||
          (on.has(yesterday) && from <= minute + 1_440 && minute + 1_440 < to),
      )) &&
    !except.some(other => isOpen(other, at, offset))
  );
}
