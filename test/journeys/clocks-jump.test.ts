import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { execute, type Stage } from '../../src/demo/stage.ts';
import { putBackSince } from '../../src/elevation/agreed-clocks.ts';
import { steadyClock } from '../../src/schedule/steady-clock.ts';
import { databaseTime } from '../../src/store/skew.ts';
import { ask, granted, logOf, RESTORE, raised } from '../fixtures/raised.ts';
import { putInForce } from '../fixtures/signed.ts';
import { startSshd } from '../recorder/sshd.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

// The broker's clock beside a database that keeps the real time.
let off = 0;
let looks = 0;
const stage = raised({
  adjust: {
    clock: { now: () => new Date(Date.now() + off) },
    databaseTime: on => {
      looks += 1;
      return databaseTime(on);
    },
  },
});

// A machine that both stand on: its clock is put back for the two of them.
let back = 0;
const alone = raised({ adjust: { clock: { now: () => new Date(Date.now() - back) } } });

beforeAll(async () => {
  // Everybody signed in a while ago.
  off = -5 * MINUTE;
  for (const name of ['maya', 'dana', 'chris', 'audrey'] as const) await stage().token(name);
  off = 0;
  await stage().key('maya');
});

afterEach(() => {
  off = 0;
  back = 0;
});

const ssh = async (on: Stage, command: string) =>
  execute('ssh', [...(await on.sshOptions('maya')), '-T', 'root@db01@localhost', command]);

const pin = (on: Stage) =>
  on.api('dana', 'POST', '/targets/db01/host-keys', { host_key: on.db01.hostKeyLine, replace: true });

const ready = async () => (await fetch(new URL('/readyz', stage().url))).json();

/** Maya asks, Dana says yes to what she is shown; the answer to that. */
async function approved(id: string) {
  const { json } = await stage().api('dana', 'GET', `/requests/${id}`);
  return stage().api('dana', 'POST', `/requests/${id}/approve`, { digest: json.digest });
}

describe('a broker and a database whose clocks differ', () => {
  it.each([25 * SECOND, -25 * SECOND])('by %i ms go on together', async difference => {
    const { id } = await ask(stage());
    off = difference;
    expect((await approved(id)).json.state).toBe('approved');
    await expect.poll(async () => (await ready()).ready).toBe(true);
  });

  it.each([
    ['ahead', 35 * SECOND],
    ['ahead', 26 * 60 * MINUTE],
    ['behind', -35 * SECOND],
    ['behind', -90 * SECOND],
  ])('open nothing while it is %s by %i ms, and say so', async (word, difference) => {
    await pin(stage());
    const grant = await granted(stage());
    const { id } = await ask(stage());
    off = difference;
    // After a day everybody is signed out besides; what Maya sees first is her session.
    if (difference < 60 * MINUTE) {
      const refused = await approved(id);
      expect([refused.status, refused.json.code]).toEqual([503, 'clock-skew']);
      expect(refused.json.title).toContain(word);
      const opened = await ssh(stage(), 'echo inside');
      expect(opened.stdout).not.toContain('inside');
      expect(opened.stderr).toContain(
        `clock is ${Math.abs(difference) === 90_000 ? '1m30s' : '35s'} ${word}`,
      );
      const urgent = { ...RESTORE, severity: 'sev1' };
      const atOnce = await stage().api('maya', 'POST', '/requests', urgent);
      expect([atOnce.status, atOnce.json.code]).toEqual([503, 'clock-skew']);
    }
    // An answer is given again for a second.
    await expect.poll(async () => (await ready()).ailments.join()).toContain(`clock is`);
    expect((await ready()).ailments.join()).toContain(word);
    off = 0;
    await expect.poll(async () => (await ready()).ready).toBe(true);
    expect((await approved(id)).json.state).toBe('approved');
    await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });

  it('still shut what is open: a no, a handback and a lockout need no clock', async () => {
    const grant = await granted(stage());
    const { id } = await ask(stage());
    const { json: shown } = await stage().api('dana', 'GET', `/requests/${id}`);
    off = -40 * SECOND;
    const no = await stage().api('dana', 'POST', `/requests/${id}/deny`, {
      digest: shown.digest,
      reason: 'Not now',
    });
    expect([no.status, no.json.state]).toEqual([200, 'denied']);
    expect((await stage().api('maya', 'POST', `/grants/${grant.id}/handback`)).status).toBe(200);
    expect((await stage().api('chris', 'POST', '/lockout', { reason: 'clocks' })).status).toBe(200);
    // Lifting it opens something, and asks for a fresh sign-in by a clock that is right.
    off = 0;
    expect((await stage().api('chris', 'DELETE', '/lockout')).status).toBe(200);
  });

  it('write no end that only the wrong one of them sees', async () => {
    const { id } = await ask(stage());
    const grant = await granted(stage());
    const ends = async () =>
      (await logOf(stage())).filter(
        ({ action, subject }) =>
          ['request.expired', 'grant.ended'].includes(action) && [id, grant.id].includes(subject),
      );
    off = 26 * 60 * MINUTE;
    // Its rounds go on meanwhile, and look at the clock each time: by it both are long over.
    const rounds = looks + 10;
    await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThan(rounds);
    off = 0;
    expect(await ends()).toEqual([]);
    expect((await stage().api('maya', 'GET', `/requests/${id}`)).json.state).toBe('waiting');
    await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });
});

