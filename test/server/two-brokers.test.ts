import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Configuration } from '../../src/configuration.ts';
import type { CastName } from '../../src/demo/cast.ts';
import { freePort } from '../../src/demo/listening.ts';
import { openShell } from '../../src/demo/live-shell.ts';
import { raiseStage, type Stage } from '../../src/demo/stage.ts';
import { type Broker, startBroker } from '../../src/main.ts';
import { migrationNames } from '../../src/store/database.ts';
import { freshDatabase } from '../fixtures/database.ts';
import { ask, granted, logOf, RESTORE, unhurried } from '../fixtures/raised.ts';
import { folderOf, putInForce, sign } from '../fixtures/signed.ts';

const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));

/** As the stage's own broker: the first version of Acme is in force as it is. */
const UNSIGNED = { unsignedFirstVersion: true };

let folder: string;
let stage: Stage;
let configuration: Configuration;
let other: Broker;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-brokers-'));
  stage = await raiseStage({
    folder,
    database: await freshDatabase(),
    configure: given => {
      configuration = unhurried(given);
      return configuration;
    },
  });
  // Longer than a gateway needs that lost its hold for a moment, and shorter than a lease: nobody waits for that here.
  const deadGateways = { every: 1_000, after: 10_000 };
  other = await startBroker(beside(configuration), { ...UNSIGNED, deadGateways });
  await stage.api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage.db01.hostKeyLine });
});

