import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../recorder/deadline.ts';
import { DEFAULT_LIMITS } from '../../recorder/main.ts';
import { eventLine, headerLine } from '../../recorder/recording/asciicast.ts';
import { Disk } from '../../recorder/recording/disk.ts';
import { Recording, type RecordingOptions } from '../../recorder/recording/recording.ts';
import type { ClosedSegment } from '../../recorder/recording/segments.ts';
import { transferOf } from '../../recorder/recording/transfers.ts';
import { Utf8Stream } from '../../recorder/recording/utf8.ts';
import { readCast } from './cast.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Feeds `bytes` in pieces and gives back what came out. */
function decodeIn(bytes: Buffer, cuts: readonly number[]) {
  const stream = new Utf8Stream();
  const places = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces = [...places, bytes.length].map((place, at) => bytes.subarray(places[at - 1] ?? 0, place));
  const decoded = [...pieces.map(piece => stream.take(piece)), stream.flush()].filter(part => part !== null);
  return {
    text: decoded.map(part => part.text).join(''),
    bytes: Buffer.concat(decoded.map(part => part.bytes)),
    invalid: Buffer.concat(decoded.map(part => part.invalid ?? Buffer.alloc(0))),
  };
}

describe('text from bytes in pieces', () => {
  test('is the text that was sent, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat()), (text, cuts) => {
        const sent = text.toWellFormed();
        const { text: got, invalid } = decodeIn(Buffer.from(sent), cuts);
        expect(got).toBe(sent);
        expect(invalid).toHaveLength(0);
      }),
    );
  });

  test('loses no byte of anything, and judges it alike wherever it is cut', () => {
    const tricky = fc.constantFrom(
      0x41,
      0x80,
      0xbf,
      0xc0,
      0xc3,
      0xe0,
      0xe2,
      0xed,
      0xa0,
      0x9f,
      0xf0,
      0x90,
      0xf4,
      0x8f,
      0xff,
    );
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.array(tricky).map(list => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, fc.array(fc.nat()), (sent, cuts) => {
        const whole = decodeIn(Buffer.from(sent), []);
        const torn = decodeIn(Buffer.from(sent), cuts);
        expect(torn.bytes).toEqual(Buffer.from(sent));
        expect(torn).toEqual(whole);
        expect(torn.text.isWellFormed()).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['an overlong slash', [0xc0, 0xaf], '\ufffd\ufffd'],
    ['half a surrogate', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
    ['past the last character', [0xf4, 0x90, 0x80, 0x80], '\ufffd'.repeat(4)],
    ['latin-1 in a word', [0x63, 0x61, 0x66, 0xe9, 0x21], 'caf\ufffd!'],
  ])('%s is no character', (_name, bytes, text) => {
    expect(decodeIn(Buffer.from(bytes), [1]).text).toBe(text);
  });
});

describe('a line', () => {
  test('is one line of JSON, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        const line = eventLine(1234.5678, 'o', text.toWellFormed());
        expect(line.trimEnd().split(/[\n\r\u2028\u2029\u0085]/)).toHaveLength(1);
        expect(JSON.parse(line)).toEqual([1.234568, 'o', text.toWellFormed()]);
      }),
    );
    expect(eventLine(0, 'o', '\u2028\u2029\u0085')).toBe('[0.000000, "o", "\\u2028\\u2029\\u0085"]\n');
  });

  test('of the header says what the format asks for', () => {
    const line = headerLine({
      width: 80,
      height: 24,
      startedAt: 1_800_000_000_999,
      term: 'xterm',
      title: 'a\ud800',
    });
    expect(JSON.parse(line)).toEqual({
      version: 2,
      width: 80,
      height: 24,
      timestamp: 1_800_000_000,
      env: { TERM: 'xterm' },
      title: 'a\ufffd',
    });
  });
});

