import { describe, expect, it } from 'vitest';
import type { CastName } from '../../src/demo/cast.ts';
import { RESTORE, raised } from '../fixtures/raised.ts';

// The broker's clock: two days before New York puts its clocks back.
const began = Date.now();
const clock = { now: () => new Date(Date.parse('2026-10-30T12:00:00Z') + Date.now() - began) };
const stage = raised({ adjust: { clock } });

const PATCH = { target: 'app01', activity: 'endpoints/patch', ssh: 'root', for: '4h' };

/** What the matrix says to an ask that begins then: the code or decision, who answers besides, when its window ends. */
async function decided(who: CastName, ask: object, at: string) {
  const { json } = await stage().api(who, 'POST', '/decisions', { ...ask, at });
  const ends = json.ends_by === null ? null : new Date(json.ends_by).toISOString().slice(0, 16);
  return { answer: json.code ?? json.decision, besides: json.co_approve, ends };
}

describe('a window of the night from Saturday to Sunday, 01:00 to 05:00 in New York', () => {
  it.each([
    ['a minute before', '2026-11-01T00:59', 'outside-window', null],
    ['its first minute', '2026-11-01T01:00', 'needs-approval', '2026-11-01T10:00'],
    ['half past one, the first time', '2026-11-01T01:30-04:00', 'needs-approval', '2026-11-01T10:00'],
    ['half past one, the second time', '2026-11-01T01:30-05:00', 'needs-approval', '2026-11-01T10:00'],
    ['its last minute', '2026-11-01T04:59', 'needs-approval', '2026-11-01T10:00'],
    ['its end', '2026-11-01T05:00', 'outside-window', null],
    ['as somebody in Berlin writes it', '2026-11-01T10:59+01:00', 'needs-approval', '2026-11-01T10:00'],
    ['as somebody in Berlin writes its end', '2026-11-01T11:00+01:00', 'outside-window', null],
    ['in spring, a time that the clocks skip', '2027-03-14T02:30', 'needs-approval', '2027-03-14T09:00'],
    ['in spring, its last minute', '2027-03-14T08:59Z', 'needs-approval', '2027-03-14T09:00'],
    ['in spring, its end comes an hour earlier', '2027-03-14T09:00Z', 'outside-window', null],
    ['on a Sunday after a leap day', '2028-03-05T01:00', 'needs-approval', '2028-03-05T10:00'],
  ])('answers for %s', async (_, at, answer, ends) => {
    expect(await decided('noah', PATCH, at)).toEqual({ answer, besides: [], ends });
  });
});

describe('the freeze at the end of the year', () => {
  it.each([
    ['the last minute before it', '2026-12-17T23:59', []],
    ['its first', '2026-12-18T00:00', ['client/ciso']],
    ['its first, said in UTC', '2026-12-18T05:00Z', ['client/ciso']],
    ['the minute before, said in UTC', '2026-12-18T04:59Z', []],
    ['midnight of the year', '2027-01-01T00:00', ['client/ciso']],
    ['its last minute', '2027-01-04T05:59', ['client/ciso']],
    ['the first after it', '2027-01-04T06:00', []],
  ])('asks for a second yes: %s', async (_, at, besides) => {
    const { answer, besides: asked } = await decided('maya', RESTORE, at);
    expect([answer, asked]).toEqual(['needs-approval', besides]);
  });
});

describe('a time that no calendar has', () => {
  it.each(['2027-02-29T10:00', '2026-11-31T10:00', '2026-11-24T24:00', '2026-11-24T10:60'])(
    'is not understood: %s',
    async at => {
      const { status, json } = await stage().api('maya', 'POST', '/decisions', { ...RESTORE, at });
      expect([status, json.code]).toEqual([400, 'invalid']);
    },
  );

  it('but a leap day is one', async () => {
    expect((await decided('maya', RESTORE, '2028-02-29T10:00')).answer).toBe('needs-approval');
  });
});
