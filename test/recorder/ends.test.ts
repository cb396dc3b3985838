import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkedCast, readCast } from './cast.ts';
import { houseForEachTest } from './for-each-test.ts';
import { House } from './house.ts';
import { makeKey, type Sshd } from './sshd.ts';

let sshd: Sshd;
let house: House;
houseForEachTest((opened, reached) => {
  house = opened;
  sshd = reached;
});

const endsIn = (ms: number) => {
  house.controlPlane.answer = admission => ({ ...admission, deadline: Date.now() + ms, remaining: ms });
};

describe('the deadline', () => {
  test.each([
    ['a session that waits', 'echo ready; exec sleep 20'],
    ['a flood', 'exec yes'],
  ])('cuts %s within a second', async (_name, command) => {
    endsIn(1500);
    const started = Date.now();
    const run = house.ssh([command]);
    const ran = await run.ended;
    expect(Date.now() - started).toBeLessThan(2500);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(
      /^sallyport: your grant for root@db01 ended at \d\d:\d\d(:\d\d)? UTC; this session is closed\.$/m,
    );
    const ending = await house.controlPlane.ended();
    expect(ending.reason).toBe('deadline');
    expect(ending.cutDelay).toBeGreaterThanOrEqual(0);
    expect(ending.cutDelay).toBeLessThan(1000);
    const cast = checkedCast(house, ending);
    expect(cast.text('o')).toContain('your grant for root@db01 ended');
    expect(cast.markers.at(-1)).toMatch(/^cut: your grant for root@db01 ended/);
  });

  test('cuts a person who reads nothing', async () => {
    endsIn(1500);
    const run = house.ssh(['exec yes']);
    await run.says('y\n');
    run.child.kill('SIGSTOP');
    const ending = await house.controlPlane.ended();
    expect(ending).toMatchObject({ reason: 'deadline' });
    expect(ending.cutDelay).toBeLessThan(1000);
    run.child.kill('SIGKILL');
    await run.ended;
    checkedCast(house, ending);
  });

  test('cuts a session that is still on its way', async () => {
    const silent: Server = createServer(socket => socket.resume().on('error', () => {}));
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    house.controlPlane.answer = admission => ({
      ...admission,
      port,
      deadline: Date.now() + 300,
      remaining: 300,
    });
    const ran = await house.ssh(['true']).ended;
    expect(ran.stderr).toContain('your grant for root@db01 ended');
    expect((await house.controlPlane.ended()).reason).toBe('deadline');
    await new Promise(resolve => silent.close(resolve));
  });

  test('forty days away cuts nobody', async () => {
    endsIn(40 * 86_400_000);
    const run = house.ssh(['echo ready; cat'], 'open');
    await run.says('ready');
    run.type('still here\n');
    await run.says('still here');
    run.child.stdin!.end();
    expect((await run.ended).status).toBe(0);
  });
});

test('a terminal hears one minute before, and the injected clock rules', async () => {
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const timed = await House.open(sshd, { clock });
  timed.controlPlane.answer = admission => ({
    ...admission,
    deadline: clock.now() + 120_000,
    remaining: 120_000,
  });
  const run = timed.ssh(['-tt', 'echo rea""dy; exec sleep 20'], 'open');
  await run.says('ready');
  ahead = 61_000;
  await run.says(/sallyport: your grant for root@db01 ends in one minute, at \d\d:\d\d/);
  expect(timed.controlPlane.endings).toHaveLength(0);
  ahead = 120_000;
  await run.says('sallyport: your grant for root@db01 ended');
  expect(await timed.controlPlane.ended()).toMatchObject({ reason: 'deadline' });
  checkedCast(timed, timed.controlPlane.endings[0]!);
  await run.ended;
  await timed.close();
});

