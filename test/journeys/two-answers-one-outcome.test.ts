import { describe, expect, it } from 'vitest';
import { ask, granted, logOf, raised } from '../fixtures/raised.ts';

const stage = raised();

const shown = async (id: string, who: 'dana' | 'ravi' | 'chris' = 'dana') =>
  (await stage().api(who, 'GET', `/requests/${id}`)).json;

const answer = (
  who: 'dana' | 'ravi' | 'chris' | 'maya' | 'noah' | 'mallory',
  verb: string,
  id: string,
  body: object,
) => stage().api(who, 'POST', `/requests/${id}/${verb}`, body);

const entriesOf = async (id: string) => (await logOf(stage())).filter(({ subject }) => subject === id);

describe('an answer', () => {
  it('of two owners at once is one outcome: whoever comes second is told', async () => {
    const { id } = await ask(stage());
    const { digest } = await shown(id);
    await stage().token('ravi');
    const answers = await Promise.all([
      answer('dana', 'approve', id, { digest }),
      answer('ravi', 'approve', id, { digest }),
      answer('dana', 'approve', id, { digest }),
      answer('ravi', 'deny', id, { digest, reason: 'not today' }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
    const decided = (await entriesOf(id)).filter(({ action }) => /approved|denied/.test(action));
    expect(decided).toHaveLength(1);
    const { json } = await stage().api('dana', 'GET', '/grants');
    const opened = json.grants.filter((grant: { request: string }) => grant.request === id);
    expect(opened).toHaveLength(decided[0].action === 'request.approved' ? 1 : 0);
  });

  it('after a withdrawal changes nothing, and a withdrawal after an answer neither', async () => {
    const first = await ask(stage());
    expect((await answer('maya', 'withdraw', first.id, {})).status).toBe(200);
    const late = await answer('dana', 'approve', first.id, { digest: (await shown(first.id)).digest });
    expect([late.status, late.json.code, late.json.state]).toEqual([409, 'already-decided', 'withdrawn']);
    const second = await ask(stage());
    await answer('dana', 'deny', second.id, { digest: (await shown(second.id)).digest, reason: 'no' });
    const tooLate = await answer('maya', 'withdraw', second.id, {});
    expect([tooLate.status, tooLate.json.state]).toEqual([409, 'denied']);
  });

  it('races a withdrawal to one outcome, whoever wins', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await ask(stage());
      const { digest } = await shown(id);
      const both = await Promise.all([
        answer('dana', 'approve', id, { digest }),
        answer('maya', 'withdraw', id, {}),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
      const state = (await shown(id)).state;
      expect(state).toBe(both[0].status === 200 ? 'approved' : 'withdrawn');
    }
  });

  it.each([
    ['maya', 403, 'own-request'],
    ['noah', 404, 'no-such-request'],
    ['mallory', 404, 'no-such-request'],
    ['chris', 403, 'not-your-answer'],
  ] as const)('of %s does not count', async (who, status, code) => {
    const { id } = await ask(stage());
    const { digest } = await shown(id);
    const given = await answer(who, 'approve', id, { digest });
    expect([given.status, given.json.code]).toEqual([status, code]);
    expect((await shown(id)).state).toBe('waiting');
  });

  it('to what is no longer there is refused: the request moved', async () => {
    const { id } = await ask(stage());
    const { digest } = await shown(id);
    const longer = await stage().api('maya', 'PATCH', `/requests/${id}`, { for: '2h' });
    expect(longer.status).toBe(200);
    const given = await answer('dana', 'approve', id, { digest });
    expect([given.status, given.json.code]).toEqual([409, 'moved']);
    const again = await answer('dana', 'approve', id, { digest: (await shown(id)).digest });
    expect([again.status, again.json.state]).toEqual([200, 'approved']);
  });

  it('may not turn a change of what is asked into what the cell does not allow', async () => {
    const { id } = await ask(stage());
    const longer = await stage().api('maya', 'PATCH', `/requests/${id}`, { for: '5h' });
    expect([longer.status, longer.json.code]).toEqual([403, 'duration-too-long']);
    expect((await shown(id)).seconds).toBe(3600);
  });

  it('starts the clock of the grant when it is given', async () => {
    const request = await ask(stage());
    const before = Date.now();
    const { digest } = await shown(request.id);
    await answer('dana', 'approve', request.id, { digest });
    const { grant } = await shown(request.id);
    expect(Date.parse(grant.starts_at)).toBeGreaterThanOrEqual(before - 1000);
    expect(Date.parse(grant.ends_at) - Date.parse(grant.starts_at)).toBe(3_600_000);
  });
});

describe('a pre-approved request', () => {
  it('opens its grant at once and the owners are told', async () => {
    const asked = await ask(stage(), { severity: 'sev1' });
    expect(asked.state).toBe('approved');
    const { json } = await stage().api('maya', 'GET', `/requests/${asked.id}`);
    expect(json.grant.live).toBe(true);
    const message = await stage().chat.waitFor(one => one.links.some(link => link.url.endsWith(asked.id)));
    expect(message.text).toContain('Maya Okafor');
  });
});

describe('a grant', () => {
  it.each([
    ['maya', 'handback', 200],
    ['maya', 'revoke', 200],
    ['dana', 'revoke', 200],
    ['chris', 'revoke', 200],
    ['dana', 'handback', 403],
    ['noah', 'revoke', 404],
    ['mallory', 'revoke', 404],
    ['audrey', 'revoke', 404],
  ] as const)('%s, %s: %i', async (who, verb, status) => {
    const grant = await granted(stage());
    const ended = await stage().api(who, 'POST', `/grants/${grant.id}/${verb}`);
    expect(ended.status).toBe(status);
    const { json } = await stage().api('dana', 'GET', '/grants');
    const found = json.grants.find((one: { id: string }) => one.id === grant.id);
    expect(found.live).toBe(status !== 200);
    const again = await stage().api(who, 'POST', `/grants/${grant.id}/${verb}`);
    expect(again.status).toBe(status);
    const ends = (await entriesOf(grant.id)).filter(({ action }) => action === 'grant.ended');
    expect(ends).toHaveLength(status === 200 ? 1 : 0);
  });
});