afterAll(async () => {
  await other?.stop();
  await stage?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A second broker of the same installation: same database, data and address, its own listeners. */
const beside = (given: Configuration): Configuration => ({
  ...given,
  http: { host: '127.0.0.1', port: 0 },
  ssh: { host: '127.0.0.1', port: 0 },
});

/** The API of the other broker, with the tokens that the first one gave. */
const atOther = (name: CastName, method: string, path: string, body?: unknown) =>
  atBroker(other, name, method, path, body);

async function atBroker({ http }: Broker, name: CastName, method: string, path: string, body?: unknown) {
  const response = await fetch(`http://127.0.0.1:${http.port}/api/v1${path}`, {
    method,
    headers: {
      host: stage.url.host,
      authorization: `Bearer ${await stage.token(name)}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, never> };
}

const entries = async (action: string, subject?: string) =>
  (await logOf(stage)).filter(
    entry => entry.action === action && (subject === undefined || entry.subject === subject),
  );

describe('PostgreSQL is one that somebody else runs', () => {
  it('and neither of its roles may pass by row level security', async () => {
    const server = inject('server');
    const admin = postgres(server.admin, { max: 1 });
    const roles =
      await admin`select rolname, rolsuper or rolbypassrls as free from pg_roles where rolname like 'sallyport%'`;
    await admin.end();
    expect(roles.map(({ rolname, free }) => [rolname, free]).sort()).toEqual([
      ['sallyport_app', false],
      ['sallyport_owner', false],
    ]);
    expect(new URL(configuration.database!.url).port).toBe(new URL(server.admin).port);
  });
});

describe('three brokers that start together on an empty database', () => {
  it('make one installation of it', async () => {
    const database = await freshDatabase();
    const data = join(folder, 'together');
    const start = () => startBroker({ ...beside(configuration), database, data }, UNSIGNED);
    const brokers = await Promise.all([start(), start(), start()]);
    try {
      const [first] = brokers;
      const lines = await first!.application.database.within(['acme'], tx =>
        tx.execute<{ action: string }>('select action from log_entry order by seq'),
      );
      expect(lines.map(({ action }) => action).sort()).toEqual(['ca.created', 'log.key', 'matrix.in-force']);
      const owner = postgres(database!.migrationUrl, { max: 1, onnotice() {} });
      const [{ applied }] = (await owner`
        select count(*)::int as applied from drizzle.__drizzle_migrations`) as unknown as [
        { applied: number },
      ];
      await owner.end();
      expect(applied).toBe(migrationNames().length);
      const vkeys = await Promise.all(brokers.map(async one => (await one.application.logKey('acme')).vkey));
      expect(new Set(vkeys).size).toBe(1);
      expect(new Set(brokers.map(({ ssh }) => ssh.hostKey)).size).toBe(1);
    } finally {
      await Promise.all(brokers.map(one => one.stop()));
    }
  });
});

describe('two brokers on one database', () => {
  it('one is asked, the other answers', async () => {
    const { id } = await ask(stage);
    const { json: shown } = await atOther('dana', 'GET', `/requests/${id}`);
    const answer = await atOther('dana', 'POST', `/requests/${id}/approve`, { digest: shown.digest });
    expect([answer.status, answer.json.state]).toEqual([200, 'approved']);
    expect(await entries('request.approved', id)).toHaveLength(1);
  });

  it('answers given to both at once are one outcome', async () => {
    await stage.token('ravi');
    for (let round = 0; round < 5; round++) {
      const { id } = await ask(stage);
      const { digest } = (await stage.api('dana', 'GET', `/requests/${id}`)).json;
      const answers = await Promise.all([
        stage.api('dana', 'POST', `/requests/${id}/approve`, { digest }),
        atOther('ravi', 'POST', `/requests/${id}/approve`, { digest }),
        atOther('dana', 'POST', `/requests/${id}/deny`, { digest, reason: 'no' }),
        atOther('maya', 'POST', `/requests/${id}/withdraw`),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
    }
  });

  it('count together how often somebody asks', async () => {
    const start = () =>
      startBroker({ ...beside(configuration), asking: { perMinute: 3, perHour: 100 } }, UNSIGNED);
    const brokers = await Promise.all([start(), start()]);
    try {
      const authorization = `Bearer ${await stage.token('mallory')}`;
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          fetch(`http://127.0.0.1:${brokers[i % 2]!.http.port}/api/v1/requests`, {
            method: 'POST',
            headers: { authorization, 'content-type': 'application/json' },
            body: JSON.stringify(RESTORE),
          }),
        ),
      );
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([...Array(3).fill(403), ...Array(7).fill(429)]);
    } finally {
      await Promise.all(brokers.map(one => one.stop()));
    }
  });

  it('each message arrives, and is delivered once', async () => {
    const asked = await Promise.all(Array.from({ length: 15 }, () => ask(stage)));
    for (const { id } of asked)
      await stage.chat.waitFor(one => one.via === 'slack' && one.links.some(({ url }) => url.endsWith(id)));
    const waiting = async () =>
      (await entries('message.delivered')).filter(({ data }) => asked.some(({ id }) => id === data.about));
    await expect
      .poll(async () => (await waiting()).length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(asked.length);
    const delivered = await waiting();
    expect(new Set(delivered.map(({ subject }) => subject)).size).toBe(delivered.length);
    for (const { id } of asked) {
      const heard = stage.chat
        .messages()
        .filter(one => one.via === 'slack' && one.links.some(({ url }) => url.endsWith(id)));
      expect(heard, id).toHaveLength(1);
    }
  });

  it('what expires is written down once', async () => {
    const grants = await Promise.all(Array.from({ length: 6 }, () => granted(stage, { for: '2s' })));
    for (const { id } of grants)
      await expect.poll(() => entries('grant.ended', id), { timeout: 20_000 }).not.toHaveLength(0);
    for (const { id } of grants) expect(await entries('grant.ended', id)).toHaveLength(1);
  });

  it('a session at one ends when the other revokes its grant', async () => {
    const grant = await granted(stage);
    const shell = await openShell(stage, 'maya');
    shell.type('echo here-$((1 + 1))\n');
    await shell.sees(/here-2/);
    expect((await atOther('dana', 'POST', `/grants/${grant.id}/revoke`)).status).toBe(200);
    await shell.ended;
    expect(shell.screen()).toContain('was revoked');
  });

  it('one that starts takes nothing from one that lost its hold for a moment', async () => {
    const grant = await granted(stage);
    const shell = await openShell(stage, 'maya');
    shell.type('echo held-$((1 + 1))\n');
    await shell.sees(/held-2/);
    const admin = postgres(inject('server').admin, { max: 1 });
    const database = new URL(configuration.database!.url).pathname.slice(1);
    const cut = await admin`
      select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
      where l.locktype = 'advisory' and l.classid = 7205518 and d.datname = ${database}`;
    await admin.end();
    expect(cut.length).toBeGreaterThan(0);
    const third = await startBroker(beside(configuration), UNSIGNED);
    try {
      shell.type('echo still-$((1 + 1))\n');
      await shell.sees(/still-2/);
      const { json } = await stage.api('dana', 'GET', '/sessions?live=true');
      const mine = json.sessions.find((one: { grant: string }) => one.grant === grant.id);
      expect(await entries('session.ended', mine.id)).toHaveLength(0);
    } finally {
      await third.stop();
    }
    shell.type('exit\n');
    await shell.ended;
    await stage.api('maya', 'POST', `/grants/${grant.id}/handback`);
  });

  it('checkpoints of both are one history', async () => {
    const { application: mine } = stage.broker;
    const notes = await Promise.all([mine.checkpoint('acme'), other.application.checkpoint('acme')]);
    const sizes = notes.map(note => note!.size);
    if (sizes[0] === sizes[1]) expect(notes[0]!.note).toBe(notes[1]!.note);
    const { text } = await stage.api('audrey', 'GET', '/audit');
    const lines = text.trimEnd().split('\n');
    expect(lines.map(line => JSON.parse(line).seq)).toEqual(lines.map((_, at) => at + 1));
  });

  it(
    'a session at one that is killed is closed by the other, as broken off',
    { timeout: 120_000 },
    async () => {
      // A program is no demo: nothing opens at it before both have signed.
      await appendFile(join(configuration.policies, 'acme', 'matrix.yaml'), '# Signed by both.\n');
      await putInForce(stage);
      await granted(stage, { for: '10m' });
      const third = await serveBeside();
      try {
        // Of two settings OpenSSH takes the first.
        const there = async (name: CastName) => [
          '-o',
          `Port=${third.ssh}`,
          ...(await stage.sshOptions(name)),
        ];
        const shell = await openShell({ ...stage, sshOptions: there }, 'maya');
        shell.type('echo there-$((1 + 1))\n');
        await shell.sees(/there-2/);
        third.child.kill('SIGKILL');
        await shell.ended;
      } finally {
        third.child.kill('SIGKILL');
      }
      const ended = async () =>
        (await entries('session.ended')).filter(({ data }) => data.reason === 'broken-off');
      await expect.poll(ended, { timeout: 60_000 }).toHaveLength(1);
      const [{ subject, actor }] = (await ended()) as [{ subject: string; actor: string }];
      const { text } = await stage.api('audrey', 'GET', `/sessions/${subject}/recording`);
      expect(text).toContain('there-2');
      expect(actor).toMatch(/^gateway:local-[0-9a-f]{10}$/);
    },
  );
});

