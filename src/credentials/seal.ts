import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { type KeyFile, openKeyFile } from './key-file.ts';
import { SealError } from './seal-error.ts';

export { SealError, type SealErrorCode } from './seal-error.ts';

/**
 * Seals secrets for storage: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits. It seals with its first
 * key and opens with any, so that a new key can be put in force before everything is sealed under it.
 */
export interface Keyring {
  /** Names the key that seals, without telling anything about it. */
  readonly keyId: string;
  /** The keys that only open any more. */
  readonly retired: readonly string[];
  /**
   * Where the keys come from. A keyring that follows a file takes up a new key in it at its next use; one from the
   * environment stays as it was made.
   */
  readonly file: string | null;
  /**
   * `sp1.<key id>.<nonce>.<ciphertext and tag>`, the last three in base64url. `context` says what the secret is and
   * whose (`ca/acme/ssh`); it is not stored, and `unseal` must be given the same, so that what was sealed for
   * one place cannot be put into another.
   */
  seal(plain: Buffer, context: string): string;
  /** The secret again. Errors: `sealed-malformed`, `sealed-by-another-key`, `sealed-altered`. */
  unseal(sealed: string, context: string): Buffer;
}

const VERSION = 'sp1';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The keyring under `key` (32 bytes in base64, base64url or hex), with `retired` keys that only open; or, where `key`
 * is null, under the keys in `file`, one a line, the first of which seals. The file is made at the first start with
 * mode 0600. Safe when several start together: one key wins and all read it.
 * Errors: `key-malformed`, `key-file-exposed`.
 */
export async function openKeyring(options: {
  key: string | null;
  retired?: readonly string[];
  file: string;
}): Promise<Keyring> {
  const retired = (options.retired ?? []).map(text => keyOf(parseKey(text, 'SALLYPORT_KEY_RETIRED')));
  if (options.key !== null) {
    const keys = [keyOf(parseKey(options.key, 'SALLYPORT_KEY')), ...retired];
    return keyringOf(() => keys, null);
  }
  const { file } = options;
  const keyFile: KeyFile = await openKeyFile(file);
  const read = (texts: readonly string[]) => [...texts.map(text => keyOf(parseKey(text, file))), ...retired];
  let keys = read(keyFile.lines());
  return keyringOf(() => {
    const changed = keyFile.changedLines();
    try {
      if (changed !== null) keys = read(changed);
    } catch {
      // Somebody is writing in it by hand: what was read last holds, and the next start says what is wrong.
    }
    return keys;
  }, file);
}

/** The id of the key that a sealed text is under; null for what is no sealed text. */
export const sealedUnder = (sealed: string): string | null =>
  /^sp1\.([\w-]{8})\.[\w-]{16}\.[\w-]+$/.exec(sealed)?.[1] ?? null;

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
}

const keyOf = (bytes: Buffer): Key => ({
  id: createHmac('sha256', bytes).update('sallyport key id').digest().subarray(0, 6).toString('base64url'),
  bytes,
});

/** The context is the additional authenticated data, the version in front so that a later format cannot be mistaken. */
function keyringOf(keys: () => readonly Key[], file: string | null): Keyring {
  const additional = (context: string) => Buffer.from(`${VERSION}\0${context}`);
  return {
    file,
    get keyId() {
      return keys()[0]!.id;
    },
    get retired() {
      const [sealing, ...rest] = keys().map(key => key.id);
      return [...new Set(rest)].filter(id => id !== sealing);
    },
    seal: (plain, context) => {
      const key = keys()[0]!;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(additional(context));
      const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, key.id, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },
    unseal: (sealed, context) => {
      const [version, sealedBy, nonceText, bodyText, ...rest] = sealed.split('.');
      const nonce = Buffer.from(nonceText ?? '', 'base64url');
      const body = Buffer.from(bodyText ?? '', 'base64url');
      const wellFormed = version === VERSION && rest.length === 0 && nonce.length === NONCE_BYTES;
      if (!wellFormed || body.length < TAG_BYTES) {
        throw new SealError('sealed-malformed', `not a sealed secret (one begins with "${VERSION}.")`);
      }
      const key = keys().find(({ id }) => id === sealedBy);
      if (key === undefined) {
        throw new SealError(
          'sealed-by-another-key',
          `sealed under the key ${visibleId(sealedBy)}, which is not here; give it as SALLYPORT_KEY_RETIRED, or as a further line of the key file`,
        );
      }
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(additional(context)).setAuthTag(body.subarray(body.length - TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(body.subarray(0, body.length - TAG_BYTES)), decipher.final()]);
      } catch {
        throw new SealError(
          'sealed-altered',
          'the sealed secret was changed, or was sealed for another place',
        );
      }
    },
  };
}

/** What stands where an id belongs may be anything. */
const visibleId = (id: string | undefined): string =>
  /^[\w-]{1,16}$/.test(id ?? '') ? id! : 'without an id';

function parseKey(text: string, from: string): Buffer {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64')
      : null;
  if (key === null || key.length !== KEY_BYTES) {
    throw new SealError(
      'key-malformed',
      `${from} must be 32 random bytes in base64 or hex (make one with: openssl rand -base64 32)`,
    );
  }
  return key;
}

/**
 * Under what a process seals, short enough for the name of a database connection: a key, or the key file, which all
 * brokers of an installation share and follow.
 */
export const sealingName = ({ keyId, file }: Keyring): string =>
  file === null ? `key ${keyId}` : 'key file';
