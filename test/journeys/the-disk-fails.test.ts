import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openShell } from '../../src/demo/live-shell.ts';
import { granted, logOf, raised } from '../fixtures/raised.ts';
import { grantedAPrompt } from '../fixtures/shell.ts';
import { SmallDisk } from '../fixtures/small-disk.ts';

const stage = raised({ database: null, adjust: { gatewayLimits: { diskMs: 1_500, segmentMs: 300 } } });
const recordings = () => join(stage().folder, 'broker', 'recordings');

let disk: SmallDisk;
beforeAll(() => {
  disk = SmallDisk.ext4(48, recordings());
});
let mend: () => void = () => {};
afterEach(() => mend());
afterAll(() => disk.close());

/** What `/readyz` finds wrong; it answers whatever hangs. */
async function ailments(): Promise<string> {
  const answer = await fetch(new URL('/readyz', stage().url));
  const { ready, ailments } = (await answer.json()) as { ready: boolean; ailments: string[] };
  expect([answer.status, ready]).toEqual(ailments.length === 0 ? [200, true] : [503, false]);
  return ailments.join();
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const entriesOf = async (subject: string) =>
  (await logOf(stage())).filter(entry => entry.subject === subject);

describe('the disk of the recordings', () => {
  it.each([
    ['runs full', () => disk.fill(), /the disk is full/],
    [
      'turns read-only',
      () => {
        disk.abort();
        return () => disk.mountAgain();
      },
      /recordings cannot be written/,
    ],
    [
      'hangs',
      () => {
        disk.freeze();
        return () => disk.thaw();
      },
      /the recordings folder does not answer/,
    ],
  ])(
    '%s: sessions stop with a word, nothing new opens, the rest goes on, and it recovers',
    async (how, breaks, ailment) => {
      const { grant, shell, session } = await grantedAPrompt(stage());
      expect(await ailments()).toBe('');
      await expect
        .poll(async () => (await entriesOf(session)).map(({ action }) => action))
        .toContain('recording.segment');
      const again = breaks();
      mend = () => {
        mend = () => {};
        again();
      };
      shell.type('seq 100000\n');
      await shell.ended;
      expect(shell.screen()).toContain(
        'sallyport: the recording of this session failed, so the session is closed.',
      );
      await expect.poll(ailments).toMatch(ailment);
      const refused = await openShell(stage(), 'maya');
      await refused.ended;
      expect(refused.screen()).toContain(
        'sallyport: this session cannot be recorded right now, so it was not opened.',
      );

      // Asking, answering, pages and the log do not need that disk.
      const other = await granted(stage());
      const visitor = await stage().as('dana');
      expect((await visitor.ask(new URL(`/r/${other.request}`, stage().url))).status).toBe(200);
      await expect
        .poll(async () => (await stage().api('dana', 'GET', `/sessions/${session}`)).json.end_reason)
        .toBe('recording-failed');
      expect(await ailments()).toMatch(ailment);

      mend();
      await expect.poll(ailments, { timeout: 10_000 }).toBe('');
      const shellAgain = await openShell(stage(), 'maya');
      shellAgain.type('echo again-$((1 + 1))\nexit\n');
      await shellAgain.sees(/again-2/);
      await shellAgain.ended;

      // What the log was told while the session ran is on the disk, whatever that did since.
      const entries = await entriesOf(session);
      const of = (action: string) => entries.find(entry => entry.action === action)!.data;
      expect(of('session.incident')).toMatchObject({ kind: 'recording-failed' });
      const file = () => readFileSync(join(recordings(), of('session.admitted').recording));
      expect(sha256(file().subarray(0, of('recording.segment').length))).toBe(of('recording.segment').sha256);
      // An ext4 that gave itself up has lost what was not synced yet; of the others all is there that is said to be.
      if (how !== 'turns read-only')
        await expect.poll(() => sha256(file())).toBe(of('session.ended').recording.sha256);
      for (const one of [grant, other]) await stage().api('maya', 'POST', `/grants/${one.id}/handback`);
    },
  );
});
