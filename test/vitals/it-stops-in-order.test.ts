import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../src/demo/listening.ts';
import { openShell } from '../../src/demo/live-shell.ts';
import { execute } from '../../src/demo/stage.ts';
import { openOperatorLog } from '../../src/vitals/operator-log.ts';
import { type OwnPostgres, startOwnPostgres } from '../fixtures/own-postgres.ts';
import { granted, RESTORE, raised } from '../fixtures/raised.ts';

describe('a broker that is told to stop', () => {
  let own: OwnPostgres;
  const lines: Record<string, unknown>[] = [];
  beforeAll(async () => {
    own = await startOwnPostgres();
  });
  afterAll(() => own.close());
  const stage = raised({
    logger: openOperatorLog('info', { write: line => lines.push(JSON.parse(line)) }),
    get database() {
      return own.database;
    },
    configure: configuration => ({ ...configuration, drain: 30 }),
  });

  it('ends what it has in hand, and says what it does', { timeout: 120_000 }, async () => {
    const { url, broker } = stage();
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
    await granted(stage());
    const token = await stage().token('maya');
    const shell = await openShell(stage(), 'maya');
    shell.type('echo here-$((40 + 2))\n');
    await shell.sees(/here-42/);

    // A request that the database keeps waiting, so that it is in hand for as long as this transaction is open.
    let letGo = () => {};
    const holding = new Promise<void>(resolve => {
      letGo = resolve;
    });
    let held = () => {};
    const isHeld = new Promise<void>(resolve => {
      held = resolve;
    });
    const hold = own.admin.begin(async tx => {
      await tx`select from log_head where tenant = 'acme' for update`;
      held();
      await holding;
    });
    await isHeld;
    const inHand = fetch(new URL('/api/v1/requests', url), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(RESTORE),
    });
    await expect
      .poll(async () => {
        const [row] = await own.admin<{ n: number }[]>`
          select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock'`;
        return row?.n;
      })
      .toBeGreaterThan(0);

    const stopped = broker.stop();
    const ready = await fetch(new URL('/readyz', url));
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ ready: false, ailments: ['the broker is stopping'] });
    expect(ready.headers.get('connection')).toBe('close');
    await shell.sees(/sallyport: the gateway is stopping: this session is closed in 30 s/);

    const signIn = await fetch(new URL('/signin', url), { headers: { accept: 'application/json' } });
    expect(signIn.status).toBe(503);
    expect(await signIn.json()).toMatchObject({ code: 'stopping' });
    const login = await fetch(new URL('/oauth/device_authorization', url), {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'sallyport-cli' }),
    });
    expect(login.status).toBe(503);
    const knock = await execute('ssh', [
      ...(await stage().sshOptions('maya')),
      'root@db01@localhost',
      'true',
    ]);
    expect(knock.status).toBe(255);

    letGo();
    await hold;
    expect((await inHand).status).toBe(201);
    // She finishes what she was at, and is recorded to the end.
    shell.type('echo done-$((40 + 3)); exit\n');
    await shell.sees(/done-43/);
    await shell.ended;
    await stopped;
    await expect(fetch(new URL('/healthz', url))).rejects.toThrow();

    const [log] = await own.admin<{ seq: number; covered: number; ended: string }[]>`
      select h.seq::int as seq, (select max(size)::int from checkpoint where tenant = 'acme') as covered,
        (select end_reason from session where tenant = 'acme' order by started_at desc limit 1) as ended
      from log_head h where h.tenant = 'acme'`;
    expect(log).toEqual({ seq: log?.seq, covered: log?.seq, ended: 'closed' });
    const [letters] = await own.admin<{ waiting: number }[]>`
      select count(*)::int as waiting from outbox where done_at is null and due_at <= now()`;
    expect(letters?.waiting).toBe(0);
    expect(stage().chat.messages().length).toBeGreaterThan(0);
    expect(lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });
});

describe('the process', () => {
  const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));
  const POLICIES = fileURLToPath(new URL('../../policies', import.meta.url));
  let folder: string;
  let child: ChildProcess;
  let http: number;
  let log = '';
  let ended: Promise<number | null>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-stop-'));
    await writeFile(join(folder, 'sallyport.yaml'), 'drain: 30s\n');
  });
  // Ended the hard way, its PostgreSQL is still writing its last file.
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 }));
  // One after another on the same data: what stopped in order starts again.
  beforeEach(async () => {
    http = await freePort();
    child = spawn(process.execPath, [PROGRAM, 'serve'], {
      env: {
        PATH: process.env.PATH ?? '',
        SALLYPORT_URL: `http://localhost:${http}`,
        SALLYPORT_HTTP: `127.0.0.1:${http}`,
        SALLYPORT_SSH: '127.0.0.1:0',
        SALLYPORT_DATA: join(folder, 'data'),
        SALLYPORT_POLICIES: POLICIES,
        SALLYPORT_CONFIG: join(folder, 'sallyport.yaml'),
        SALLYPORT_LOG: 'trace',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    log = '';
    child.stderr?.setEncoding('utf8').on('data', chunk => {
      log += chunk;
    });
    ended = new Promise(resolve => child.once('close', resolve));
    await expect
      .poll(
        () =>
          fetch(`http://127.0.0.1:${http}/readyz`).then(
            answer => answer.status,
            () => 0,
          ),
        { timeout: 40_000 },
      )
      .toBe(200);
  });
  afterEach(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });

  /** A form whose fields are still on their way. */
  async function unfinished() {
    const socket = connect(http, '127.0.0.1');
    socket.on('error', () => {});
    let answer = '';
    socket.setEncoding('utf8').on('data', chunk => {
      answer += chunk;
    });
    const head = [
      'POST /switch HTTP/1.1',
      `host: localhost:${http}`,
      `origin: http://localhost:${http}`,
      'content-type: application/x-www-form-urlencoded',
      'content-length: 100',
      'expect: 100-continue',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await expect.poll(() => answer).toContain('100 Continue');
    return socket;
  }

  it('stops at SIGTERM with 0, and its log is JSON to the last line', { timeout: 90_000 }, async () => {
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const lines = log.trimEnd().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) });
    expect(log).toContain('"signal":"SIGTERM"');
  });

  it('takes a key that is pressed once, and arrives twice, as once', { timeout: 90_000 }, async () => {
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });

  it('ends at once at the second signal', { timeout: 90_000 }, async () => {
    // Something that holds the stop up.
    const socket = await unfinished();
    child.kill('SIGTERM');
    await expect.poll(() => log).toContain('"signal":"SIGTERM"');
    // Apart enough not to be the same press of a key.
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(child.exitCode).toBe(null);
    child.kill('SIGTERM');
    expect(await ended).toBe(130);
    socket.destroy();
  });
});
