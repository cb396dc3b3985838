import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkedCast } from './cast.ts';
import { houseForEachTest } from './for-each-test.ts';
import { type House, Run } from './house.ts';
import type { Sshd } from './sshd.ts';

let sshd: Sshd;
let house: House;
houseForEachTest((opened, reached) => {
  house = opened;
  sshd = reached;
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('a command', () => {
  test('keeps output, errors and status apart, and all of it is recorded', async () => {
    const ran = await house.ssh(['echo out; echo err >&2; exit 3']).ended;
    expect(ran).toMatchObject({ status: 3, stderr: 'err\n' });
    expect(ran.stdout.toString()).toBe('out\n');
    const ending = await house.controlPlane.ended();
    expect(ending).toMatchObject({ reason: 'closed', exitStatus: 3, bytesOut: 8, cutDelay: null });
    const cast = checkedCast(house, ending);
    expect(cast.header).toMatchObject({ width: 80, height: 24 });
    expect(cast.text('o')).toContain('out\n');
    expect(cast.text('o')).toContain('err\n');
    expect(cast.markers).toEqual(['exec: echo out; echo err >&2; exit 3', 'ended: exit status 3']);
    expect(house.controlPlane.admissions[0]).toMatchObject({
      kind: 'exec',
      username: 'root@db01',
      pty: false,
    });
    expect(house.controlPlane.orders[0]).toMatchObject({ sourceAddress: '127.0.0.1', pty: false });
  });

  test('that a signal ends says so', async () => {
    const ran = await house.ssh(['kill -9 $$']).ended;
    expect(ran.status).toBe(255);
    const ending = await house.controlPlane.ended();
    expect(checkedCast(house, ending).markers).toContain('ended: signal KILL');
  });

  test('that closes its output before it ends still tells its status', async () => {
    const ran = await house.ssh(['exec >&- 2>&-; sleep 0.5; exit 7']).ended;
    expect(ran.status).toBe(7);
  });

  test('passes 5 MB through unchanged, and what went in stands there by hash', async () => {
    const bytes = randomBytes(5 * 1024 * 1024);
    const ran = await house.ssh(['cat'], bytes).ended;
    expect(sha256(ran.stdout)).toBe(sha256(bytes));
    const ending = await house.controlPlane.ended();
    expect(ending).toMatchObject({ bytesIn: bytes.length, bytesOut: bytes.length });
    const cast = checkedCast(house, ending);
    expect(cast.markers).toContain(
      `standard input: ${bytes.length} bytes, sha256 ${sha256(bytes)}; the first 65536 bytes are recorded`,
    );
    expect(ending.recording!.segments).toBeGreaterThan(4);
  });

  test('goes on while the client changes keys under load', async () => {
    const bytes = randomBytes(8 * 1024 * 1024);
    const ran = await house.ssh(['-o', 'RekeyLimit=1M', 'cat'], bytes).ended;
    expect(sha256(ran.stdout)).toBe(sha256(bytes));
  });

  test('mixes a lot of output and errors without losing or doubling any', async () => {
    const ran = await house.ssh(['for i in $(seq 60000); do echo out$i; echo err$i >&2; done']).ended;
    const numbers = (word: string) => Array.from({ length: 60000 }, (_, at) => `${word}${at + 1}\n`).join('');
    expect(sha256(ran.stdout)).toBe(sha256(Buffer.from(numbers('out'))));
    expect(sha256(Buffer.from(ran.stderr))).toBe(sha256(Buffer.from(numbers('err'))));
  });

  test('gets language settings and nothing else of the environment', async () => {
    const args = ['-o', 'SetEnv=LC_TIME=C.UTF-8', 'echo $LC_TIME$FOO'];
    expect((await house.ssh(args).ended).stdout.toString()).toBe('C.UTF-8\n');
    expect(checkedCast(house, await house.controlPlane.ended()).markers).toContain('env: LC_TIME=C.UTF-8');
  });

  test.each([
    ['a name that no locale has', 'LC_PAYLOAD=C.UTF-8', '$LC_PAYLOAD'],
    ['a value that no locale has', 'LC_TIME="touch /tmp/x"', '$LC_TIME'],
  ])('does not get %s', async (_name, setting, read) => {
    const ran = await house.ssh(['-o', `SetEnv=${setting}`, `echo "(${read})"`]).ended;
    expect(ran.stdout.toString()).toBe('()\n');
    expect(checkedCast(house, await house.controlPlane.ended()).markers.join()).not.toContain('env: ');
  });

  test('that prints no UTF-8 arrives as it is, and is marked', async () => {
    const ran = await house.ssh(["printf 'caf\\351 \\303\\251 \\342\\202\\254\\n'"]).ended;
    expect(ran.stdout).toEqual(
      Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x20, 0xc3, 0xa9, 0x20, 0xe2, 0x82, 0xac, 0x0a]),
    );
    const cast = checkedCast(house, await house.controlPlane.ended());
    expect(cast.text('o')).toBe('caf\ufffd é €\n');
    expect(cast.markers).toContain(`not UTF-8: 1 bytes, sha256 ${sha256(Buffer.from([0xe9]))}`);
  });

  test('that prints half a character shows it 100 ms later at most, and whole ones are not torn', async () => {
    const run = house.ssh(["printf 'a\\342'; read x; printf '\\202\\254b\\n'"], 'open');
    await run.says('a');
    run.type('\n');
    const ran = await run.ended;
    expect(ran.stdout).toEqual(Buffer.from('a\u20acb\n'));
  });
});

