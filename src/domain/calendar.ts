import { Temporal } from 'temporal-polyfill';
import type { CalendarEntry } from './matrix.ts';
import { once } from './once.ts';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
const DAY = '(Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const WINDOW = new RegExp(`^${DAY}(?:-${DAY})? (\\d{2}):(\\d{2})-(\\d{2}):(\\d{2})$`);

/** What each calendar's texts should look like, for messages. */
export const WEEKLY_FORM = 'windows such as "Mon-Fri 08:00-18:00, Sat 22:00-02:00"';
export const MOMENT_FORM = 'a time such as 2026-12-18T00:00';

/** One window of the week. Days count from Monday, 1; minutes from midnight; `to` may lie past 24:00. */
export interface WeeklyWindow {
  readonly days: ReadonlySet<number>;
  readonly from: number;
  readonly to: number;
}

/** Epoch milliseconds, from included, to excluded. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Calendar {
  /** `null`: every hour of the week. */
  readonly weekly: readonly WeeklyWindow[] | null;
  readonly range: Span | null;
  /** Whole days, in order; `null`: every day. */
  readonly days: readonly Span[] | null;
  readonly timezone: string;
  /** It is shut while one of these is open. */
  readonly except: readonly Calendar[];
}

/** `null`: not windows in the form `WEEKLY_FORM`. A window that ends before it starts ends on the next day. */
export function parseWeekly(text: string): WeeklyWindow[] | null {
  const windows: WeeklyWindow[] = [];
  for (const part of text.split(',')) {
    const match = WINDOW.exec(part.trim().replace(/\s+/g, ' '));
    if (!match) return null;
    const from = minutesOf(match[3]!, match[4]!);
    const to = minutesOf(match[5]!, match[6]!);
    if (from === null || to === null || from === to || from === 1_440) return null;
    windows.push({
      days: daysBetween(match[1]!, match[2] ?? match[1]!),
      from,
      to: to > from ? to : to + 1_440,
    });
  }
  return windows;
}

function minutesOf(hours: string, minutes: string): number | null {
  const total = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && total <= 1_440 ? total : null;
}

function daysBetween(first: string, last: string): Set<number> {
  const from = DAYS.indexOf(first as (typeof DAYS)[number]);
  const count = (DAYS.indexOf(last as (typeof DAYS)[number]) - from + 7) % 7;
  return new Set(Array.from({ length: count + 1 }, (_, step) => ((from + step) % 7) + 1));
}

/**
 * Epoch milliseconds of `2026-12-18T00:00`, in `timezone` unless the text brings an offset or `Z`; `null` when it
 * is no such time. A time that the clocks skip is the moment they jumped; one that comes twice is the first.
 */
export function parseMoment(text: string, timezone: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?$/.test(text)) return null;
  try {
    return /(Z|[+-]\d{2}:\d{2})$/.test(text)
      ? Temporal.Instant.from(text).epochMilliseconds
      : momentOf(Temporal.PlainDateTime.from(text, { overflow: 'reject' }), timezone);
  } catch {
    return null;
  }
}

/** `true` for a calendar date `2027-02-20`. */
export function isDate(text: string): boolean {
  try {
    return /^\d{4}-\d{2}-\d{2}$/.test(text) && Temporal.PlainDate.from(text, { overflow: 'reject' }) !== null;
  } catch {
    return false;
  }
}

/** `false` for a name the time zone database does not have. */
export function isTimezone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

/** `2026-11-24` where the clocks of `timezone` stand at this moment. */
export const dateAt = (at: number, timezone: string): string =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone).toPlainDate().toString();

/** The last moment up to `now` at which the clocks of a zone came to so many minutes after midnight, or past them. */
export function lastAt(minutes: number, now: number, timezone: string): number {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timezone).toPlainDate();
  const at = momentOf(clockAt(today, minutes), timezone);
  return at <= now ? at : momentOf(clockAt(today.subtract({ days: 1 }), minutes), timezone);
}

/** `2026-11-24 10:00 America/New_York`; a time that comes twice says which: `2026-11-01 01:30-05:00 America/New_York`. */
export function timeAt(at: number, timezone: string): string {
  const { milliseconds, said } = offsetAt(at, timezone);
  const [date, time] = new Date(at + milliseconds).toISOString().split('T');
  return `${date} ${time!.slice(0, 5)}${said} ${timezone}`;
}

interface Offset {
  readonly milliseconds: number;
  /** Where the local time comes twice; else nothing. */
  readonly said: string;
}

const QUARTER = 900_000;
const MOST_QUARTERS = 4_096;
const quarters = new Map<string, Map<number, Offset>>();

