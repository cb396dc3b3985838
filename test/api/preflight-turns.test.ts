import { describe, expect, it } from 'vitest';
import { MOST, openTurns } from '../../src/api/preflight-turns.ts';

describe('preflights that run at once', () => {
  const cases: readonly [string, readonly [person: string, tenant: string][], boolean[]][] = [
    [
      'one person has one, in two engagements too',
      [
        ['maya', 'acme'],
        ['maya', 'acme'],
        ['maya', 'labs'],
      ],
      [true, false, false],
    ],
    [
      'an engagement has two, and the others theirs besides',
      [
        ['maya', 'acme'],
        ['dana', 'acme'],
        ['ravi', 'acme'],
        ['lena', 'labs'],
      ],
      [true, true, false, true],
    ],
    [
      'a broker has so many in all',
      Array.from({ length: MOST.all + 1 }, (_, i) => [`p${i}`, `t${i}`]),
      [...Array(MOST.all).fill(true), false],
    ],
  ];
  it.each(cases)('%s', (_, asked, expected) => {
    const turns = openTurns();
    const given = asked.map(([person, tenant]) => {
      try {
        turns.take(person, tenant);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'too-many-requests', status: 429 });
        return false;
      }
    });
    expect(given).toEqual(expected);
  });

  it('one that is over gives its turn back', () => {
    const turns = openTurns();
    const done = turns.take('maya', 'acme');
    expect(() => turns.take('maya', 'labs')).toThrow();
    done();
    turns.take('maya', 'labs')();
    turns.take('maya', 'acme');
  });
});
