import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type postgres from 'postgres';
import type { Keyring } from '../credentials/seal.ts';
import { HashedFile, keptTables } from './backup.ts';
import { BackupRefused, filesBelow, type Manifest, openBackup } from './backup-manifest.ts';
import { APPLICATION_ROLE, bringUpToDate, roleOf } from './database.ts';
import {
  appendAsOwner,
  appliedMigrations,
  type DatabasePlace,
  type OwnersDatabase,
  SEE_ALL_TENANTS,
} from './owner.ts';
import { exists } from './postgres-binaries.ts';
import { replaceFile, syncFolder } from './replace-file.ts';
import { contextOfFile } from './reseal.ts';
import { type VerifiedLog, verifyLog } from './restored-logs.ts';

export interface Restored {
  readonly manifest: Manifest;
  readonly logs: readonly VerifiedLog[];
  /** Grants that were live when the backup was taken, and were ended. */
  readonly grants: number;
}

/** Stands in a data folder while a restore has begun and not ended; a broker does not start on it. */
export const UNFINISHED = 'restore-unfinished.txt';

/**
 * Puts a backup into an empty data folder and an empty database. Everything is checked before anything is written; the
 * database is one transaction, which is committed only when each log verifies. Nobody is let in by it: sign-ins and keys
 * are not in a backup, and grants that were live are ended, since what was revoked after it was taken is not known here.
 *
 * One that was broken off leaves the database empty and the folder marked, so that no broker starts on it; it can be
 * called again.
 *
 * @throws BackupRefused saying why nothing was restored
 */
export async function restoreBackup(parts: {
  from: string;
  where: DatabasePlace;
  keyring: Keyring;
  /** Reaches the database; it is made where it is the embedded one. */
  reach: () => Promise<OwnersDatabase>;
  now: Date;
}): Promise<Restored> {
  const { from, where, keyring, reach, now } = parts;
  const { data } = where;
  const { manifest, digest } = await openBackup(from, keyring);
  await everythingOpens(from, manifest, keyring);
  const again = await wasBrokenOff(data);
  if (!again) await refuseUsedFolder(data, keyring.file);
  const database = await reach();
  try {
    await bringUpToDate(
      () => database.open(),
      where.database ? roleOf(where.database.url) : APPLICATION_ROLE,
      where.database === null,
    );
    const owner = database.open();
    try {
      await sameTables(owner, manifest);
      await refuseUsedDatabase(owner);
      await replaceFile(join(data, UNFINISHED), 'sallyport restore was broken off here: call it again\n');
      if (again) await removeFiles(data, keyring.file);
      await placeFiles(from, data, manifest);
      const filled = await fill(owner, { from, keys: join(data, 'keys'), manifest, digest, keyring, now });
      await rm(join(data, UNFINISHED));
      await syncFolder(data);
      return { manifest, ...filled };
    } finally {
      await owner.end({ timeout: 5 });
    }
  } finally {
    await database.close();
  }
}

/** Whether a restore into this folder began and did not end. */
export const wasBrokenOff = (data: string): Promise<boolean> => exists(join(data, UNFINISHED));

/** The keys of a backup are worth nothing without the key that they are sealed under. */
async function everythingOpens(from: string, manifest: Manifest, keyring: Keyring): Promise<void> {
  for (const { path } of manifest.files.filter(file => file.path.startsWith('keys/'))) {
    const context = contextOfFile(path.slice('keys/'.length));
    if (context === null) continue;
    try {
      keyring.unseal((await readFile(join(from, path), 'utf8')).trim(), context);
    } catch (error) {
      throw new BackupRefused(`${path} does not open: ${(error as Error).message}`);
    }
  }
}

/** An embedded database may be there, if it is empty; the sealing key may, since a backup does not hold it. */
async function refuseUsedFolder(data: string, keyFile: string | null): Promise<void> {
  const [found] = await filesIn(data, keyFile);
  if (found !== undefined)
    throw new BackupRefused(`${data} is in use (${found}): restore into a fresh folder`);
}

const filesIn = async (data: string, keyFile: string | null): Promise<string[]> =>
  [
    ...(await filesBelow(join(data, 'recordings'))).map(path => join(data, 'recordings', path)),
    ...(await filesBelow(join(data, 'keys'))).map(path => join(data, 'keys', path)),
  ].filter(path => path !== keyFile);

async function removeFiles(data: string, keyFile: string | null): Promise<void> {
  for (const path of await filesIn(data, keyFile)) await rm(path);
}

