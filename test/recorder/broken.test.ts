import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeBroken } from '../../recorder/recording/broken.ts';

const HEADER = '{"version":2,"width":80,"height":24}\n';
const SESSION = { startedAt: Date.UTC(2026, 10, 21), title: 'root@db01.acme' };
const FRESH = `{"version":2,"width":80,"height":24,"timestamp":${SESSION.startedAt / 1000},"env":{},"title":"root@db01.acme"}\n`;
const ONE = '[1.000000, "o", "one"]\n';
const TWO = '[2.500000, "o", "zwei ü"]\n';
const MARKER = (at: string, more = '') =>
  `[${at}, "m", "broken off: the gateway ended before it closed this recording${more}"]\n`;
const TORN = (bytes: number) => `; ${bytes} bytes of an unfinished line were taken off`;
const LONG = `[1.500000, "o", "${'long '.repeat(30_000)}"]\n`;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-broken-'));
  path = join(folder, 's.cast');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What stands in the file when the gateway dies, how much of it the log covers, and what it is closed as. */
const CASES: readonly (readonly [string, string, string, string, number])[] = [
  ['nothing in the log yet', HEADER + ONE, '', HEADER + ONE + MARKER('1.000000'), 1],
  ['a segment in the log', HEADER + ONE + TWO, HEADER + ONE, HEADER + ONE + TWO + MARKER('2.500000'), 2.5],
  ['all of it in the log', HEADER + ONE, HEADER + ONE, HEADER + ONE + MARKER('1.000000'), 1],
  ['the header alone', HEADER, '', HEADER + MARKER('0.000000'), 0],
  ['a torn line', `${HEADER}${ONE}[2.0, "o", "tw`, '', HEADER + ONE + MARKER('1.000000', TORN(14)), 1],
  [
    'a torn line behind a segment in the log',
    `${HEADER}${ONE}[`,
    HEADER + ONE,
    HEADER + ONE + MARKER('1.000000', TORN(1)),
    1,
  ],
  [
    'a torn line longer than the marker',
    HEADER + ONE + LONG.slice(0, -2),
    '',
    HEADER + ONE + MARKER('1.000000', TORN(LONG.length - 2)),
    1,
  ],
  ['a long last line', HEADER + LONG, '', HEADER + LONG + MARKER('1.500000'), 1.5],
  ['a torn header', '{"version":2,', '', FRESH + MARKER('0.000000', TORN(13)), 0],
  ['an empty file', '', '', FRESH + MARKER('0.000000'), 0],
];

describe('the recording of a gateway that died', () => {
  it.each(CASES)('with %s', async (_, written, logged, closed, lasted) => {
    await writeFile(path, written);
    const known = { segments: logged === '' ? 0 : 1, bytes: Buffer.byteLength(logged) };
    const first = await closeBroken(path, known, SESSION);
    expect(await readFile(path, 'utf8')).toBe(closed);
    const rest = closed.slice(logged.length);
    expect(first).toEqual({
      whole: {
        size: Buffer.byteLength(closed),
        sha256: sha256(closed),
        segments: known.segments + (rest === '' ? 0 : 1),
      },
      tail:
        rest === ''
          ? null
          : {
              index: known.segments,
              offset: known.bytes,
              length: Buffer.byteLength(rest),
              sha256: sha256(rest),
            },
      missing: 0,
      lasted,
    });
    // Killed again before the log had it: the next start finds the same.
    expect(await closeBroken(path, known, SESSION)).toEqual(first);
    expect(await readFile(path, 'utf8')).toBe(closed);
  });

  it('killed between the marker and the cut, closes it the same way', async () => {
    const marked = HEADER + ONE + MARKER('1.000000', TORN(900));
    await writeFile(path, `${marked}the rest of what was torn`);
    const closed = await closeBroken(path, { segments: 0, bytes: 0 }, SESSION);
    expect(closed?.whole.sha256).toBe(sha256(marked));
    expect(await readFile(path, 'utf8')).toBe(marked);
  });

  it('that has lost what the log knows is left as it is', async () => {
    await writeFile(path, HEADER);
    const bytes = Buffer.byteLength(HEADER + ONE);
    expect(await closeBroken(path, { segments: 2, bytes }, SESSION)).toMatchObject({
      whole: { size: HEADER.length, segments: 2 },
      tail: null,
      missing: ONE.length,
    });
    expect(await readFile(path, 'utf8')).toBe(HEADER);
  });

  it('that was never made is none, and a link is not followed', async () => {
    expect(await closeBroken(path, { segments: 0, bytes: 0 }, SESSION)).toBeNull();
    await writeFile(join(folder, 'elsewhere'), HEADER);
    await symlink('elsewhere', path);
    await expect(closeBroken(path, { segments: 0, bytes: 0 }, SESSION)).rejects.toMatchObject({
      code: 'ELOOP',
    });
    expect(await readFile(join(folder, 'elsewhere'), 'utf8')).toBe(HEADER);
  });
});
