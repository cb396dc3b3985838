import { parseWeekly } from '../../domain/calendar.ts';
import { whenText } from '../../domain/explanation.ts';
import type { CalendarEntry, When } from '../../domain/matrix.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, listed, placeOf } from './lines.ts';
import type { Pair } from './pair.ts';
import { rowPath, type Side, same, without } from './side.ts';

/** A cell that is open at times when it was shut (`easier`), or shut when it was open (`harder`). */
export function windowFact({ before, after }: Pair, kind: 'easier' | 'harder'): Fact {
  const { cell } = after;
  const was = before.cell.activity.when;
  const is = cell.activity.when;
  const calendars = [was, is].flatMap(when => [when?.during ?? []].flat());
  const causes = calendarCauses(before.side, after.side, calendars, kind === 'easier' ? 'wider' : 'narrower');
  const sameWhen = same(withoutTarget(was), withoutTarget(is));
  const reasons = [...(sameWhen ? [] : [`open ${openText(is)}, was ${openText(was)}`]), ...causes.words];
  return {
    kind,
    topic: 'window',
    weight: 70,
    cells: [cell.id],
    before: sameWhen ? null : (was ?? null),
    after: sameWhen ? null : (is ?? null),
    paths: [pointer(...rowPath(cell.id), 'when'), ...causes.paths],
    say: scope =>
      `${placeOf(scope)}: ${kind === 'easier' ? 'open at more times' : 'shut at more times'}: ${reasons.join('; ')}`,
  };
}

const withoutTarget = (when: When | undefined): When | undefined => {
  if (!when) return undefined;
  const { target: _, ...rest } = when;
  return rest;
};

function openText(when: When | undefined): string {
  const rest = withoutTarget(when) ?? {};
  return Object.keys(rest).length > 0 ? `only ${whenText(rest)}` : 'always';
}

export function timezoneWords(before: Side, after: Side): string[] {
  const [was, is] = [before.engagement.matrix.timezone, after.engagement.matrix.timezone];
  return was === is ? [] : [`times are in ${is}, were in ${was}`];
}

/** What became of these calendars and of the zone that they are in; empty where they open as before. */
export function calendarCauses(
  before: Side,
  after: Side,
  names: readonly string[],
  way: 'wider' | 'narrower' | 'both',
): { words: string[]; paths: string[] } {
  const moved = withExcepted([before, after], names).flatMap(name => {
    const [was, is] = [before, after].map(({ engagement: { matrix } }) => matrix.calendars?.[name]);
    if (!was || !is || same(timesOf(was), timesOf(is))) return [];
    const { wider, narrower } = calendarWords(was, is);
    const both = [...new Set([...wider, ...narrower])];
    const words = way === 'both' ? both : way === 'wider' ? wider : narrower;
    return [{ name, words: `${name} ${(words.length > 0 ? words : both).join(', ')}` }];
  });
  const zone = names.length > 0 ? timezoneWords(before, after) : [];
  return {
    words: [...moved.map(({ words }) => words), ...zone],
    paths: [
      ...moved.map(({ name }) => pointer('matrix', 'calendars', name)),
      ...(zone.length > 0 ? [pointer('matrix', 'timezone')] : []),
    ],
  };
}

/** These calendars and those that they except, in either version. */
function withExcepted(sides: readonly Side[], names: readonly string[]): string[] {
  const found = new Set(names);
  for (const name of found) {
    for (const { engagement } of sides) {
      for (const other of engagement.matrix.calendars?.[name]?.except ?? []) found.add(other);
    }
  }
  return [...found];
}

/** What a calendar says of times; its label says nothing of them. */
export const timesOf = ({ label: _, ...times }: CalendarEntry) => times;

/** What a calendar has more, and what it has less, in words. A change of its range stands in both. */
export function calendarWords(
  was: CalendarEntry,
  is: CalendarEntry,
): { wider: string[]; narrower: string[] } {
  const range = [
    ...(was.from === is.from ? [] : [`from ${is.from ?? 'ever'} on, was ${was.from ?? 'ever'}`]),
    ...(was.to === is.to ? [] : [`until ${is.to ?? 'no end'}, was ${was.to ?? 'no end'}`]),
    ...((was.dates === undefined) === (is.dates === undefined) ? [] : [datesText(is.dates)]),
  ];
  const [then, now] = [was, is].map(({ weekly }) => minutesOf(weekly)) as [boolean[], boolean[]];
  const more = weekText(now.map((open, at) => open && !then[at]));
  const less = weekText(then.map((open, at) => open && !now[at]));
  const dates = was.dates && is.dates;
  const said = (words: string, list: readonly string[] | false | undefined) =>
    list && list.length > 0 ? [`${words} ${listed(list)}`] : [];
  return {
    wider: [
      ...(more ? [`also ${more}`] : []),
      ...said('also on', dates && without(is.dates, was.dates)),
      ...said('also during', without(was.except, is.except)),
      ...range,
    ],
    narrower: [
      ...(less ? [`no longer ${less}`] : []),
      ...said('no longer on', dates && without(was.dates, is.dates)),
      ...said('shut during', without(is.except, was.except)),
      ...range,
    ],
  };
}

const datesText = (dates: readonly string[] | undefined): string =>
  dates === undefined ? 'no longer on certain days alone' : `only on ${listed(dates)}`;

const DAY = 1_440;
const WEEK = 7 * DAY;
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The week's minutes from Monday, open or shut; without windows all are open. */
function minutesOf(weekly: string | undefined): boolean[] {
  const minutes = Array<boolean>(WEEK).fill(weekly === undefined);
  for (const { days, from, to } of weekly === undefined ? [] : (parseWeekly(weekly) ?? [])) {
    for (const day of days) {
      for (let at = from; at < to; at += 1) minutes[((day - 1) * DAY + at) % WEEK] = true;
    }
  }
  return minutes;
}

/** `Mon-Fri 18:00-20:00, Sat 08:00-12:00`; empty where nothing is open. */
function weekText(minutes: readonly boolean[]): string {
  if (!minutes.some(Boolean)) return '';
  if (minutes.every(Boolean)) return 'at all times';
  const spans: { day: number; times: string }[] = [];
  // Begin where something is shut, so that a span over the week's end stays whole.
  const first = minutes.indexOf(false);
  for (let at = first; at < first + WEEK; at += 1) {
    if (!minutes[at % WEEK] || minutes[(at + WEEK - 1) % WEEK]) continue;
    let end = at;
    while (minutes[end % WEEK]) end += 1;
    const start = at % WEEK;
    const long = end - at > DAY;
    const last = DAYS[Math.floor(((end - 1) % WEEK) / DAY)];
    const until = clock(end % DAY === 0 ? DAY : end % DAY);
    spans.push({
      day: Math.floor(start / DAY),
      times: long ? `${clock(start % DAY)} to ${last} ${until}` : `${clock(start % DAY)}-${until}`,
    });
  }
  const groups: { from: number; to: number; times: string }[] = [];
  for (const { day, times } of spans.sort(
    (one, other) => one.times.localeCompare(other.times) || one.day - other.day,
  )) {
    const open = groups.at(-1);
    if (open && open.times === times && open.to === day - 1) open.to = day;
    else groups.push({ from: day, to: day, times });
  }
  return groups
    .sort((one, other) => one.from - other.from)
    .map(({ from, to, times }) => `${DAYS[from]}${from === to ? '' : `-${DAYS[to]}`} ${times}`)
    .join(', ');
}

const clock = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
