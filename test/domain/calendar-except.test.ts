import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarOf, calendarsOf, openAt } from '../../src/domain/calendar.ts';
import type { CalendarEntry } from '../../src/domain/matrix.ts';

const NEW_YORK = 'America/New_York';
const BERLIN = 'Europe/Berlin';
const LORD_HOWE = 'Australia/Lord_Howe';

type Entries = Record<string, CalendarEntry>;

/** When the calendar `it` shuts that is open at a moment; `shut`, or `endless`. */
function end(entries: Entries, zone: string, at: string): string {
  const open = openAt([calendarsOf(entries, zone).get('it')!], Date.parse(at));
  if (!open) return 'shut';
  return open.end === null ? 'endless' : new Date(open.end).toISOString().replace(':00.000Z', 'Z');
}

describe('a calendar is shut while one that it excepts is open', () => {
  const frozen: Entries = {
    it: { weekly: 'Sun 01:00-05:00', except: ['freeze'] },
    freeze: { from: '2026-12-20T03:00', to: '2027-01-03T02:00' },
  };
  const worked: Entries = {
    it: { weekly: 'Mon-Fri 08:00-18:00', except: ['holidays', 'lunch'] },
    holidays: { dates: ['2026-12-25', '2027-01-01'] },
    lunch: { weekly: 'Mon-Sun 12:00-13:00' },
  };
  const always: Entries = { it: { except: ['freeze'] }, freeze: frozen.freeze! };
  const nested: Entries = {
    it: { except: ['freeze'] },
    freeze: { from: '2026-12-01T00:00', to: '2027-01-01T00:00', except: ['windows'] },
    windows: { weekly: 'Sun 01:00-05:00' },
  };
  it.each<[string, Entries, string, string]>([
    ['a window before the freeze', frozen, '2026-12-13T07:00Z', '2026-12-13T10:00Z'],
    ['a window that the freeze cuts', frozen, '2026-12-20T07:00Z', '2026-12-20T08:00Z'],
    ['the moment that it begins', frozen, '2026-12-20T08:00Z', 'shut'],
    ['a window within it', frozen, '2026-12-27T07:00Z', 'shut'],
    ['the last moment of it', frozen, '2027-01-03T06:59:59.999Z', 'shut'],
    ['the moment that it ends', frozen, '2027-01-03T07:00Z', '2027-01-03T10:00Z'],
    ['a morning up to lunch', worked, '2026-12-24T14:00Z', '2026-12-24T17:00Z'],
    ['lunch', worked, '2026-12-24T17:30Z', 'shut'],
    ['an afternoon', worked, '2026-12-24T18:00Z', '2026-12-24T23:00Z'],
    ['a holiday', worked, '2026-12-25T15:00Z', 'shut'],
    ['every hour but a freeze, long before', always, '2026-01-01T00:00Z', '2026-12-20T08:00Z'],
    ['every hour but a freeze, after it', always, '2027-01-03T07:00Z', 'endless'],
    ['an exception to a freeze', nested, '2026-12-06T07:00Z', '2026-12-06T10:00Z'],
    ['beside the exception', nested, '2026-12-06T11:00Z', 'shut'],
    [
      'before a freeze that begins in its exception’s shade',
      nested,
      '2026-11-30T07:00Z',
      '2026-12-01T05:00Z',
    ],
  ])('%s', (_, entries, at, expected) => {
    expect(end(entries, NEW_YORK, at)).toBe(expected);
  });
});