/** Clocks change on the quarter hour, so a quarter that begins and ends alike is the same all through. */
function offsetAt(at: number, timezone: string): Offset {
  const quarter = Math.floor(at / QUARTER);
  const zone = quarters.get(timezone) ?? new Map<number, Offset>();
  const known = zone.get(quarter);
  if (known) return known;
  const first = readOffset(quarter * QUARTER, timezone);
  const last = readOffset((quarter + 1) * QUARTER - 1, timezone);
  if (first.milliseconds !== last.milliseconds || first.said !== last.said) return readOffset(at, timezone);
  if (zone.size >= MOST_QUARTERS) zone.clear();
  quarters.set(timezone, zone.set(quarter, first));
  return first;
}

function readOffset(at: number, timezone: string): Offset {
  const zoned = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone);
  const local = zoned.toPlainDateTime();
  const first = local.toZonedDateTime(timezone, { disambiguation: 'earlier' });
  const twice = !first.equals(local.toZonedDateTime(timezone, { disambiguation: 'later' }));
  return { milliseconds: zoned.offsetNanoseconds / 1_000_000, said: twice ? zoned.offset : '' };
}

/**
 * The calendars of a matrix by name, each with those that it excepts.
 *
 * @throws RangeError on texts that `parseWeekly` or `parseMoment` would not take, on an `except` that names no
 * calendar and on calendars that except each other in a circle
 */
export function calendarsOf(
  entries: Readonly<Record<string, CalendarEntry>>,
  timezone: string,
): ReadonlyMap<string, Calendar> {
  const known = new Map<string, Calendar>();
  const read = (name: string, inside: readonly string[]): Calendar => {
    const found = known.get(name);
    if (found) return found;
    if (!Object.hasOwn(entries, name) || inside.includes(name)) {
      throw new RangeError('this calendar excepts one that is not there, or itself');
    }
    const entry = entries[name]!;
    const excepted = (entry.except ?? []).map(other => read(other, [...inside, name]));
    const calendar = calendarOf(entry, timezone, excepted);
    known.set(name, calendar);
    return calendar;
  };
  for (const name of Object.keys(entries)) read(name, []);
  return known;
}

/**
 * @param except those that the entry names, read before
 * @throws RangeError on texts that `parseWeekly` or `parseMoment` would not take
 */
export function calendarOf(
  entry: CalendarEntry,
  timezone: string,
  except: readonly Calendar[] = [],
): Calendar {
  const weekly = entry.weekly === undefined ? null : parseWeekly(entry.weekly);
  const ranged = entry.from !== undefined && entry.to !== undefined;
  const from = ranged ? parseMoment(entry.from!, timezone) : null;
  const to = ranged ? parseMoment(entry.to!, timezone) : null;
  const range = from !== null && to !== null ? { from, to } : null;
  const days = entry.dates === undefined ? null : [...entry.dates].sort().map(date => dayOf(date, timezone));
  if ((entry.weekly !== undefined && !weekly) || (ranged && !range)) {
    throw new RangeError('this calendar does not parse');
  }
  if (!weekly && !range && !days && except.length === 0) throw new RangeError('this calendar says nothing');
  return { weekly: weekly && coversWeek(weekly) ? null : weekly, range, days, timezone, except };
}

/** From the midnight of a date to the next: 23, 24 or 25 hours, as its zone has it. */
function dayOf(date: string, timezone: string): Span {
  if (!isDate(date)) throw new RangeError('this calendar does not parse');
  const day = Temporal.PlainDate.from(date);
  return { from: momentOf(clockAt(day, 0), timezone), to: momentOf(clockAt(day, 1_440), timezone) };
}

const WEEK = 7 * 1_440;

/** Windows without a gap say nothing, and looking for their end would never end. */
function coversWeek(windows: readonly WeeklyWindow[]): boolean {
  const open = windows
    .flatMap(window => [...window.days].map(day => ({ ...window, offset: (day - 1) * 1_440 })))
    // A window that passes the week's end begins once more before its start.
    .flatMap(({ offset, from, to }) => [
      { from: offset + from, to: offset + to },
      { from: offset + from - WEEK, to: offset + to - WEEK },
    ])
    .sort((one, other) => one.from - other.from);
  return (
    open.reduce((reached, { from, to }) => (from <= reached ? Math.max(reached, to) : reached), 0) >= WEEK
  );
}

const HORIZON = 15 * 86_400_000;

/**
 * Whether one of these calendars is open at a moment, and until when: windows that touch are one window, also
 * across calendars. `null`: all are shut. `end` is epoch milliseconds, `null` where none comes; windows that touch
 * for longer than two weeks are cut there.
 */
export function openAt(calendars: readonly Calendar[], at: number): { end: number | null } | null {
  let end = at;
  while (end < at + HORIZON) {
    let reached = end;
    for (const calendar of calendars) reached = Math.max(reached, endOf(calendar, end));
    if (reached === Number.POSITIVE_INFINITY) return { end: null };
    if (reached === end) break;
    end = reached;
  }
  return end === at ? null : { end };
}

const SHUT = Number.NEGATIVE_INFINITY;
const NEVER = Number.POSITIVE_INFINITY;