describe('a version that both signed, at two brokers', () => {
  /** A browser's call that the balancer sends to the other broker. */
  async function signAtOther(name: CastName, { id, document }: { id: string; document: string }) {
    const place = new URL(`/api/v1/matrix/proposals/${id}/sign`, stage.url);
    place.port = String(other.http.port);
    const { host, origin } = stage.url;
    const visitor = await stage.as(name);
    const answer = await visitor.ask(place, {
      method: 'POST',
      headers: { host, origin, 'content-type': 'application/json' },
      body: JSON.stringify({ document }),
    });
    return { status: answer.status, json: JSON.parse(answer.body.toString()) };
  }

  it('comes into force once, though both parties sign it at both at the same time', async () => {
    for (const name of ['alex', 'chris', 'robin', 'dana', 'ravi'] as const) await stage.as(name);
    const files = folderOf(stage);
    for (let round = 0; round < 3; round++) {
      const before = (await entries('matrix.in-force')).length;
      const matrix = files.matrix.replace('answer_within: 15m', `answer_within: ${16 + round}m`);
      const put = await stage.api('alex', 'POST', '/matrix/proposals', { ...files, matrix });
      expect(put.status, put.text).toBe(201);
      const answers = await Promise.all([
        sign(stage, 'alex', put.json),
        signAtOther('chris', put.json),
        signAtOther('alex', put.json),
        sign(stage, 'chris', put.json),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409]);
      const given = answers.filter(({ status }) => status === 200).map(({ json }) => json.in_force);
      expect(given.sort()).toEqual([false, true]);
      expect(await entries('matrix.in-force')).toHaveLength(before + 1);
      const signed = await entries('matrix.signed', put.json.id);
      expect(signed.map(({ data }) => data.party).sort()).toEqual(['client', 'msp']);
    }
  });

  it('opens nothing at one whose owners hear by other channels, and all at the one that was signed', async () => {
    const [first, ...rest] = configuration.channels;
    const channels = [{ ...first!, to: [...first!.to, 'client/legal'] }, ...rest];
    const odd = await startBroker({ ...beside(configuration), channels }, UNSIGNED);
    const atOdd = (name: CastName, path: string, body: unknown) => atBroker(odd, name, 'POST', path, body);
    const notSigned = { code: 'version-not-signed', unsettled: 'installation' };
    try {
      expect(await atOdd('maya', '/requests', RESTORE)).toMatchObject({ status: 409, json: notSigned });
      const waiting = await ask(stage);
      const { digest } = (await stage.api('dana', 'GET', `/requests/${waiting.id}`)).json;
      const approve = `/requests/${waiting.id}/approve`;
      expect(await atOdd('dana', approve, { digest })).toMatchObject({ status: 409, json: notSigned });

      const at = new Date(Date.now() + 3_600_000).toISOString();
      const tried = await atOdd('maya', '/preflight', { at, targets: ['db01'] });
      const checks = tried.json.checks as unknown as { subject: string }[];
      const [target, ...more] = checks.filter(({ subject }) => subject === 'db01');
      expect([target, more]).toMatchObject([
        { ok: null, detail: expect.stringContaining('not tried: The issuers or channels') },
        [],
      ]);

      expect((await stage.api('dana', 'POST', approve, { digest })).status).toBe(200);
      const there = async (name: CastName) => [
        '-o',
        `Port=${odd.ssh.port}`,
        ...(await stage.sshOptions(name)),
      ];
      const refused = await openShell({ ...stage, sshOptions: there }, 'maya');
      await refused.ended;
      expect(refused.screen()).toContain('are not those that both parties signed');
      const shell = await openShell(stage, 'maya');
      shell.type('echo signed-$((1 + 1))\n');
      await shell.sees(/signed-2/);
      shell.type('exit\n');
      await shell.ended;
    } finally {
      await odd.stop();
    }
  });
});

