import { describe, expect, it } from 'vitest';
import { calendarOf, isDate, openAt, parseMoment, parseWeekly, timeAt } from '../../src/domain/calendar.ts';
import { formatDuration, parseDuration } from '../../src/domain/duration.ts';
import { termOf } from '../../src/domain/grant.ts';

const NEW_YORK = 'America/New_York';
const weekly = (text: string) => calendarOf({ weekly: text }, NEW_YORK);
/** The end of the window that is open at `at`; `shut`, or `endless`. */
function end(calendars: ReturnType<typeof weekly>[], at: string): string {
  const open = openAt(calendars, Date.parse(at));
  return open
    ? open.end === null
      ? 'endless'
      : new Date(open.end).toISOString().replace(':00.000Z', 'Z')
    : 'shut';
}

describe('weekly windows', () => {
  it.each([
    ['a working day', 'Mon-Fri 08:00-18:00', '2026-11-24T13:00Z', '2026-11-24T23:00Z'],
    ['its first moment', 'Tue 08:00-18:00', '2026-11-24T13:00Z', '2026-11-24T23:00Z'],
    ['the moment before', 'Tue 08:00-18:00', '2026-11-24T12:59:59Z', 'shut'],
    ['its last moment is no longer in it', 'Tue 08:00-18:00', '2026-11-24T23:00Z', 'shut'],
    ['the second of several', 'Mon 08:00-09:00, Tue 08:00-18:00', '2026-11-24T14:00Z', '2026-11-24T23:00Z'],
    ['past midnight, the evening', 'Sat 22:00-02:00', '2026-11-29T04:00Z', '2026-11-29T07:00Z'],
    ['past midnight, the morning', 'Sat 22:00-02:00', '2026-11-29T06:00Z', '2026-11-29T07:00Z'],
    ['days that pass the end of the week', 'Sat-Mon 10:00-11:00', '2026-11-23T15:30Z', '2026-11-23T16:00Z'],
    [
      'windows that touch are one',
      'Mon 20:00-24:00, Tue 00:00-04:00',
      '2026-11-24T02:00Z',
      '2026-11-24T09:00Z',
    ],
    ['the whole week', 'Mon-Sun 00:00-24:00', '2026-11-24T02:00Z', 'endless'],
    [
      'the whole week, passing midnight',
      'Mon-Sun 12:00-00:00, Mon-Sun 00:00-12:00',
      '2026-11-24T02:00Z',
      'endless',
    ],
    // 2026-03-08: at 02:00 the clocks jump to 03:00.
    ['spring, the window is an hour shorter', 'Sun 01:00-05:00', '2026-03-08T06:00Z', '2026-03-08T09:00Z'],
    ['spring, an end that is skipped', 'Sun 01:00-02:30', '2026-03-08T06:30Z', '2026-03-08T07:00Z'],
    ['spring, a start that is skipped', 'Sun 02:30-04:00', '2026-03-08T07:00Z', '2026-03-08T08:00Z'],
    ['spring, a window within the jump', 'Sun 02:10-02:50', '2026-03-08T07:00Z', 'shut'],
    // 2026-11-01: at 02:00 the clocks go back to 01:00.
    ['autumn, the window is an hour longer', 'Sun 01:00-05:00', '2026-11-01T05:00Z', '2026-11-01T10:00Z'],
    [
      'autumn, an end that comes twice is the first',
      'Sun 00:00-01:30',
      '2026-11-01T05:00Z',
      '2026-11-01T05:30Z',
    ],
    [
      'autumn, a start that comes twice, seen from the second time',
      'Sun 01:30-04:00',
      '2026-11-01T06:30Z',
      '2026-11-01T09:00Z',
    ],
    ['autumn, the hour that comes twice is two', 'Sun 01:00-02:00', '2026-11-01T05:00Z', '2026-11-01T07:00Z'],
    ['autumn, its second half too', 'Sun 01:00-02:00', '2026-11-01T06:59Z', '2026-11-01T07:00Z'],
    ['spring, a start at the jump', 'Sun 02:00-04:00', '2026-03-08T07:00Z', '2026-03-08T08:00Z'],
    ['spring, the night before passes it', 'Sat 22:00-03:30', '2026-03-08T03:00Z', '2026-03-08T07:30Z'],
    ['autumn, the night before passes it', 'Sat 22:00-03:30', '2026-11-01T02:00Z', '2026-11-01T08:30Z'],
    ['the 29th of February', 'Tue 08:00-18:00', '2028-02-29T14:00Z', '2028-02-29T23:00Z'],
    ['the night into the 29th', 'Mon 22:00-02:00', '2028-02-29T06:00Z', '2028-02-29T07:00Z'],
    ['the night into March of a leap year', 'Tue 22:00-02:00', '2028-03-01T06:59Z', '2028-03-01T07:00Z'],
    ['the night into a year', 'Thu 22:00-02:00', '2027-01-01T06:00Z', '2027-01-01T07:00Z'],
    ['autumn, the second time is outside', 'Sun 00:00-01:30', '2026-11-01T06:15Z', 'shut'],
    [
      'autumn, a start that comes twice is the first',
      'Sun 01:30-04:00',
      '2026-11-01T05:30Z',
      '2026-11-01T09:00Z',
    ],
  ])('%s', (_, text, at, expected) => {
    expect(end([weekly(text)], at)).toBe(expected);
  });

  it.each([
    '',
    'Mon',
    'Monday 08:00-09:00',
    'Mon 8:00-9:00',
    'Mon 08:00-08:00',
    'Mon 24:00-25:00',
    'Mon 08:60-09:00',
    '08:00-09:00',
    'Mon 08:00-09:00;',
  ])('does not take %j', text => {
    expect(parseWeekly(text)).toBeNull();
  });
});

