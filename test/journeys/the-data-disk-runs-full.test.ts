import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openShell } from '../../src/demo/live-shell.ts';
import { raiseStage, type Stage } from '../../src/demo/stage.ts';
import { logOf } from '../fixtures/raised.ts';
import { atAPrompt, grantedAPrompt } from '../fixtures/shell.ts';
import { SmallDisk } from '../fixtures/small-disk.ts';

let disk: SmallDisk;
let stage: Stage;
beforeAll(async () => {
  disk = SmallDisk.ext4(320);
  stage = await raiseStage({
    folder: join(disk.path, 'stage'),
    adjust: { gatewayLimits: { leaseMs: 3_000, renewMs: 300 } },
  });
});
afterAll(async () => {
  await stage?.close();
  await rm(join(disk.path, 'stage'), { recursive: true, force: true });
  disk.close();
});

const ready = async () => (await fetch(new URL('/readyz', stage.url))).status;

it('without room for the database either, nothing acknowledged is lost, and all of it comes back', async () => {
  const { shell } = await grantedAPrompt(stage);
  const before = await logOf(stage);
  const makeRoom = disk.fill();
  // PostgreSQL keeps a little room for its log; the next piece finds none, and it ends itself (a PANIC) and recovers.
  const owner = postgres({
    host: join(disk.path, 'stage', 'broker', 'socket'),
    port: 5432,
    user: 'sallyport_owner',
    database: 'postgres',
    max: 1,
    onnotice() {},
  });
  const fillLog = owner`select pg_logical_emit_message(false, 'x', repeat('x', 1000000)), pg_switch_wal()
    from generate_series(1, 50)`;
  await expect(fillLog).rejects.toThrow();
  await owner.end({ timeout: 1 });

  shell.type('seq 100000\n');
  await shell.ended;
  expect(shell.screen()).toMatch(/the recording of this session failed, so the session is closed/);
  expect((await fetch(new URL('/healthz', stage.url))).status).toBe(200);
  await expect.poll(ready).toBe(503);
  const refused = await openShell(stage, 'maya');
  await refused.ended;
  expect(refused.screen()).toMatch(
    /the broker cannot be reached|cannot open sessions now|cannot be recorded/,
  );

  makeRoom();
  await expect.poll(ready, { timeout: 30_000 }).toBe(200);
  const again = await atAPrompt(stage);
  again.end();
  const after = await logOf(stage);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.map(({ action }) => action)).toContain('session.ended');
});
