import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { DataInUse, lockData } from '../../src/store/lock-data.ts';
import { copyBinaries, installedBinaries, makeLinks } from '../../src/store/postgres-binaries.ts';
import type { Way } from '../../src/store/postgres-place.ts';
import { servesData } from '../../src/store/postgres-process.ts';

const root = process.getuid?.() === 0;
const linux = process.platform === 'linux';
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const folders: string[] = [];
const started: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];
let folder: string;

beforeEach(() => {
  folder = temporary();
});
afterEach(async () => {
  for (const database of started.splice(0)) await database.stop();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});

function temporary(): string {
  const made = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  folders.push(made);
  return made;
}

async function start(dataFolder: string, way?: Way): Promise<EmbeddedPostgres> {
  const database = await startEmbeddedPostgres({ dataFolder, logger: silent, ...(way ? { way } : {}) });
  started.push(database);
  return database;
}

async function ask(database: { socketFolder: string }, question: string): Promise<string[]> {
  const sql = postgres({
    host: database.socketFolder,
    port: 5432,
    user: 'sallyport_owner',
    database: 'postgres',
    onnotice: () => {},
  });
  try {
    return (await sql.unsafe(question)).map(row => String(Object.values(row)[0]));
  } finally {
    // postgres.js never ends a client whose connection was lost under a statement, unless it is given a time.
    await sql.end({ timeout: 1 });
  }
}

/** A process of its own that holds the database, as another user if asked. */
async function hold(
  dataFolder: string,
  uid?: number,
): Promise<{ child: ChildProcess; said: Record<string, unknown> }> {
  const program = join(import.meta.dirname, 'hold-database.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', program, dataFolder], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined
      ? {}
      : { uid, gid: uid, env: { PATH: process.env.PATH, TMPDIR: '/tmp', HOME: '/tmp' } }),
  });
  children.push(child);
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return { child, said: JSON.parse(line) };
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !linux || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  for (const end = Date.now() + 10_000; lives(pid); await sleep(20)) {
    if (Date.now() > end) throw new Error(`process ${pid} lives on`);
  }
}

/** Those that count or sleep, besides who asks. */
const ACTIVE =
  "select count(*) from pg_stat_activity where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid()";

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); await sleep(20)) {
    if (Date.now() > end) throw new Error('it did not come about');
  }
}

const parentOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]);

const childrenOf = (pid: number): number[] =>
  execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
    .split('\n')
    .map(Number)
    .filter(each => each > 0);

/** Processes of PostgreSQL on this data directory. */
const serversOf = (dataDirectory: string): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && servesData(pid, dataDirectory));

/** An unrelated program of ours, for its process number. */
function bystander(): number {
  const child = spawn('sleep', ['300'], { stdio: 'ignore' });
  children.push(child);
  return child.pid as number;
}

