import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signCheckpoint } from '../../src/audit/checkpoint.ts';
import { line } from '../../src/audit/entry.ts';
import { type Verification, type VerifyOptions, verifyExport } from '../../src/audit/verify.ts';
import { chain, checkpointFor, events, file, rootOf, testKey } from './sample.ts';

const { signer, vkey } = testKey(1);
const lines = chain(events(12));
const checkpoint = { note: checkpointFor(lines, signer), keys: [vkey] };

/** Bytes in pieces, so that lines fall across them. */
async function* pieces(bytes: Buffer, size = 100): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

function check(content: string | Buffer, options?: VerifyOptions): Promise<Verification> {
  return verifyExport(pieces(Buffer.from(content)), options);
}

const found = (v: Verification) => v.findings.map(f => `${f.code}${f.line === null ? '' : ` ${f.line}`}`);

/** The log with some lines rewritten; nothing after them is made to fit. */
const edit = (change: (lines: string[]) => void) => {
  const copy = [...lines];
  change(copy);
  return file(copy);
};

/** The log with one line rewritten. */
const alter = (i: number, from: string | RegExp, to: string | ((found: string) => string)) =>
  file(lines.with(i, lines[i]!.replace(from, to as string)));

/** As somebody would who can compute hashes: every `prev` and `seq` made to fit again. */
const rechain = (texts: readonly string[]) => {
  const parsed = texts.map(text => JSON.parse(text));
  let prev = '0'.repeat(64);
  return parsed.map((entry, i) => {
    const text = line(entry, { at: entry.at, prev, seq: i + 1 });
    prev = hash('sha256', text, 'hex');
    return text;
  });
};

describe('an export that nobody touched', () => {
  it('holds, and is proven by its checkpoint', async () => {
    const v = await check(file(lines), { checkpoint });
    expect(v).toMatchObject({ ok: true, tenant: 'acme', entries: 12, found: 0, proven: { size: 12 } });
    expect(v.first).toEqual({ seq: 1, at: '2026-11-20T15:00:00.000Z' });
    expect(v.last).toEqual({ seq: 12, at: '2026-11-20T15:00:02.750Z' });
    expect(v.root).toBe(rootOf(lines).toString('base64'));
    expect(v.checks.map(c => c.holds)).toEqual([true, true, true, true, true]);
    expect(v.checkpoint?.signed_by).toEqual([`${signer.name}+${signer.id}`]);
  });

  it('holds without a checkpoint, which says that the tail is not proven', async () => {
    const v = await check(file(lines));
    expect(v).toMatchObject({ ok: true, proven: null });
    expect(v.checks.at(-1)).toMatchObject({ check: 'root', holds: null });
    expect(v.unknown.join()).toMatch(/cut from the end/);
  });

  it('may go on past the checkpoint, which says how far it proves', async () => {
    const earlier = { note: checkpointFor(lines.slice(0, 7), signer), keys: [vkey] };
    const v = await check(file(lines), { checkpoint: earlier });
    expect(v).toMatchObject({ ok: true, proven: { size: 7 } });
    expect(v.unknown.join()).toMatch(/last 5 of 12 lines/);
  });

  it('is read the same in pieces of any size', async () => {
    const bytes = Buffer.from(file(lines));
    for (const size of [1, 2, 333, 1 << 20]) {
      expect((await verifyExport(pieces(bytes, size), { checkpoint })).proven).toEqual({ size: 12 });
    }
  });

  it('may be checked against any of several keys, and shows signatures it cannot judge', async () => {
    const other = testKey(2, 'witness.example/w');
    const note = signCheckpoint({ origin: signer.name, size: 12, root: rootOf(lines) }, [
      other.signer,
      signer,
    ]);
    const v = await check(file(lines), { checkpoint: { note, keys: [testKey(3).vkey, vkey] } });
    expect(v).toMatchObject({ ok: true, proven: { size: 12 } });
    expect(v.checkpoint?.others).toEqual([`witness.example/w+${other.signer.id}`]);
  });

  it('may be signed by a key of the whole instance', async () => {
    const whole = testKey(4, 'sallyport.example');
    const v = await check(file(lines), {
      checkpoint: { note: checkpointFor(lines, whole.signer), keys: [whole.vkey] },
    });
    expect(v.proven).toEqual({ size: 12 });
  });
});

