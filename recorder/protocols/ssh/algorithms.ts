import type { Algorithms } from 'ssh2';

/**
 * What we speak, best first. Left out of ssh2's defaults: ssh-rsa and everything else on SHA-1, MACs that are not
 * encrypt-then-MAC over SHA-2 or better, compression (it runs before a peer is known), group exchange, and
 * chacha20-poly1305 (slow without the native addon, and the cipher that Terrapin was about). Strict key exchange is
 * always on in ssh2.
 */
const transport = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
} as const;

type Mutable = { -readonly [K in keyof Algorithms]: Algorithms[K] };

export function algorithmsForPeople(): Algorithms {
  return { ...copy(), serverHostKey: ['ssh-ed25519'] };
}

/** Only the signature algorithms that the pinned keys of a target can make, so that it shows one we can check. */
export function algorithmsForTarget(pinnedTypes: readonly string[]): Algorithms {
  const names = new Set(pinnedTypes.flatMap(type => SIGNATURES[type] ?? []));
  const serverHostKey = ORDER.filter(name => names.has(name)) as NonNullable<Algorithms['serverHostKey']>;
  return { ...copy(), serverHostKey };
}

/** Whether a target may be pinned by a key of this type. */
export function isHostKeyType(type: string): boolean {
  return type in SIGNATURES;
}

/** Signature algorithms by key type (RFC 8332 for RSA: SHA-1 is not among them). */
const SIGNATURES: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};
export const HOST_KEY_TYPES: readonly string[] = Object.keys(SIGNATURES);
const ORDER = Object.values(SIGNATURES).flat();

/** The signatures of people's keys that we take. */
export const SIGNATURES_OF_PEOPLE: readonly string[] = ORDER;

function copy(): Mutable {
  return Object.fromEntries(Object.entries(transport).map(([kind, names]) => [kind, [...names]])) as Mutable;
}