describe('the embedded database', () => {
  test('starts on nothing, keeps its data over a restart, and really writes to disk', async () => {
    const first = await start(join(folder, 'data'));
    await ask(first, 'create table t (n int)');
    await ask(first, 'insert into t values (7)');
    expect(await ask(first, 'show fsync')).toEqual(['on']);
    expect(await ask(first, 'show data_checksums')).toEqual(['on']);
    expect(await ask(first, "select upper('ä') || current_setting('server_encoding')")).toEqual(['ÄUTF8']);
    await first.stop();
    await first.stop();
    expect(lives(first.pid)).toBe(false);

    const second = await start(join(folder, 'data'));
    expect(await ask(second, 'select n from t')).toEqual(['7']);
  });

  test('is reached over a socket that nobody else can get to, and over nothing else', async () => {
    const database = await start(join(folder, 'data'));
    expect(await ask(database, 'show listen_addresses')).toEqual(['']);
    expect(statSync(database.socketFolder).mode & 0o777).toBe(0o700);
    expect(statSync(join(database.socketFolder, '.s.PGSQL.5432')).mode & 0o777).toBe(0o700);
  });

  test('gets nothing of the environment', async () => {
    process.env.SALLYPORT_TEST_SECRET = 'not for the database';
    const database = await start(join(folder, 'data'));
    delete process.env.SALLYPORT_TEST_SECRET;
    if (linux) expect(readFileSync(`/proc/${database.pid}/environ`, 'utf8')).not.toContain('SALLYPORT');
  });

  test('says that the first is running when a second starts on the same data', async () => {
    await start(join(folder, 'data'));
    const error = await start(join(folder, 'data')).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataInUse);
    expect(error).toMatchObject({ code: 'data-in-use', pid: process.pid });
    expect((error as Error).message).toContain(`already running on ${folder}/data (process ${process.pid})`);
    const { said } = await hold(join(folder, 'data'));
    expect(said).toMatchObject({ code: 'data-in-use' });
  });

  test('runs twice at once on two folders', async () => {
    const [a, b] = await Promise.all([start(join(folder, 'a')), start(join(folder, 'b'))]);
    await ask(a, 'create table only_in_a ()');
    expect(await ask(b, "select to_regclass('only_in_a') is null")).toEqual(['true']);
  });

  test.each([
    ['a path too long for a socket', 'a-rather-long-name/'.repeat(8)],
    ['a path with commas, spaces and quotes', "ac,me: o'neil/dätä"],
  ])('works in %s', async (_, name) => {
    const database = await start(join(folder, name));
    expect(await ask(database, 'select 1')).toEqual(['1']);
    expect(statSync(database.socketFolder).mode & 0o777).toBe(0o700);
    await database.stop();
    expect(existsSync(database.socketFolder)).toBe(false);
  });

  test('refuses a cluster of another major version and leaves it alone', async () => {
    const first = await start(join(folder, 'data'));
    await first.stop();
    writeFileSync(join(folder, 'data/postgres/PG_VERSION'), '17\n');
    await expect(start(join(folder, 'data'))).rejects.toMatchObject({ code: 'database-of-another-version' });
  });

  test('makes its cluster anew when the first start was cut off in the middle', async () => {
    mkdirSync(join(folder, 'data/postgres.new/base'), { recursive: true });
    const database = await start(join(folder, 'data'));
    expect(await ask(database, 'select 1')).toEqual(['1']);
  });
});

