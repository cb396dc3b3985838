import { createHash } from 'node:crypto';

/** A public key as `ssh-ed25519 AAAA… comment` (RFC 4253, section 6.6; the line form is OpenSSH's). */
export interface SshPublicKey {
  readonly type: string;
  /** Type and base64, no comment. */
  readonly publicKey: string;
  /** `SHA256:…` without padding, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  readonly comment: string;
}

const TYPES = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
]);
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 16_384;
/** A point that is not compressed: 4, then both coordinates (RFC 5656, section 3.1). */
const POINT_BYTES: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 };

/** `null` for anything that is not one plain public key: certificates, options, weak or broken ones. */
export function readPublicKey(text: string): SshPublicKey | null {
  const match = /^([a-z0-9-]{7,40}) ([A-Za-z0-9+/]{20,4000}={0,2})(?: (.{0,200}))?$/.exec(text.trim());
  if (!match) return null;
  const [, type, base64, comment = ''] = match;
  if (!TYPES.has(type!)) return null;
  const blob = Buffer.from(base64!, 'base64');
  const fields = stringsIn(blob);
  if (!fields || blob.toString('base64') !== base64 || fields[0]?.toString() !== type) return null;
  if (!plausible(type!, fields)) return null;
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
  return { type: type!, publicKey: `${type} ${base64}`, fingerprint, comment };
}

function plausible(type: string, fields: readonly Buffer[]): boolean {
  if (type === 'ssh-ed25519') return fields.length === 2 && fields[1]!.length === 32;
  if (fields.length !== 3) return false;
  const [, first, second] = fields as [Buffer, Buffer, Buffer];
  if (type !== 'ssh-rsa') {
    const curve = type.slice('ecdsa-sha2-'.length);
    return first.toString() === curve && second.length === POINT_BYTES[curve] && second[0] === 4;
  }
  // An even exponent or modulus belongs to no key; zeros before a modulus make it look longer than it is.
  const odd = (number: Buffer) => number.length > 0 && number[number.length - 1]! % 2 === 1;
  return odd(first) && odd(second) && bitsOf(second) >= MIN_RSA_BITS && bitsOf(second) <= MAX_RSA_BITS;
}

/** Of an `mpint` that is positive; 0 for any other (RFC 4251, section 5). */
function bitsOf(number: Buffer): number {
  const from = number[0] === 0 ? 1 : 0;
  const lead = number[from] ?? 0;
  if (lead === 0 || (from === 0 && lead >= 0x80)) return 0;
  return (number.length - from) * 8 - Math.clz32(lead) + 24;
}

/** The length-prefixed strings that a blob is made of, all of it (RFC 4251, section 5). */
function stringsIn(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return null;
    const length = blob.readUInt32BE(at);
    if (at + 4 + length > blob.length) return null;
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}
