import type { CalendarEntry, Matrix } from '../../../src/domain/matrix.ts';

/** Which calendars are open, by what a clock on the wall of that zone shows: nothing here is of `domain/calendar`. */

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

interface Wall {
  /** `2026-12-18` */
  readonly date: string;
  /** `08:00` */
  readonly time: string;
  readonly day: number;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function wallAt(at: number, timezone: string): Wall {
  const clock =
    clocks.get(timezone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  clocks.set(timezone, clock);
  const parts = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    date: `${parts.year}-${parts.month}-${parts.day}`,
    time: `${parts.hour}:${parts.minute}`,
    day: DAYS.indexOf(parts.weekday!),
  };
}

function inWindow(window: string, { time, day }: Wall): boolean {
  const [, first, last = first, from, to] = /^(\w{3})(?:-(\w{3}))? (\d\d:\d\d)-(\d\d:\d\d)$/.exec(window)!;
  const isOn = (on: number) => {
    const [begin, end] = [DAYS.indexOf(first!), DAYS.indexOf(last!)];
    return begin <= end ? begin <= on && on <= end : begin <= on || on <= end;
  };
  if (from! < to!) return isOn(day) && from! <= time && time < to!;
  return (isOn(day) && from! <= time) || (isOn((day + 6) % 7) && time < to!);
}

const isOpen = (
  { weekly, from, to, dates, except = [] }: CalendarEntry,
  wall: Wall,
  others: NonNullable<Matrix['calendars']>,
): boolean =>
  (weekly === undefined || weekly.split(', ').some(window => inWindow(window, wall))) &&
  (from === undefined || from <= `${wall.date}T${wall.time}`) &&
  (to === undefined || `${wall.date}T${wall.time}` < to) &&
  (dates === undefined || dates.includes(wall.date)) &&
  !except.some(name => isOpen(others[name]!, wall, others));

export function openCalendars({ calendars = {}, timezone }: Matrix, at: number): string[] {
  const wall = wallAt(at, timezone);
  return Object.keys(calendars).filter(name => isOpen(calendars[name]!, wall, calendars));
}