describe('when something is killed', () => {
  test('kill -9 of the broker ends the database, and the next start has everything that was committed', async () => {
    const { child, said } = await hold(join(folder, 'data'));
    await ask(
      { socketFolder: said.socketFolder as string },
      'create table t as select generate_series(1, 1000) n',
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    // At once: the lock must be seen as stale and the old server waited for.
    const next = await start(join(folder, 'data'));
    expect(lives(said.pid as number)).toBe(false);
    expect(await ask(next, 'select count(*) from t')).toEqual(['1000']);
  });

  test('kill -9 of the broker ends the database without a next start, too', async () => {
    const { child, said } = await hold(join(folder, 'data'));
    child.kill('SIGKILL');
    await untilGone(said.pid as number);
  });

  test('an orphan without broker and watchdog is ended by the next start', async () => {
    const { child, said } = await hold(join(folder, 'data'));
    if (!linux) return;
    // As after a kill of the whole control group that PostgreSQL alone survives: shell and watcher go first.
    const parent = parentOf(said.pid as number);
    // All at once, as far as the broker can tell: it must not see the shell go and act on it.
    child.kill('SIGSTOP');
    for (const pid of [parent, ...childrenOf(parent).filter(pid => pid !== said.pid)])
      process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await sleep(1500);
    expect(lives(said.pid as number)).toBe(true);
    const next = await start(join(folder, 'data'));
    expect(lives(said.pid as number)).toBe(false);
    expect(await ask(next, 'select 1')).toEqual(['1']);
  });

  test.each([
    ['the server', (pid: number) => [pid]],
    ['the shell that watches over it', (pid: number) => [parentOf(pid)]],
    ['server and shell', (pid: number) => [parentOf(pid), pid]],
    ['server and all backends', (pid: number) => [pid, ...childrenOf(pid)]],
  ])(
    'kill -9 of %s: it comes back by itself, with what was committed, at the same place',
    async (_, whom) => {
      if (!linux) return;
      const database = await start(join(folder, 'data'));
      await ask(database, 'create table t as select 1 n');
      const { socketFolder, pid } = database;
      for (const each of whom(pid)) process.kill(each, 'SIGKILL');
      await eventually(async () => database.pid !== pid);
      expect(await ask({ socketFolder }, 'select n from t')).toEqual(['1']);
      expect(lives(pid)).toBe(false);
      await database.stop();
      expect(serversOf(join(folder, 'data/postgres'))).toEqual([]);
    },
  );

  test('kill -9 of the server again and again, while statements run that never look up', async () => {
    if (!linux) return;
    const database = await start(join(folder, 'data'));
    await ask(database, 'create table t (n int)');
    for (const round of [1, 2, 3]) {
      const { pid } = database;
      await ask(database, `insert into t values (${round})`);
      // Busy with counting it does not notice that its server is gone, and holds the shared memory.
      const busy = ask(database, 'select count(*) from generate_series(1, 1e12::bigint)').catch(() => 'cut');
      await eventually(async () => (await ask(database, ACTIVE))[0] === '1');
      process.kill(pid, 'SIGKILL');
      await eventually(async () => database.pid !== pid);
      expect(await busy).toBe('cut');
    }
    expect(await ask(database, 'select n from t order by n')).toEqual(['1', '2', '3']);
    await database.stop();
    expect(serversOf(join(folder, 'data/postgres'))).toEqual([]);
  });

  test('kill -9 of one backend: the server starts its backends anew and stays', async () => {
    const database = await start(join(folder, 'data'));
    const { pid } = database;
    const sleeper = ask(database, 'select pg_sleep(60)').catch(() => 'cut');
    await eventually(async () => (await ask(database, ACTIVE))[0] === '1');
    const backend = await ask(
      database,
      "select pid from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
    );
    process.kill(Number(backend[0]), 'SIGKILL');
    expect(await sleeper).toBe('cut');
    await eventually(async () => (await ask(database, 'select 1').catch(() => []))[0] === '1');
    expect(database.pid).toBe(pid);
  });

  test('is tried again until it starts, and can be stopped while it does not', async () => {
    const told: string[] = [];
    const logger = { ...silent, error: (_: object, message: string) => told.push(message) };
    const database = await startEmbeddedPostgres({ dataFolder: join(folder, 'data'), logger });
    started.push(database);
    const { pid } = database;
    const configuration = join(folder, 'data/postgres/postgresql.conf');
    const sound = readFileSync(configuration, 'utf8');
    writeFileSync(configuration, 'this is no setting\n');
    process.kill(pid, 'SIGKILL');
    const failed = (times: number) => async () =>
      told.filter(line => line.includes('does not start')).length >= times;
    await eventually(failed(2));
    writeFileSync(configuration, sound);
    await eventually(async () => database.pid !== pid);
    expect(await ask(database, 'select 1')).toEqual(['1']);

    writeFileSync(configuration, 'this is no setting\n');
    process.kill(database.pid, 'SIGKILL');
    await eventually(failed(4));
    await database.stop();
    writeFileSync(configuration, sound);
    const next = await start(join(folder, 'data'));
    expect(await ask(next, 'select 1')).toEqual(['1']);
  });

  test('starts although the process number in postmaster.pid is by now another program', async () => {
    const { child, said } = await hold(join(folder, 'data'));
    child.kill('SIGKILL');
    process.kill(said.pid as number, 'SIGKILL');
    await once(child, 'exit');
    await untilGone(said.pid as number);
    const other = bystander();
    for (const file of ['postgres/postmaster.pid', 'socket/.s.PGSQL.5432.lock']) {
      const path = join(folder, 'data', file);
      writeFileSync(path, readFileSync(path, 'utf8').replace(/^\d+/, String(other)));
    }
    const next = await start(join(folder, 'data'));
    expect(await ask(next, 'select 1')).toEqual(['1']);
    expect(lives(other)).toBe(true);
  });
});

describe('as whom it runs', () => {
  test.runIf(root)('an ordinary user has one', async () => {
    const data = join(folder, 'data');
    mkdirSync(data);
    chownSync(data, 65534, 65534);
    chmodSync(data, 0o700);
    chmodSync(folder, 0o755);
    const { child, said } = await hold(data, 65534);
    expect(said).toMatchObject({ socketFolder: join(data, 'socket') });
    expect(statSync(join(data, 'postgres')).uid).toBe(65534);
    child.stdin!.end();
    await once(child, 'exit');
    // Root must not run on it: it would leave files that the user cannot read.
    await expect(start(data)).rejects.toMatchObject({ code: 'database-of-another-user' });
  });

  test.runIf(root && linux)(
    'root without user namespaces becomes somebody else, in a folder only root can pass',
    async () => {
      const data = join(folder, 'data');
      const database = await start(data, 'other-user');
      await ask(database, 'create table t as select 1 n');
      expect(statSync(`/proc/${database.pid}`).uid).toBe(65534);

      const reach = (gid: number) => {
        try {
          const options = { uid: 65534, gid, stdio: 'ignore' } as const;
          execFileSync('test', ['-S', join(database.socketFolder, '.s.PGSQL.5432')], options);
          return true;
        } catch {
          return false;
        }
      };
      const group = Number(readFileSync(`/proc/${database.pid}/status`, 'utf8').match(/^Gid:\s+(\d+)/m)![1]);
      expect(reach(65534)).toBe(false);
      expect(reach(group)).toBe(true);
      await database.stop();

      // It stays where it is, also when namespaces would work.
      const next = await start(data);
      expect(await ask(next, 'select n from t')).toEqual(['1']);
      expect(statSync(`/proc/${next.pid}`).uid).toBe(65534);
      const home = readFileSync(join(data, 'postgres-home.txt'), 'utf8').trim();
      if (home.startsWith('/')) folders.push(home);
    },
  );

  test('the programs can be copied, and their links made by several at once', async () => {
    const installed = await installedBinaries();
    const copies = await Promise.all([1, 2, 3].map(() => copyBinaries(installed!, folder)));
    const { folder: copy } = copies[0]!;
    if (linux) {
      rmSync(join(copy, 'lib/libpq.so.5'));
      expect(await Promise.all([1, 2, 3].map(() => makeLinks(copy)))).toEqual([true, true, true]);
      expect(lstatSync(join(copy, 'lib/libpq.so.5')).isSymbolicLink()).toBe(true);
    }
    expect(execFileSync(join(copy, 'bin/postgres'), ['--version'], { encoding: 'utf8' })).toContain('18.4');
  });
});

describe('the lock', () => {
  test('is taken by exactly one of many at once, and by the next after each release', async () => {
    for (let round = 0; round < 20; round++) {
      const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockData(folder)));
      const won = tries.filter(each => each.status === 'fulfilled');
      expect(won).toHaveLength(1);
      won[0]!.value();
    }
  });

  test('does not count when its holder is another process of the same number', async () => {
    writeFileSync(
      join(folder, 'broker.lock.4'),
      JSON.stringify({ pid: process.pid, born: 'another boot/123' }),
    );
    if (linux) (await lockData(folder))();
    writeFileSync(join(folder, 'broker.lock.9'), JSON.stringify({ pid: process.pid, born: null }));
    await expect(lockData(folder)).rejects.toMatchObject({ code: 'data-in-use', pid: process.pid });
  });
});
