import { createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CheckpointError,
  checkpointText,
  openCheckpoint,
  originOf,
  parseCheckpoint,
  signCheckpoint,
  tenantOf,
} from '../../src/audit/checkpoint.ts';
import {
  decodeVkey,
  encodeVkey,
  keyId,
  NoteError,
  noteSigner,
  openNote,
  parseNote,
  privateKeyFromSeed,
  signNote,
} from '../../src/audit/note.ts';
import { testKey } from './sample.ts';

const { text, peter, enoch, bad_vkeys } = JSON.parse(
  readFileSync('test/vectors/audit/signed-note.json', 'utf8'),
);
const rfc8032: { tests: { seed: string; public: string; message: string; signature: string }[] } = JSON.parse(
  readFileSync('test/vectors/audit/rfc8032.json', 'utf8'),
);
const note = `${text}\n${peter.signature}`;
const peterKey = decodeVkey(peter.vkey);
const enochKey = decodeVkey(enoch.vkey);
const peterSigner = noteSigner(
  peter.name,
  privateKeyFromSeed(Buffer.from(peter.skey.split('+').slice(4).join('+'), 'base64').subarray(1)),
);
const code = (code: string) => expect.objectContaining({ code });

describe('Ed25519 as in RFC 8032', () => {
  it.each(rfc8032.tests)('seed $seed', ({ seed, public: pub, message, signature }) => {
    const key = privateKeyFromSeed(Buffer.from(seed, 'hex'));
    const bytes = Buffer.from(message, 'hex');
    expect(sign(null, bytes, key).toString('hex')).toBe(signature);
    expect(verify(null, bytes, createPublicKey(key), Buffer.from(signature, 'hex'))).toBe(true);
    const raw = Buffer.from(pub, 'hex');
    expect(encodeVkey('k', createPublicKey(key))).toBe(encodeVkey('k', raw));
    expect(decodeVkey(encodeVkey('k', raw)).publicKey).toEqual(raw);
  });
});

describe("the note of Go's sumdb/note", () => {
  it('opens, and is signed again to the same bytes', () => {
    expect(openNote(note, [peterKey]).text).toBe(text);
    expect(signNote(text, [peterSigner])).toBe(note);
    expect(peterKey).toMatchObject({ name: peter.name, id: peter.id });
    expect(keyId(peter.name, peterKey.publicKey)).toBe(peter.id);
    expect(encodeVkey(peter.name, peterKey.publicKey)).toBe(peter.vkey);
  });

  it('keeps signatures of unknown keys apart', () => {
    const both = note + enoch.signature;
    const one = openNote(both, [peterKey]);
    expect(one.signatures.map(s => s.name)).toEqual([peter.name]);
    expect(one.others.map(s => s.name)).toEqual([enoch.name]);
    expect(openNote(both, [enochKey, peterKey]).signatures.map(s => s.name)).toEqual([
      peter.name,
      enoch.name,
    ]);
    expect(openNote(note + peter.signature, [peterKey]).signatures).toHaveLength(1);
    expect(() => openNote(both, [])).toThrow(code('no-known-signature'));
    expect(() => openNote(note, [enochKey])).toThrow(code('no-known-signature'));
  });

  it('replaces an older signature of the same key and carries on the others', () => {
    const { signatures } = parseNote(note + enoch.signature);
    const again = signNote(text, [peterSigner], signatures);
    expect(openNote(again, [peterKey, enochKey]).signatures).toHaveLength(2);
  });

  it('is refused whole when one known signature fails', () => {
    const other = signNote('another text\n', [peterSigner]).split('\n\n')[1];
    expect(() => openNote(`${text}\n${enoch.signature}${other}`, [peterKey, enochKey])).toThrow(
      code('bad-signature'),
    );
    expect(() => openNote(note.replace('problem,', 'problem.'), [peterKey])).toThrow(code('bad-signature'));
  });

  it.each([
    ['no signatures', text],
    ['an empty line only', `${text}\n`],
    ['a last line without its newline', note.slice(0, -1)],
    ['a control character', `\x01${note}`],
    ['carriage returns', note.replaceAll('\n', '\r\n')],
    ['a name with a space', `${text}\n— Bad Name ${peter.signature.split(' ')[2]}`],
    ['a name with a plus', `${text}\n— Bad+Name ${peter.signature.split(' ')[2]}`],
    ['a line after the signatures', `${note}Unexpected line.\n`],
    ['a hyphen for the dash', note.replace('—', '-')],
    ['base64 in a second spelling', note.replace('nAM=', 'nAN=')],
    ['more than a hundred signatures', `${text}\n${peter.signature.repeat(101)}`],
    ['more than a megabyte', `${'x'.repeat(1_000_000)}\n${note}`],
  ])('with %s is malformed', (_, bad) => {
    expect(() => openNote(bad, [peterKey])).toThrow(code('malformed-note'));
  });

  it('with bytes that are no UTF-8 is malformed', () => {
    expect(() => openNote(Buffer.concat([Buffer.from([0xff]), Buffer.from(note)]), [peterKey])).toThrow(
      code('malformed-note'),
    );
  });

  it('never opens with one byte changed', () => {
    const bytes = Buffer.from(note);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i]! ^= 1;
      expect(() => openNote(changed, [peterKey]), `byte ${i}`).toThrow(NoteError);
    }
  });

  it('has keys that are read whole or not at all', () => {
    for (const bad of bad_vkeys) expect(() => decodeVkey(bad)).toThrow(code('malformed-key'));
    for (let i = 0; i < peter.vkey.length; i++) {
      expect(() => decodeVkey(peter.vkey.slice(i + 1))).toThrow(code('malformed-key'));
      expect(() => decodeVkey(peter.vkey.slice(0, i))).toThrow(code('malformed-key'));
      const next = String.fromCharCode(peter.vkey.charCodeAt(i) + 1);
      const mangled = peter.vkey.slice(0, i) + next + peter.vkey.slice(i + 1);
      expect(() => decodeVkey(mangled), mangled).toThrow(code('malformed-key'));
    }
  });

  it('is not made from what could not be read back', () => {
    for (const bad of ['', 'no newline', 'tab\t\n', '\ud800\n']) {
      expect(() => signNote(bad, [peterSigner])).toThrow(code('malformed-note'));
    }
    for (const name of ['', 'a b', 'a+b', 'a\u0085b', 'a\u2003b']) {
      expect(() => encodeVkey(name, peterKey.publicKey)).toThrow(code('malformed-key'));
    }
  });
});

