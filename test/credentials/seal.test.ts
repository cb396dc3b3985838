import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { addKey, forgetRetiredKeys } from '../../src/credentials/key-file.ts';
import { openKeyring, sealedUnder, sealingName } from '../../src/credentials/seal.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secret = Buffer.from('the key of an authority');
const key = randomBytes(32);
const open = (text: string | null = key.toString('base64')) =>
  openKeyring({ key: text, file: join(folder, 'unused') });

function codeOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    expect((error as Error).message).not.toContain(secret.toString());
    return (error as { code?: string }).code;
  }
  return 'no error';
}

describe('sealing', () => {
  test('gives the same secret back for the same place, and looks different each time', async () => {
    const keyring = await open();
    const sealed = keyring.seal(secret, 'ca/acme/ssh');
    expect(sealed).toMatch(new RegExp(`^sp1\\.${keyring.keyId}\\.[A-Za-z0-9_-]{16}\\.[A-Za-z0-9_-]+$`));
    expect(keyring.unseal(sealed, 'ca/acme/ssh')).toEqual(secret);
    expect(keyring.seal(secret, 'ca/acme/ssh')).not.toBe(sealed);
    expect(keyring.unseal(keyring.seal(Buffer.alloc(0), 'x'), 'x')).toHaveLength(0);
  });

  test('does not open at another place, nor after a change anywhere', async () => {
    const keyring = await open();
    const sealed = keyring.seal(secret, 'ca/acme/ssh');
    expect(codeOf(() => keyring.unseal(sealed, 'ca/globex/ssh'))).toBe('sealed-altered');
    const parts = sealed.split('.');
    for (const part of [2, 3]) {
      const bytes = Buffer.from(parts[part]!, 'base64url');
      for (let i = 0; i < bytes.length; i++) {
        const changed = Buffer.from(bytes);
        changed[i]! ^= 1;
        const text = parts.map((each, n) => (n === part ? changed.toString('base64url') : each)).join('.');
        expect(codeOf(() => keyring.unseal(text, 'ca/acme/ssh'))).toBe('sealed-altered');
      }
    }
  });

  test.each(['', 'sp1', 'sp2.a.b.c', 'sp1.x..', 'sp1.x.AAAAAAAAAAAAAAAA.AAAA', 'sp1.a.b.c.d'])(
    '%j is no sealed secret',
    async text => {
      const keyring = await open();
      expect(codeOf(() => keyring.unseal(text, 'x'))).toBe('sealed-malformed');
    },
  );

  test('tells another key from a change', async () => {
    const sealed = (await open(randomBytes(32).toString('hex'))).seal(secret, 'x');
    const keyring = await open();
    expect(codeOf(() => keyring.unseal(sealed, 'x'))).toBe('sealed-by-another-key');
  });
});

describe('a keyring of several keys', () => {
  const older = randomBytes(32).toString('hex');

  test('seals with the first and opens with any', async () => {
    const before = await open(older);
    const keyring = await openKeyring({ key: key.toString('base64'), retired: [older], file: 'none' });
    expect(keyring.unseal(before.seal(secret, 'x'), 'x')).toEqual(secret);
    expect(keyring.keyId).toBe((await open()).keyId);
    expect(keyring.retired).toEqual([before.keyId]);
    const sealed = keyring.seal(secret, 'x');
    expect(sealedUnder(sealed)).toBe(keyring.keyId);
    expect(codeOf(() => before.unseal(sealed, 'x'))).toBe('sealed-by-another-key');
  });

  test('a retired key that is none is refused, and one that is the sealing key counts once', async () => {
    await expect(openKeyring({ key: older, retired: ['short'], file: 'none' })).rejects.toMatchObject({
      code: 'key-malformed',
    });
    const twice = await openKeyring({ key: older, retired: [older], file: 'none' });
    expect(twice.retired).toEqual([]);
  });

  test('follows its file: a key that is put in front seals at once, the others still open', async () => {
    const file = join(folder, 'followed');
    const keyring = await openKeyring({ key: null, file });
    const first = keyring.seal(secret, 'x');
    await addKey(file);
    const second = keyring.seal(secret, 'x');
    expect(sealedUnder(second)).not.toBe(sealedUnder(first));
    expect(keyring.unseal(first, 'x')).toEqual(secret);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await forgetRetiredKeys(file);
    expect(codeOf(() => keyring.unseal(first, 'x'))).toBe('sealed-by-another-key');
    expect(keyring.unseal(second, 'x')).toEqual(secret);
  });

  test('keeps what it has while the file is broken, away or open to be read half-written', async () => {
    const file = join(folder, 'edited');
    const keyring = await openKeyring({ key: null, file });
    const sealed = keyring.seal(secret, 'x');
    const whole = readFileSync(file);
    for (const content of ['', 'torn', 'torn\nmore']) {
      writeFileSync(file, content);
      expect(keyring.unseal(sealed, 'x')).toEqual(secret);
    }
    rmSync(file);
    expect(keyring.unseal(sealed, 'x')).toEqual(secret);
    writeFileSync(file, whole, { mode: 0o600 });
    expect(keyring.unseal(sealed, 'x')).toEqual(secret);
  });

  test('is named by what it seals under, which tells nothing of the key', async () => {
    const file = join(folder, 'named');
    expect(sealingName(await openKeyring({ key: null, file }))).toBe('key file');
    const keyring = await open(older);
    expect(sealingName(keyring)).toBe(`key ${keyring.keyId}`);
    expect(sealingName(keyring)).not.toContain(older.slice(0, 8));
  });
});

describe('the key', () => {
  test('is the same in hex, base64 and base64url', async () => {
    const ids = await Promise.all(
      [key.toString('hex'), key.toString('base64'), `${key.toString('base64url')}\n`].map(
        async text => (await open(text)).keyId,
      ),
    );
    expect(new Set(ids).size).toBe(1);
  });

  test.each(['', 'short', 'g'.repeat(64), 'a'.repeat(63), Buffer.alloc(31).toString('base64')])(
    '%j is refused without being repeated',
    async text => {
      const error = await open(text).catch((caught: Error) => caught);
      expect(error).toMatchObject({ code: 'key-malformed' });
      if (text.length > 5) expect((error as Error).message).not.toContain(text);
    },
  );

  test('is made once at the first start, also by many at once, for its owner alone', async () => {
    const file = join(folder, 'fresh/key');
    const ids = await Promise.all(
      Array.from({ length: 8 }, async () => (await openKeyring({ key: null, file })).keyId),
    );
    expect(new Set(ids).size).toBe(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'fresh'))).toEqual(['key']);
    expect((await openKeyring({ key: null, file })).keyId).toBe(ids[0]);
    expect(Buffer.from(readFileSync(file, 'utf8'), 'base64')).toHaveLength(32);
  });

  test('in a file that everybody can read is refused, and a broken one is not replaced', async () => {
    const file = join(folder, 'exposed');
    await openKeyring({ key: null, file });
    chmodSync(file, 0o644);
    await expect(openKeyring({ key: null, file })).rejects.toMatchObject({ code: 'key-file-exposed' });
    writeFileSync(file, 'torn');
    chmodSync(file, 0o600);
    await expect(openKeyring({ key: null, file })).rejects.toMatchObject({ code: 'key-malformed' });
    expect(readFileSync(file, 'utf8')).toBe('torn');
  });

  test('from the environment leaves no file', async () => {
    await open();
    expect(existsSync(join(folder, 'unused'))).toBe(false);
  });
});
