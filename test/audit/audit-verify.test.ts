import { describe, expect, it } from 'vitest';
import { auditVerify } from '../../src/cli/audit-verify.ts';
import { chain, checkpointFor, events, file, recordedSession, testKey, workFolder } from './sample.ts';

const folder = workFolder();
const { signer, vkey } = testKey(1);
const { cast, events: recorded } = recordedSession(['{"version":2}\n', '[0.1,"o","a"]\n'], 's_one');
const lines = chain([...events(5), ...recorded, ...events(2)]);
const log = folder.write('log.ndjson', file(lines));
const checkpoint = folder.write('checkpoint.txt', checkpointFor(lines, signer));
const keyFile = folder.write('vkey.txt', `# the key of acme\n${vkey}\n`);
const recording = folder.write('s_one.cast', cast);

describe('sallyport audit verify', () => {
  it('says what holds and what cannot be known', async () => {
    const { code, out, err } = await auditVerify(log, { checkpoint, key: vkey, recording });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`${log}: 10 entries of acme`);
    expect(out).toMatch(/Holds: entries 1 to 10 are those that the log's key signed\.\n$/);
    expect(out.match(/^holds {5}/gm)).toHaveLength(6);
    expect(out).toMatch(/What these files cannot tell:/);
  });

  it('fits a terminal of 80 columns', async () => {
    const { out } = await auditVerify(log, { checkpoint, key: vkey });
    const wide = out.split('\n').filter(line => line.length > 80 && !line.includes(folder.path));
    expect(wide).toEqual([]);
  });

  it('takes the key from a file too', async () => {
    expect((await auditVerify(log, { checkpoint, key: keyFile })).code).toBe(0);
  });

  it('warns without a checkpoint', async () => {
    const { code, out } = await auditVerify(log);
    expect(code).toBe(0);
    expect(out).toMatch(/the tail is not proven/);
    expect(out).toMatch(/^Holds, with a warning/m);
  });

  it('says when lines are past the checkpoint, and a recording with them', async () => {
    const early = folder.write('early.txt', checkpointFor(lines.slice(0, 6), signer));
    const { code, out } = await auditVerify(log, { checkpoint: early, key: vkey, recording });
    expect(code).toBe(0);
    expect(out).toMatch(/the 4 after them are\snot\sproven/);
    expect(out).toMatch(/rests on\s+entry\s+8/);
  });

  it('answers no to a changed last line, and to a replaced recording', async () => {
    const changed = folder.write('changed.ndjson', file(lines.with(9, lines[9]!.replace('"d1"', '"d2"'))));
    const last = await auditVerify(changed, { checkpoint, key: vkey });
    expect(last.code).toBe(1);
    expect(last.out).toMatch(/root-mismatch/);
    const swapped = folder.write('other.cast', 'something else\n');
    const replaced = await auditVerify(log, { checkpoint, key: vkey, recording: [recording, swapped] });
    expect(replaced.code).toBe(1);
    expect(replaced.out).toMatch(/recording-unknown/);
    expect(replaced.out).toMatch(/Does not hold\.\n$/);
  });

  it('says the same to a script', async () => {
    const { code, out } = await auditVerify(log, { checkpoint, key: vkey, recording, json: true });
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      tenant: 'acme',
      entries: 10,
      proven: { size: 10 },
      findings: [],
      recordings: [{ ok: true, session: 's_one', segments: 2 }],
    });
    const bad = await auditVerify(folder.write('cut.ndjson', file(lines.slice(0, 8))), {
      checkpoint,
      key: vkey,
      json: true,
    });
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({ ok: false, findings: [{ code: 'tail-cut', line: null }] });
  });

  it('keeps what the file says away from the terminal', async () => {
    const evil = { tenant: '\u001b[2J\u202e', action: 'a.b', actor: 'broker', subject: 's', data: {} };
    const { out } = await auditVerify(folder.write('evil.ndjson', file(chain([evil]))));
    expect(out).not.toMatch(/[\u001b\u202e]/);
  });

  it.each([
    ['a file that is not there', () => auditVerify(`${log}.none`), /cannot read the export/],
    ['a directory', () => auditVerify(folder.path), /is a directory/],
    ['a checkpoint without a key', () => auditVerify(log, { checkpoint }), /--key/],
    ['a key without a checkpoint', () => auditVerify(log, { key: vkey }), /--checkpoint/],
    [
      'a key that is none',
      () => auditVerify(log, { checkpoint, key: vkey.slice(0, -1) }),
      /not a usable verifier key/,
    ],
    [
      'a key file that is not there',
      () => auditVerify(log, { checkpoint, key: 'nowhere' }),
      /cannot read the key/,
    ],
    [
      'a key file without a key',
      () => auditVerify(log, { checkpoint, key: folder.write('e', '\n') }),
      /no key in/,
    ],
    [
      'a missing checkpoint',
      () => auditVerify(log, { checkpoint: 'nowhere', key: vkey }),
      /cannot read the checkpoint/,
    ],
    ['a missing recording', () => auditVerify(log, { recording: 'nowhere' }), /cannot read the recording/],
  ])('is called wrongly with %s', async (_, call, why) => {
    const { code, out, err } = await call();
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(why);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});
