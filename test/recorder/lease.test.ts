import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Renewal, SessionEnding } from '../../recorder/control-plane.ts';
import { checkedCast, readCast } from './cast.ts';
import { House, type Run } from './house.ts';
import { type Sshd, startSshd } from './sshd.ts';

const LIMITS = { leaseMs: 900, renewMs: 100, answerMs: 200, segmentMs: 100 };

let sshd: Sshd;
let house: House;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());
beforeEach(async () => {
  house = await House.open(sshd, { limits: LIMITS });
});
afterEach(() => house.close());

const PAUSED =
  /sallyport: the broker cannot be reached: the session is paused until it can, and ends at [\d:]+ UTC at the latest\./;
const RESUMED = 'sallyport: the broker can be reached again: the session goes on.';
const COUNT = 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo n$i; sleep 0.01; done';

const refused = async (): Promise<never> => {
  throw new Error('connection refused');
};
const releases: (() => void)[] = [];
/** No answer, until `back`. */
const hung = () => new Promise<never>((_, reject) => releases.push(() => reject(new Error('too late'))));
/** The control plane is away: every message fails in this way. */
function away(how: () => Promise<never>): void {
  house.controlPlane.takeRenewal = how;
  house.controlPlane.takeSegment = how;
}
function back(): void {
  house.controlPlane.takeRenewal = async sessions => sessions.map(session => ({ session, given: true }));
  house.controlPlane.takeSegment = async () => {};
  for (const release of releases.splice(0)) release();
}
/** Resolves when the gateway has asked that often again: it is a while later. */
const asked = (times: number) => {
  const until = house.controlPlane.renewals.length + times;
  return house.controlPlane.until(() => house.controlPlane.renewals.length >= until);
};
const castOf = (session: string) => join(house.recordings, `acme/2026/11/${session}.cast`);
const numbers = (text: string) => [...text.matchAll(/^n(\d+)$/gm)].map(match => Number(match[1]));

async function paused(run: Run, how: () => Promise<never> = refused): Promise<void> {
  away(how);
  await run.says(PAUSED);
}

async function left(run: Run): Promise<SessionEnding> {
  run.child.kill('SIGKILL');
  await run.ended;
  return house.controlPlane.ended();
}

describe('while the control plane is away', () => {
  test('a session pauses with its lease and goes on afterwards, without a byte lost or doubled', async () => {
    const run = house.ssh([COUNT]);
    await run.says('n3\n');
    await paused(run);
    const shown = numbers(run.said).at(-1)!;
    await asked(5);
    expect(numbers(run.said).at(-1)).toBe(shown);
    back();
    await run.says(RESUMED);
    await run.says(`n${shown + 20}\n`);
    const seen = numbers(run.said);
    expect(seen).toEqual(seen.map((_, at) => at + 1));
    const ending = await left(run);
    const cast = checkedCast(house, ending);
    expect(cast.markers).toEqual(expect.arrayContaining(['paused: the lease is over', 'resumed']));
    expect(numbers(cast.text('o')).length).toBeGreaterThanOrEqual(seen.length);
    expect(house.controlPlane.incidents).toMatchObject([{ session: ending.session, kind: 'paused' }]);
    expect(house.controlPlane.incidents[0]!.detail).toMatch(
      /^the lease is over: nothing passed from \S+Z to \S+Z, then it went on$/,
    );
  });

  test('a control plane that owes its answer is as far away as one that refuses', async () => {
    const run = house.ssh(['cat'], 'open');
    run.type('one\n');
    await run.says('one');
    const before = house.controlPlane.renewals.length;
    await paused(run, hung);
    // Questions do not pile up behind what hangs.
    expect(house.controlPlane.renewals.length - before).toBeLessThanOrEqual(4);
    run.type('two\n');
    back();
    await run.says(RESUMED);
    await run.says('two');
    run.child.stdin!.end();
    expect((await run.ended).status).toBe(0);
  });

  test('what is typed waits, and no longer reaches the target', async () => {
    const file = join(house.folder, 'typed');
    const run = house.ssh([`while read x; do echo "$x" >> ${file}; echo "got $x"; done`], 'open');
    run.type('before\n');
    await run.says('got before');
    await paused(run);
    run.type('during\n');
    await asked(5);
    expect(readFileSync(file, 'utf8')).toBe('before\n');
    back();
    await run.says('got during');
    expect(readFileSync(file, 'utf8')).toBe('before\nduring\n');
    await left(run);
  });

  test('a flood is held back at its source', async () => {
    const run = house.ssh(['yes | cat -n']);
    await run.says('\ty\n');
    run.child.stdout!.pause();
    away(refused);
    const session = house.gateway.sessions()[0]!.session;
    await asked(12);
    const size = () => statSync(castOf(session)).size;
    const held = size();
    await asked(5);
    expect(size()).toBe(held);
    expect(readCast(readFileSync(castOf(session))).markers).toContain('paused: the lease is over');
    run.child.stdout!.resume();
    back();
    await run.says(RESUMED);
    await expect.poll(size).toBeGreaterThan(held + 1024 * 1024);
    checkedCast(house, await left(run));
  });

  test('a program that ended meanwhile has its last words and its status told afterwards', async () => {
    const run = house.ssh(['echo begun; sleep 1.5; echo last; exit 7']);
    await run.says('begun');
    await paused(run);
    await asked(10);
    expect(run.said).not.toContain('last');
    expect(house.controlPlane.endings).toHaveLength(0);
    back();
    const ran = await run.ended;
    expect(ran.status).toBe(7);
    expect(ran.stdout.toString()).toBe('begun\nlast\n');
    checkedCast(house, await house.controlPlane.ended());
  });

  test('a person who leaves ends the session, which is told when somebody hears it', async () => {
    const run = house.ssh(['echo begun; exec sleep 20']);
    await run.says('begun');
    await paused(run);
    run.child.kill('SIGKILL');
    await run.ended;
    await asked(2);
    expect(house.controlPlane.endings).toHaveLength(0);
    back();
    const ending = await house.controlPlane.ended();
    expect(ending.reason).toBe('client-lost');
    expect(checkedCast(house, ending).markers).toContain('ended: the person disconnected');
  });

  test('the deadline cuts on time, and is told when somebody hears it', async () => {
    let ahead = 0;
    const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
    await house.close();
    house = await House.open(sshd, { limits: LIMITS, clock });
    const run = house.ssh([COUNT]);
    await run.says('n3\n');
    await paused(run, hung);
    ahead = 600_000;
    const ran = await run.ended;
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('sallyport: your grant for root@db01 ended');
    expect(house.controlPlane.endings).toHaveLength(0);
    back();
    const ending = await house.controlPlane.ended();
    expect(ending).toMatchObject({ reason: 'deadline' });
    expect(checkedCast(house, ending).markers.at(-1)).toMatch(/^cut: your grant/);
    expect(house.controlPlane.incidents[0]!.detail).toMatch(/then it ended$/);
  });

  test('nothing new is opened, and the client is told why', async () => {
    away(refused);
    await asked(2);
    const ran = await house.ssh(['echo never']).ended;
    expect(ran.status).not.toBe(0);
    expect(ran.stdout.toString()).toBe('');
    expect(ran.stderr).toContain('the broker cannot be reached, so nobody is let in');
    expect(house.controlPlane.admissions).toHaveLength(0);
    back();
    await asked(2);
    expect((await house.ssh(['echo again']).ended).stdout.toString()).toBe('again\n');
  });

  test('a further session on a connection that is open is told why it is not', async () => {
    const socket = join(house.folder, 'shared');
    const first = house.ssh(['-M', '-S', socket, 'echo first; cat'], 'open');
    await first.says('first');
    away(refused);
    await asked(2);
    const second = await house.ssh(['-S', socket, 'echo never']).ended;
    expect(second).toMatchObject({ status: 1 });
    expect(second.stderr).toContain('sallyport: the broker did not answer, so nothing was opened.');
    back();
    await left(first);
  });
});