describe('a checkpoint', () => {
  const root = Buffer.alloc(32, 7);
  const { signer, vkey } = testKey(1);
  const good = { origin: 'sallyport.example/acme', size: 128, root };

  it('is read back as it was signed', () => {
    const opened = openCheckpoint(signCheckpoint(good, [signer]), [decodeVkey(vkey)]);
    expect(opened).toMatchObject({ ...good, extensions: [], others: [] });
  });

  it('may carry lines that we do not know', () => {
    expect(parseCheckpoint(`${checkpointText(good)}extra one\nextra two\n`).extensions).toEqual([
      'extra one',
      'extra two',
    ]);
  });

  const body = checkpointText(good);
  it.each([
    ['nothing', ''],
    ['no end of line', body.slice(0, -1)],
    ['no origin', `\n${body.split('\n').slice(1).join('\n')}`],
    ['two lines', 'a\n1\n'],
    ['a leading zero', body.replace('128', '0128')],
    ['a sign', body.replace('128', '+128')],
    ['a size past 2^53', body.replace('128', '9007199254740993')],
    ['hex for base64', body.replace(root.toString('base64'), root.toString('hex'))],
    ['a short root', body.replace(root.toString('base64'), 'AAAA')],
    ['an empty line after it', `${body}\n`],
  ])('of %s is refused', (_, bad) => {
    expect(() => parseCheckpoint(bad)).toThrow(CheckpointError);
  });

  it('has an origin made of instance and tenant', () => {
    expect(originOf('sallyport.example', 'acme')).toBe('sallyport.example/acme');
    expect(tenantOf('a/b/acme')).toBe('acme');
    for (const none of ['acme', '/acme', 'a/']) expect(tenantOf(none)).toBe(null);
    for (const [instance, tenant] of [
      ['', 'a'],
      ['a', ''],
      ['a', 'b/c'],
      ['a b', 'c'],
      ['a+b', 'c'],
    ] as const) {
      expect(() => originOf(instance, tenant)).toThrow(CheckpointError);
    }
  });
});
