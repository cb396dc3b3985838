import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { Listener, type OpenConnection, Pool } from '../../src/store/postgres-pool.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let folder: string;
let server: EmbeddedPostgres;
const pools: { end(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-pool-'));
  server = await startEmbeddedPostgres({ dataFolder: folder, logger: quiet });
  await pool(1).unsafe('create table told (what text)');
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map(each => each.end()));
});

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const open: OpenConnection = options =>
  postgres({
    host: server.socketFolder,
    port: server.port,
    user: server.user,
    database: 'postgres',
    onnotice() {},
    ...options,
  });

function pool(size: number, patience?: number): Pool {
  const made = new Pool(open, size, patience);
  pools.push(made);
  return made;
}

type Statements = Parameters<Parameters<Pool['begin']>[0]>[0];

const backendOf = async (tx: Pick<Pool, 'unsafe'> | Statements): Promise<number> =>
  ((await tx.unsafe('select pg_backend_pid() as pid')) as unknown as [{ pid: number }])[0].pid;

const tell = (tx: Pick<Pool, 'unsafe'> | Statements, what: string) =>
  tx.unsafe('insert into told values ($1)', [what] as never[]);

const told = async (what: string): Promise<number> => {
  const rows = await eventually(() =>
    pool(1).unsafe('select 1 from told where what = $1', [what] as never[]),
  );
  return (rows as unknown[]).length;
};

