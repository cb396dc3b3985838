import { describe, expect, it } from 'vitest';
import type { Mode } from '../../src/domain/matrix.ts';
import type { ObservedAsks } from '../../src/domain/observed-digest.ts';
import type { Look, Outside } from '../../src/elevation/contract.ts';
import { tellObserved } from '../../src/elevation/tell-observed.ts';
import { engagement } from '../domain/fixture.ts';

const now = new Date('2026-11-24T20:00:00Z');
const MORNING = '2026-11-24T13:00:00.000Z';

const observing = engagement({ matrix: { mode: 'observe', timezone: 'America/New_York' } });
const [service, { activities }] = Object.entries(observing.matrix.services)[0]!;
const cell = `${service}/${Object.keys(activities)[0]}`;

const asks = (change: Partial<ObservedAsks> = {}): ObservedAsks => ({
  ...{ asker: 'Olga', party: 'msp', answer: 'needs-approval', code: null, matrix: observing.digest, cell },
  ...{ coApprove: [], protocol: 'ssh', role: 'root', target: 'db', count: 1 },
  ...change,
});

/** The step on a tenant in this mode that was told up to then, with what it looked for. */
async function told(mode: Mode, until: string | null, found: ObservedAsks[]) {
  const spans: (string | null)[][] = [];
  const inForce = engagement({ matrix: { mode, timezone: 'America/New_York' } });
  const look: Partial<Look> = {
    tenantAlone: async () => ({
      ...{ engagement: inForce, lockedOutAt: null, unsettled: null, base: null },
      observedUntil: until === null ? null : new Date(until),
    }),
    observedAsks: async (_, from, to) => {
      spans.push([from?.toISOString() ?? null, to.toISOString()]);
      return found;
    },
    version: async () => observing,
  };
  const step = await tellObserved(look as Look, { now } as Outside, { tenant: 'tiny' });
  return { ...step, spans };
}

describe('a digest', () => {
  it.each<[string, Mode, string | null, (string | null)[][]]>([
    ['of the first morning reaches back to the first ask', 'observe', null, [[null, MORNING]]],
    [
      'reaches back to the one before',
      'observe',
      '2026-11-23T13:00:00.000Z',
      [['2026-11-23T13:00:00.000Z', MORNING]],
    ],
    ['that was sent is not sent again', 'observe', MORNING, []],
    ['that another clock sent a moment ahead is not sent again', 'observe', '2026-11-24T20:00:20.000Z', []],
    [
      'tells the rest once the matrix enforces',
      'enforce',
      '2026-11-23T13:00:00.000Z',
      [['2026-11-23T13:00:00.000Z', MORNING]],
    ],
    ['is nothing to a tenant that never observed', 'enforce', null, []],
  ])('%s', async (_, mode, until, spans) => {
    const step = await told(mode, until, []);
    expect(step.spans).toEqual(spans);
    const mark = { update: 'tenant', id: 'tiny', set: { observedUntil: new Date(MORNING) } };
    expect(step.changes ?? []).toEqual(spans.map(() => mark));
    // A morning with nothing to tell sends nothing.
    expect(step.letters ?? []).toEqual([]);
  });

  it('from a clock that was put back since is not told again: telling begins anew', async () => {
    const { spans, changes, letters } = await told('observe', '2026-11-26T13:00:00.000Z', [asks()]);
    expect([spans, letters]).toEqual([[], undefined]);
    expect(changes).toEqual([{ update: 'tenant', id: 'tiny', set: { observedUntil: now } }]);
  });

  it('counts what is alike, the asked first and the most often first, and ends where nobody reads on', async () => {
    const many = Array.from({ length: 40 }, (_, at) => asks({ target: `db${at}`, count: at + 1 }));
    const refused = asks({
      answer: 'refused',
      code: 'no-approver',
      target: null,
      role: null,
      protocol: null,
    });
    const { letters } = await told('observe', null, [refused, ...many]);
    const [letter, ...more] = letters!;
    expect(more).toEqual([]);
    expect(letter).toMatchObject({
      kind: 'observed-digest',
      to: ['client/it'],
      path: '/observed?tenant=tiny',
    });
    expect(letter!.title).toBe(
      'Observe mode, client/it: 820 would have been asked, 0 opened at once, 1 refused',
    );
    const lines = letter!.lines.map(({ label, text }) => `${label}: ${text}`);
    expect(lines).toHaveLength(33);
    expect(lines[0]).toBe('When: from the first until 2026-11-24 08:00 America/New_York');
    expect(lines[1]).toMatch(/^Would have asked: Olga, .*: ssh as root on db39, .*, 40 times$/);
    expect(lines.slice(-2)).toEqual(['Besides: 56 more', 'Opened: nothing: the matrix only observes']);
  });
});
