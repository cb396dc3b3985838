import { describe, expect, it } from 'vitest';
import { ask, granted, logOf, RESTORE, raised } from '../fixtures/raised.ts';

// The broker's clock, which these tests move forward.
let ahead = 0;
const clock = { now: () => new Date(Date.now() + ahead) };
const stage = raised({ adjust: { clock } });
const MINUTE = 60_000;

// Another stage with a clock of its own: whoever is signed out stays signed out.
let later = 0;
const evening = raised({ adjust: { clock: { now: () => new Date(Date.now() + later) } } });

const show = async (id: string, who: 'dana' | 'maya' | 'chris' = 'maya') =>
  (await stage().api(who, 'GET', `/requests/${id}`)).json;

describe('time', () => {
  it('brings the second owner in when the first rung has had its quarter of an hour', async () => {
    const { id } = await ask(stage());
    const { digest } = await show(id, 'chris');
    const early = await stage().api('chris', 'POST', `/requests/${id}/approve`, { digest });
    expect([early.status, early.json.code]).toEqual([403, 'not-your-answer']);
    ahead += 15 * MINUTE + 1000;
    const late = await stage().api('chris', 'POST', `/requests/${id}/approve`, { digest });
    expect([late.status, late.json.state]).toEqual([200, 'approved']);
  });

  it('ends a request that nobody answered: the answer is no, it is logged, and those to escalate to are named', async () => {
    const { id } = await ask(stage());
    const { digest } = await show(id, 'dana');
    ahead += 30 * MINUTE + 1000;
    const late = await stage().api('dana', 'POST', `/requests/${id}/approve`, { digest });
    expect([late.status, late.json.state]).toEqual([409, 'expired']);
    await expect
      .poll(
        async () =>
          (await logOf(stage())).filter(
            ({ action, subject }) => action === 'request.expired' && subject === id,
          ).length,
      )
      .toBe(1);
    const entry = (await logOf(stage())).find(
      ({ action, subject }) => action === 'request.expired' && subject === id,
    );
    expect(entry.data.escalated).toEqual(['client/legal', 'msp/account']);
    expect(entry.data.asked).toContain('chris@acme.example');
    expect((await show(id)).state).toBe('expired');
  });

  it('ends a grant by the clock, whether or not anything was written down', async () => {
    const grant = await granted(stage());
    const live = async () =>
      (await stage().api('maya', 'GET', '/grants')).json.grants.find(
        (one: { id: string }) => one.id === grant.id,
      );
    expect((await live()).live).toBe(true);
    ahead += 61 * MINUTE;
    expect((await live()).live).toBe(false);
    await expect.poll(async () => (await live()).end_reason).toBe('deadline');
    expect((await live()).ended_at).toBe((await live()).ends_at);
  });

  it('begins a grant when it was asked to begin, and not before', async () => {
    const at = new Date(clock.now().getTime() + 120 * MINUTE).toISOString().replace(/\.\d+/, '');
    const grant = await granted(stage(), { at });
    expect([grant.starts_at.slice(0, 16), grant.live]).toEqual([at.slice(0, 16), false]);
    expect(Date.parse(grant.ends_at) - Date.parse(grant.starts_at)).toBe(60 * MINUTE);
  });
});

describe('thirteen hours', () => {
  it('ends sessions of the browser and tokens', async () => {
    expect((await evening().api('maya', 'POST', '/decisions', RESTORE)).status).toBe(200);
    const dana = await evening().as('dana');
    later += 13 * 60 * MINUTE;
    expect((await evening().api('maya', 'POST', '/decisions', RESTORE)).status).toBe(401);
    expect((await dana.ask(new URL('/api/v1/whoami', evening().url))).status).toBe(401);
  });
});