test('a termination ends the named session with its message', async () => {
  const run = house.ssh(['echo ready; exec sleep 20']);
  const other = house.ssh(['echo ready; cat'], 'open');
  await Promise.all([run.says('ready'), other.says('ready')]);
  const [first, second] = house.gateway.sessions();
  const named = house.controlPlane.orders[0]!.session;
  expect([first!.session, second!.session]).toContain(named);
  const message = 'the client locked every MSP session out.';
  house.controlPlane.terminate({ sessions: [named], reason: 'locked-out', message });
  const ending = await house.controlPlane.ended();
  expect(ending).toMatchObject({ session: named, reason: 'terminated' });
  expect(checkedCast(house, ending).markers).toContain(`cut: ${message}`);
  expect(house.gateway.sessions()).toHaveLength(1);
  const runs = await Promise.race([run.ended, other.ended]);
  expect(runs).toMatchObject({ status: 1, stderr: `sallyport: ${message}\n` });
  run.child.kill();
  other.child.kill();
});

test('a termination that overtakes its admission still counts', async () => {
  house.controlPlane.answer = admission => {
    house.controlPlane.terminate({ sessions: [admission.session], reason: 'revoked', message: 'revoked.' });
    return admission;
  };
  const ran = await house.ssh(['echo never']).ended;
  expect(ran).toMatchObject({ status: 1, stderr: 'sallyport: revoked.\n' });
  expect(ran.stdout.toString()).toBe('');
});

test('a gateway that stops says so and reports the ends', async () => {
  const run = house.ssh(['echo ready; exec sleep 20']);
  await run.says('ready');
  await house.gateway.close();
  expect((await run.ended).stderr).toContain('sallyport: the gateway is stopping');
  expect(house.controlPlane.endings[0]).toMatchObject({ reason: 'gateway-stopped' });
  checkedCast(house, house.controlPlane.endings[0]!);
});

describe('what must be refused', () => {
  test('says what is missing and ends with 1', async () => {
    const lines = [
      'no grant for root on db01.',
      'ask for one: sallyport request db01 --ssh root --for 1h\u001b[2J',
    ];
    house.controlPlane.answer = () => ({ admitted: false, code: 'no-grant', lines });
    const ran = await house.ssh(['true']).ended;
    expect(ran.status).toBe(1);
    expect(ran.stderr).toBe(
      'sallyport: no grant for root on db01.\nsallyport: ask for one: sallyport request db01 --ssh root --for 1h‹U+001B›[2J\n',
    );
    const terminal = await house.ssh(['-tt']).ended;
    expect(terminal.status).toBe(1);
    expect(terminal.stdout.toString() + terminal.stderr).toContain(
      'sallyport: no grant for root on db01.\r\n',
    );
  });

  test('a broker that does not answer opens nothing', async () => {
    house.controlPlane.answer = () => {
      throw new Error('away');
    };
    expect(await house.ssh(['true']).ended).toMatchObject({ status: 1 });
  });

  test.each([
    ['another key of the same type', 'ed25519'],
    ['a key of another type', 'ecdsa'],
  ])('a target that shows %s', async (_name, type) => {
    const pinned = makeKey(join(house.folder, 'other'), type);
    house.controlPlane.answer = admission => ({ ...admission, hostKeys: [pinned] });
    const ran = await house.ssh(['echo never']).ended;
    expect(ran.status).toBe(1);
    expect(ran.stdout.toString()).toBe('');
    expect(ran.stderr).toContain(
      'sallyport: the host key of db01 is not the one on file; nothing was opened.',
    );
    const ending = await house.controlPlane.ended();
    expect(ending.reason).toBe('host-key-mismatch');
    expect(house.controlPlane.incidents).toMatchObject([
      { kind: 'host-key-mismatch', session: ending.session },
    ]);
    checkedCast(house, ending);
  });

  test('a target that is away', async () => {
    house.controlPlane.answer = admission => ({ ...admission, port: 1 });
    const ran = await house.ssh(['true']).ended;
    expect(ran.stderr).toContain('sallyport: db01 could not be reached');
    expect(await house.controlPlane.ended()).toMatchObject({ reason: 'target-unreachable' });
    expect(house.controlPlane.incidents).toMatchObject([{ kind: 'target-unreachable' }]);
  });

  test('a target that does not take the certificate', async () => {
    house.controlPlane.answer = admission => ({ ...admission, login: 'nobody-here' });
    const ran = await house.ssh(['true']).ended;
    expect(ran.stderr).toContain('sallyport: db01 did not accept the certificate for nobody-here');
    expect(await house.controlPlane.ended()).toMatchObject({ reason: 'credential-refused' });
  });
});

