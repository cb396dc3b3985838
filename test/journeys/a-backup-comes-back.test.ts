import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/configuration.ts';
import { openKeyring } from '../../src/credentials/seal.ts';
import { PARTY_NAMES } from '../../src/demo/cast.ts';
import { execute, options } from '../../src/demo/stage.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { type Broker, startBroker } from '../../src/main.ts';
import { digestOf, filesBelow } from '../../src/store/backup-manifest.ts';
import { openDatabase } from '../../src/store/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { sallyport } from '../cli/broker.ts';
import { ask, granted, logOf, raised } from '../fixtures/raised.ts';

const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let configuration: Configuration;
const stage = raised({
  configure: given => {
    configuration = given;
    return given;
  },
});

/** What stood before the backup was taken. */
let before: {
  log: string;
  checkpoint: string;
  vkey: string;
  session: string;
  recording: Buffer;
  ended: string;
};
let folder: string;
let backup: string;
let said: string;
let live: ReturnType<typeof spawn>;
/** A PostgreSQL that somebody else runs, whose owner of the tables is no superuser. */
let server: EmbeddedPostgres;
let admin: postgres.Sql;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-backup-'));
  backup = join(folder, 'backup');
  const { api } = stage();
  await api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
  const revoked = await granted(stage(), { reason: 'A \\ and a "quote" – ok' });
  await api('dana', 'POST', `/grants/${revoked.id}/revoke`);
  await granted(stage());
  const to = [...(await stage().sshOptions('maya')), '-T', 'root@db01@localhost'];
  await execute('ssh', [...to, 'echo before the backup']);
  const { json: sessions } = await api('audrey', 'GET', '/sessions');
  const [session] = sessions.sessions;
  await ask(stage());
  live = spawn('ssh', [...to, 'echo while it is taken; sleep 600'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(live.stdout!, 'data');
  before = {
    checkpoint: (await api('audrey', 'GET', '/audit/checkpoint')).text,
    log: (await api('audrey', 'GET', '/audit')).text,
    vkey: (await stage().broker.application.logKey('acme')).vkey,
    session: session.id,
    recording: Buffer.from((await api('audrey', 'GET', `/sessions/${session.id}/recording`)).text),
    ended: revoked.id,
  };
  // The live session's first segment is closed five seconds after its first byte.
  const recorded = async () =>
    new Set(
      (await logOf(stage()))
        .filter(({ action }) => action === 'recording.segment')
        .map(({ subject }) => subject),
    ).size;
  while ((await recorded()) < 2) await sleep(200);
  const taken = await sallyport(['backup', backup], around());
  expect(taken).toMatchObject({ code: 0, err: '' });
  said = taken.out;
  server = await startEmbeddedPostgres({ dataFolder: join(folder, 'elsewhere'), logger: quiet });
  admin = client(server.user, 'postgres');
  await admin`create role owner login`;
  await admin`create role app login`;
});

