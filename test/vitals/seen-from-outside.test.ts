import { spawnSync } from 'node:child_process';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openShell } from '../../src/demo/live-shell.ts';
import { openOperatorLog } from '../../src/vitals/operator-log.ts';
import { type OwnPostgres, startOwnPostgres } from '../fixtures/own-postgres.ts';
import { ask, granted, raised } from '../fixtures/raised.ts';
import { type ReadFamily, readExposition, sampled } from './strict-exposition.ts';

const TOKEN = 'a-token-that-the-operator-made-and-keeps';

const lines: Record<string, unknown>[] = [];
const clock = { ahead: 0, now: () => new Date(Date.now() + clock.ahead) };
let own: OwnPostgres;

beforeAll(async () => {
  own = await startOwnPostgres();
});
afterAll(() => own.close());
afterEach(() => {
  clock.ahead = 0;
});

const stage = raised({
  logger: openOperatorLog('trace', { write: line => lines.push(JSON.parse(line)) }),
  adjust: { clock },
  get database() {
    return own.database;
  },
  configure: configuration => ({
    ...configuration,
    metricsToken: TOKEN,
    // Nobody listens there.
    channels: configuration.channels.map(channel =>
      channel.name === 'northwind'
        ? { ...channel, settings: { ...channel.settings, url: 'http://127.0.0.1:9/' } }
        : channel,
    ),
  }),
});

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(new URL(path, stage().url), { headers, redirect: 'manual' });

async function scrape(): Promise<ReadonlyMap<string, ReadFamily>> {
  const answer = await get('/metrics', { authorization: `Bearer ${TOKEN}` });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return readExposition(await answer.text());
}

const number = async (name: string, labels: Record<string, string> = {}) =>
  sampled(await scrape(), name, labels);

async function ready() {
  const answer = await get('/readyz');
  const { ready, ailments } = (await answer.json()) as { ready: boolean; ailments: string[] };
  expect(answer.status).toBe(ready ? 200 : 503);
  expect(ready).toBe(ailments.length === 0);
  return ailments;
}

const recordings = () => join(stage().folder, 'broker', 'recordings');