describe('a terminal', () => {
  const inTerminal = (command: string, args = '') => {
    const client = `stty rows 33 cols 101; exec ssh -tt ${args} ${sshArguments()} ${command}`;
    return new Run('script', ['-qec', client, '/dev/null'], 'open');
  };
  const sshArguments = () =>
    [
      `-F /dev/null -i ${join(house.folder, 'maya')} -o IdentitiesOnly=yes -o IdentityAgent=none`,
      `-o UserKnownHostsFile=${join(house.folder, 'known_hosts')} -o LogLevel=ERROR`,
      `-p ${house.gateway.port} root@db01@127.0.0.1`,
    ].join(' ');

  test('has the size, the modes and the greeting it should, and passes resizes on', async () => {
    house.controlPlane.answer = admission => ({ ...admission, banner: ['recorded; 10 min left'] });
    const run = inTerminal('');
    await run.says('sallyport: recorded; 10 min left');
    run.type('stty size; stty -a | grep -o "intr = ..;"; echo REA""DY\n');
    await run.says('READY');
    expect(run.said).toContain('33 101');
    expect(run.said).toContain('intr = ^C;');
    run.type('exit 4\n');
    expect((await run.ended).status).toBe(4);
    const cast = checkedCast(house, await house.controlPlane.ended());
    expect(cast.header).toMatchObject({ width: 101, height: 33 });
    expect(cast.text('o')).toContain('sallyport: recorded; 10 min left\r\n');
    // What was typed is not recorded; its echo is.
    expect(cast.text('i')).toBe('');
  });

  test('is told of a new size', async () => {
    const wait = 'echo REA""DY; while [ "$(stty size)" != "44 122" ]; do sleep 0.1; done; stty size';
    const run = inTerminal(`'${wait}'`);
    await run.says('READY');
    // The client learns of it as from a window manager: its own terminal changes.
    const tty = spawnedTerminal(run);
    new Run('stty', ['-F', tty, 'rows', '44', 'cols', '122']);
    await run.says('44 122');
    await run.ended;
    expect(checkedCast(house, await house.controlPlane.ended()).text('r')).toMatch(/122x44$/);
  });

  test('records what is typed where the cell says so', async () => {
    house.controlPlane.answer = admission => ({ ...admission, recordInput: true });
    const run = inTerminal('"stty -echo; echo REA""DY; read x; echo got"');
    await run.says('READY');
    run.type('hidden words\n');
    await run.ended;
    expect(checkedCast(house, await house.controlPlane.ended()).text('i')).toContain('hidden words');
  });
});