afterAll(async () => {
  live?.kill('SIGKILL');
  await admin?.end();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const client = (user: string, database: string) =>
  postgres({ host: server.socketFolder, port: server.port, user, database, max: 1, onnotice() {} });

async function foreign(name: string): Promise<NonNullable<Configuration['database']>> {
  await admin.unsafe(`create database ${name} owner owner`);
  const url = (user: string) =>
    `postgres://${user}@localhost:${server.port}/${name}?host=${encodeURIComponent(server.socketFolder)}`;
  return { url: url('app'), migrationUrl: url('owner') };
}

const around = () => ({ data: configuration.data, kept: { database: configuration.database } });
const keyFile = () => join(configuration.data, 'keys', 'sealing.key');

/** An empty data folder with the sealing key in its place. */
async function fresh(name: string): Promise<string> {
  const data = join(folder, name);
  await mkdir(join(data, 'keys'), { recursive: true, mode: 0o700 });
  await cp(keyFile(), join(data, 'keys', 'sealing.key'));
  return data;
}

const restored = async (data: string) => [
  ...(await filesBelow(join(data, 'recordings'))),
  ...(await filesBelow(join(data, 'keys'))).filter(name => name !== 'sealing.key'),
];

describe('a backup', () => {
  it('is taken while the broker runs, for its owner alone, and says what it does not hold', async () => {
    const files = await filesBelow(backup);
    expect(files).toEqual(
      expect.arrayContaining(['manifest.json', 'database/log_entry.ndjson', 'keys/log-acme.sealed']),
    );
    expect(files.filter(path => path.startsWith('recordings/'))).toHaveLength(2);
    const key = (await readFile(keyFile(), 'utf8')).trim();
    for (const path of files) {
      expect((await stat(join(backup, path))).mode & 0o077).toBe(0);
      expect(await readFile(join(backup, path), 'utf8')).not.toContain(key);
    }
    expect(said).toMatch(/sealing key [\w-]{8} is NOT in it.*sealing\.key elsewhere/);
    expect(said).toMatch(/log of acme is in it up to entry \d+/);
    const { text } = await stage().api('audrey', 'GET', '/audit');
    expect(text).toContain('"action":"backup.taken"');
    expect((await sallyport(['backup', backup], around())).err).toMatch(/not empty/);
  });

  it('holds no sign-in, begun or done, and no registered key', async () => {
    const tables = (await readdir(join(backup, 'database'))).map(name => name.replace('.ndjson', ''));
    const left = ['sign_in_attempt', 'web_session', 'token', 'ssh_sign_in', 'device_sign_in', 'ssh_key'];
    for (const table of left) expect(tables).not.toContain(table);
  });

  const manifestOf = async (at: string) => JSON.parse(await readFile(join(at, 'manifest.json'), 'utf8'));
  const writeManifest = (at: string, manifest: unknown) =>
    writeFile(join(at, 'manifest.json'), JSON.stringify(manifest));
  const editLog = async (at: string, change: (text: string) => string, file = 'log_entry') => {
    const path = join(at, 'database', `${file}.ndjson`);
    const text = await readFile(path, 'utf8');
    const changed = change(text);
    expect(changed).not.toBe(text);
    await writeFile(path, changed);
    const manifest = await manifestOf(at);
    const entry = manifest.files.find(
      (listed: { path: string }) => listed.path === `database/${file}.ndjson`,
    );
    Object.assign(entry, { size: Buffer.byteLength(changed), sha256: digestOf(changed) });
    return manifest;
  };
  /** As somebody would who holds the sealing key. */
  const reseal = async (at: string, manifest: unknown) => {
    await writeManifest(at, manifest);
    const keyring = await openKeyring({ key: null, file: keyFile() });
    const digest = digestOf(await readFile(join(at, 'manifest.json')));
    await writeFile(join(at, 'manifest.sealed'), keyring.seal(Buffer.from(digest), 'backup/manifest'));
  };
  const another = (path: string) => path.startsWith('recordings/');

  it.each<[string, RegExp, (at: string) => Promise<unknown>]>([
    [
      'with one more byte in a table',
      /person\.ndjson was changed/,
      at => appendFile(join(at, 'database/person.ndjson'), '\n'),
    ],
    ['with a file less', /log-acme\.sealed is missing/, at => rm(join(at, 'keys/log-acme.sealed'))],
    [
      'with a file more',
      /intruder\.cast was not in it/,
      at => writeFile(join(at, 'recordings/intruder.cast'), ''),
    ],
    [
      'with a shorter recording',
      /\.cast was changed/,
      async at => truncate(join(at, (await filesBelow(at)).find(another)!), 10),
    ],
    ['without its manifest', /was not finished/, at => rm(join(at, 'manifest.json'))],
    ['without its seal', /was not finished/, at => rm(join(at, 'manifest.sealed'))],
    [
      'whose seal is none',
      /manifest\.sealed was changed/,
      at => writeFile(join(at, 'manifest.sealed'), 'sp1.a.b.c'),
    ],
    [
      'with a grant that lives longer, by somebody without the sealing key',
      /manifest\.json was changed/,
      async at =>
        writeManifest(
          at,
          await editLog(at, text => text.replace('"ended_at":"2', '"ended_at":"3'), 'access_grant'),
        ),
    ],
    [
      'with a changed log entry, by somebody with the sealing key',
      /log of acme does not verify/,
      async at => reseal(at, await editLog(at, text => text.replace('maya@northwind', 'noah@northwind'))),
    ],
    [
      'with its last log entry cut off, by somebody with the sealing key',
      /log of acme does not verify|log_entry has/,
      async at => {
        const manifest = await editLog(at, text => text.replace(/[^\n]*\n$/, ''));
        for (const table of manifest.tables) if (table.name === 'log_entry') table.rows -= 1;
        await reseal(at, manifest);
      },
    ],
    [
      'whose checkpoint was signed over something else',
      /log of acme does not verify: its checkpoint/,
      async at =>
        reseal(
          at,
          await editLog(
            at,
            text => text.replace(/(\\n\d+\\n)(.)/, (_, size, c) => size + (c === 'A' ? 'B' : 'A')),
            'checkpoint',
          ),
        ),
    ],
    [
      'of another release',
      /restore with that release/,
      async at => {
        const manifest = await manifestOf(at);
        manifest.migrations.pop();
        await reseal(at, manifest);
      },
    ],
    [
      'whose list leads out of it',
      /another form/,
      async at => {
        const manifest = await manifestOf(at);
        manifest.files[0].path = 'keys/../../x';
        await reseal(at, manifest);
      },
    ],
  ])('%s is refused, and nothing is restored', async (_, why, tamper) => {
    const name = `t${randomBytes(6).toString('hex')}`;
    const tampered = join(folder, name);
    await cp(backup, tampered, { recursive: true });
    await tamper(tampered);
    const data = await fresh(`${name}-data`);
    const database = await foreign(name);
    const { code, err } = await sallyport(['restore', tampered], { data, kept: { database } });
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(why) });
    const owner = client('owner', name);
    const [{ there }] = (await owner`select to_regclass('log_head') is not null as there`) as unknown as [
      { there: boolean },
    ];
    if (there) expect(await owner`select 1 from served_tenant`).toHaveLength(0);
    await owner.end();
  });

  it.each<[string, RegExp, (data: string) => Promise<unknown>]>([
    [
      'a folder with a recording',
      /is in use/,
      data =>
        mkdir(join(data, 'recordings/acme'), { recursive: true }).then(() =>
          writeFile(join(data, 'recordings/acme/x.cast'), ''),
        ),
    ],
    ['a folder without the sealing key', /not in a backup/, data => rm(join(data, 'keys/sealing.key'))],
    [
      'a folder with another sealing key',
      /sealed under the key [\w-]{8}, which is not here/,
      data => writeFile(join(data, 'keys/sealing.key'), randomBytes(32).toString('hex')),
    ],
  ])('does not go into %s', async (name, why, prepare) => {
    const data = await fresh(name.replaceAll(' ', '-'));
    await prepare(data);
    const { code, err } = await sallyport(['restore', backup], { data });
    expect(code).toBeGreaterThan(0);
    expect(err).toMatch(why);
    expect(existsSync(join(data, 'postgres'))).toBe(false);
  });

  it('killed while it is restored, no broker starts on it, and called again it is whole', async () => {
    const data = await fresh('killed');
    const database = await foreign('killed');
    await (await openDatabase({ database, data }, quiet)).close();
    const holder = client('owner', 'killed');
    let free = () => {};
    const held = new Promise<void>(resolve => {
      free = resolve;
    });
    const holding = holder.begin(async tx => {
      await tx`lock table session in exclusive mode`;
      await held;
    });
    const child = spawn(process.execPath, [PROGRAM, 'restore', backup], {
      env: {
        PATH: process.env.PATH,
        SALLYPORT_DATA: data,
        DATABASE_URL: database.url,
        DATABASE_MIGRATION_URL: database.migrationUrl,
      },
      stdio: 'ignore',
    });
    const waiting = () => admin`
      select from pg_stat_activity where datname = 'killed' and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await waiting()).length, { timeout: 30_000 }).toBe(1);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    free();
    await holding;
    await holder.end();
    await expect(startBroker({ ...configuration, data, database })).rejects.toThrow(/broken off/);
    const again = await sallyport(['restore', backup], { data, kept: { database } });
    expect(again).toMatchObject({ code: 0, err: '' });
    expect((await restored(data)).length).toBe(4);
    const third = await sallyport(['restore', backup], { data, kept: { database } });
    expect(third).toMatchObject({ code: 1, err: expect.stringMatching(/is in use/) });
  });

  it('of what somebody else’s PostgreSQL holds has the same rows', async () => {
    const database = await foreign('twice');
    const data = await fresh('twice');
    expect(await sallyport(['restore', backup], { data, kept: { database } })).toMatchObject({ code: 0 });
    const second = join(folder, 'second');
    const taken = await sallyport(['backup', second], { data, kept: { database } });
    expect(taken).toMatchObject({ code: 0, err: '' });
    const rows = async (at: string, table: string) =>
      (await readFile(join(at, 'database', `${table}.ndjson`), 'utf8')).trim().split('\n').sort();
    for (const file of await readdir(join(backup, 'database'))) {
      const table = file.replace('.ndjson', '');
      // What a restore changes: it ends grants, forgets sign-ins, and says so in the log.
      if (['access_grant', 'person', 'log_head'].includes(table)) continue;
      const [first, then] = [await rows(backup, table), await rows(second, table)];
      if (table === 'log_entry') expect(then).toEqual(expect.arrayContaining(first));
      else expect(then, table).toEqual(first);
    }
  });

  it(
    'comes back in a fresh folder: the log goes on, what was recorded plays, what had ended stays ended',
    { timeout: 120_000 },
    async () => {
      const data = await fresh('anew');
      // The embedded one is made; where somebody runs another, a fresh one there.
      const database = configuration.database && (await foreign('anew'));
      const { code, out, err } = await sallyport(['restore', backup], { data, kept: { database } });
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/The log of acme verifies: \d+ entries, \d+ checkpoint/);
      expect(out).toMatch(/1 live grant was ended/);
      const taken = stage().broker;
      await taken.stop();
      const broker: Broker = await startBroker(
        { ...configuration, data, database },
        { unsignedFirstVersion: true, deadGateways: { every: 1_000, after: 3_000 } },
      );
      try {
        expect(broker.ssh.hostKey).toBe(taken.ssh.hostKey);
        expect((await broker.application.logKey('acme')).vkey).toBe(before.vkey);
        // The old sign-ins opened nothing of it.
        expect((await stage().api('audrey', 'GET', '/sessions')).status).toBe(401);
        const { api, to } = await signedInAnew();
        const log = (await api('audrey', 'GET', '/audit')).text;
        expect(log.startsWith(before.log)).toBe(true);
        const files = {
          log,
          checkpoint: (await api('audrey', 'GET', '/audit/checkpoint')).text,
          old: before.checkpoint,
        };
        for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
        for (const checkpoint of ['checkpoint', 'old']) {
          const verified = await sallyport([
            'audit',
            'verify',
            join(folder, 'log'),
            '--checkpoint',
            join(folder, checkpoint),
            '--key',
            before.vkey,
          ]);
          expect(verified).toMatchObject({ code: 0 });
        }
        const replayed = await api('audrey', 'GET', `/sessions/${before.session}/recording`);
        expect(Buffer.from(replayed.text)).toEqual(before.recording);

        const { grants } = (await api('maya', 'GET', '/grants')).json;
        expect(grants.map((grant: { live: boolean }) => grant.live)).toEqual([false, false]);
        expect(grants.find(({ id }: { id: string }) => id === before.ended).end_reason).toBe('revoked');
        expect((await execute('ssh', [...to, 'true'])).status).not.toBe(0);
        const broken = async () =>
          (await api('audrey', 'GET', '/sessions')).json.sessions.find(
            ({ id }: { id: string }) => id !== before.session,
          );
        // Where others may serve the same database, a gateway counts as dead only after a while.
        await expect
          .poll(broken, { timeout: 50_000 })
          .toMatchObject({ end_reason: 'broken-off', recording: { size: expect.any(Number) } });

        const asked = await api('maya', 'POST', '/requests', {
          target: 'db01',
          activity: 'backups/restore',
          ssh: 'root',
          for: '1h',
          ticket: 'INC-8',
          reason: 'after the restore',
        });
        expect(asked.status).toBe(201);
        const approved = await api('dana', 'POST', `/requests/${asked.json.id}/approve`, {
          digest: (await api('dana', 'GET', `/requests/${asked.json.id}`)).json.digest,
        });
        expect(approved.status).toBe(200);
        // Whether her key was removed after the backup nobody knows any more: it opens nothing until she registers it.
        expect((await api('maya', 'GET', '/keys')).json.keys).toEqual([]);
        expect((await execute('ssh', [...to, 'true'])).status).not.toBe(0);
        const key = await readFile(`${await stage().key('maya')}.pub`, 'utf8');
        expect((await api('maya', 'POST', '/keys', { public_key: key.trim() })).status).toBe(201);
        expect((await execute('ssh', [...to, 'echo after the restore'])).stdout).toBe('after the restore\n');
      } finally {
        await broker.stop();
      }
    },
  );
});

/** The people of the stage in new browsers: their old sessions and tokens are gone. */
async function signedInAnew() {
  const { cast, url } = stage();
  const tokens = new Map<string, string>();
  for (const name of ['maya', 'dana', 'audrey'] as const) {
    const visitor = new Visitor();
    await visitor.signIn(url, PARTY_NAMES[cast[name].party], cast[name].email, cast[name].password);
    const answer = await visitor.ask(new URL('/api/v1/tokens', url), {
      method: 'POST',
      headers: { origin: url.origin, 'content-type': 'application/json' },
      body: JSON.stringify({ label: 'anew' }),
    });
    tokens.set(name, JSON.parse(answer.body.toString()).token);
  }
  const api = async (name: string, method: string, path: string, body?: unknown) => {
    const response = await fetch(new URL(`/api/v1${path}`, url), {
      method,
      headers: { authorization: `Bearer ${tokens.get(name)}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      json: text.startsWith('{"') && !text.includes('\n') ? JSON.parse(text) : null,
    };
  };
  const to = [
    ...(await stage().sshOptions('maya')),
    ...options({ LogLevel: 'ERROR' }),
    '-T',
    'root@db01@localhost',
  ];
  return { api, to };
}
