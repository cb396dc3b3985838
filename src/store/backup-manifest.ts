import { createHash } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { contextOf } from '../credentials/contexts.ts';
import { type Keyring, SealError } from '../credentials/seal.ts';

/**
 * What a backup holds: `database/<table>.ndjson`, one row a line; `keys/`, sealed as they were; `recordings/`. The list
 * itself is `manifest.json`, and its digest, sealed, is `manifest.sealed`: whoever does not hold the sealing key can
 * change nothing of a backup unseen. It is written last, so that a backup without one was not finished.
 */
const manifest = z.strictObject({
  format: z.literal('sallyport-backup/1'),
  sallyport: z.string().max(100),
  taken_at: z.iso.datetime(),
  /** Ids of the keys that open what is in it; the first seals. */
  keys: z.array(z.string().regex(/^[\w-]{8}$/)).min(1),
  migrations: z.array(z.strictObject({ name: z.string().max(200), hash: z.string().max(200) })).min(1),
  tables: z.array(z.strictObject({ name: z.string().regex(/^[a-z_]{1,63}$/), rows: z.int().min(0) })),
  /** How long each tenant's log is in it, and the hash of its last line. */
  logs: z.array(z.strictObject({ tenant: z.string(), entries: z.int().min(0), hash: z.string() })),
  files: z.array(
    z.strictObject({
      path: z.string().refine(isInside, 'a path that leaves the backup'),
      size: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** Recordings that were not as the log says when the backup was taken. */
  damaged: z.array(z.strictObject({ session: z.string(), path: z.string(), why: z.string() })),
});
export type Manifest = z.infer<typeof manifest>;

/** Why a backup is not taken, or not restored. Nothing has been changed then. */
export class BackupRefused extends Error {}

export const MANIFEST = 'manifest.json';
export const MANIFEST_SEAL = 'manifest.sealed';
/** A line for each recording: a million of them. */
const MOST_BYTES = 256 * 1024 * 1024;

function isInside(path: string): boolean {
  const [folder, ...rest] = path.split('/');
  return (
    ['database', 'keys', 'recordings'].includes(folder!) &&
    rest.length > 0 &&
    rest.every(part => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part))
  );
}

export const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Reads the list of a backup and holds every file against it. Afterwards the backup is, to the byte, what the holder of
 * the sealing key wrote.
 *
 * @throws BackupRefused saying what is wrong
 */
export async function openBackup(
  folder: string,
  keyring: Keyring,
): Promise<{ manifest: Manifest; digest: string }> {
  const bytes = await readSmall(
    join(folder, MANIFEST),
    'it holds no manifest.json: it was not finished, or is none',
  );
  const seal = await readSmall(
    join(folder, MANIFEST_SEAL),
    'it holds no manifest.sealed: it was not finished',
  );
  const digest = digestOf(bytes);
  if (opened(seal.toString().trim(), keyring) !== digest) {
    throw new BackupRefused('its manifest.json was changed after the backup was taken');
  }
  const parsed = manifest.safeParse(JSON.parse(bytes.toString()));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new BackupRefused(
      `its manifest.json is of another form (${issue!.path.join('.')}: ${issue!.message})`,
    );
  }
  const listed = new Map(parsed.data.files.map(file => [file.path, file]));
  for (const path of await filesBelow(folder)) {
    if (path !== MANIFEST && path !== MANIFEST_SEAL && !listed.has(path)) {
      throw new BackupRefused(`${path} was not in it when it was taken`);
    }
  }
  for (const { path, size, sha256 } of listed.values()) {
    const found = await hashFile(join(folder, path)).catch(() => null);
    if (found === null) throw new BackupRefused(`${path} is missing`);
    if (found.size !== size || found.sha256 !== sha256) throw new BackupRefused(`${path} was changed`);
  }
  return { manifest: parsed.data, digest };
}

function opened(seal: string, keyring: Keyring): string {
  try {
    return keyring.unseal(seal, contextOf.backup).toString();
  } catch (error) {
    if (error instanceof SealError && error.code === 'sealed-by-another-key') {
      throw new BackupRefused(`it is ${error.message}`);
    }
    throw new BackupRefused('its manifest.sealed was changed');
  }
}

async function readSmall(file: string, missing: string): Promise<Buffer> {
  const found = await stat(file).catch(() => null);
  if (found === null) throw new BackupRefused(missing);
  if (found.size > MOST_BYTES) throw new BackupRefused(`${file} is too long to be what it should be`);
  return readFile(file);
}

/** Size and SHA-256 of a file, or of its first `most` bytes. */
export async function hashFile(
  file: string,
  most = Number.MAX_SAFE_INTEGER,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  const handle = await open(file, 'r');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let size = 0;
  try {
    while (size < most) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, most - size), size);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return { size, sha256: hash.digest('hex') };
}

/** Relative paths of all that is not a folder below `folder`; none where it is not there. */
export async function filesBelow(folder: string, below = ''): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const nested = entries.map(async entry => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(folder, path) : [path];
  });
  return (await Promise.all(nested)).flat();
}