describe('ranges', () => {
  it('is in the zone of the matrix unless it names one', () => {
    expect(parseMoment('2026-12-18T00:00', NEW_YORK)).toBe(Date.parse('2026-12-18T05:00Z'));
    expect(parseMoment('2026-12-18T00:00+01:00', NEW_YORK)).toBe(Date.parse('2026-12-17T23:00Z'));
    expect(parseMoment('2026-12-18T00:00Z', NEW_YORK)).toBe(Date.parse('2026-12-18T00:00Z'));
    for (const text of ['2026-12-18', '2026-02-30T00:00', '2026-12-18T24:00', 'soon']) {
      expect(parseMoment(text, NEW_YORK)).toBeNull();
    }
  });

  it('is open from its start up to its end', () => {
    const freeze = calendarOf({ from: '2026-12-18T00:00', to: '2027-01-04T06:00' }, NEW_YORK);
    expect(end([freeze], '2026-12-18T04:59Z')).toBe('shut');
    expect(end([freeze], '2026-12-18T05:00Z')).toBe('2027-01-04T11:00Z');
    expect(end([freeze], '2027-01-04T11:00Z')).toBe('shut');
  });

  it.each<[string, string, string, string, string]>([
    ['its first moment', '2026-12-18T00:00', '2027-01-04T06:00', '2026-12-18T05:00:00Z', '2027-01-04T11:00Z'],
    ['the last before it', '2026-12-18T00:00', '2027-01-04T06:00', '2026-12-18T04:59:59.999Z', 'shut'],
    [
      'midnight of the year',
      '2026-12-18T00:00',
      '2027-01-04T06:00',
      '2027-01-01T05:00Z',
      '2027-01-04T11:00Z',
    ],
    ['its last', '2026-12-18T00:00', '2027-01-04T06:00', '2027-01-04T10:59:59.999Z', '2027-01-04T11:00Z'],
    ['the first after it', '2026-12-18T00:00', '2027-01-04T06:00', '2027-01-04T11:00Z', 'shut'],
    [
      'one over the change of clocks',
      '2026-03-07T12:00',
      '2026-03-08T12:00',
      '2026-03-07T17:00Z',
      '2026-03-08T16:00Z',
    ],
    ['a leap day', '2028-02-29T00:00', '2028-03-01T00:00', '2028-02-29T05:00Z', '2028-03-01T05:00Z'],
    [
      'a start that is skipped',
      '2026-03-08T02:30',
      '2026-03-08T12:00',
      '2026-03-08T07:00Z',
      '2026-03-08T16:00Z',
    ],
    [
      'an end that comes twice',
      '2026-10-31T00:00',
      '2026-11-01T01:30',
      '2026-11-01T05:29Z',
      '2026-11-01T05:30Z',
    ],
    ['its second time', '2026-10-31T00:00', '2026-11-01T01:30', '2026-11-01T06:00Z', 'shut'],
  ])('%s', (_, from, to, at, expected) => {
    expect(end([calendarOf({ from, to }, NEW_YORK)], at)).toBe(expected);
  });

  it.each([
    ['2028-02-29', true],
    ['2027-02-29', false],
    ['2100-02-29', false],
    ['2000-02-29', true],
    ['2026-02-30', false],
  ])('has %s as a date: %s', (text, expected) => {
    expect(isDate(text)).toBe(expected);
    expect(parseMoment(`${text}T00:00`, NEW_YORK) !== null).toBe(expected);
  });

  it.each([
    ['New York', 'America/New_York', '2026-12-18T05:00Z'],
    ['Berlin', 'Europe/Berlin', '2026-12-17T23:00Z'],
    ['Kathmandu, a quarter of an hour off', 'Asia/Kathmandu', '2026-12-17T18:15Z'],
    ['Kiritimati, a day ahead', 'Pacific/Kiritimati', '2026-12-17T10:00Z'],
    ['Lord Howe, whose clocks change by half an hour', 'Australia/Lord_Howe', '2026-12-17T13:00Z'],
  ])('midnight in %s is its own', (_, zone, expected) => {
    expect(parseMoment('2026-12-18T00:00', zone)).toBe(Date.parse(expected));
  });

  it('a day that a zone left out (Samoa, 2011-12-30) is the moment after it', () => {
    expect(parseMoment('2011-12-30T12:00', 'Pacific/Apia')).toBe(Date.parse('2011-12-30T10:00Z'));
  });

  it('cuts the windows of a calendar that has both, and joins those of two that touch', () => {
    const both = calendarOf(
      { weekly: 'Mon-Fri 08:00-18:00', from: '2026-11-01T00:00', to: '2026-11-24T12:00' },
      NEW_YORK,
    );
    expect(end([both], '2026-11-24T14:00Z')).toBe('2026-11-24T17:00Z');
    expect(end([both], '2026-11-24T17:30Z')).toBe('shut');
    expect(end([both, weekly('Tue 11:00-13:00')], '2026-11-24T14:00Z')).toBe('2026-11-24T18:00Z');
  });
});

