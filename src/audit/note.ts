import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/**
 * Signed notes with Ed25519 (C2SP signed-note; the same bytes as Go's sumdb/note): a text, an empty line, then
 * signature lines `— <key name> <base64(key id ‖ signature)>`. Other kinds of signature (cosignatures of
 * witnesses) join by implementing `Verifier` and `Signer`; lines of unknown keys are kept and not judged.
 */

/** The signature type byte of plain Ed25519. */
const ED25519 = 0x01;
/** Bounds on reading, so that a hostile file costs little. Go's reader has the same limit of signatures. */
const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;

export type NoteFault =
  /** Not a signed note at all. */
  | 'malformed-note'
  /** Not a verifier key of Ed25519, or its id does not belong to it. */
  | 'malformed-key'
  /** No signature by any of the keys that were given. */
  | 'no-known-signature'
  /** A signature under the name and id of a key that was given does not hold. */
  | 'bad-signature';

export class NoteError extends Error {
  constructor(
    readonly code: NoteFault,
    message: string,
  ) {
    super(message);
  }
}

/** Who may have signed. Name and id together choose the key. */
export interface Verifier {
  readonly name: string;
  /** Eight lowercase hex digits. */
  readonly id: string;
  verify(text: Buffer, signature: Buffer): boolean;
}

export interface Signer {
  readonly name: string;
  readonly id: string;
  sign(text: Buffer): Buffer;
}

export interface NoteSignature {
  name: string;
  id: string;
  signature: Buffer;
}

/** A note whose `signatures` held; `others` were made by keys that we were not given. */
export interface OpenedNote {
  text: string;
  signatures: NoteSignature[];
  others: NoteSignature[];
}

/** First four bytes, in hex, of SHA-256(name ‖ "\n" ‖ type ‖ public key). */
export function keyId(name: string, publicKey: Uint8Array, type = ED25519): string {
  const named = Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), Buffer.from([type]), publicKey]);
  return hash('sha256', named, 'hex').slice(0, 8);
}

/** `name+id+base64(0x01 ‖ public key)`: what a reader needs to trust this signer. */
export function encodeVkey(name: string, publicKey: KeyObject | Uint8Array): string {
  checkName(name);
  const raw = rawPublicKey(publicKey);
  const typed = Buffer.concat([Buffer.from([ED25519]), raw]);
  return `${name}+${keyId(name, raw)}+${typed.toString('base64')}`;
}

/** The verifier in a vkey. Throws `NoteError` `malformed-key`; every part has to fit every other. */
export function decodeVkey(vkey: string): Verifier & { publicKey: Buffer } {
  // The base64 part may hold plus signs of its own, the two before it may not.
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey);
  if (parts === null) throw badKey('it has to look like name+id+base64');
  const [, name = '', id = '', encoded = ''] = parts;
  checkName(name);
  const typed = strictBase64(encoded);
  if (typed === null) throw badKey('its last part is not base64');
  if (typed[0] !== ED25519) throw badKey('it is of another kind than Ed25519');
  if (typed.length !== 33) throw badKey('an Ed25519 key has 32 bytes');
  const publicKey = typed.subarray(1);
  if (keyId(name, publicKey) !== id) throw badKey('its id does not belong to its name and key');
  const key = publicKeyFromRaw(publicKey);
  return {
    name,
    id,
    publicKey,
    verify: (text, signature) => signature.length === 64 && verify(null, text, key, signature),
  };
}

/** A signer from an Ed25519 private key. */
export function noteSigner(name: string, privateKey: KeyObject): Signer {
  checkName(name);
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  return { name, id: keyId(name, publicKey), sign: text => sign(null, text, privateKey) };
}