describe('the numbers', () => {
  it.each([
    ['without a token', {}],
    ['with another', { authorization: `Bearer ${TOKEN}x` }],
    ['with it as a password', { authorization: `Basic ${btoa(`:${TOKEN}`)}` }],
    ['with a forged neighbour', { 'x-forwarded-for': '127.0.0.1' }],
  ])('are nobody else’s: %s', async (_, headers) => {
    const answer = await get('/metrics', headers as Record<string, string>);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(await answer.text()).not.toContain('sallyport_');
  });

  it('are not a person’s either: a token of theirs opens nothing here', async () => {
    const answer = await get('/metrics', { authorization: `Bearer ${await stage().token('audrey')}` });
    expect(answer.status).toBe(401);
  });

  it('open nothing else: the token of the numbers is nobody’s', async () => {
    const answer = await get('/api/v1/whoami', { authorization: `Bearer ${TOKEN}` });
    expect(answer.status).toBe(401);
  });

  it('tell of questions that wait, and of messages that nobody takes', async () => {
    expect(await number('sallyport_requests_waiting', { tenant: 'acme' })).toBe(0);
    expect(await number('sallyport_outbox_undelivered', { channel: 'northwind' })).toBe(0);
    const asked = await ask(stage());
    expect(await number('sallyport_requests_waiting', { tenant: 'acme' })).toBe(1);
    clock.ahead = 60_000;
    expect(
      await number('sallyport_requests_waiting_oldest_seconds', { tenant: 'acme' }),
    ).toBeGreaterThanOrEqual(60);
    expect((await stage().api('maya', 'POST', `/requests/${asked.id}/withdraw`, {})).status).toBe(200);
    expect(await number('sallyport_requests_waiting', { tenant: 'acme' })).toBe(0);
    expect(await number('sallyport_requests_waiting_oldest_seconds', { tenant: 'acme' })).toBe(0);
  });

  it('tell of a live session, of what was appended for it, and of its cut', { timeout: 90_000 }, async () => {
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
    const appends = (await number('sallyport_append_seconds_count'))!;
    const cuts = (await number('sallyport_cut_delay_seconds_count'))!;
    await granted(stage(), { for: '12s' });
    const shell = await openShell(stage(), 'maya');
    shell.type('echo here-$((40 + 2))\n');
    await shell.sees(/here-42/);
    expect(await number('sallyport_sessions_live', { protocol: 'ssh' })).toBe(1);
    expect(await number('sallyport_append_seconds_count')).toBeGreaterThan(appends);
    await shell.ended;
    await expect.poll(() => number('sallyport_cut_delay_seconds_count'), { timeout: 20_000 }).toBe(cuts + 1);
    await expect.poll(() => number('sallyport_sessions_live', { protocol: 'ssh' })).toBe(0);
    // Maya's party is told of her grant, at an address where nobody listens.
    await expect
      .poll(() => number('sallyport_outbox_undelivered', { channel: 'northwind' }), { timeout: 20_000 })
      .toBeGreaterThan(0);
    clock.ahead = 60_000;
    expect(await number('sallyport_outbox_oldest_seconds', { channel: 'northwind' })).toBeGreaterThanOrEqual(
      60,
    );
    await expect
      .poll(() => number('sallyport_outbox_undelivered', { channel: 'acme-it' }), { timeout: 20_000 })
      .toBe(0);
  });

  it('tell of requests by class, and of the process', async () => {
    const before =
      (await number('sallyport_http_requests_total', { class: 'unmatched', status: '4xx' })) ?? 0;
    expect((await get('/nothing/here')).status).toBe(404);
    const families = await scrape();
    expect(sampled(families, 'sallyport_http_requests_total', { class: 'unmatched', status: '4xx' })).toBe(
      before + 1,
    );
    expect(sampled(families, 'sallyport_ready')).toBe(1);
    expect(sampled(families, 'sallyport_checkpoint_lag_seconds', { tenant: 'acme' })).toBeTypeOf('number');
    expect(sampled(families, 'sallyport_checkpoint_age_seconds', { tenant: 'acme' })).toBeTypeOf('number');
    expect(sampled(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(sampled(families, 'nodejs_eventloop_lag_seconds', { quantile: '0.99' })).toBeTypeOf('number');
    for (const [name, { help }] of families) expect(`${name}: ${help}`).toMatch(/: \w.+\.$/);
  });
});

describe('a line in the log of the operator', () => {
  beforeEach(() => {
    lines.length = 0;
  });
  const answered = () => lines.filter(({ msg }) => msg === 'answered');

  it('names the route and not the address, whose parts may be codes', async () => {
    await get('/r/req_mayas-own?code=secret-code', { 'x-request-id': 'trace-0001' });
    await expect.poll(answered).toHaveLength(1);
    expect(answered()[0]).toMatchObject({ method: 'GET', route: '/r/:id', request: 'trace-0001', level: 30 });
    expect(JSON.stringify(lines)).not.toMatch(/req_mayas-own|secret-code/);
  });

  it('carries the stable code of a refusal', async () => {
    const answer = await get('/api/v1/requests');
    await expect.poll(answered).toHaveLength(1);
    expect(answered()[0]).toMatchObject({ status: 401, route: '/api/v1/requests', code: 'sign-in-needed' });
    expect(answered()[0]?.request).toBe(answer.headers.get('x-request-id'));
  });

  it.each([
    ['short', 'a'],
    ['long', 'a'.repeat(65)],
    ['two words', 'one-word and-another'],
    ['markup', '<b>12345678</b>'],
    ['beginning with a dash', '--------'],
  ])('takes no request id that is %s', async (_, id) => {
    const answer = await get('/healthz', { 'x-request-id': id });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('ready means that a session could be recorded and logged', () => {
  it('is so on an ordinary day', async () => {
    expect(await ready()).toEqual([]);
  });

  describe('on a disk of its own', () => {
    const mount = (...args: string[]) => {
      const done = spawnSync('mount', [...args, recordings()], { encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`mount: ${done.stderr}`);
    };
    beforeAll(() => mount('-t', 'tmpfs', '-o', 'size=24m,mode=700', 'tmpfs'));
    afterAll(() => {
      spawnSync('umount', ['-l', recordings()]);
    });

    it('is false while the disk is read-only, and true when it is no more', async () => {
      mount('-o', 'remount,ro');
      await expect.poll(ready).toEqual(['recordings cannot be written']);
      mount('-o', 'remount,rw');
      await expect.poll(ready).toEqual([]);
    });

    it('is false while the disk is full', async () => {
      await writeFile(join(recordings(), 'ballast'), Buffer.alloc(24 * 1024 * 1024 - 65_536)).catch(() => {});
      await expect.poll(ready).toEqual(['the disk is full']);
      await rm(join(recordings(), 'ballast'));
      await expect.poll(ready).toEqual([]);
    });

    it('is false while the disk hangs, and says so while it does', async () => {
      const probe = join(recordings(), '.probe');
      // Opening a pipe to write waits for a reader, for as long as there is none.
      expect(spawnSync('mkfifo', [probe]).status).toBe(0);
      await expect.poll(ready).toEqual(['the recordings folder does not answer']);
      expect(await number('sallyport_ready')).toBe(0);
      expect((await get('/healthz')).status).toBe(200);
      const reader = await open(probe, 'r');
      await reader.close();
      await rm(probe, { force: true });
      await expect.poll(ready).toEqual([]);
    });
  });

  it('is false while the database takes nothing', async () => {
    await own.admin`alter system set default_transaction_read_only = on`;
    await own.admin`select pg_reload_conf()`;
    await expect.poll(ready).toEqual(['the log fails']);
    await own.admin`alter system reset default_transaction_read_only`;
    await own.admin`select pg_reload_conf()`;
    await expect.poll(ready).toEqual([]);
  });

  it('is false while the log’s only writer is out of reach', async () => {
    const signature = 'append_log(text, uuid[], text[], text[], text[], text[], text[], text[])';
    await own.admin.unsafe(`revoke execute on function ${signature} from app`);
    await expect.poll(ready).toEqual(['the log fails']);
    await own.admin.unsafe(`grant execute on function ${signature} to app`);
    await expect.poll(ready).toEqual([]);
  });

  it('is false while another holds the log, and the broker’s other rounds go on', async () => {
    await own.admin.begin(async tx => {
      await tx`select from log_head where tenant = 'instance' for update`;
      await expect.poll(ready).toEqual([expect.stringMatching(/^the log (fails|does not answer)$/)]);
    });
    await expect.poll(ready).toEqual([]);
  });

  it(
    'is false while the database hangs; the numbers that need none are told',
    { timeout: 90_000 },
    async () => {
      const thaw = await own.freeze();
      try {
        await expect.poll(ready, { timeout: 20_000 }).toContain('the database does not answer');
        const families = await scrape();
        expect(sampled(families, 'sallyport_source_up', { source: 'database' })).toBe(0);
        expect(sampled(families, 'sallyport_source_up', { source: 'process' })).toBe(1);
        expect(sampled(families, 'sallyport_sessions_live', { protocol: 'ssh' })).toBe(0);
        expect(families.has('sallyport_requests_waiting')).toBe(false);
        // A browser's cookie must not make the probe ask who that is.
        const withCookie = await get('/readyz', { cookie: `sallyport=${'a'.repeat(43)}` });
        expect(withCookie.status).toBe(503);
      } finally {
        thaw();
      }
      await expect.poll(ready, { timeout: 20_000 }).toEqual([]);
      expect(await number('sallyport_source_up', { source: 'database' })).toBe(1);
    },
  );

  it('is false when no checkpoint can be signed for long, and says which log in the operator’s', async () => {
    await own.admin`revoke insert on checkpoint from app`;
    await ask(stage());
    await expect(stage().broker.application.checkpoint('acme')).rejects.toThrow();
    clock.ahead = 11 * 60_000;
    await expect.poll(ready).toEqual(['a checkpoint is overdue']);
    expect(await number('sallyport_checkpoint_lag_seconds', { tenant: 'acme' })).toBeGreaterThan(600);
    await own.admin`grant insert on checkpoint to app`;
    await stage().broker.application.checkpoint('acme');
    await expect.poll(ready).toEqual([]);
    expect(await number('sallyport_checkpoint_lag_seconds', { tenant: 'acme' })).toBe(0);
  });

  it('tells the operator when it changes', () => {
    expect(lines.filter(({ msg }) => msg === 'not ready: new sessions would fail').length).toBeGreaterThan(3);
    expect(lines.filter(({ msg }) => msg === 'ready again').length).toBeGreaterThan(3);
  });
});