/** The end of the window that is open at this moment, minus infinity when none is. */
function endOf(calendar: Calendar, at: number): number {
  const end = endOfHours(calendar, at);
  const { except } = calendar;
  if (end === SHUT || except.length === 0) return end;
  if (except.some(other => endOf(other, at) !== SHUT)) return SHUT;
  return Math.min(end, ...except.map(other => nextStart(other, at)));
}

/** The same without what it excepts. */
function endOfHours(calendar: Calendar, at: number): number {
  const { range, days } = calendar;
  const windows = windowsAround(calendar, at);
  let end = NEVER;
  if (range) end = range.from <= at && at < range.to ? range.to : SHUT;
  if (days) end = Math.min(end, lastEnd(days, at));
  return windows ? Math.min(end, lastEnd(windows, at)) : end;
}

/** The end of those spans that hold a moment, the last of them. */
function lastEnd(spans: readonly Span[], at: number): number {
  let end = SHUT;
  for (const { from, to } of spans) if (from <= at && at < to && to > end) end = to;
  return end;
}

const DAY_LONG = 86_400_000;
const MOST_DAYS_KNOWN = 512;
const windowsByDay = once((_: Calendar) => new Map<number, readonly Span[]>());

/**
 * Its weekly windows of the days around a moment: clocks are up to a day off those of UTC, and windows may pass
 * midnight. `null`: every hour.
 */
function windowsAround(calendar: Calendar, at: number): readonly Span[] | null {
  const { weekly, timezone } = calendar;
  if (!weekly) return null;
  const known = windowsByDay(calendar);
  const day = Math.floor(at / DAY_LONG);
  const found = known.get(day);
  if (found) return found;
  const date = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO('UTC').toPlainDate();
  const windows = [-2, -1, 0, 1].flatMap(days => windowsOn(weekly, date.add({ days }), timezone));
  if (known.size >= MOST_DAYS_KNOWN) known.clear();
  known.set(day, windows);
  return windows;
}

const windowsOn = (weekly: readonly WeeklyWindow[], date: Temporal.PlainDate, timezone: string): Span[] =>
  weekly
    .filter(window => window.days.has(date.dayOfWeek))
    .map(window => ({
      from: momentOf(clockAt(date, window.from), timezone),
      to: momentOf(clockAt(date, window.to), timezone),
    }));

/** After so many windows that its exceptions take away, a calendar counts as open: whoever asks is then shut early. */
const MOST_LOOKS = 16;

/** The first moment from now on at which a calendar is open; infinity where none comes. Never too late. */
function nextStart(calendar: Calendar, now: number): number {
  let at = now;
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    at = nextHours(calendar, at);
    const ends = calendar.except.map(other => endOf(other, at)).filter(end => end !== SHUT);
    if (ends.length === 0 || at === NEVER) return at;
    at = Math.max(...ends);
    if (at === NEVER) return NEVER;
  }
  return at;
}

/** In so many days a weekly window comes again, also where a jump of the clocks left one out. */
const DAYS_AHEAD = 15;

/** The first moment from `now` on within its own hours: now, or the begin of one of its spans. */
function nextHours(calendar: Calendar, now: number): number {
  if (endOfHours(calendar, now) !== SHUT) return now;
  const { range, days, weekly, timezone } = calendar;
  const first = (begins: readonly number[]): number =>
    Math.min(NEVER, ...begins.filter(begin => begin > now && endOfHours(calendar, begin) !== SHUT));
  const begin = first([...(range ? [range.from] : []), ...(days ?? []).map(({ from }) => from)]);
  if (!weekly) return begin;
  const windows = (moment: number, ahead: number): number => {
    const date = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(timezone).toPlainDate();
    for (let day = 0; day <= ahead; day += 1) {
      const found = first(windowsOn(weekly, date.add({ days: day }), timezone).map(({ from }) => from));
      if (found !== NEVER) return found;
    }
    return NEVER;
  };
  const ahead = days
    ? days.filter(({ to }) => to > now).map(({ from }) => windows(from, 0))
    : [windows(Math.max(now, range?.from ?? now), DAYS_AHEAD)];
  return Math.min(begin, ...ahead);
}

function clockAt(date: Temporal.PlainDate, minutes: number): Temporal.PlainDateTime {
  const day = minutes >= 1_440 ? date.add({ days: 1 }) : date;
  const rest = minutes % 1_440;
  return day.toPlainDateTime({ hour: Math.floor(rest / 60), minute: rest % 60 });
}

/**
 * The first moment at which the clocks of a zone show this time or have passed it: when they jump over it, the
 * jump; when they show it twice, the first. So a window that lies within the jump is empty, and none is open longer
 * than its clock times say at its start.
 */
function momentOf(clock: Temporal.PlainDateTime, timezone: string): number {
  const earlier = clock.toZonedDateTime(timezone, { disambiguation: 'earlier' });
  if (earlier.toPlainDateTime().equals(clock)) return earlier.epochMilliseconds;
  return earlier.getTimeZoneTransition('next')?.epochMilliseconds ?? earlier.epochMilliseconds;
}