/** The pseudo-terminal of the ssh client below `script`. */
function spawnedTerminal(run: Run): string {
  const find = (pid: string): string | null => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(/\s+/)
      .filter(Boolean);
    for (const child of children) {
      if (readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'ssh') return child;
      const below = find(child);
      if (below) return below;
    }
    return null;
  };
  const pid = find(`${run.child.pid}`);
  return `/proc/${pid}/fd/0`;
}

describe('where the grant gives no transfer', () => {
  beforeEach(() => {
    house.controlPlane.answer = admission => ({ ...admission, takesInput: false });
  });

  test('a command gets no input and says all that it has to say', async () => {
    const ran = await house.ssh(['echo before; cat; echo after'], randomBytes(3_000_000)).ended;
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout.toString()).toBe('before\nafter\n');
    const ending = await house.controlPlane.ended();
    expect(ending).toMatchObject({ reason: 'closed', bytesIn: 0 });
    expect(checkedCast(house, ending).markers).toContain(
      'input: none is passed on, for the grant gives no transfer',
    );
  });

  test('a copy that hides in a command moves nothing', async () => {
    const there = join(sshd.folder, 'hidden.bin');
    const said = Buffer.from('C0644 5 hidden.bin\nhello\0');
    await house.ssh([`$(echo s)cp -t ${there}`], said).ended;
    await house.controlPlane.ended();
    expect(existsSync(there)).toBe(false);
    house.controlPlane.answer = admission => admission;
    await house.ssh([`$(echo s)cp -t ${there}`], said).ended;
    expect(readFileSync(there, 'utf8')).toBe('hello');
  });

  test('a terminal goes on as it is', async () => {
    const run = house.ssh(['-tt', 'stty -echo; echo REA""DY; read x; echo "<$x>"'], 'open');
    await run.says('READY');
    run.type('typed\n');
    await run.says('<typed>');
    expect((await run.ended).status).toBe(0);
  });
});

describe('a copy', () => {
  let file: string;
  const bytes = randomBytes(300_000);
  beforeEach(() => {
    file = join(house.folder, 'source.bin');
    writeFileSync(file, bytes);
  });

  test.each([
    ['the old way', ['-O'], 'transfer: scp -t'],
    ['over sftp', [], 'transfer: sftp'],
  ])('with scp %s goes both ways and stands there by hash', async (_name, args, marker) => {
    const there = join(sshd.folder, 'copied.bin');
    const up = await house.copy('scp', [...args, file, `root@db01@127.0.0.1:${there}`]).ended;
    expect(up).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(there)).toEqual(bytes);
    const back = join(house.folder, 'back.bin');
    const down = await house.copy('scp', [...args, `root@db01@127.0.0.1:${there}`, back]).ended;
    expect(down.status).toBe(0);
    expect(readFileSync(back)).toEqual(bytes);
    const ending = await house.controlPlane.ended();
    const cast = checkedCast(house, ending);
    expect(cast.markers[0]).toContain(marker);
    expect(cast.markers.join('\n')).toMatch(
      /transfer ended: to the target \d+ bytes, sha256 [0-9a-f]{64}; from the target \d+ bytes, sha256 [0-9a-f]{64}/,
    );
    expect(cast.text('o')).toBe('');
    expect(ending.recording!.size).toBeLessThan(2000);
  });

  test('with sftp', async () => {
    const there = join(sshd.folder, 'by-sftp.bin');
    const ran = await house.copy(
      'sftp',
      ['-b', '-', 'root@db01@127.0.0.1'],
      Buffer.from(`put ${file} ${there}\n`),
    ).ended;
    expect(ran).toMatchObject({ status: 0 });
    expect(readFileSync(there)).toEqual(bytes);
  });

  test('with git', async () => {
    const there = join(sshd.folder, 'repository.git');
    const made = await new Run('git', ['init', '-q', '--bare', there]).ended;
    expect(made.status).toBe(0);
    const command = house.command('ssh').join(' ');
    const config = [
      '-c',
      `core.sshCommand=${command}`,
      '-c',
      'user.name=m',
      '-c',
      'user.email=m@example.com',
    ];
    const here = join(house.folder, 'clone');
    const git = (...args: string[]) => new Run('git', [...config, ...args]).ended;
    expect((await git('clone', '-q', `root@db01@127.0.0.1:${there}`, here)).status).toBe(0);
    writeFileSync(join(here, 'file'), bytes);
    await git('-C', here, 'add', 'file');
    await git('-C', here, 'commit', '-qm', 'one');
    expect(await git('-C', here, 'push', '-q', 'origin', 'HEAD:main')).toMatchObject({ status: 0 });
    const ending = await house.controlPlane.ended(2);
    expect(checkedCast(house, ending).markers[0]).toContain("transfer: git-receive-pack '");
    expect(ending.bytesIn).toBeGreaterThan(bytes.length);
  });

  test('hides no shell: a program of that name in a folder of theirs is recorded', async () => {
    const program = join(sshd.folder, 'scp');
    writeFileSync(program, '#!/bin/sh\nexec sh\n', { mode: 0o755 });
    await house.ssh([`${program} -t x`], Buffer.from('echo se""en\n')).ended;
    const cast = checkedCast(house, await house.controlPlane.ended());
    expect(cast.markers[0]).toBe(`exec: ${program} -t x`);
    expect(cast.text('o')).toBe('seen\n');
  });

  test('hides no shell: what is typed where a copy should come is recorded', async () => {
    await house.ssh(['scp -t /dev/null'], Buffer.from('echo typed\n')).ended;
    const cast = checkedCast(house, await house.controlPlane.ended());
    expect(cast.markers.join('\n')).toContain('not scp: recorded from here on');
    expect(cast.text('i')).toContain('echo typed');
  });

  test('hides no shell: a command with something beside the copy is recorded', async () => {
    await house.ssh(['scp -t /dev/null </dev/null; echo seen']).ended;
    expect(checkedCast(house, await house.controlPlane.ended()).text('o')).toContain('seen');
  });
});

