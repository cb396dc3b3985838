import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type postgres from 'postgres';
import { contextOf } from '../credentials/contexts.ts';
import { type Keyring, sealedUnder } from '../credentials/seal.ts';
import { recordingPath } from '../domain/session.ts';
import { BackupRefused, digestOf, MANIFEST, MANIFEST_SEAL, type Manifest } from './backup-manifest.ts';
import {
  appendAsOwner,
  appliedMigrations,
  type OwnersDatabase,
  SEALED_LOCK,
  SEE_ALL_TENANTS,
} from './owner.ts';
import { syncFolder } from './replace-file.ts';

/**
 * Sign-ins, begun and complete, and registered keys are left out: what was revoked, ended or removed after a backup
 * must not come back to life with it. Everybody signs in again after a restore, and registers their key.
 */
export const NOT_KEPT: readonly string[] = [
  'sign_in_attempt',
  'web_session',
  'token',
  'ssh_sign_in',
  'device_sign_in',
  'wrong_device_code',
  'ssh_key',
];

const ROWS = 500;

type BackedUpFile = Manifest['files'][number];
interface RecordedSession {
  readonly id: string;
  readonly tenant: string;
  readonly startedAt: Date;
  /** What the log says of a session that has ended; null while it runs, or where nothing was recorded. */
  readonly size: number | null;
  readonly sha256: string | null;
  /** Bytes of the segments that the log knows. */
  readonly logged: number;
}

/**
 * Writes a backup of the database, the recordings and the keys into `into`, which must be empty or absent. Works beside
 * a running broker: the database is read in one snapshot, and of a recording that still grows the backup holds what
 * the snapshot's log says.
 *
 * @throws BackupRefused where it is not begun; what failed later leaves a folder without manifest, which no restore takes
 */
export async function takeBackup(parts: {
  database: OwnersDatabase;
  data: string;
  into: string;
  keyring: Keyring;
  version: string;
  now: Date;
}): Promise<{ manifest: Manifest; digest: string }> {
  const { database, data, into, keyring, version, now } = parts;
  const owner = database.open();
  try {
    const [{ held }] = (await owner`
      select pg_try_advisory_lock_shared(${SEALED_LOCK}) as held`) as unknown as [{ held: boolean }];
    if (!held) throw new BackupRefused('the sealing key is being changed: wait for its end and try again');
    const migrations = await appliedMigrations(owner);
    if (migrations.length === 0) throw new BackupRefused('nothing was ever served from here');
    await makeEmpty(into);
    const files: BackedUpFile[] = [];
    const { tables, logs, sessions } = await saveDatabase(owner, into, files);
    await saveKeys(join(data, 'keys'), into, keyring, files);
    const damaged = await saveRecordings(join(data, 'recordings'), into, sessions, files);
    const manifest: Manifest = {
      format: 'sallyport-backup/1',
      sallyport: version,
      taken_at: now.toISOString(),
      keys: [keyring.keyId, ...keyring.retired],
      migrations,
      tables,
      logs,
      files,
      damaged,
    };
    const digest = await saveManifest(into, manifest, keyring);
    await owner.begin(async tx => {
      await tx.unsafe(SEE_ALL_TENANTS);
      for (const { tenant, entries } of logs) {
        await appendAsOwner(tx, tenant, [
          {
            tenant,
            action: 'backup.taken',
            actor: 'broker',
            subject: `tenant:${tenant}`,
            data: { manifest: digest, entries },
          },
        ]);
      }
    });
    return { manifest, digest };
  } finally {
    await owner.end({ timeout: 5 });
  }
}

async function makeEmpty(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) {
    throw new BackupRefused(`${folder} is not empty: give a folder for this backup alone`);
  }
}

