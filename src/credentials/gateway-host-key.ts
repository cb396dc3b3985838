import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFileOnce } from '../store/make-file-once.ts';
import { contextOf } from './contexts.ts';
import type { Keyring } from './seal.ts';

/** Opens the key that this gateway shows to SSH clients, or makes it at its first need. Sealed, in a file. */
export async function openGatewayHostKey(
  folder: string,
  keyring: Keyring,
  create: () => string,
): Promise<string> {
  const file = join(folder, 'gateway-host.sealed');
  await makeFileOnce(file, () => keyring.seal(Buffer.from(create()), contextOf.gatewayHostKey));
  return keyring.unseal((await readFile(file, 'utf8')).trim(), contextOf.gatewayHostKey).toString();
}