describe('a transfer is', () => {
  test.each([
    ['scp -t /tmp/x'],
    ['scp -r -p -f -- /etc/app'],
    ['/usr/bin/scp -pt .'],
    ['rsync --server -vlogDtpre.iLsfxCIvu . /srv'],
    ["git-upload-pack '/srv/a.git'"],
    ["git receive-pack 'b.git'"],
  ])('%s', command => expect(transferOf('exec', command)).not.toBeNull());
  test.each([
    ['bash'],
    ['echo scp -t x'],
    ['scp a b:'],
    ['scp -t x; bash -i'],
    ['scp -t $(bash -i)'],
    ['scp -t x\nbash'],
    ['rsync --server `id`'],
    ['rsync --serverless'],
    ['git-upload-packer x'],
    ['scp -t x | tee y'],
    ['/tmp/scp -t x'],
    ['./scp -t x'],
    ['/home/maya/git-upload-pack x'],
  ])('not %s', command => expect(transferOf('exec', command)).toBeNull());
  test('sftp, and no shell', () => {
    expect(transferOf('subsystem', 'sftp')).toBe('sftp');
    expect(transferOf('shell', null)).toBeNull();
  });
});

describe('a recording', () => {
  let folder: string;
  const segments: ClosedSegment[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-recording-'));
    segments.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = (more: Partial<RecordingOptions> = {}) =>
    Recording.open(
      {
        folder,
        disk: new Disk(systemClock),
        path: 'acme/s_1.cast',
        header: { width: 80, height: 24, term: null, title: 'test' },
        clock: systemClock,
        limits: { ...DEFAULT_LIMITS, segmentBytes: 2_000 },
        transfer: null,
        input: 'piped',
        onSegment: segment => segments.push(segment),
        onFailure: error => {
          throw error;
        },
        ...more,
      },
      new AbortController().signal,
    );

  test('is its segments, one after another, each at the end of a line', async () => {
    const recording = await open();
    for (let at = 0; at < 100; at += 1) {
      await new Promise<void>(resolve =>
        recording.output('out', Buffer.from(`line ${at} ${'x'.repeat(80)}\n`), () => resolve()),
      );
    }
    const whole = await recording.close();
    const bytes = readFileSync(join(folder, 'acme/s_1.cast'));
    expect(whole).toEqual({ size: bytes.length, sha256: sha256(bytes), segments: segments.length });
    expect(segments.length).toBeGreaterThan(3);
    for (const { offset, length, sha256: hash } of segments) {
      const part = bytes.subarray(offset, offset + length);
      expect(sha256(part)).toBe(hash);
      expect(part.at(-1)).toBe(0x0a);
    }
    expect(segments.reduce((sum, segment) => sum + segment.length, 0)).toBe(bytes.length);
  });

  test('has every byte before it is shown', async () => {
    const recording = await open();
    const sent = Buffer.from('h\u00e9llo');
    const shown: Buffer[] = [];
    await new Promise<void>(resolve => {
      recording.output('out', sent.subarray(0, 2), bytes => shown.push(bytes));
      recording.output('out', sent.subarray(2), bytes => {
        shown.push(bytes);
        expect(readFileSync(join(folder, 'acme/s_1.cast'), 'utf8')).toContain('\u00e9llo');
        resolve();
      });
    });
    expect(Buffer.concat(shown)).toEqual(sent);
    await recording.close();
  });

  test('keeps the state of each stream by itself', async () => {
    const recording = await open();
    const euro = Buffer.from('\u20ac');
    const shown = { out: [] as Buffer[], err: [] as Buffer[] };
    for (const byte of euro) {
      recording.output('out', Buffer.of(byte), bytes => shown.out.push(bytes));
      recording.output('err', Buffer.of(byte), bytes => shown.err.push(bytes));
    }
    await recording.close();
    expect(Buffer.concat(shown.out)).toEqual(euro);
    expect(Buffer.concat(shown.err)).toEqual(euro);
    expect(readCast(readFileSync(join(folder, 'acme/s_1.cast'))).text('o')).toBe('\u20ac\u20ac');
  });

  test('shows half a character after a moment, and marks it', async () => {
    const recording = await open();
    const bytes = await new Promise<Buffer>(resolve =>
      recording.output('out', Buffer.of(0xe2, 0x82), resolve),
    );
    expect(bytes).toEqual(Buffer.of(0xe2, 0x82));
    await recording.close();
    const cast = readCast(readFileSync(join(folder, 'acme/s_1.cast')));
    expect(cast.text('o')).toBe('\ufffd\ufffd');
    expect(cast.markers).toEqual([`not UTF-8: 2 bytes, sha256 ${sha256(Buffer.of(0xe2, 0x82))}`]);
  });

  const whatStands = () => readCast(readFileSync(join(folder, 'acme/s_1.cast')));

  test.each<[string, RecordingOptions['transfer'], string[], string[]]>([
    ['scp that answers as a shell', 'scp-to', ['C0644 5 a\n'], ['$ ', 'id\n']],
    ['rsync that answers a byte at a time', 'rsync', [], [' ', '$ id\n']],
    ['git with half a length', 'git', [], ['0', '00', 'x$ id\n']],
    ['sftp of another kind', 'sftp', [], ['\0\0', '\0\x05\x01\0\0\0\x03']],
  ])('of %s is one of a command, with all of its output', async (_name, transfer, sent, answered) => {
    const recording = await open({ transfer });
    const shown: Buffer[] = [];
    for (const part of sent) recording.input(Buffer.from(part));
    for (const part of answered) recording.output('out', Buffer.from(part), bytes => shown.push(bytes));
    recording.outputEnded('out', bytes => shown.push(bytes));
    await recording.close();
    expect(Buffer.concat(shown).toString()).toBe(answered.join(''));
    expect(whatStands().text('o')).toBe(answered.join(''));
    expect(whatStands().markers.join('\n')).toMatch(/^not (scp|rsync|git|sftp): recorded from here on/m);
  });

  test('of a copy into which a shell is typed holds what is typed, and what was held of the answer', async () => {
    const recording = await open({ transfer: 'rsync' });
    const shown: Buffer[] = [];
    recording.output('out', Buffer.from('\x1f\0'), bytes => shown.push(bytes));
    expect(shown).toHaveLength(0);
    recording.input(Buffer.from('cat /etc/shadow\n'));
    await recording.close();
    expect(Buffer.concat(shown).toString()).toBe('\x1f\0');
    expect(whatStands().text('i')).toBe('cat /etc/shadow\n');
    expect(whatStands().text('o')).toBe('\x1f\0');
  });

  test.each<[string, RecordingOptions['transfer'], string, string]>([
    ['scp upwards', 'scp-to', 'D0755 0 folder\n', '\0'],
    ['scp with times', 'scp-to', 'T1183828267 0 1183828267 0\n', '\0'],
    ['scp downwards', 'scp-from', '\0', 'C0644 5 a\n'],
    ['scp of what is not there', 'scp-from', '\0', '\x01scp: a: No such file\n'],
    ['rsync', 'rsync', '\x1f\0\0\0', '\x20\0\0\0'],
    ['rsync -s', 'rsync', 'rsync\0--server\0', '\x1f\0\0\0'],
    ['git', 'git', '0014command=ls-refs\n', '000eversion 2\n'],
    ['sftp', 'sftp', '\0\0\0\x05\x01\0\0\0\x03', '\0\0\0\x05\x02\0\0\0\x03'],
  ])('of %s holds its beginnings and hashes, however it is cut', async (_name, transfer, sent, answered) => {
    const recording = await open({ transfer });
    const shown: Buffer[] = [];
    for (const byte of Buffer.from(sent)) recording.input(Buffer.of(byte));
    for (const byte of Buffer.from(answered))
      recording.output('out', Buffer.of(byte), bytes => shown.push(bytes));
    await recording.close();
    expect(Buffer.concat(shown).toString()).toBe(answered);
    expect(whatStands().text('o') + whatStands().text('i')).toBe('');
    const tally = (text: string) => `${text.length} bytes, sha256 ${sha256(Buffer.from(text))}`;
    expect(whatStands().markers).toHaveLength(3);
    expect(whatStands().markers.at(-1)).toBe(
      `transfer ended: to the target ${tally(sent)}; from the target ${tally(answered)}`,
    );
  });

  test('has a long marker whole, in pieces that tear no character', async () => {
    const recording = await open();
    const command = `exec: ${'\u{1f600}x'.repeat(5_000)} && the end`;
    recording.marker(command);
    await recording.close();
    const { markers } = whatStands();
    expect(markers.map(marker => marker.slice(0, 6))).toEqual(['(1/3) ', '(2/3) ', '(3/3) ']);
    expect(markers.map(marker => marker.slice(6)).join('')).toBe(command);
  });

  test('stays in its folder', async () => {
    await expect(open({ path: '../outside.cast' })).rejects.toThrow('leaves its folder');
  });

  test('is not made where it cannot be', async () => {
    await expect(open({ folder: '/proc/nowhere' })).rejects.toThrow();
  });
});
