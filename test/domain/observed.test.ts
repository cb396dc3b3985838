import { describe, expect, it } from 'vitest';
import { lastAt } from '../../src/domain/calendar.ts';
import type { Decision } from '../../src/domain/decision.ts';
import { observes, wouldHave } from '../../src/domain/observed.ts';
import { asksBySquad, digestDue, type ObservedAsks } from '../../src/domain/observed-digest.ts';
import { engagement, row } from './fixture.ts';

const at = (text: string) => Date.parse(text);
const said = (moment: number | null) =>
  moment === null ? null : new Date(moment).toISOString().replace(':00.000Z', 'Z');

describe('when the next digest is due', () => {
  it.each([
    ['never told: the last morning', 'America/New_York', null, '2026-11-24T13:00Z', '2026-11-24T13:00Z'],
    [
      'never told, before eight: the morning before',
      'America/New_York',
      null,
      '2026-11-24T12:59:59Z',
      '2026-11-23T13:00Z',
    ],
    ['told this morning', 'America/New_York', '2026-11-24T13:00Z', '2026-11-25T12:59:59Z', null],
    ['the next morning', 'America/New_York', '2026-11-24T13:00Z', '2026-11-25T13:00Z', '2026-11-25T13:00Z'],
    [
      'days that nobody told are told at once',
      'America/New_York',
      '2026-11-20T13:00Z',
      '2026-11-24T20:00Z',
      '2026-11-24T13:00Z',
    ],
    [
      'a clock that was put back tells nothing',
      'America/New_York',
      '2026-11-24T13:00Z',
      '2026-11-22T20:00Z',
      null,
    ],
    // 2026-03-08 and 2026-11-01: the clocks of New York change, so a day has 23 or 25 hours.
    ['spring, told the day before', 'America/New_York', '2026-03-07T13:00Z', '2026-03-08T11:59:59Z', null],
    [
      'spring, an hour early',
      'America/New_York',
      '2026-03-07T13:00Z',
      '2026-03-08T12:00Z',
      '2026-03-08T12:00Z',
    ],
    ['autumn, not an hour early', 'America/New_York', '2026-10-31T12:00Z', '2026-11-01T12:59:59Z', null],
    [
      'autumn, a day later',
      'America/New_York',
      '2026-10-31T12:00Z',
      '2026-11-01T13:00Z',
      '2026-11-01T13:00Z',
    ],
    [
      'ahead of UTC, its own morning',
      'Pacific/Auckland',
      '2026-11-22T19:00Z',
      '2026-11-23T19:00Z',
      '2026-11-23T19:00Z',
    ],
    ['ahead of UTC, not yet', 'Pacific/Auckland', '2026-11-22T19:00Z', '2026-11-23T18:59:59Z', null],
    ['half an hour off', 'Asia/Kolkata', null, '2026-11-24T02:30Z', '2026-11-24T02:30Z'],
  ])('%s', (_, zone, told, now, expected) => {
    expect(said(digestDue(told === null ? null : at(told), at(now), zone))).toBe(expected);
  });

  it.each([
    // At 02:00 the clocks jump to 03:00, so 02:30 is the jump.
    ['a time that is skipped is the jump', 150, '2026-03-08T07:00Z', '2026-03-08T07:00Z'],
    // At 02:00 they go back to 01:00, so 01:30 comes twice.
    ['a time that comes twice is the first', 90, '2026-11-01T06:45Z', '2026-11-01T05:30Z'],
  ])('%s', (_, minutes, now, expected) => {
    expect(said(lastAt(minutes, at(now), 'America/New_York'))).toBe(expected);
  });

  it('hour by hour over a year: one a day, each at eight, none ever taken back', () => {
    let told: number | null = at('2026-01-01T00:00Z');
    const mornings: number[] = [];
    for (let now = told; now < at('2027-01-01T00:00Z'); now += 1_800_000) {
      const due: number | null = digestDue(told, now, 'America/New_York');
      if (due === null) continue;
      expect(due).toBeGreaterThan(told!);
      expect(due).toBeLessThanOrEqual(now);
      mornings.push(due);
      told = due;
    }
    const hours = mornings.map(moment =>
      new Date(moment).toLocaleTimeString('en-GB', { timeZone: 'America/New_York' }),
    );
    expect([mornings.length, new Set(hours)]).toEqual([365, new Set(['08:00:00'])]);
  });
});

