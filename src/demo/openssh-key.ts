import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';

/** An Ed25519 private key as OpenSSH stores it, unencrypted (OpenSSH, PROTOCOL.key). */
export function openSshPrivateKey(key: KeyObject): string {
  const { d } = key.export({ format: 'jwk' });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  const seed = Buffer.from(d!, 'base64url');
  const point = Buffer.from(x!, 'base64url');
  const publicBlob = Buffer.concat([field('ssh-ed25519'), field(point)]);
  const check = randomBytes(4);
  const open = Buffer.concat([
    check,
    check,
    field('ssh-ed25519'),
    field(point),
    field(Buffer.concat([seed, point])),
    field(''),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (open.length % 8)) % 8 }, (_, at) => at + 1));
  const blob = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(publicBlob),
    field(Buffer.concat([open, padding])),
  ]);
  const lines = blob.toString('base64').match(/.{1,70}/g)!;
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