describe('tampering is named', () => {
  const cases: [string, string | Buffer, string[], string[]?][] = [
    // what, the file, findings without a checkpoint, what the checkpoint adds
    ['one byte in the middle', alter(4, '"d4"', '"d5"'), ['changed-line 5']],
    ['one byte in the first line', alter(0, '"d0"', '"d1"'), ['changed-line 1']],
    ['one byte in the last line', alter(11, '"d11"', '"d12"'), []],
    ['one byte in the line before the last', alter(10, '"d10"', '"d19"'), ['changed-line 11']],
    [
      'two neighbours',
      edit(l => {
        l[4] = l[4]!.replace('d4', 'd5');
        l[5] = l[5]!.replace('d5', 'd6');
      }),
      ['changed-line 6'],
    ],
    [
      'prev of a line',
      alter(4, /"prev":"./, m => m.slice(0, -1) + (m.endsWith('f') ? '0' : 'f')),
      ['changed-line 5'],
    ],
    ['prev of the first line', alter(0, '"prev":"0', '"prev":"1'), ['chain-broken 1', 'changed-line 1']],
    ['seq of a line, up', alter(4, '"seq":5', '"seq":6'), ['changed-line 5']],
    ['seq of a line, far up', alter(4, '"seq":5', '"seq":99'), ['changed-line 5']],
    ['seq of a line, down', alter(4, '"seq":5', '"seq":1'), ['changed-line 5']],
    ['seq of the last line', alter(11, '"seq":12', '"seq":13'), ['changed-line 12']],
    ['a missing line', edit(l => l.splice(4, 1)), ['missing-line 5']],
    ['three missing lines', edit(l => l.splice(4, 3)), ['missing-line 5']],
    ['the first line missing', edit(l => l.shift()), ['missing-line 1']],
    ['a missing line, the rest made to fit', file(rechain(lines.toSpliced(4, 1))), [], ['tail-cut']],
    ['a swapped pair', edit(l => l.splice(4, 2, l[5]!, l[4]!)), ['swapped 5']],
    ['the last two swapped', edit(l => l.splice(10, 2, l[11]!, l[10]!)), ['swapped 11']],
    [
      'two distant lines swapped',
      edit(l => {
        [l[2], l[7]] = [l[7]!, l[2]!];
      }),
      ['swapped 3'],
    ],
    ['a line twice', edit(l => l.splice(4, 0, l[4]!)), ['extra-line 6']],
    ['an older line again', edit(l => l.splice(8, 0, l[2]!)), ['extra-line 9']],
    [
      'a foreign line put in',
      edit(l => l.splice(4, 0, l[4]!.replace('"seq":5', '"seq":70').replace(/"prev":"./, '"prev":"e'))),
      ['extra-line 5'],
    ],
    ['a cut tail', edit(l => l.splice(9)), [], ['tail-cut']],
    ['a cut inside the last line', file(lines).slice(0, -20), ['truncated-line 12'], ['tail-cut']],
    ['the last newline cut off', file(lines).slice(0, -1), ['truncated-line 12'], ['tail-cut']],
    [
      'a clock that ran back',
      file(chain(events(12), i => new Date(1_800_000_000_000 + (i === 6 ? -5 : i)).toISOString())),
      ['clock-ran-back 7'],
    ],
    [
      'a time changed',
      alter(4, /"at":"[^"]*"/, '"at":"2020-01-01T00:00:00.000Z"'),
      ['clock-ran-back 5', 'changed-line 5'],
    ],
    ['white space', alter(4, '"data":', '"data": '), ['not-canonical 5']],
    ['a space at the end', alter(4, /$/, ' '), ['not-canonical 5']],
    ['CR LF', file(lines).replace('\n', '\r\n'), ['not-canonical 1']],
    ['an empty line', edit(l => l.splice(4, 0, '')), ['not-canonical 5', 'extra-line 6']],
    ['an empty line at the end', `${file(lines)}\n`, ['not-canonical 13'], []],
    ['an extra key', file(lines.with(11, lines[11]!.replace(/}$/, ',"zone":"x"}'))), ['bad-entry 12']],
    [
      'another tenant',
      file(rechain([...lines.slice(0, 11), lines[11]!.replace('"tenant":"acme"', '"tenant":"evil"')])),
      ['mixed-tenants 12'],
    ],
    ['a huge line', alter(4, '"d4"', `"${'x'.repeat(70_000)}"`), ['line-too-long 5'], []],
    [
      'a line that never ends',
      Buffer.concat([Buffer.from(file(lines)), Buffer.alloc(300_000, 0x61)]),
      ['line-too-long 13'],
      [],
    ],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(file(lines)), Buffer.from([0xff, 0x0a])]),
      ['not-canonical 13'],
      [],
    ],
    ['all of it gone', '', ['empty'], ['tail-cut']],
    ['a log made anew', file(rechain(lines.map((l, i) => (i === 0 ? l.replace('"d0"', '"dX"') : l)))), []],
  ];

  it.each(cases)('%s', async (_, content, alone, more = ['root-mismatch']) => {
    const v = await check(content);
    expect(found(v)).toEqual(alone);
    expect(v.ok).toBe(alone.length === 0);
    const proven = await check(content, { checkpoint });
    const withRoot = found(proven);
    // Lines that are merely missing in the middle leave too few to compare a root with.
    if (alone[0]?.startsWith('missing-line')) expect(withRoot).toEqual(alone);
    else expect(withRoot).toEqual([...alone, ...more]);
    expect(proven.ok).toBe(false);
    for (const { message } of proven.findings) expect(message).not.toBe('');
  });

  it('and a flood of faults is counted, not kept', async () => {
    const many = chain(events(500));
    const v = await check(file(many).replaceAll('\n', '\r\n'));
    expect(v).toMatchObject({ ok: false, found: 500, entries: 500 });
    expect(v.findings).toHaveLength(100);
  });
});

