import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openShell } from '../../src/demo/live-shell.ts';
import { type OwnPostgres, startOwnPostgres } from '../fixtures/own-postgres.ts';
import { logOf, raised } from '../fixtures/raised.ts';
import { answers, grantedAPrompt } from '../fixtures/shell.ts';

let own: OwnPostgres;
/** What brings the database back; called twice it does nothing. */
let back: () => Promise<void> = async () => {};
beforeAll(async () => {
  own = await startOwnPostgres();
});
afterAll(() => own.close());

const stage = raised({
  get database() {
    return own.database;
  },
  adjust: { gatewayLimits: { leaseMs: 1500, renewMs: 200, answerMs: 500, segmentMs: 300 } },
});
afterEach(() => back());

const PAUSED = /sallyport: the broker cannot be reached: the session is paused until it can/;
const RESUMED = /sallyport: the broker can be reached again: the session goes on\./;

/** The database goes away in one of its ways, until `back`. */
async function goesAway(how: 'hangs' | 'ends'): Promise<void> {
  const again = how === 'hangs' ? await own.freeze() : await own.stop();
  back = async () => {
    back = async () => {};
    await again();
  };
}

const sessionOf = async (id: string) => (await stage().api('dana', 'GET', `/sessions/${id}`)).json;
const entriesOf = async (subject: string) =>
  (await logOf(stage())).filter(entry => entry.subject === subject);
async function castOf(id: string): Promise<string> {
  const { data } = (await entriesOf(id)).find(({ action }) => action === 'session.admitted')!;
  return readFile(join(stage().folder, 'broker', 'recordings', data.recording), 'utf8');
}

describe.each(['hangs', 'ends'] as const)('the database %s:', how => {
  it('a shell pauses within its lease, nothing new opens, and it goes on when the database is back', async () => {
    const { grant, shell, session } = await grantedAPrompt(stage());
    await goesAway(how);
    await shell.sees(PAUSED);
    shell.type('echo meanwhile-$((1 + 1))\n');

    const ready = await fetch(new URL('/readyz', stage().url));
    expect(ready.status).toBe(503);
    expect(((await ready.json()) as { ailments: string[] }).ailments.join()).toMatch(/the database/);
    expect((await fetch(new URL('/healthz', stage().url))).status).toBe(200);
    const refused = await openShell(stage(), 'maya');
    await refused.ended;
    expect(refused.screen()).toMatch(/the broker cannot be reached, so nobody is let in/);
    expect(shell.screen()).not.toMatch(/meanwhile-2/);

    await back();
    await shell.sees(RESUMED);
    await shell.sees(/meanwhile-2/);
    await answers(shell, 'after');
    shell.type('exit\n');
    await shell.ended;
    await expect.poll(async () => (await sessionOf(session)).end_reason).toBe('closed');
    const incident = (await entriesOf(session)).find(({ action }) => action === 'session.incident')!;
    expect(incident.data).toMatchObject({ kind: 'paused' });
    expect(await castOf(session)).toMatch(/"m", "paused: the lease is over"\][\s\S]*"m", "resumed"\]/);
    await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });

  it('the deadline cuts all the same, and is written down when the database is back', async () => {
    const { shell, session } = await grantedAPrompt(stage(), { for: '8s' });
    await goesAway(how);
    await shell.sees(PAUSED);
    await shell.ended;
    expect(shell.screen()).toMatch(/your grant for root@db01 ended/);
    await back();
    await expect
      .poll(async () => (await stage().api('dana', 'GET', `/sessions/${session}`)).json?.end_reason, {
        timeout: 20_000,
      })
      .toBe('deadline');
    const ended = (await entriesOf(session)).find(({ action }) => action === 'session.ended')!;
    expect(ended.data.cut_delay_ms).toBeLessThan(1000);
    expect(Date.parse(ended.data.ended_at)).toBeLessThan(Date.parse(ended.at) + 1);
  });
});

describe('an order whose notification is lost', () => {
  it.each([
    ['revocation', (grant: string) => [`/grants/${grant}/revoke`, {}] as const, /the grant was revoked/],
    [
      'termination',
      (_: string, session: string) => [`/sessions/${session}/terminate`, undefined] as const,
      /has ended it/,
    ],
    ['lockout', () => ['/lockout', {}] as const, /lockout|shut out/],
  ])('is found by the next renewal: a %s', async (_, order, word) => {
    const { grant, shell, session } = await grantedAPrompt(stage());
    const hearAgain = await own.deafen();
    try {
      const [path, body] = order(grant.id, session);
      const who = path === '/lockout' ? 'ravi' : 'dana';
      expect((await stage().api(who, 'POST', path, body)).status).toBeLessThan(300);
      await shell.ended;
      expect(shell.screen()).toMatch(word);
      await expect.poll(async () => (await sessionOf(session)).end_reason).toBe('terminated');
    } finally {
      hearAgain();
    }
    if ((await stage().api('chris', 'DELETE', '/lockout')).status !== 200)
      await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });
});