describe('what would have been', () => {
  const ladder = [
    { squad: 'client/it', people: ['ida@client.example', 'ivan@client.example'], after: '0s' },
    { squad: 'client/chief', people: ['carl@client.example'], after: '10m' },
  ];
  type Said = Pick<Decision, 'decision' | 'ladder' | 'co_approve'>;
  it.each<[string, Said, string]>([
    [
      'owners are asked, the first rung of them',
      { decision: 'needs-approval', ladder, co_approve: [] },
      'this would have asked client/it: ida@client.example, ivan@client.example',
    ],
    [
      'and others besides',
      { decision: 'needs-approval', ladder, co_approve: ['client/chief', 'client/legal'] },
      'this would have asked client/it: ida@client.example, ivan@client.example, and one of client/chief and of client/legal besides',
    ],
    [
      'nobody is asked',
      { decision: 'pre-approved', ladder, co_approve: [] },
      'this would have been opened at once, and nobody asked',
    ],
    ['it is refused', { decision: 'refused', ladder: [], co_approve: [] }, 'this would have been refused'],
  ])('%s', (_, decision, expected) => {
    expect(wouldHave(decision)).toBe(expected);
  });

  it('says people as the reader knows them', () => {
    const decision = { decision: 'needs-approval' as const, ladder, co_approve: [] };
    expect(wouldHave(decision, handle => handle.split('@')[0]!)).toBe(
      'this would have asked client/it: ida, ivan',
    );
  });

  it.each([
    ['observe', true],
    ['enforce', false],
    [undefined, false],
  ] as const)('mode %s observes: %s', (mode, expected) => {
    expect(observes(engagement({ matrix: mode === undefined ? {} : { mode } }))).toBe(expected);
  });
});

describe('who is told of what', () => {
  const observing = engagement({ matrix: { mode: 'observe' } });
  const enforcing = engagement({ matrix: { mode: 'enforce' } });
  const [cell] = Object.entries(observing.matrix.services).flatMap(([service, { activities }]) =>
    Object.keys(activities).map(activity => `${service}/${activity}`),
  );
  const asks: ObservedAsks = {
    ...{ asker: 'Olga', party: 'msp', answer: 'needs-approval', code: null, matrix: observing.digest },
    ...{ cell: cell!, coApprove: [], protocol: 'ssh', role: 'root', target: 'db', count: 2 },
  };
  const versions = new Map([observing, enforcing].map(version => [version.digest, version]));
  it.each<[string, Partial<ObservedAsks>, string[]]>([
    ['the accountable', {}, [row.A]],
    ['co-approvers besides', { coApprove: ['client/chief'] }, [row.A, 'client/chief']],
    ['a co-approver who is accountable, once', { coApprove: [row.A] }, [row.A]],
    [
      'the accountable alone of what nobody is asked',
      { answer: 'pre-approved', coApprove: ['client/chief'] },
      [row.A],
    ],
    ['the accountable of a refusal', { answer: 'refused', code: 'duration-too-long' }, [row.A]],
    [
      'nobody of what was refused by a version that enforces',
      { answer: 'refused', matrix: enforcing.digest },
      [],
    ],
    ['nobody of a cell that is not in that version', { cell: 'data/gone' }, []],
    ['nobody of a version that is not known', { matrix: '0'.repeat(64) }, []],
  ])('%s', (_, change, expected) => {
    expect([...asksBySquad([{ ...asks, ...change }], versions).keys()]).toEqual(expected);
  });
});
