import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export type SealErrorCode =
  /** SALLYPORT_KEY or the key file is not 32 bytes in base64 or hex. */
  | 'key-malformed'
  /** The key file can be read by every user of the machine. */
  | 'key-file-exposed'
  /** The text is not what `seal` writes. */
  | 'sealed-malformed'
  /** It is, under a key that is not here. */
  | 'sealed-by-another-key'
  /** It was changed, or sealed for another context. */
  | 'sealed-altered';

/** Never holds a secret: neither keys nor what was to be sealed or opened. */
export class SealError extends Error {
  readonly code: SealErrorCode;

  constructor(code: SealErrorCode, message: string) {
    super(message);
    this.name = 'SealError';
    this.code = code;
  }
}

/** Seals secrets for storage: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits. */
export interface Keyring {
  /** Names the key without telling anything about it. */
  readonly keyId: string;
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
 * The keyring under `key` (32 bytes in base64, base64url or hex) or, where that is null, under the key in `file`, which
 * is made at the first start with mode 0600. Safe when several start together: one key wins and all read it.
 * Errors: `key-malformed`, `key-file-exposed`.
 */
export async function openKeyring(options: { key: string | null; file: string }): Promise<Keyring> {
  if (options.key !== null) return keyringOf(parseKey(options.key, 'SALLYPORT_KEY'));
  await makeKeyFile(options.file);
  if (((await stat(options.file)).mode & 0o007) !== 0) {
    throw new SealError('key-file-exposed', `${options.file} is open to every user; chmod 600 it`);
  }
  return keyringOf(parseKey(await readFile(options.file, 'utf8'), options.file));
}

/** The context is the additional authenticated data, the version in front so that a later format cannot be mistaken. */
function keyringOf(key: Buffer): Keyring {
  const keyId = createHmac('sha256', key)
    .update('sallyport key id')
    .digest()
    .subarray(0, 6)
    .toString('base64url');
  const additional = (context: string) => Buffer.from(`${VERSION}\0${context}`);
  return {
    keyId,
    seal: (plain, context) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(additional(context));
      const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return [VERSION, keyId, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
    },
    unseal: (sealed, context) => {
      const [version, sealedUnder, nonceText, bodyText, ...rest] = sealed.split('.');
      const nonce = Buffer.from(nonceText ?? '', 'base64url');
      const body = Buffer.from(bodyText ?? '', 'base64url');
      const wellFormed = version === VERSION && rest.length === 0 && nonce.length === NONCE_BYTES;
      if (!wellFormed || body.length < TAG_BYTES) {
        throw new SealError('sealed-malformed', `not a sealed secret (one begins with "${VERSION}.")`);
      }
      if (sealedUnder !== keyId) {
        throw new SealError(
          'sealed-by-another-key',
          'sealed under another key; start with that SALLYPORT_KEY or key file',
        );
      }
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
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

/** `link` gives the finished file its name only if there is none yet; a key that was lost to a crash seals nothing. */
async function makeKeyFile(file: string): Promise<void> {
  if ((await stat(file).catch(() => null)) !== null) return;
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(unfinished, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
    await handle.sync();
    await link(unfinished, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await rm(unfinished, { force: true });
  }
  const parent = await open(folder, 'r');
  await parent.sync().finally(() => parent.close());
}
