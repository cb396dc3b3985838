import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Configuration } from '../../src/configuration.ts';
import { openKeyring } from '../../src/credentials/seal.ts';
import { execute } from '../../src/demo/stage.ts';
import { openAsOwner, SEE_ALL_TENANTS } from '../../src/store/owner.ts';
import { sallyport } from '../cli/broker.ts';
import { granted, logOf, raised } from '../fixtures/raised.ts';

const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
let configuration: Configuration;
const stage = raised({
  configure: given => {
    configuration = given;
    return given;
  },
});
const reach = () => openAsOwner({ database: configuration.database, data: data() }, quiet);
const around = () => ({ data: data(), kept: { settings: settings(), database: configuration.database } });
const data = () => join(stage().folder, 'broker');
const keyFile = () => join(data(), 'keys', 'sealing.key');
const settings = () => join(stage().folder, 'sallyport.yaml');
const seal = (...args: string[]) => sallyport(['seal', ...args], around());
const keysInFile = async () => (await readFile(keyFile(), 'utf8')).trim().split('\n').length;

let owner: postgres.Sql;
beforeAll(async () => {
  const database = await reach();
  owner = database.open();
  await stage().api('dana', 'POST', '/targets/db01/host-keys', {
    host_key: stage().db01.hostKeyLine,
  });
});
afterAll(() => owner.end());

/** Every sealed text that the installation keeps, found without knowing the places: the ids of their keys. */
async function keyIdsInUse(): Promise<Set<string>> {
  const found: string[] = [];
  for (const name of await readdir(join(data(), 'keys'))) {
    found.push(await readFile(join(data(), 'keys', name), 'utf8'));
  }
  await owner.begin(async tx => {
    await tx.unsafe(SEE_ALL_TENANTS);
    const names = await tx`select table_name from information_schema.tables where table_schema = 'public'`;
    for (const { table_name: table } of names) {
      const rows = await tx`select to_jsonb(t)::text as row from ${tx(table)} t`;
      found.push(...rows.map(({ row }) => row as string));
    }
  });
  return new Set(found.join('\n').match(/(?<=\bsp1\.)[\w-]{8}(?=\.)/g));
}

const connects = async () => {
  await granted(stage());
  return execute('ssh', [
    ...(await stage().sshOptions('maya')),
    '-T',
    'root@db01@localhost',
    'echo it opens',
  ]);
};

