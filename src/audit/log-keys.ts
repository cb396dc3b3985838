import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contextOf } from '../credentials/contexts.ts';
import type { Keyring } from '../credentials/seal.ts';
import { makeFileOnce } from '../store/make-file-once.ts';
import { originOf } from './checkpoint.ts';
import { encodeVkey, noteSigner, type Signer } from './note.ts';

/** The key that signs one tenant's checkpoints. It lives in a file, sealed, and never in the database. */
export interface LogKey {
  readonly signer: Signer;
  readonly vkey: string;
}

/** Opens the key of a tenant's log, or makes it at its first need; several that start together agree on one. */
async function openLogKey(
  folder: string,
  keyring: Keyring,
  log: { instance: string; tenant: string },
): Promise<LogKey> {
  const name = originOf(log.instance, log.tenant);
  const context = contextOf.logKey(log.tenant);
  const file = join(folder, `log-${log.tenant}.sealed`);
  await makeFileOnce(file, () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return keyring.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), context);
  });
  const der = keyring.unseal((await readFile(file, 'utf8')).trim(), context);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return { signer: noteSigner(name, privateKey), vkey: encodeVkey(name, createPublicKey(privateKey)) };
}

/** The keys of all tenants' logs, each opened once. */
export function openLogKeys(
  folder: string,
  keyring: Keyring,
  instance: string,
): (tenant: string) => Promise<LogKey> {
  const opened = new Map<string, Promise<LogKey>>();
  return tenant => {
    const key = opened.get(tenant) ?? openLogKey(folder, keyring, { instance, tenant });
    opened.set(tenant, key);
    return key;
  };
}