/** One snapshot of every table that is kept. */
async function saveDatabase(owner: postgres.Sql, into: string, files: BackedUpFile[]) {
  return owner.begin('isolation level repeatable read read only', async tx => {
    await tx.unsafe(SEE_ALL_TENANTS);
    const tables: Manifest['tables'] = [];
    for (const name of await keptTables(tx)) {
      const file = await HashedFile.make(into, `database/${name}.ndjson`);
      let rows = 0;
      for await (const page of tx<{ row: string }[]>`
        select row_to_json(t)::text as row from ${tx(name)} t`.cursor(ROWS)) {
        rows += page.length;
        await file.write(page.map(({ row }) => `${row}\n`).join(''));
      }
      tables.push({ name, rows });
      files.push(await file.close());
    }
    const logs = await tx<Manifest['logs']>`
      select tenant, seq::int as entries, encode(hash, 'hex') as hash from log_head order by tenant`;
    const sessions = await tx<RecordedSession[]>`
      select id, tenant, started_at as "startedAt", recording_size::float8 as size, recording_sha256 as sha256,
        case when ended_at is null then
          (select coalesce(sum((line::jsonb -> 'data' ->> 'length')::bigint), 0)::float8 from log_entry l
           where l.tenant = s.tenant and l.subject = s.id and l.action = 'recording.segment')
        else 0 end as logged
      from session s where ended_at is null or recording_sha256 is not null order by started_at, id`;
    return { tables, logs: [...logs], sessions: [...sessions] };
  });
}

/** Every table of ours, also one that a later migration adds, but for the sign-ins. */
export async function keptTables(tx: postgres.TransactionSql): Promise<string[]> {
  const rows = await tx<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`;
  return rows.map(({ name }) => name).filter(name => !NOT_KEPT.includes(name));
}

/** As they are, sealed. What is not sealed is the sealing key itself, and stays where it is. */
async function saveKeys(from: string, into: string, keyring: Keyring, files: BackedUpFile[]): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(join(from, entry.name), 'r');
    const text = await file.readFile('utf8').finally(() => file.close());
    const under = sealedUnder(text.trim());
    if (under === null) continue;
    if (under !== keyring.keyId && !keyring.retired.includes(under)) {
      throw new BackupRefused(`${entry.name} is sealed under ${under}, which is no key of this installation`);
    }
    const copy = await HashedFile.make(into, `keys/${entry.name}`);
    await copy.write(text);
    files.push(await copy.close());
  }
}

async function saveRecordings(
  from: string,
  into: string,
  sessions: readonly RecordedSession[],
  files: BackedUpFile[],
): Promise<Manifest['damaged']> {
  const damaged: Manifest['damaged'] = [];
  for (const session of sessions) {
    const path = recordingPath(session);
    const size = session.size ?? session.logged;
    if (size === 0) continue;
    const copied = await copyBytes(join(from, path), into, `recordings/${path}`, size);
    if (copied !== null) files.push(copied);
    const why =
      copied === null
        ? 'it is missing'
        : copied.size < size
          ? `it holds ${copied.size} bytes where the log says ${size}`
          : session.sha256 !== null && copied.sha256 !== session.sha256
            ? 'it is not what the log says'
            : null;
    if (why !== null) damaged.push({ session: session.id, path, why });
  }
  return damaged;
}

/** The first `size` bytes; null where there is no such file. */
async function copyBytes(
  from: string,
  into: string,
  path: string,
  size: number,
): Promise<BackedUpFile | null> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (source === null) return null;
  try {
    const copy = await HashedFile.make(into, path);
    const buffer = Buffer.allocUnsafe(256 * 1024);
    for (let done = 0; done < size; ) {
      const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - done), done);
      if (bytesRead === 0) break;
      await copy.write(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
    return await copy.close();
  } finally {
    await source.close();
  }
}

async function saveManifest(into: string, manifest: Manifest, keyring: Keyring): Promise<string> {
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  const digest = digestOf(text);
  for (const [name, content] of [
    [MANIFEST, text],
    [MANIFEST_SEAL, `${keyring.seal(Buffer.from(digest), contextOf.backup)}\n`],
  ] as const) {
    const file = await HashedFile.make(into, name);
    await file.write(content);
    await file.close();
  }
  await syncFolder(into);
  return digest;
}

/** A new file for its owner alone, hashed as it is written and on the disk when it is closed. */
export class HashedFile {
  readonly #hash: Hash = createHash('sha256');
  #size = 0;

  private constructor(
    private readonly handle: FileHandle,
    private readonly path: string,
  ) {}

  static async make(folder: string, path: string): Promise<HashedFile> {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    return new HashedFile(await open(join(folder, path), 'wx', 0o600), path);
  }

  async write(chunk: string | Buffer): Promise<void> {
    const bytes = Buffer.from(chunk);
    this.#hash.update(bytes);
    this.#size += bytes.length;
    await this.handle.appendFile(bytes);
  }

  async close(): Promise<BackedUpFile> {
    await this.handle.sync();
    await this.handle.close();
    return { path: this.path, size: this.#size, sha256: this.#hash.digest('hex') };
  }
}
