import { join } from 'node:path';
import postgres from 'postgres';
import { at, migrations, quiet } from './database.ts';
import { OWNER, startEmbeddedPostgres } from './embedded-postgres.ts';
import { DataInUse } from './lock-data.ts';
import { type Appendable, appendArguments } from './log.ts';
import { exists } from './postgres-binaries.ts';
import { PORT, runningSocketFolder } from './postgres-place.ts';
import type { Log } from './postgres-process.ts';

/** Connections of the role that owns the tables, beside a broker that runs or in the place of one that does not. */
export interface OwnersDatabase {
  /** One connection. Whoever opens it ends it. */
  open(): postgres.Sql;
  /** Stops what was started for this; a broker's database is left running. */
  close(): Promise<void>;
}

export interface DatabasePlace {
  readonly database: { readonly url: string; readonly migrationUrl: string } | null;
  readonly data: string;
}

/** There is no database where one was to be read. */
export class NoDatabase extends Error {}

/**
 * Reaches the database as its owner: by `DATABASE_MIGRATION_URL`; or the embedded one through the socket of the broker
 * that runs it, and where none runs by starting it. `make` allows an embedded one that is not there yet to be made.
 *
 * @throws NoDatabase, EmbeddedPostgresError
 */
export async function openAsOwner(
  where: DatabasePlace,
  logger: Log,
  { make = false } = {},
): Promise<OwnersDatabase> {
  if (where.database) {
    const { migrationUrl } = where.database;
    return { open: () => at(migrationUrl, { max: 1 }), close: async () => {} };
  }
  if (!make && !(await hasEmbedded(where.data))) {
    throw new NoDatabase(
      `there is no database in ${where.data}: set SALLYPORT_DATA or DATABASE_URL to the broker's`,
    );
  }
  const through = (socketFolder: string) =>
    postgres({
      host: socketFolder,
      port: PORT,
      user: OWNER,
      database: 'postgres',
      ...quiet('sallyport'),
      max: 1,
    });
  try {
    const embedded = await startEmbeddedPostgres({ dataFolder: where.data, logger });
    return { open: () => through(embedded.socketFolder), close: () => embedded.stop() };
  } catch (error) {
    const socketFolder = error instanceof DataInUse ? await runningSocketFolder(where.data) : null;
    if (socketFolder === null) throw error;
    return { open: () => through(socketFolder), close: async () => {} };
  }
}

const hasEmbedded = async (data: string): Promise<boolean> =>
  (await exists(join(data, 'postgres'))) || (await exists(join(data, 'postgres-home.txt')));

/** A change of the tables that was applied here. */
export interface AppliedMigration {
  readonly name: string;
  readonly hash: string;
}

/** Oldest first; empty where nothing was ever served. One that this release does not know is named by its time. */
export async function appliedMigrations(owner: postgres.Sql): Promise<AppliedMigration[]> {
  const [{ there }] = (await owner`
    select to_regclass('drizzle.__drizzle_migrations') is not null as there`) as unknown as [
    { there: boolean },
  ];
  if (!there) return [];
  const names = new Map(migrations().map(({ name, at }) => [String(at), name]));
  const rows = await owner<{ at: string; hash: string }[]>`
    select created_at::text as at, hash from drizzle.__drizzle_migrations order by created_at`;
  return rows.map(({ at, hash }) => ({ name: names.get(at) ?? at, hash }));
}

/**
 * Lets the statements after it in a transaction see, and write, what belongs to any tenant: the owner too is held by
 * row level security, unless it is a superuser. Answers with the tenants, commas between them.
 */
export const SEE_ALL_TENANTS = `select set_config('app.tenants',
  (select coalesce(string_agg(id, ',' order by id), '') from served_tenant), true) as tenants`;

/** Held by whatever must not run beside a change of the sealing key, or of what is sealed. */
export const SEALED_LOCK = 7_205_518;

/** Appends to one tenant's chain from a connection without drizzle, in the caller's transaction. */
export async function appendAsOwner(
  tx: postgres.TransactionSql,
  tenant: string,
  events: readonly Appendable[],
): Promise<void> {
  const values = appendArguments(tenant, events);
  const list = values.map(({ type }, i) => `$${i + 1}::text::${type}`).join(', ');
  await tx.unsafe(
    `select from append_log(${list})`,
    values.map(({ text }) => text),
  );
}
