/** How pages speak of time; the server says it first, and the islands keep it current with the same words. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `1 d 3 h`, `2 h 5 min`, `47 min`, `45 s`: the two largest units that say something. */
export function spanWords(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < 2 * MINUTE) return `${Math.ceil(span / 1000)} s`;
  const minutes = Math.floor(span / MINUTE) % 60;
  const hours = Math.floor(span / HOUR);
  if (hours === 0) return `${minutes} min`;
  if (span < 2 * DAY) return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  const rest = hours % 24;
  return rest === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${rest} h`;
}

/** `47 min left`; after that moment, `over`. */
export const leftWords = (at: Date, now: Date): string =>
  at > now ? `${spanWords(at.getTime() - now.getTime())} left` : 'over';

/** `in 47 min`, `12 min ago`, `now`. */
export function apartWords(at: Date, now: Date): string {
  const apart = at.getTime() - now.getTime();
  if (Math.abs(apart) < 1000) return 'now';
  return apart > 0 ? `in ${spanWords(apart)}` : `${spanWords(-apart)} ago`;
}

/** `America/New_York` as people say it: `New York`. */
export const placeOf = (zone: string): string => zone.slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' ');

interface ClockParts {
  readonly day: string;
  readonly time: string;
}

function clockParts(at: Date, zone: string | undefined, seconds: boolean): ClockParts {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...(zone === undefined ? {} : { timeZone: zone }),
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const part = (type: string) => parts.find(one => one.type === type)?.value ?? '';
  return {
    day: `${part('weekday')} ${part('day')} ${part('month')} ${part('year')}`,
    time: `${part('hour')}:${part('minute')}${seconds ? `:${part('second')}` : ''}`,
  };
}

/** `16:30` on the same day, else `Tue 24 Nov 16:30`; the year where it is another one. */
export function clockWords(at: Date, zone: string | undefined, now: Date, seconds = false): string {
  const there = clockParts(at, zone, seconds);
  const here = clockParts(now, zone, seconds);
  if (there.day === here.day) return there.time;
  const sameYear = there.day.slice(-4) === here.day.slice(-4);
  return `${sameYear ? there.day.slice(0, -5) : there.day} ${there.time}`;
}

/** The matrix's clock, named: `16:30 New York`; in an hour that comes twice with which it is: `01:30 GMT-5 New York`. */
export const zonedWords = (at: Date, zone: string, now: Date, seconds = false): string =>
  `${clockWords(at, zone, now, seconds)}${whichOfTwo(at, zone)} ${placeOf(zone)}`;

function whichOfTwo(at: Date, zone: string): string {
  const shown = (moment: Date) => clockWords(moment, zone, at, true);
  const twice = [-HOUR, HOUR].some(apart => shown(new Date(at.getTime() + apart)) === shown(at));
  if (!twice) return '';
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    timeZoneName: 'shortOffset',
  }).formatToParts(at);
  return ` ${parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''}`;
}

/** A reader elsewhere gets their own clock first: `21:30 your time (16:30 New York)`. */
export function readerWords(
  at: Date,
  zone: string,
  own: string | undefined,
  now: Date,
  seconds = false,
): string {
  const theirs = zonedWords(at, zone, now, seconds);
  const mine = clockWords(at, own, now, seconds);
  return mine === clockWords(at, zone, now, seconds) ? theirs : `${mine} your time (${theirs})`;
}

/** `1 hour 30 minutes`, for a length that is asked for. */
export function lengthWords(seconds: number): string {
  const units: [number, string][] = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ];
  const words: string[] = [];
  let left = Math.floor(seconds);
  for (const [size, name] of units) {
    // A day of hours is said in hours, as durations in the matrix are.
    if (name === 'day' && left < 2 * size) continue;
    const count = Math.floor(left / size);
    if (count > 0) words.push(`${count} ${name}${count === 1 ? '' : 's'}`);
    left -= count * size;
  }
  return words.join(' ') || '0 seconds';
}
