import { describe, expect, it } from 'vitest';
import {
  apartWords,
  clockWords,
  leftWords,
  lengthWords,
  placeOf,
  readerWords,
  spanWords,
  zonedWords,
} from '../../src/web/time-words.ts';

const now = new Date('2026-11-24T20:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

describe('an hour that comes twice', () => {
  it('says which of the two it is, and no other does', () => {
    const at = (time: string) => zonedWords(new Date(`2026-11-01T${time}Z`), 'America/New_York', now);
    expect(at('05:30')).toMatch(/01:30 GMT-4 New York$/);
    expect(at('06:30')).toMatch(/01:30 GMT-5 New York$/);
    expect(at('04:30')).toMatch(/00:30 New York$/);
    expect(at('07:30')).toMatch(/02:30 New York$/);
  });
});

describe('what is left', () => {
  it.each([
    [1, '1 s'],
    [119, '119 s'],
    [120, '2 min'],
    [47 * 60 + 59, '47 min'],
    [3600, '1 h'],
    [2 * 3600 + 5 * 60, '2 h 5 min'],
    [47 * 3600 + 30 * 60, '47 h 30 min'],
    [2 * 86_400, '2 d'],
    [2 * 86_400 + 3 * 3600, '2 d 3 h'],
  ])('says %d seconds as %s', (seconds, words) => {
    expect(spanWords(seconds * 1000)).toBe(words);
  });

  it('is over at the moment itself, and never less than nothing', () => {
    expect(leftWords(later(1), now)).toBe('1 s left');
    expect(leftWords(now, now)).toBe('over');
    expect(leftWords(later(-9), now)).toBe('over');
    expect(spanWords(-5)).toBe('0 s');
  });

  it('says how far apart', () => {
    expect(apartWords(later(15 * 60), now)).toBe('in 15 min');
    expect(apartWords(later(-90), now)).toBe('90 s ago');
    expect(apartWords(now, now)).toBe('now');
  });
});

describe('when', () => {
  it("is the matrix's clock, with the day where it is another one", () => {
    expect(zonedWords(later(3600), 'America/New_York', now)).toBe('16:00 New York');
    expect(zonedWords(later(86_400), 'America/New_York', now)).toBe('Wed 25 Nov 15:00 New York');
    expect(clockWords(new Date('2027-01-04T06:00:00Z'), 'UTC', now)).toBe('Mon 4 Jan 2027 06:00');
    expect(clockWords(later(5), 'UTC', now, true)).toBe('20:00:05');
  });

  it("puts a reader's own clock first where the two differ", () => {
    expect(readerWords(later(3600), 'America/New_York', 'Europe/London', now)).toBe(
      '21:00 your time (16:00 New York)',
    );
    expect(readerWords(later(3600), 'America/New_York', 'America/Toronto', now)).toBe('16:00 New York');
  });

  it('names a zone by its place', () => {
    expect(placeOf('America/Argentina/Buenos_Aires')).toBe('Buenos Aires');
    expect(placeOf('UTC')).toBe('UTC');
  });
});

describe('how long', () => {
  it.each([
    [1, '1 second'],
    [5400, '1 hour 30 minutes'],
    [86_400, '24 hours'],
    [3 * 86_400, '3 days'],
    [0, '0 seconds'],
  ])('says %d seconds as %s', (seconds, words) => {
    expect(lengthWords(seconds)).toBe(words);
  });
});
