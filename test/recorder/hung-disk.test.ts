import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { SmallDisk } from '../fixtures/small-disk.ts';
import { checkedCast } from './cast.ts';
import { House } from './house.ts';
import { type Sshd, startSshd } from './sshd.ts';

let sshd: Sshd;
let disk: SmallDisk;
let house: House;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());
beforeEach(async () => {
  disk = SmallDisk.ext4(32);
  house = await House.open(sshd, { recordings: disk.path, limits: { diskMs: 600, segmentMs: 100 } });
});
afterEach(async () => {
  disk.thaw();
  await house.close();
  disk.close();
});

test('a disk that hangs stops sessions with a word, takes no thread from the rest, and recovers', async () => {
  const busy = Array.from({ length: 8 }, () => house.ssh(['while :; do echo tick; sleep 0.02; done']));
  await Promise.all(busy.map(run => run.says('tick')));
  disk.freeze();
  const ran = await Promise.all(busy.map(run => run.ended));
  for (const { status, stderr } of ran) {
    expect(status).toBe(1);
    expect(stderr).toContain('sallyport: the recording of this session failed, so the session is closed.');
  }
  const refused = await Promise.all(Array.from({ length: 8 }, () => house.ssh(['echo never']).ended));
  for (const { status, stdout, stderr } of refused) {
    expect(status).toBe(1);
    expect(stdout.toString()).toBe('');
    expect(stderr).toContain('sallyport: this session cannot be recorded right now, so it was not opened.');
  }
  // All of this process still reads files and looks names up.
  expect((await stat('/')).isDirectory()).toBe(true);
  expect((await lookup('localhost')).address).toBeTruthy();
  await house.controlPlane.ended(16);
  expect(new Set(house.controlPlane.endings.map(({ reason }) => reason))).toEqual(
    new Set(['recording-failed']),
  );

  disk.thaw();
  expect((await house.ssh(['echo again']).ended).stdout.toString()).toBe('again\n');
  // What hung in the kernel was written in the end: it is taken off again, and file and log agree.
  await house.controlPlane.until(() => house.controlPlane.endings.some(({ reason }) => reason === 'closed'));
  const withRecording = house.controlPlane.endings.filter(({ recording }) => recording !== null);
  expect(withRecording).toHaveLength(9);
  for (const ending of withRecording) {
    const path = join(disk.path, `acme/2026/11/${ending.session}.cast`);
    await expect
      .poll(() => createHash('sha256').update(readFileSync(path)).digest('hex'))
      .toBe(ending.recording!.sha256);
    checkedCast(house, ending);
  }
  // And those that never began left nothing behind.
  await expect.poll(() => readdirSync(join(disk.path, 'acme/2026/11'))).toHaveLength(withRecording.length);
});

test('what a person types while the recorder hangs does not reach the target', async () => {
  const slow = await House.open(sshd, { recordings: disk.path, limits: { diskMs: 3_000 } });
  const file = join(slow.folder, 'typed');
  const run = slow.ssh(
    [`(while :; do echo tick; sleep 0.02; done) & while read x; do echo "$x" >> ${file}; done`],
    'open',
  );
  run.type('before\n');
  await run.says('tick');
  disk.freeze();
  let typed = 0;
  const typing = setInterval(() => {
    typed += 1;
    run.type(`n${typed}\n`);
  }, 50);
  await run.ended;
  clearInterval(typing);
  const reached = readFileSync(file, 'utf8');
  expect(reached).toContain('before\n');
  for (let at = typed - 10; at <= typed; at += 1) expect(reached).not.toContain(`n${at}\n`);
  disk.thaw();
  await slow.close();
});