describe('the checkpoint', () => {
  const opened = (note: string, key = vkey) => check(file(lines), { checkpoint: { note, keys: [key] } });

  it.each([
    ['of another key of the same name', checkpoint.note, testKey(9).vkey, 'wrong-key'],
    ['of another name', checkpoint.note, testKey(1, 'other.example/acme').vkey, 'wrong-key'],
    ['with another size', checkpoint.note.replace('\n12\n', '\n11\n'), vkey, 'bad-signature'],
    [
      'with another signature',
      checkpoint.note.replace(/(.)(.{20})\n$/, (_, c, rest) => `${c === 'A' ? 'B' : 'A'}${rest}\n`),
      vkey,
      'bad-signature',
    ],
    ['that is some other file', 'hello\n', vkey, 'malformed-checkpoint'],
    ['that is empty', '', vkey, 'malformed-checkpoint'],
    [
      'of another tenant',
      checkpointFor(lines, testKey(1, 'sallyport.example/globex').signer, 'globex'),
      testKey(1, 'sallyport.example/globex').vkey,
      'wrong-origin',
    ],
    [
      'of another instance',
      checkpointFor(lines, testKey(5, 'elsewhere.example/acme').signer),
      testKey(5, 'elsewhere.example/acme').vkey,
      'wrong-origin',
    ],
  ])('%s proves nothing', async (_, note, key, code) => {
    const v = await opened(note, key);
    expect(found(v)).toEqual([code]);
    expect(v).toMatchObject({ ok: false, proven: null });
  });

  it('of a note that is no checkpoint proves nothing', async () => {
    const { signNote } = await import('../../src/audit/note.ts');
    expect(found(await opened(signNote('hello\n', [signer])))).toEqual(['malformed-checkpoint']);
  });

  it('asks for keys that are keys', async () => {
    await expect(opened(checkpoint.note, 'nonsense')).rejects.toMatchObject({ code: 'malformed-key' });
  });

  it('refuses the export with any single bit changed', async () => {
    const bytes = Buffer.from(file(lines));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << bit;
        return !(await verifyExport(pieces(changed, 500), { checkpoint })).ok;
      }),
      { numRuns: 1500 },
    );
  });

  it('refuses any byte put in or taken out', async () => {
    const bytes = Buffer.from(file(lines));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), async (at, byte, put) => {
        const changed = put
          ? Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at)])
          : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        return !(await verifyExport(pieces(changed, 500), { checkpoint })).ok;
      }),
      { numRuns: 500 },
    );
  });
});

describe('the verifier', () => {
  it('runs alone: nothing but node: modules and the files beside it', async () => {
    const { build } = await import('esbuild');
    const built = await build({
      entryPoints: ['src/audit/verify.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
      metafile: true,
    });
    const { inputs, outputs } = built.metafile;
    expect(Object.keys(inputs).filter(path => !/^src\/audit\/[a-z-]+\.ts$/.test(path))).toEqual([]);
    const outside = Object.values(outputs).flatMap(output => output.imports.map(i => i.path));
    expect(outside.filter(path => !path.startsWith('node:'))).toEqual([]);
  });
});

describe('the size of the log', () => {
  it('does not show in memory', async () => {
    async function* long(count: number): AsyncGenerator<Buffer> {
      let prev = '0'.repeat(64);
      for (let seq = 1; seq <= count; ) {
        const batch: string[] = [];
        for (let i = 0; i < 1000 && seq <= count; i++, seq++) {
          const text = line(
            {
              tenant: 'acme',
              action: 'token.revoked',
              actor: 'broker',
              subject: 'p_1',
              data: { token: `t${seq}` },
            },
            { at: '2026-11-20T15:00:00.000Z', prev, seq },
          );
          prev = hash('sha256', text, 'hex');
          batch.push(text);
        }
        yield Buffer.from(file(batch));
      }
    }
    let most = 0;
    const v = await verifyExport(long(100_000), {
      onProgress: () => {
        most = Math.max(most, process.memoryUsage().rss);
      },
    });
    expect(v).toMatchObject({ ok: true, entries: 100_000 });
    expect(most / 2 ** 20).toBeLessThan(600);
  });
});
