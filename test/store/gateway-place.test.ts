import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { claimGatewayPlace } from '../../src/store/gateway-place.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let folder: string;
let database: Database;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-place-'));
  database = await openDatabase({ database: null, data: folder }, quiet);
});

afterAll(async () => {
  await database?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The names, of these, that are taken for dead now. */
async function dead(place: Awaited<ReturnType<typeof claimGatewayPlace>>, names: readonly string[]) {
  const found: string[] = [];
  await place.eachDead(names, async name => {
    found.push(name);
  });
  return found;
}

describe('the place of a gateway', () => {
  it('is another at each start, and the name of one that lives is nobody else’s', async () => {
    const [one, two] = [
      await claimGatewayPlace(database, false, 0),
      await claimGatewayPlace(database, false, 0),
    ];
    expect(one.name).not.toBe(two.name);
    expect([one.held(), two.held()]).toEqual([true, true]);
    expect(await dead(one, [one.name, two.name, 'local-gone'])).toEqual(['local-gone']);
    await two.release();
    await expect.poll(() => dead(one, [two.name])).toEqual([two.name]);
    await one.release();
  });

  it('counts as dead only when its lock has been free for long enough', async () => {
    const place = await claimGatewayPlace(database, false, 400);
    expect(await dead(place, ['local-gone'])).toEqual([]);
    await sleep(450);
    expect(await dead(place, ['local-gone'])).toEqual(['local-gone']);
    await place.release();
  });

  it('that came back meanwhile begins anew', async () => {
    const place = await claimGatewayPlace(database, false, 400);
    const other = await claimGatewayPlace(database, false, 400);
    const { name } = other;
    await other.release();
    await expect.poll(() => dead(place, [name])).toEqual([]);
    // The other's own lock, as it takes it back after a moment without its connection.
    const back = database.connection(() => {});
    await back`select pg_advisory_lock(7205518, hashtext(${name}))`;
    await sleep(450);
    expect(await dead(place, [name])).toEqual([]);
    await back.end();
    await expect.poll(() => dead(place, [name])).toEqual([name]);
    await place.release();
  });

  it('alone on its database, it need not wait', async () => {
    const place = await claimGatewayPlace(database, true);
    expect(await dead(place, ['local', 'local-7'])).toEqual(['local', 'local-7']);
    await place.release();
  });
});