/** PostgreSQL is away for a moment; what comes after its return is what counts. */
async function eventually<T>(ask: () => PromiseLike<T>): Promise<T> {
  for (const end = Date.now() + 30_000; ; await sleep(20)) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** A promise for the test to settle. */
function gate() {
  let go = () => {};
  const opened = new Promise<void>(resolve => {
    go = resolve;
  });
  return { opened, go: () => go() };
}

const KILLS: readonly (readonly [string, (backend: number) => void])[] = [
  ['its backend is killed', backend => process.kill(backend, 'SIGKILL')],
  ['its backend is told to end', backend => process.kill(backend, 'SIGTERM')],
  ['PostgreSQL is killed', () => process.kill(server.pid, 'SIGKILL')],
];

describe.each(KILLS)('when %s', (_, kill) => {
  it('a transaction in the middle of a statement rejects, and the next one runs', async () => {
    const one = pool(1);
    const what = randomUUID();
    const cut = one.begin(async tx => {
      await tell(tx, what);
      const backend = await backendOf(tx);
      setTimeout(kill, 100, backend);
      await tx.unsafe('select pg_sleep(60)');
    });
    await expect(cut).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await eventually(() => one.begin(tx => backendOf(tx)));
    expect(await told(what)).toBe(0);
  });

  it('what a transaction asks afterwards lands in nobody else’s', async () => {
    const one = pool(1);
    const [before, late, others] = [randomUUID(), randomUUID(), randomUUID()];
    const returns = gate();
    let asked: unknown;
    const cut = one.begin(async tx => {
      await tell(tx, before);
      kill(await backendOf(tx));
      // Waiting for something that is not the database, it does not notice.
      await returns.opened;
      asked = await Promise.resolve()
        .then(() => tell(tx, late))
        .catch(error => error);
    });
    await expect(cut).rejects.toThrow();
    await eventually(() =>
      one.begin(async tx => {
        await tell(tx, others);
        returns.go();
        await expect.poll(() => asked).toMatchObject({ code: 'CONNECTION_CLOSED' });
      }),
    );
    expect(await told(before)).toBe(0);
    expect(await told(late)).toBe(0);
    expect(await told(others)).toBe(1);
  });

  it('a transaction that minds no error is not taken for committed', async () => {
    const one = pool(2);
    const what = randomUUID();
    const cut = one.begin(async tx => {
      await tell(tx, what);
      const backend = await backendOf(tx);
      const sleeping = Promise.resolve(tx.unsafe('select pg_sleep(60)')).catch(() => 'never mind');
      setTimeout(kill, 100, backend);
      return sleeping;
    });
    await expect(cut).rejects.toThrow();
    expect(await told(what)).toBe(0);
  });

  it('what listens hears again, and is told to look for what it missed', async () => {
    const listener = new Listener(open);
    pools.push(listener);
    const heard: string[] = [];
    let begins = 0;
    await listener.listen(
      'things',
      payload => heard.push(payload),
      () => {
        begins += 1;
      },
    );
    const notify = (payload: string) => pool(1).unsafe(`select pg_notify('things', '${payload}')`);
    await notify('first');
    await expect.poll(() => heard).toEqual(['first']);
    const [row] = (await pool(1).unsafe(
      'select pid from pg_stat_activity where query = \'listen "things"\'',
    )) as unknown as [{ pid: number }];
    kill(row.pid);
    await expect.poll(() => begins, { timeout: 30_000 }).toBe(2);
    await eventually(() => notify('second'));
    await expect.poll(() => heard).toEqual(['first', 'second']);
  });
});

describe('the pool', () => {
  it('keeps a connection whose statement was refused, or whose transaction gave up', async () => {
    const one = pool(1);
    const backend = await backendOf(one);
    await expect(one.unsafe('select 1/0').values()).rejects.toThrow('division by zero');
    await expect(
      one.begin(async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await expect(one.begin(tx => tx.unsafe('select nothing') as never)).rejects.toThrow('does not exist');
    expect(await backendOf(one)).toBe(backend);
  });

  it('opens as many connections as it may and no more, and none waits for ever', async () => {
    const three = pool(3);
    const backends = await Promise.all(
      Array.from({ length: 12 }, () =>
        three.begin(async tx => {
          await tx.unsafe('select pg_sleep(0.02)');
          return backendOf(tx);
        }),
      ),
    );
    expect(new Set(backends).size).toBe(3);
  });

  it('gives up a statement that hangs, and who waits behind it is answered', async () => {
    const impatient = pool(1, 300);
    const backend = await backendOf(impatient);
    process.kill(backend, 'SIGSTOP');
    try {
      const ask = (n: number) => impatient.unsafe(`select ${n} as n`).then(([row]) => row!.n);
      const first = ask(1).catch(error => error.code);
      await sleep(100);
      const second = ask(2);
      expect([await first, await second]).toEqual(['CONNECTION_CLOSED', 2]);
    } finally {
      process.kill(backend, 'SIGCONT');
    }
    expect(await backendOf(impatient)).not.toBe(backend);
  });

  it('loses and doubles nothing that was acknowledged, whatever is killed meanwhile', async () => {
    const many = pool(5);
    const acknowledged: string[] = [];
    const asked: string[] = [];
    let over = false;
    const people = Array.from({ length: 12 }, async () => {
      while (!over) {
        const what = randomUUID();
        asked.push(what);
        try {
          await many.begin(async tx => {
            await tell(tx, what);
            await tx.unsafe('select pg_sleep(0.002)');
            await tell(tx, `${what} too`);
          });
          acknowledged.push(what);
        } catch {
          await sleep(5);
        }
      }
    });
    for (const round of [0, 1, 2, 3]) {
      const until = acknowledged.length + 20;
      await expect.poll(() => acknowledged.length, { timeout: 30_000, interval: 5 }).toBeGreaterThan(until);
      if (round % 2 === 0) process.kill(server.pid, 'SIGKILL');
      else process.kill(await eventually(() => backendOf(many)), 'SIGKILL');
    }
    over = true;
    await Promise.all(people);
    const rows = (await eventually(() => pool(1).unsafe('select what from told'))) as unknown as {
      what: string;
    }[];
    const counts = new Map<string, number>();
    for (const { what } of rows) counts.set(what, (counts.get(what) ?? 0) + 1);
    expect(acknowledged.filter(what => counts.get(what) !== 1 || counts.get(`${what} too`) !== 1)).toEqual(
      [],
    );
    expect(asked.filter(what => counts.get(what) !== counts.get(`${what} too`))).toEqual([]);
  });
});
