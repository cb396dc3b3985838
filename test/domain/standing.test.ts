import { describe, expect, it } from 'vitest';
import { findCell } from '../../src/domain/cell.ts';
import { standingOf } from '../../src/domain/standing.ts';
import { isAt, type Target } from '../../src/domain/target.ts';
import { type Bend, engagement, everybody, NOON, row } from './fixture.ts';

const standing = (bend: Bend = {}, severity: string | null = null, at = NOON) => {
  const bent = engagement(bend);
  return standingOf(bent, findCell(bent, 'data/fix')!, 'db', everybody, { at, severity });
};
const NIGHT = Date.parse('2026-11-24T22:00:00Z');
const emergency = {
  name: 'emergency',
  when: { severity: 'sev1' },
  answer: 'pre-approved',
  for: '30m',
} as const;
const freeze = { name: 'freeze', when: { during: 'day' }, co_approve: ['client/chief'] };

describe('how a cell stands now', () => {
  it('says who is asked first, and the command that asks', () => {
    expect(standing()).toEqual({
      primary: 'ivan',
      answer: 'needs-approval',
      exception: null,
      co_approve: [],
      open: true,
      open_when: null,
      open_until: null,
      ask: 'sallyport request db.tiny --activity data/fix --ssh root --for 2h --reason "WHY"',
    });
  });

  it.each<[string, Bend, string | null, number, object]>([
    [
      'its window is open until it shuts',
      { row: { when: { during: 'day' } } },
      null,
      NOON,
      { open: true, open_when: 'during: day', open_until: Date.parse('2026-11-24T17:00:00Z') },
    ],
    [
      'its window is shut',
      { row: { when: { during: 'day' } } },
      null,
      NIGHT,
      { open: false, open_until: null },
    ],
    [
      'an exception of the severity lets act at once',
      { row: { exceptions: [emergency] } },
      'sev1',
      NOON,
      {
        answer: 'pre-approved',
        exception: 'emergency',
        ask: expect.stringContaining('--for 30m --severity sev1'),
      },
    ],
    [
      'and only of that severity',
      { row: { exceptions: [emergency] } },
      'sev2',
      NOON,
      { answer: 'needs-approval', exception: null },
    ],
    [
      'a freeze wants another yes, also where nobody is asked',
      { row: { answer: 'pre-approved', exceptions: [freeze] } },
      null,
      NOON,
      { answer: 'needs-approval', co_approve: ['client/chief'] },
    ],
    [
      'what is pre-approved wants none',
      { row: { answer: 'pre-approved', co_approve: ['client/chief'] } },
      null,
      NOON,
      { answer: 'pre-approved', co_approve: [] },
    ],
    [
      'a rule wants a ticket',
      { rules: [{ name: 'all', require: { ticket: 'required' } }] },
      null,
      NOON,
      { ask: expect.stringContaining('--ticket TICKET') },
    ],
    ['nobody is in A: A2 is asked first', { row: { A: 'client/empty' } }, null, NOON, { primary: 'carl' }],
    ['it gives nothing', { activities: { fix: { R: row.R, A: row.A } } }, null, NOON, { ask: null }],
  ])('%s', (_, bend, severity, at, expected) => {
    expect(standing(bend, severity, at)).toMatchObject(expected);
  });
});

describe('an address of an alert', () => {
  const target: Target = {
    labels: {},
    ssh: { address: 'DB01.acme.example:2201', trust: 'ca' },
    postgres: { address: '[2001:db8::5]:5433', database: 'records' },
    web: { address: 'https://10.0.0.5/console' },
  };
  it.each([
    ['db01.acme.example', true],
    ['db01.ACME.example:2201', true],
    ['db01.acme.example:22', false],
    ['2001:db8:0:0::5', true],
    ['[2001:DB8::5]:5433', true],
    ['10.0.0.5', true],
    ['10.0.0.5:443', true],
    ['10.0.0.50', false],
    ['acme.example', false],
    ['', false],
    ['://', false],
  ])('%s: %s', (address, at) => {
    expect(isAt(target, address)).toBe(at);
  });
});
