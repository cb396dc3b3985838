import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { SessionKeySource } from '../contract.ts';

/** Ed25519 keys in SSH's own forms (RFC 4251 section 5, RFC 8709, OpenSSH's PROTOCOL.key). */
const ED25519 = 'ssh-ed25519';

/** `string` of RFC 4251: a length and the bytes. */
export function sshString(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The first `string` of a key or certificate blob: its type. Null when the bytes are none. */
export function typeOfBlob(blob: Buffer): string | null {
  if (blob.length < 4) return null;
  const length = blob.readUInt32BE(0);
  return length > 0 && length <= 64 && blob.length >= 4 + length
    ? blob.toString('latin1', 4, 4 + length)
    : null;
}

/** `SHA256:…` as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The blob of `type base64 [comment]`; throws when the line is none or says another type than its blob. */
export function blobOfLine(line: string): Buffer {
  const [type, base64] = line.trim().split(/\s+/);
  const blob = Buffer.from(base64 ?? '', 'base64');
  if (type === undefined || typeOfBlob(blob) !== type) throw new Error('not a public key in OpenSSH format');
  return blob;
}

/** The public half (of a private key, too) as a blob. */
export function publicBlob(key: KeyObject): Buffer {
  return Buffer.concat([sshString(ED25519), sshString(rawPublic(key))]);
}

/** `ssh-ed25519 AAAA…` */
export function publicLine(key: KeyObject): string {
  return `${ED25519} ${publicBlob(key).toString('base64')}`;
}

export const createSessionKey: SessionKeySource = () => generateKeyPairSync('ed25519');

/** A new private key for a gateway, in OpenSSH's format; keep it in a file of mode 0600. */
export function createHostKey(): string {
  return openSshPrivateKey(generateKeyPairSync('ed25519').privateKey);
}

/** Takes a host key as OpenSSH or PKCS#8 PEM and returns the former, which is what ssh2 reads. */
export function asOpenSshKey(pem: string): string {
  if (pem.includes('BEGIN OPENSSH PRIVATE KEY')) return pem;
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`the host key is ${key.asymmetricKeyType}, not ed25519`);
  return openSshPrivateKey(key);
}

function openSshPrivateKey(key: KeyObject): string {
  const publicKey = rawPublic(key);
  const seed = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
  const check = randomBytes(4);
  const inner = [
    check,
    check,
    sshString(ED25519),
    sshString(publicKey),
    sshString(Buffer.concat([seed, publicKey])),
  ];
  const block = Buffer.concat([...inner, sshString('sallyport')]);
  const padding = Buffer.from(Array.from({ length: (8 - (block.length % 8)) % 8 }, (_, at) => at + 1));
  const blob = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    uint32(1),
    sshString(publicBlob(key)),
    sshString(Buffer.concat([block, padding])),
  ]);
  const lines = blob.toString('base64').match(/.{1,70}/g)!;
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function rawPublic(key: KeyObject): Buffer {
  const { x } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyType !== 'ed25519' || x === undefined) throw new Error('not an Ed25519 key');
  return Buffer.from(x, 'base64url');
}