test('a log that takes no segment pauses the session; what waited is logged before it goes on', async () => {
  house.controlPlane.takeSegment = refused;
  const run = house.ssh([COUNT]);
  await run.says(PAUSED);
  expect(house.controlPlane.segments).toHaveLength(0);
  back();
  await run.says(RESUMED);
  expect(house.controlPlane.segments.length).toBeGreaterThan(0);
  expect(house.controlPlane.endings).toHaveLength(0);
  const cast = checkedCast(house, await left(run));
  expect(cast.markers).toContain('paused: the log takes no segment');
});

describe('a renewal', () => {
  test('asks for all sessions in one message, and ends those that are not given any more', async () => {
    const runs = [1, 2, 3].map(() => house.ssh(['echo begun; exec sleep 20']));
    await Promise.all(runs.map(run => run.says('begun')));
    await house.controlPlane.until(() => house.controlPlane.renewals.at(-1)!.length === 3);
    const [told, unnamed, kept] = [...house.controlPlane.renewals.at(-1)!];
    house.controlPlane.takeRenewal = async () => [
      { session: told!, given: false, message: 'the grant was revoked.' },
      { session: kept!, given: true },
    ];
    await house.controlPlane.ended(2);
    const ends = house.controlPlane.endings.map(ending => [ending.session, ending.reason]);
    expect(ends.sort()).toEqual(
      [
        [told, 'terminated'],
        [unnamed, 'terminated'],
      ].sort(),
    );
    await asked(2);
    expect(house.gateway.sessions().map(({ session }) => session)).toEqual([kept]);
    const said = runs.map(run => run.said).join('');
    expect(said).toContain('sallyport: the grant was revoked.');
    expect(said).toContain('sallyport: this session is not given any more; it is closed.');
    for (const run of runs) run.child.kill();
  });

  test('that was asked before a session began says nothing about that session', async () => {
    let answer: (renewals: readonly Renewal[]) => void = () => {};
    house.controlPlane.takeRenewal = () =>
      new Promise(resolve => {
        answer = resolve;
        back();
      });
    await asked(1);
    const ran = house.ssh(['echo begun; cat'], 'open');
    await house.controlPlane.until(() => house.controlPlane.admissions.length > 0);
    answer([]);
    await ran.says('begun');
    await asked(2);
    ran.child.stdin!.end();
    expect((await ran.ended).status).toBe(0);
  });
});

test('an admission that came too late is closed again', async () => {
  const { admit } = house.controlPlane;
  house.controlPlane.admit = async asked => {
    const answer = await admit.call(house.controlPlane, asked);
    await new Promise(resolve => setTimeout(resolve, 400));
    return answer;
  };
  const ran = await house.ssh(['echo never']).ended;
  expect(ran).toMatchObject({ status: 1 });
  expect(ran.stderr).toContain('sallyport: the broker did not answer, so nothing was opened.');
  expect(await house.controlPlane.ended()).toMatchObject({ reason: 'not-opened', recording: null });
  expect(house.controlPlane.orders).toHaveLength(0);
});