describe('a grant', () => {
  const term = (from: string, duration: string) =>
    termOf({ startsAt: null, seconds: parseDuration(duration)! }, null, new Date(from))?.endsAt.toISOString();

  it.each([
    ['over the spring change', '2026-03-08T06:30:00.000Z', '1h', '2026-03-08T07:30:00.000Z'],
    ['over the autumn change', '2026-11-01T05:30:00.000Z', '1h', '2026-11-01T06:30:00.000Z'],
    [
      'for a day in spring: 24 hours, not the same clock time',
      '2026-03-07T17:00:00.000Z',
      '1d',
      '2026-03-08T17:00:00.000Z',
    ],
    ['for a day in autumn', '2026-10-31T16:00:00.000Z', '1d', '2026-11-01T16:00:00.000Z'],
    ['over a leap day', '2028-02-28T12:00:00.000Z', '2d', '2028-03-01T12:00:00.000Z'],
    ['over the year’s end', '2026-12-31T23:59:59.500Z', '1s', '2027-01-01T00:00:00.500Z'],
  ])('lasts as long as was asked, %s', (_, from, duration, expected) => {
    expect(term(from, duration)).toBe(expected);
  });

  it('says its end in the zone of the matrix, by name, whoever reads it', () => {
    expect(timeAt(Date.parse('2026-11-01T05:30Z'), NEW_YORK)).toBe('2026-11-01 01:30-04:00 America/New_York');
    expect(timeAt(Date.parse('2026-11-01T06:30Z'), NEW_YORK)).toBe('2026-11-01 01:30-05:00 America/New_York');
    expect(timeAt(Date.parse('2026-11-01T07:30Z'), NEW_YORK)).toBe('2026-11-01 02:30 America/New_York');
    expect(timeAt(Date.parse('2026-03-08T07:00Z'), NEW_YORK)).toBe('2026-03-08 03:00 America/New_York');
  });
});

describe('durations', () => {
  it.each([
    ['90s', 90],
    ['1h30m', 5400],
    ['2d', 172_800],
    ['0s', null],
    ['1.5h', null],
    ['2 h', null],
    ['', null],
    ['99999d', null],
  ])('%s is %s seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  it.each([
    [0, '0s'],
    [90, '1m30s'],
    [7200, '2h'],
    [86_400, '24h'],
    [180_000, '2d2h'],
  ])('%s seconds are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});