/** A broker of the same installation as a process that can be killed. */
async function serveBeside(): Promise<{ child: ChildProcess; ssh: number }> {
  const [http, ssh] = [await freePort(), await freePort()];
  const { database, data, policies, url, instance, clients, channels } = configuration;
  // The same issuers and channels as the others have: with others nothing opens.
  const secrets: Record<string, string> = {};
  const hidden = (text: string) => {
    const env = `TEST_SECRET_${Object.keys(secrets).length}`;
    secrets[env] = text;
    return { env };
  };
  const settings = join(folder, 'beside.yaml');
  const oidc = clients.map(({ issuer, clientId, clientSecret }) => ({
    issuer,
    client_id: clientId,
    client_secret: hidden(clientSecret!),
  }));
  const told = channels.map(({ name, kind, tenant, to, settings: given }) => {
    const opened = Object.entries(given).map(([key, value]) => [key, hidden(String(value))]);
    return { name, kind, tenant, to, ...Object.fromEntries(opened) };
  });
  await writeFile(settings, JSON.stringify({ instance, oidc, channels: told }));
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: {
      PATH: process.env.PATH ?? '',
      SALLYPORT_URL: url.href,
      SALLYPORT_HTTP: `127.0.0.1:${http}`,
      SALLYPORT_SSH: `127.0.0.1:${ssh}`,
      SALLYPORT_DATA: data,
      SALLYPORT_POLICIES: policies,
      SALLYPORT_CONFIG: settings,
      ...secrets,
      DATABASE_URL: database!.url,
      DATABASE_MIGRATION_URL: database!.migrationUrl,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ready = () =>
    fetch(`http://127.0.0.1:${http}/readyz`).then(
      answer => answer.status,
      () => 0,
    );
  await expect.poll(ready, { timeout: 40_000 }).toBe(200);
  return { child, ssh };
}