async function sameTables(owner: postgres.Sql, manifest: Manifest): Promise<void> {
  const here = await appliedMigrations(owner);
  const same =
    here.length === manifest.migrations.length &&
    here.every(({ name, hash }, i) => {
      const there = manifest.migrations[i]!;
      return there.name === name && there.hash === hash;
    });
  if (!same) {
    throw new BackupRefused(
      `it was taken by sallyport ${manifest.sallyport}, whose tables are not those of this release: restore with that release, then upgrade`,
    );
  }
}

async function refuseUsedDatabase(owner: postgres.Sql): Promise<void> {
  await owner.begin(async tx => {
    await tx.unsafe(SEE_ALL_TENANTS);
    for (const table of await keptTables(tx)) {
      const [row] = await tx`select 1 from ${tx(table)} limit 1`;
      if (row)
        throw new BackupRefused(`the database is in use (${table} has rows): restore into a fresh one`);
    }
  });
}

/** Copies recordings and keys, and looks at the bytes again as they pass. */
async function placeFiles(from: string, data: string, manifest: Manifest): Promise<void> {
  for (const { path, sha256 } of manifest.files.filter(file => !file.path.startsWith('database/'))) {
    const file = await HashedFile.make(data, path);
    for await (const chunk of createReadStream(join(from, path))) await file.write(chunk as Buffer);
    const placed = await file.close();
    if (placed.sha256 !== sha256) throw new BackupRefused(`${path} was changed while it was read`);
  }
}

async function fill(
  owner: postgres.Sql,
  of: { from: string; keys: string; manifest: Manifest; digest: string; keyring: Keyring; now: Date },
): Promise<Pick<Restored, 'logs' | 'grants'>> {
  const { manifest, now } = of;
  return owner.begin(async tx => {
    // First which tenants there are: the rows of the others are let in by these names.
    const tables = manifest.tables.toSorted(
      (a, b) => Number(b.name === TENANTS) - Number(a.name === TENANTS),
    );
    for (const { name, rows } of tables) {
      const inserted = await insertRows(tx, name, join(of.from, 'database', `${name}.ndjson`));
      if (inserted !== rows) throw new BackupRefused(`${name} has ${inserted} rows, and not ${rows}`);
      if (name === TENANTS) await tx.unsafe(SEE_ALL_TENANTS);
    }
    const logs: VerifiedLog[] = [];
    for (const log of manifest.logs) logs.push(await verifyLog(tx, of.keys, of.keyring, log));
    const ended = await tx<{ id: string; tenant: string }[]>`
      update access_grant set ended_at = ${now.toISOString()}::timestamptz, end_reason = 'restored'
      where ended_at is null and ends_at > ${now.toISOString()}::timestamptz returning id, tenant`;
    // An older backup has keys in it, and what was removed since would be here again.
    await tx`delete from ssh_key`;
    await tx`update person set signed_in_at = 'epoch'`;
    for (const { tenant, entries } of manifest.logs) {
      const grants = ended.filter(grant => grant.tenant === tenant);
      const actor = 'broker';
      await appendAsOwner(tx, tenant, [
        {
          tenant,
          action: 'backup.restored',
          actor,
          subject: `tenant:${tenant}`,
          data: { manifest: of.digest, taken_at: manifest.taken_at, entries, grants: grants.length },
        },
        ...grants.map(({ id }) => ({
          tenant,
          action: 'grant.ended' as const,
          actor,
          subject: id,
          data: { reason: 'restored', ended_at: now.toISOString() },
        })),
      ]);
    }
    return { logs, grants: ended.length };
  });
}

const TENANTS = 'served_tenant';
const MOST_ROWS = 500;
const MOST_CHARACTERS = 4_000_000;

async function insertRows(tx: postgres.TransactionSql, table: string, file: string): Promise<number> {
  let waiting: string[] = [];
  let characters = 0;
  let inserted = 0;
  const flush = async () => {
    if (waiting.length === 0) return;
    const name = `"${table}"`;
    const done = await tx.unsafe(
      `insert into ${name} select * from json_populate_recordset(null::${name}, $1::text::json)`,
      [`[${waiting.join(',')}]`],
    );
    inserted += done.count;
    waiting = [];
    characters = 0;
  };
  for await (const line of linesOf(file)) {
    waiting.push(line);
    characters += line.length;
    if (waiting.length >= MOST_ROWS || characters >= MOST_CHARACTERS) await flush();
  }
  await flush();
  return inserted;
}

/** At newlines alone: readline also breaks at U+2028, which people may write. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8')) {
    const [first, ...more] = (chunk as string).split('\n');
    rest += first;
    for (const next of more) {
      yield rest;
      rest = next;
    }
  }
  if (rest !== '') yield rest;
}
