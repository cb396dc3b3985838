import { describe, expect, it } from 'vitest';
import { type Check, openReadiness } from '../../src/vitals/readiness.ts';

const well: Check = { of: 'the log', ask: async () => null };
const heard: (readonly string[])[] = [];
const open = (checks: readonly Check[], limits = { limitMs: 50, freshMs: 0 }) =>
  openReadiness(checks, ailments => heard.push(ailments), limits);

describe('readiness', () => {
  it.each<[string, Check, string[]]>([
    ['all is well', well, []],
    ['a check says what is wrong', { of: 'x', ask: async () => 'the disk is full' }, ['the disk is full']],
    [
      'a check throws',
      { of: 'the database', ask: () => Promise.reject(new Error('secret')) },
      ['the database fails'],
    ],
    [
      'a check throws at once',
      {
        of: 'it',
        ask: () => {
          throw new Error('secret');
        },
      },
      ['it fails'],
    ],
    [
      'a check hangs',
      { of: 'the database', ask: () => new Promise(() => {}) },
      ['the database does not answer'],
    ],
  ])('%s', async (_, check, ailments) => {
    expect(await open([well, check]).ailments()).toEqual(ailments);
  });

  it('asks what hangs once, however often it is asked itself, and again when that came back', async () => {
    let asked = 0;
    let answer: (said: null) => void = () => {};
    const readiness = open([
      {
        of: 'the disk',
        ask: () => {
          asked += 1;
          return new Promise(resolve => {
            answer = resolve;
          });
        },
      },
    ]);
    for (let i = 0; i < 3; i += 1) expect(await readiness.ailments()).toEqual(['the disk does not answer']);
    expect(asked).toBe(1);
    answer(null);
    // What came back is taken in before the next question.
    await new Promise(resolve => setImmediate(resolve));
    const next = readiness.ailments();
    expect(asked).toBe(2);
    answer(null);
    expect(await next).toEqual([]);
  });

  it('gives an answer again for a moment, so that nobody loads the database by asking', async () => {
    let asked = 0;
    const ask = async () => {
      asked += 1;
      return null;
    };
    const readiness = open([{ of: 'it', ask }], {
      limitMs: 50,
      freshMs: 60_000,
    });
    await Promise.all(Array.from({ length: 100 }, () => readiness.ailments()));
    await readiness.ailments();
    expect(asked).toBe(1);
  });

  it('tells of each change, and of nothing twice', async () => {
    heard.length = 0;
    let wrong: string | null = null;
    const readiness = open([{ of: 'it', ask: async () => wrong }]);
    for (const now of [null, 'a', 'a', 'b', null, null]) {
      wrong = now;
      await readiness.ailments();
    }
    expect(heard).toEqual([['a'], ['b'], []]);
  });

  it('is over once the broker leaves, whatever the checks say', async () => {
    const readiness = open([well]);
    readiness.leave();
    expect(readiness.leaving).toBe(true);
    expect(await readiness.ailments()).toEqual(['the broker is stopping']);
  });
});
