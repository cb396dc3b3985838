import { Temporal } from 'temporal-polyfill';
import { type Calendar, openAt, parseMoment } from './calendar.ts';

/** Clocks that jump may leave a weekly window out once, never twice in a row. */
const DAYS_AHEAD = 15;

/**
 * The first moment from `from` on (epoch milliseconds) at which of each of these lists one calendar is open; `null`
 * where none comes. With one list: when it opens; with two: when they are open together.
 */
export function firstOpening(lists: readonly (readonly Calendar[])[], from: number): number | null {
  const all = [...new Set(lists.flat().flatMap(withExcepted))];
  const open = (at: number) => lists.every(calendars => openAt(calendars, at) !== null);
  if (open(from)) return from;
  // What is open at once begins where one of them begins, or where one ends that another excepts.
  const edges = all.flatMap(({ range, days }) => [...(range ? [range] : []), ...(days ?? [])]);
  const turns = [from, ...edges.flatMap(span => [span.from, span.to])].filter(turn => turn >= from);
  const begins = new Set(turns);
  for (const { weekly, timezone } of all) {
    if (!weekly) continue;
    const times = [...new Set(weekly.flatMap(window => [window.from, window.to % DAY]))];
    for (const date of daysAfter(turns, timezone)) {
      for (const minutes of times) begins.add(parseMoment(`${date}T${clockText(minutes)}`, timezone)!);
    }
  }
  for (const begin of [...begins].sort((one, other) => one - other)) {
    if (begin >= from && open(begin)) return begin;
  }
  return null;
}

const DAY = 1_440;

const withExcepted = (calendar: Calendar): Calendar[] => [calendar, ...calendar.except.flatMap(withExcepted)];

/** The dates from the day before each of these moments, whose windows may pass midnight. */
function daysAfter(moments: readonly number[], timezone: string): Set<string> {
  const dates = new Set<string>();
  for (const moment of moments) {
    const date = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(timezone).toPlainDate();
    for (let day = -1; day <= DAYS_AHEAD; day += 1) dates.add(date.add({ days: day }).toString());
  }
  return dates;
}

const clockText = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