/** The Ed25519 private key that the 32 bytes of RFC 8032 stand for. */
export function privateKeyFromSeed(seed: Uint8Array): KeyObject {
  if (seed.length !== 32) throw badKey('an Ed25519 seed has 32 bytes');
  // RFC 8410 section 7: the PKCS #8 wrapping of an Ed25519 seed is a constant in front of it.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/**
 * Signs a text. `already` are signatures to carry on; one of the same name and id is replaced. The text has to
 * end in a newline and hold no other control character.
 */
export function signNote(text: string, signers: readonly Signer[], already: NoteSignature[] = []): string {
  if (!isNoteText(text)) throw badNote('the text has to end in a newline and hold no control characters');
  const bytes = Buffer.from(text, 'utf8');
  const made = signers.map(s => ({ name: s.name, id: s.id, signature: s.sign(bytes) }));
  const kept = already.filter(a => !made.some(m => m.name === a.name && m.id === a.id));
  return `${text}\n${[...kept, ...made].map(signatureLine).join('')}`;
}

/** Takes a note apart without trusting it. Throws `NoteError` `malformed-note`. */
export function parseNote(note: string | Uint8Array): { text: string; signatures: NoteSignature[] } {
  const bytes = typeof note === 'string' ? Buffer.from(note, 'utf8') : Buffer.from(note);
  if (bytes.length > MAX_NOTE_BYTES) throw badNote(`longer than ${MAX_NOTE_BYTES} bytes`);
  const whole = bytes.toString('utf8');
  if (!Buffer.from(whole, 'utf8').equals(bytes)) throw badNote('not UTF-8');
  // The text itself may hold empty lines: the last one is where the signatures begin.
  const gap = whole.lastIndexOf('\n\n');
  if (gap < 0) throw badNote('no empty line between text and signatures');
  const text = whole.slice(0, gap + 1);
  const rest = whole.slice(gap + 2);
  if (!isNoteText(text)) throw badNote('control characters');
  if (rest === '' || !rest.endsWith('\n')) throw badNote('no whole signature line');
  const lines = rest.slice(0, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw badNote(`more than ${MAX_SIGNATURES} signatures`);
  return { text, signatures: lines.map(parseSignature) };
}

/**
 * Opens a note. Throws `NoteError`: `malformed-note`; `bad-signature` if any signature by a known key fails, even
 * beside one that holds; `no-known-signature` if there is none by a known key.
 */
export function openNote(note: string | Uint8Array, verifiers: readonly Verifier[]): OpenedNote {
  const { text, signatures } = parseNote(note);
  const bytes = Buffer.from(text, 'utf8');
  const opened: OpenedNote = { text, signatures: [], others: [] };
  for (const signature of signatures) {
    const known = verifiers.find(v => v.name === signature.name && v.id === signature.id);
    if (known === undefined) {
      opened.others.push(signature);
    } else if (!known.verify(bytes, signature.signature)) {
      throw new NoteError('bad-signature', `the signature of ${known.name}+${known.id} does not hold`);
    } else if (!opened.signatures.some(s => s.name === known.name && s.id === known.id)) {
      opened.signatures.push(signature);
    }
  }
  if (opened.signatures.length === 0) {
    const asked = verifiers.map(v => `${v.name}+${v.id}`).join(', ');
    const found = opened.others.map(s => `${s.name}+${s.id}`).join(', ');
    throw new NoteError('no-known-signature', `not signed by ${asked || 'a known key'}, but by ${found}`);
  }
  return opened;
}

function signatureLine({ name, id, signature }: NoteSignature): string {
  return `— ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`;
}

function parseSignature(line: string): NoteSignature {
  const parts = /^— ([^ ]+) ([A-Za-z0-9+/=]+)$/.exec(line);
  const [, name = '', encoded = ''] = parts ?? [];
  const blob = parts === null || !isName(name) ? null : strictBase64(encoded);
  if (blob === null || blob.length < 5) throw badNote('a signature line of another form');
  return { name, id: blob.toString('hex', 0, 4), signature: blob.subarray(4) };
}

/** Standard base64 with padding, each value in its one spelling; null for anything else. */
export function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function isNoteText(text: string): boolean {
  return text.endsWith('\n') && !/[\x00-\x09\x0b-\x1f]|\p{Surrogate}/u.test(text);
}

/** Key names: not empty, no plus, no white space (U+0085 is one that `\s` leaves out), no control characters. */
function isName(name: string): boolean {
  return name !== '' && !/[+\s\u0085\x00-\x1f]|\p{Surrogate}/u.test(name);
}

function checkName(name: string): void {
  if (!isName(name)) throw badKey('a name is not empty and holds neither white space nor +');
}

function rawPublicKey(key: KeyObject | Uint8Array): Buffer {
  if (key instanceof Uint8Array) {
    if (key.length !== 32) throw badKey('an Ed25519 key has 32 bytes');
    return Buffer.from(key);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw badKey('it is of another kind than Ed25519');
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

function badKey(why: string): NoteError {
  return new NoteError('malformed-key', `not a usable verifier key: ${why}`);
}

function badNote(why: string): NoteError {
  return new NoteError('malformed-note', `not a signed note: ${why}`);
}