describe('whole days', () => {
  const days = (...dates: string[]): Entries => ({ it: { dates } });
  it.each<[string, string, Entries, string, string]>([
    ['midnight begins it', NEW_YORK, days('2026-12-25'), '2026-12-25T05:00Z', '2026-12-26T05:00Z'],
    ['the moment before', NEW_YORK, days('2026-12-25'), '2026-12-25T04:59:59.999Z', 'shut'],
    [
      'days that touch are one',
      NEW_YORK,
      days('2026-12-26', '2026-12-25'),
      '2026-12-25T12:00Z',
      '2026-12-27T05:00Z',
    ],
    ['spring has 23 hours', NEW_YORK, days('2026-03-08'), '2026-03-08T05:00Z', '2026-03-09T04:00Z'],
    ['autumn has 25', NEW_YORK, days('2026-11-01'), '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
    [
      'half an hour more on Lord Howe',
      LORD_HOWE,
      days('2026-04-05'),
      '2026-04-04T13:00Z',
      '2026-04-05T13:30Z',
    ],
    ['half an hour less there', LORD_HOWE, days('2026-10-04'), '2026-10-03T13:30Z', '2026-10-04T13:00Z'],
    ['a leap day', BERLIN, days('2028-02-29'), '2028-02-28T23:00Z', '2028-02-29T23:00Z'],
    [
      'with windows: those of that day, and the night that passes into it',
      BERLIN,
      { it: { weekly: 'Mon-Sun 22:00-02:00', dates: ['2026-12-25'] } },
      '2026-12-24T23:30Z',
      '2026-12-25T01:00Z',
    ],
    [
      'with windows: its own night ends at its midnight',
      BERLIN,
      { it: { weekly: 'Mon-Sun 22:00-02:00', dates: ['2026-12-25'] } },
      '2026-12-25T21:30Z',
      '2026-12-25T23:00Z',
    ],
    [
      'with a range: where both hold',
      BERLIN,
      { it: { from: '2026-12-25T10:00', to: '2026-12-27T00:00', dates: ['2026-12-25'] } },
      '2026-12-25T09:00Z',
      '2026-12-25T23:00Z',
    ],
  ])('%s', (_, zone, entries, at, expected) => {
    expect(end(entries, zone, at)).toBe(expected);
  });
});

describe('across changes of clocks', () => {
  const sunday = (weekly: string): Entries => ({ it: { weekly } });
  it.each<[string, string, Entries, string, string]>([
    // Berlin, 2026-03-29: at 02:00 the clocks jump to 03:00; 2026-10-25: at 03:00 they go back to 02:00.
    ['Berlin, spring', BERLIN, sunday('Sun 01:00-05:00'), '2026-03-29T00:00Z', '2026-03-29T03:00Z'],
    ['Berlin, a window within the jump', BERLIN, sunday('Sun 02:10-02:50'), '2026-03-29T01:00Z', 'shut'],
    ['Berlin, autumn', BERLIN, sunday('Sun 01:00-05:00'), '2026-10-24T23:00Z', '2026-10-25T04:00Z'],
    [
      'Berlin, the hour that is two',
      BERLIN,
      sunday('Sun 02:00-03:00'),
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
    ],
    [
      'Berlin, a freeze whose begin is skipped takes from the jump on',
      BERLIN,
      {
        it: { weekly: 'Sun 01:00-05:00', except: ['freeze'] },
        freeze: { from: '2026-03-29T02:30', to: '2026-03-29T04:00' },
      },
      '2026-03-29T00:00Z',
      '2026-03-29T01:00Z',
    ],
    [
      'Berlin, and gives back after it',
      BERLIN,
      {
        it: { weekly: 'Sun 01:00-05:00', except: ['freeze'] },
        freeze: { from: '2026-03-29T02:30', to: '2026-03-29T04:00' },
      },
      '2026-03-29T02:00Z',
      '2026-03-29T03:00Z',
    ],
    [
      'Berlin, an excepted hour that comes twice is shut twice',
      BERLIN,
      { it: { weekly: 'Sun 01:00-05:00', except: ['jobs'] }, jobs: { weekly: 'Sun 02:00-03:00' } },
      '2026-10-25T01:30Z',
      'shut',
    ],
    [
      'Berlin, the window ends where it comes first',
      BERLIN,
      { it: { weekly: 'Sun 01:00-05:00', except: ['jobs'] }, jobs: { weekly: 'Sun 02:00-03:00' } },
      '2026-10-24T23:30Z',
      '2026-10-25T00:00Z',
    ],
    // Lord Howe, 2026-10-04: at 02:00 the clocks jump to 02:30; 2026-04-05: at 02:00 they go back to 01:30.
    ['Lord Howe, spring', LORD_HOWE, sunday('Sun 01:00-03:00'), '2026-10-03T14:30Z', '2026-10-03T16:00Z'],
    [
      'Lord Howe, a start in the jump',
      LORD_HOWE,
      sunday('Sun 02:15-03:00'),
      '2026-10-03T15:30Z',
      '2026-10-03T16:00Z',
    ],
    ['Lord Howe, autumn', LORD_HOWE, sunday('Sun 01:30-02:00'), '2026-04-04T14:30Z', '2026-04-04T15:30Z'],
    [
      'Lord Howe, its second half hour',
      LORD_HOWE,
      sunday('Sun 01:30-02:00'),
      '2026-04-04T15:15Z',
      '2026-04-04T15:30Z',
    ],
    [
      'New York, an exception across the change',
      NEW_YORK,
      { it: { except: ['night'] }, night: { weekly: 'Sat 22:00-03:30' } },
      '2026-03-07T20:00Z',
      '2026-03-08T03:00Z',
    ],
    [
      'New York, after it',
      NEW_YORK,
      { it: { except: ['night'] }, night: { weekly: 'Sat 22:00-03:30' } },
      '2026-03-08T07:30Z',
      '2026-03-15T02:00Z',
    ],
    [
      'a leap day that is excepted',
      NEW_YORK,
      { it: { weekly: 'Mon-Fri 08:00-18:00', except: ['leap'] }, leap: { dates: ['2028-02-29'] } },
      '2028-02-29T15:00Z',
      'shut',
    ],
  ])('%s', (_, zone, entries, at, expected) => {
    expect(end(entries, zone, at)).toBe(expected);
  });
});

describe('calendars that were never read soundly', () => {
  it.each<[string, Entries]>([
    ['a circle', { it: { except: ['other'] }, other: { except: ['it'] } }],
    ['one that is not there', { it: { except: ['nobody'] } }],
    ['a name that every object has', { it: { except: ['constructor'] } }],
    ['a day that is none', { it: { dates: ['2026-02-30'] } }],
    ['nothing', { it: {} }],
  ])('%s is an error, not open', (_, entries) => {
    expect(() => calendarsOf(entries, BERLIN)).toThrow(RangeError);
  });
});

describe('whatever is excepted', () => {
  const clock = fc.integer({ min: 0, max: 23 }).map(hour => `${String(hour).padStart(2, '0')}:00`);
  const day = fc.constantFrom('Mon', 'Wed', 'Sat', 'Sun');
  const weekly = fc
    .tuple(day, day, clock, clock)
    .filter(([, , from, to]) => from !== to)
    .map(([first, last, from, to]): CalendarEntry => ({ weekly: `${first}-${last} ${from}-${to}` }));
  const range = fc
    .tuple(fc.integer({ min: 20, max: 26 }), clock, fc.integer({ min: 27, max: 30 }), clock)
    .map(
      ([first, from, last, to]): CalendarEntry => ({
        from: `2026-03-${first}T${from}`,
        to: `2026-03-${last}T${to}`,
      }),
    );
  const dates = fc.constant<CalendarEntry>({ dates: ['2026-03-27', '2026-03-29', '2026-03-30'] });
  const both = fc.oneof(fc.tuple(weekly, range), fc.tuple(weekly, dates), fc.tuple(range, dates));
  const entry = fc.oneof(
    weekly,
    range,
    dates,
    both.map(([one, other]): CalendarEntry => ({ ...one, ...other })),
  );
  const STEP = 1_800_000;
  const at = fc.integer({ min: 0, max: 14 * 48 }).map(step => Date.parse('2026-03-20T00:00Z') + step * STEP);

  it('it is open where its own hours are and none of those; what it says of its end holds until then', () => {
    fc.assert(
      fc.property(entry, fc.array(entry, { minLength: 1, maxLength: 3 }), at, (own, others, moment) => {
        const except = others.map(other => calendarOf(other, BERLIN));
        const bare = calendarOf(own, BERLIN);
        const calendar = calendarOf(own, BERLIN, except);
        const isOpen = (time: number) =>
          openAt([bare], time) !== null && except.every(other => openAt([other], time) === null);
        const open = openAt([calendar], moment);
        expect(open !== null).toBe(isOpen(moment));
        if (open === null || open.end === null) return;
        for (let time = moment; time < Math.min(open.end, moment + 4 * 86_400_000); time += STEP) {
          expect(isOpen(time)).toBe(true);
        }
        if (open.end < moment + 14 * 86_400_000) expect(isOpen(open.end)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});