describe('the sealing key changes while the broker runs', () => {
  it('everything is sealed again, the broker goes on, and each log says so', async () => {
    await granted(stage());
    const before = await keyIdsInUse();
    expect(before.size).toBe(1);
    const { code, out } = await seal('--rotate');
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/Sealed again.*\n.*forget-retired/),
    });
    const after = await keyIdsInUse();
    expect([...after]).toHaveLength(1);
    expect(after).not.toEqual(before);
    expect(await keysInFile()).toBe(2);

    expect((await connects()).stdout).toBe('it opens\n');
    await stage().token('noah');
    expect(await keyIdsInUse()).toEqual(after);
    const entries = (await logOf(stage())).filter(({ action }) => action === 'sealing-key.rotated');
    expect(entries.map(({ data, actor, subject }) => ({ data, actor, subject }))).toEqual([
      {
        data: { key: [...after][0], retired: [...before], secrets: expect.any(Number) },
        actor: 'broker',
        subject: 'tenant:acme',
      },
    ]);
  });

  it('a second call finds nothing to do and makes no third key', async () => {
    const { code, out } = await seal('--rotate');
    expect(code).toBe(0);
    expect(out).toMatch(/^Nothing was sealed under an older key/);
    expect(await keysInFile()).toBe(2);
  });

  it('says what in sallyport.yaml waits, prints what belongs there, and keeps the old key until then', async () => {
    const [, retired] = (await readFile(keyFile(), 'utf8')).trim().split('\n');
    const old = await openKeyring({ key: retired!, file: 'none' });
    await writeFile(
      settings(),
      `instance: x\na:\n  { sealed: ${old.seal(Buffer.from('word'), 'configuration')} }\n`,
    );
    const { code, out } = await seal('--forget-retired');
    expect(code).toBe(1);
    expect(out).toContain('sallyport.yaml, line 3');
    expect(await keysInFile()).toBe(2);
    const anew = /^sp1\.\S+$/m.exec(out)![0];
    const keyring = await openKeyring({ key: null, file: keyFile() });
    expect(keyring.unseal(anew, 'configuration').toString()).toBe('word');
    expect(anew).toContain(keyring.keyId);
    await writeFile(settings(), `a: { sealed: ${anew} }\n`);
    expect((await seal('--forget-retired')).code).toBe(0);
    expect(await keysInFile()).toBe(1);
    await rm(settings());
    expect((await connects()).stdout).toBe('it opens\n');
  });

  it('killed in the middle, it is finished by the next call, and everything opens meanwhile', async () => {
    const before = await keyIdsInUse();
    // Holds the rotation where files are done and rows are not.
    const holder = (await reach()).open();
    let free = () => {};
    const held = new Promise<void>(resolve => {
      free = resolve;
    });
    const holding = holder.begin(async tx => {
      await tx`lock table web_session in access exclusive mode`;
      await held;
    });
    const child = spawn(process.execPath, [PROGRAM, 'seal', '--rotate'], {
      env: {
        PATH: process.env.PATH,
        SALLYPORT_DATA: data(),
        ...(configuration.database
          ? {
              DATABASE_URL: configuration.database.url,
              DATABASE_MIGRATION_URL: configuration.database.migrationUrl,
            }
          : {}),
      },
      stdio: 'ignore',
    });
    const waiting = () => owner`
      select from pg_stat_activity where application_name = 'sallyport' and wait_event_type = 'Lock'`;
    await expect.poll(async () => (await waiting()).length, { timeout: 30_000 }).toBe(1);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    free();
    await holding;
    await holder.end();
    const between = await keyIdsInUse();
    expect(between.size).toBe(2);
    expect((await connects()).stdout).toBe('it opens\n');
    // The server ends what the killed one began, and with it its lock, when it notices.
    await expect.poll(() => seal('--rotate'), { timeout: 20_000 }).toMatchObject({ code: 0 });
    const after = await keyIdsInUse();
    expect(after.size).toBe(1);
    expect([...before].some(id => after.has(id))).toBe(false);
    expect((await connects()).stdout).toBe('it opens\n');
    expect((await seal('--forget-retired')).code).toBe(0);
  });

  it('is refused where the broker would be left with another key', async () => {
    const key = randomBytes(32).toString('base64');
    const old = (await readFile(keyFile(), 'utf8')).trim();
    const { code, err } = await sallyport(['seal', '--rotate'], {
      ...around(),
      sealing: { key, retired: [old] },
    });
    expect(code).toBe(1);
    expect(err).toMatch(/restart it with the new key as SALLYPORT_KEY/);
    expect(err).not.toContain(key);
    expect((await keyIdsInUse()).size).toBe(1);
  });

  it('with no retired key in the environment there is nothing to rotate from', async () => {
    const { code, err } = await sallyport(['seal', '--rotate'], {
      ...around(),
      sealing: { key: randomBytes(32).toString('hex') },
    });
    expect(code).toBe(2);
    expect(err).toContain('SALLYPORT_KEY_RETIRED');
  });

  it('moves from the file to the environment where no broker runs', async () => {
    const old = (await readFile(keyFile(), 'utf8')).trim();
    const key = randomBytes(32).toString('hex');
    await owner.end();
    await stage().broker.stop();
    const { code, out } = await sallyport(['seal', '--rotate'], {
      ...around(),
      sealing: { key, retired: [old] },
    });
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('SALLYPORT_KEY_RETIRED may go') });
    await rm(keyFile());
    const database = await reach();
    owner = database.open();
    const { keyId } = await openKeyring({ key, file: 'none' });
    expect([...(await keyIdsInUse())]).toEqual([keyId]);
    await owner`select set_config('app.tenants', 'acme', false)`;
    const [last] = await owner`select action from log_entry where tenant = 'acme' order by seq desc limit 1`;
    expect(last).toEqual({ action: 'sealing-key.rotated' });
    await owner.end();
    await database.close();
  });

  it('where nothing was ever served it says so and makes nothing', async () => {
    const empty = join(stage().folder, 'empty');
    await mkdir(empty);
    const { code, err } = await sallyport(['seal', '--rotate'], { data: empty });
    expect(code).toBe(3);
    expect(err).toContain(empty);
    expect(await readdir(empty)).toEqual([]);
  });
});