test('a target that is lost ends the session with a word', async () => {
  const run = house.ssh(['echo $PPID; exec sleep 20']);
  await run.says(/\d+\n/);
  process.kill(Number(run.said.trim()), 'SIGKILL');
  const ran = await run.ended;
  expect(ran).toMatchObject({ status: 255, stderr: 'sallyport: the connection to the target was lost.\n' });
  expect(await house.controlPlane.ended()).toMatchObject({ reason: 'target-lost' });
});

describe('no recorder, no session:', () => {
  let disk: string;
  let small: House;
  beforeEach(async () => {
    disk = join(house.folder, 'disk');
    mkdirSync(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    if (mounted.status !== 0) throw new Error(`a small disk cannot be mounted here: ${mounted.stderr}`);
    small = await House.open(sshd, { recordings: disk });
  });
  afterEach(async () => {
    await small.close();
    spawnSync('umount', ['-l', disk]);
  });

  test('a folder that nobody may write to', async () => {
    spawnSync('mount', ['-o', 'remount,ro', disk]);
    const ran = await small.ssh(['echo never']).ended;
    expect(ran.status).toBe(1);
    expect(ran.stdout.toString()).toBe('');
    expect(ran.stderr).toContain(
      'sallyport: this session cannot be recorded right now, so it was not opened.',
    );
    expect(await small.controlPlane.ended()).toMatchObject({ reason: 'recording-failed', recording: null });
    expect(small.controlPlane.incidents).toMatchObject([{ kind: 'recording-failed' }]);
    expect(small.controlPlane.orders).toHaveLength(0);
    // It recovers by itself.
    spawnSync('mount', ['-o', 'remount,rw', disk]);
    expect((await small.ssh(['echo again']).ended).stdout.toString()).toBe('again\n');
  });

  test('a disk that runs full', async () => {
    const run = small.ssh(['seq 1000000; sleep 20']);
    const ran = await run.ended;
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain(
      'sallyport: the recording of this session failed, so the session is closed.',
    );
    const ending = await small.controlPlane.ended();
    expect(ending.reason).toBe('recording-failed');
    expect(small.controlPlane.incidents).toMatchObject([{ kind: 'recording-failed' }]);
    // Nothing was shown that the recording does not have, and the recording is what the log says it is.
    const cast = checkedCast(small, ending);
    expect(ran.stdout.length).toBeGreaterThan(1000);
    expect(cast.text('o').startsWith(ran.stdout.toString())).toBe(true);
  });
});

test('segments are logged while the session runs', async () => {
  const brisk = await House.open(sshd, { limits: { segmentMs: 100 } });
  const run = brisk.ssh(['echo one; cat'], 'open');
  await run.says('one');
  await brisk.controlPlane.until(() => brisk.controlPlane.segments.length >= 1);
  expect(brisk.controlPlane.endings).toHaveLength(0);
  run.type('two\n');
  await brisk.controlPlane.until(() => brisk.controlPlane.segments.length >= 2);
  run.child.stdin!.end();
  await run.ended;
  checkedCast(brisk, await brisk.controlPlane.ended());
  await brisk.close();
});

test('asciinema plays the recording', async () => {
  await house.ssh(['echo played back; sleep 0.2; echo done']).ended;
  const { session } = await house.controlPlane.ended();
  const path = join(house.recordings, `acme/2026/11/${session}.cast`);
  expect(readCast(readFileSync(path)).header.title).toBe('Maya as root@db01');
  const played = spawnSync('script', ['-qec', `asciinema play -s 100 ${path}`, '/dev/null'], { input: '' });
  expect(played.stdout.toString()).toContain('played back');
  expect(played.stdout.toString()).toContain('done');
});