describe('a connection that is shared', () => {
  test('asks the grant again for each channel', async () => {
    const socket = join(house.folder, 'shared');
    const first = house.ssh(['-M', '-S', socket, 'echo first; cat'], 'open');
    await first.says('first');
    expect(existsSync(socket)).toBe(true);
    const second = await house.ssh(['-S', socket, 'echo second']).ended;
    expect(second.stdout.toString()).toBe('second\n');
    house.controlPlane.answer = () => ({ admitted: false, code: 'no-grant', lines: ['your grant is gone.'] });
    const third = await house.ssh(['-S', socket, 'echo third']).ended;
    expect(third).toMatchObject({ status: 1, stderr: 'sallyport: your grant is gone.\n' });
    expect(third.stdout.toString()).toBe('');
    expect(house.gateway.sessions()).toHaveLength(1);
    first.child.stdin!.end();
    expect((await first.ended).status).toBe(0);
    expect(house.controlPlane.admissions).toHaveLength(3);
    expect(new Set(house.controlPlane.orders.map(order => order.publicKey)).size).toBe(2);
  });
});

test('recordings belong to their owner alone, and an existing one is never written over', async () => {
  await house.ssh(['true']).ended;
  const { session } = await house.controlPlane.ended();
  const path = join(house.recordings, `acme/2026/11/${session}.cast`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(house.recordings, 'acme')).mode & 0o777).toBe(0o700);
  house.controlPlane.answer = admission => ({ ...admission, recording: `acme/2026/11/${session}.cast` });
  const again = await house.ssh(['echo again']).ended;
  expect(again.status).toBe(1);
  expect(readdirSync(join(house.recordings, 'acme/2026/11'))).toHaveLength(1);
});

test('a person who disconnects ends the session on the target', async () => {
  const run = house.ssh(['echo $$; exec sleep 20']);
  await run.says(/\d+\n/);
  const pid = run.said.trim();
  run.child.kill('SIGKILL');
  const ending = await house.controlPlane.ended();
  expect(ending.reason).toBe('client-lost');
  expect(checkedCast(house, ending).markers).toContain('ended: the person disconnected');
  expect(house.gateway.sessions()).toHaveLength(0);
  expect(pid).toMatch(/^\d+$/);
});