describe('a machine whose clock is put back while nobody looks', () => {
  it('revives nothing: not the grant, not the session of a browser, not a token', async () => {
    await pin(alone());
    const grant = await granted(alone());
    expect((await ssh(alone(), 'echo inside')).stdout).toBe('inside\n');
    const dana = await alone().as('dana');
    back = 20 * MINUTE;
    expect((await dana.ask(new URL('/api/v1/whoami', alone().url))).status).toBe(401);
    expect((await alone().api('maya', 'GET', '/whoami')).status).toBe(401);
    const after = await ssh(alone(), 'echo inside');
    expect(after.stdout).not.toContain('inside');
    back = 0;
    expect((await ssh(alone(), 'echo inside')).stdout).toBe('inside\n');
    await alone().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });

  it.each<[string, boolean, string, string, string, string]>([
    ['while it ran', true, '12:00', '12:00', '12:50', '12:20'],
    ['by little, or not at all', false, '12:00', '12:00', '12:50', '12:50'],
    ['before it was given: the log was ahead already', false, '18:00', '12:00', '18:00', '12:20'],
    ['before it began, of one that begins later', true, '12:00', '13:00', '13:30', '13:10'],
  ])('knows a grant whose clock was put back %s', (_, expected, opened, startsAt, head, now) => {
    const at = (time: string) => new Date(`2026-11-24T${time}:00Z`);
    expect(putBackSince({ at: at(opened), startsAt: at(startsAt) }, at(head), at(now))).toBe(expected);
  });
});

describe('a target whose clock is off', () => {
  /** db01 with such a clock in the place of the one that is right. */
  async function through(clock: string, work: () => Promise<void>): Promise<void> {
    const { broker, folder } = stage();
    const host = await startSshd({
      userCa: await broker.application.authorities.publicKey('acme', 'ssh'),
      clock,
    });
    const path = join(folder, 'policies', 'acme', 'targets.yaml');
    const source = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, source.replace(`127.0.0.1:${stage().db01.port}`, `127.0.0.1:${host.port}`));
      await putInForce(stage());
      await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: host.hostKey, replace: true });
      await work();
    } finally {
      writeFileSync(path, source);
      await putInForce(stage());
      await host.stop();
    }
  }

  it.each(['+25s', '-25s'])('by %s is reached all the same', async clock => {
    await through(clock, async () => {
      await granted(stage());
      expect(await ssh(stage(), 'echo inside')).toMatchObject({ status: 0, stdout: 'inside\n' });
    });
  });

  it.each(['+10m', '-10m'])(
    'by %s refuses the certificate, and the terminal says what it may be',
    async clock => {
      await through(clock, async () => {
        await granted(stage());
        const { status, stdout, stderr } = await ssh(stage(), 'echo inside');
        expect([status, stdout]).toEqual([1, '']);
        expect(stderr).toContain('its clock may be off by more than 30 seconds');
      });
    },
  );
});

describe('the broker’s own clock', () => {
  /** Steps of [wall, monotonic] in seconds, and what it says after each. */
  it.each<[string, readonly (readonly [number, number, number])[]]>([
    [
      'goes with the wall',
      [
        [1, 1, 1],
        [2, 2, 2],
        [60, 60, 60],
      ],
    ],
    [
      'is put forward with it',
      [
        [3600, 1, 3600],
        [3601, 2, 3601],
      ],
    ],
    ['wakes up late with it', [[7200, 0, 7200]]],
    [
      'goes on where it was when the wall is put back',
      [
        [100, 100, 100],
        [-3500, 100, 100],
        [-3440, 160, 160],
      ],
    ],
    [
      'waits at half its pace for a wall that is a little behind, and is with it again',
      [
        [100, 100, 100],
        [80, 100, 100],
        [90, 110, 105],
        [100, 120, 110],
        [120, 140, 120],
        [130, 150, 130],
      ],
    ],
    [
      'never goes back, however often the wall does',
      [
        [50, 50, 50],
        [10, 50, 50],
        [60, 51, 60],
        [0, 52, 61],
      ],
    ],
    [
      'is not moved by a monotonic clock that does',
      [
        [50, 50, 50],
        [51, 10, 51],
      ],
    ],
  ])('%s', (_, steps) => {
    let [wall, monotonic] = [0, 0];
    const clock = steadyClock(
      () => wall * SECOND,
      () => monotonic * SECOND,
    );
    for (const [at, counted, expected] of steps) {
      [wall, monotonic] = [at, counted];
      expect(clock.now().getTime() / SECOND).toBe(expected);
    }
  });
});
