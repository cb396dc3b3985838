import { readFileSync } from 'node:fs';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { verifyRecording } from '../../src/audit/verify.ts';
import { execute } from '../../src/demo/stage.ts';
import { granted, logOf, raised } from '../fixtures/raised.ts';

const stage = raised({
  logger: pino({ level: 'silent' }),
  adjust: { deadGateways: { every: 1_000 } },
});
let owner: postgres.Sql;

beforeAll(async () => {
  owner = postgres({
    host: join(stage().folder, 'broker', 'socket'),
    user: 'sallyport_owner',
    database: 'postgres',
    max: 1,
  });
  await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
  await granted(stage());
});
afterAll(() => owner?.end());

/** A session whose gateway, to all appearances, died after its first segment was logged; its file is at `path`. */
async function leftBehind(damage: (path: string, size: number) => Promise<void>) {
  const options = await stage().sshOptions('maya');
  const ran = await execute('ssh', [...options, '-T', 'root@db01@localhost', 'echo shown']);
  expect(ran.stdout).toBe('shown\n');
  const log = await logOf(stage());
  const { subject, data } = log.findLast(each => each.action === 'session.admitted');
  await vi.waitFor(
    async () =>
      expect((await stage().api('dana', 'GET', `/sessions/${subject}`)).json.end_reason).toBe('closed'),
    { timeout: 30_000 },
  );
  const path = join(stage().folder, 'broker', 'recordings', data.recording);
  await damage(path, readFileSync(path).length);
  await owner`
    update session set ended_at = null, end_reason = null, recording_size = null, recording_sha256 = null,
      recording_segments = null, gateway = 'local-7'
    where id = ${subject}`;
  return { id: subject as string, path };
}

/** Its entries from the moment on that the broker found nobody there. */
async function closedAgain(id: string) {
  await expect
    .poll(async () => (await stage().api('dana', 'GET', `/sessions/${id}`)).json.end_reason, {
      timeout: 30_000,
    })
    .toBe('broken-off');
  const entries = (await logOf(stage())).filter(each => each.subject === id);
  return entries.slice(entries.findIndex(each => each.action === 'session.ended') + 1);
}

const left = {} as Record<'whole' | 'cut' | 'gone', { id: string; path: string }>;
beforeAll(async () => {
  left.whole = await leftBehind(async () => {});
  left.cut = await leftBehind((path, size) => truncate(path, size - 5));
  left.gone = await leftBehind(path => rm(path));
});

describe('a session whose gateway died', () => {
  it('is closed with what was recorded, and says what no segment had covered', async () => {
    const { id, path } = left.whole;
    const [tail, end, ...more] = await closedAgain(id);
    expect(more).toEqual([]);
    expect(tail).toMatchObject({ action: 'recording.segment', actor: 'gateway:local-7', data: { index: 1 } });
    expect(end).toMatchObject({ action: 'session.ended', data: { reason: 'broken-off', bytes_out: null } });
    expect(readFileSync(path, 'utf8')).toMatch(/"m", "broken off: [^"]*"\]\n$/);
    // When its last event was recorded, not when somebody found it.
    expect(Date.parse(end.data.ended_at)).toBeLessThan(Date.parse(end.at));
    const log = join(stage().folder, 'log.ndjson');
    await writeFile(log, (await stage().api('audrey', 'GET', '/audit')).text);
    expect(await verifyRecording(path, log, { session: id })).toMatchObject({ ok: true, segments: 2 });
  });

  it.each([
    ['lost its end', 'cut', 'recording-cut', /^5 bytes that the log knows are not in the file$/],
    ['is gone', 'gone', 'recording-missing', /^the log knows \d+ bytes of a file that is not here$/],
  ] as const)('is closed with an incident when the recording %s', async (_, which, kind, detail) => {
    const [told, end] = await closedAgain(left[which].id);
    expect(told).toMatchObject({ action: 'session.incident', data: { kind } });
    expect(told.data.detail).toMatch(detail);
    expect(end).toMatchObject({ action: 'session.ended', data: { reason: 'broken-off' } });
  });
});
