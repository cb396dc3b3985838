import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SQL, sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { Listener, type OpenConnection, Pool, SINGLE } from './postgres-pool.ts';
import * as tables from './tables.ts';

export type Drizzle = PostgresJsDatabase<typeof tables>;
export type Transaction = Parameters<Parameters<Drizzle['transaction']>[0]>[0];

/**
 * The program's connections. Row level security decides what a statement sees: a tenant's rows only inside `within`
 * or `everywhere`, and nothing of any tenant elsewhere.
 */
export interface Database {
  /** What belongs to no tenant: people, their sign-ins and keys, the list of tenants. */
  readonly installation: Drizzle;
  /** One transaction that sees, and can write, what belongs to these tenants and no other. */
  within<T>(tenants: readonly string[], work: (tx: Transaction) => Promise<T>): Promise<T>;
  /**
   * One transaction over all tenants that are served: for the broker's own rounds and for finding out on whose side
   * somebody is. Never for what a person asked to see or to do.
   */
  everywhere<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  readonly listener: Pick<Listener, 'listen'>;
  /** A client of one connection, for locks that live as long as it does; whoever asks for it ends it. */
  connection(onClose: () => void): postgres.Sql;
  /** Whether it answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenDatabase extends Database {
  /** The same by connections that nobody else waits for: for the gateway's door. */
  readonly reserved: Database;
}

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const MIGRATIONS = join(fileURLToPath(new URL('../../', import.meta.url)), 'drizzle');
export const APPLICATION_ROLE = 'sallyport_app';
/** Any number: what starts together must agree on it. */
const MIGRATION_LOCK = 7_205_517;

/** What the program's role may do besides reading. The log's tables are missing on purpose: `append_log` alone. */
const WRITABLE: Readonly<Record<string, string>> = {
  served_tenant: 'insert',
  tenant: 'insert, update',
  matrix_version: 'insert',
  // What was put up or signed stays as it is: only how far it got changes.
  matrix_proposal: 'insert, update (state, closed_at, closed_by)',
  matrix_signature: 'insert',
  person: 'insert, update',
  email_binding: 'insert',
  sign_in_attempt: 'insert, delete',
  web_session: 'insert, update, delete',
  token: 'insert, update',
  device_sign_in: 'insert, update, delete',
  wrong_device_code: 'insert, delete',
  ssh_key: 'insert, delete',
  ssh_sign_in: 'insert, update, delete',
  certificate_authority: 'insert',
  host_key: 'insert, delete',
  request: 'insert, update',
  approval: 'insert',
  access_grant: 'insert, update',
  session: 'insert, update',
  outbox: 'insert, update',
  checkpoint: 'insert',
};

/**
 * Opens PostgreSQL, the given one or the embedded one, brings its tables up to date and returns the connection of
 * the unprivileged role.
 *
 * @throws Error with code `data-in-use` when another process serves this data folder
 */
export async function openDatabase(
  where: {
    database: { url: string; migrationUrl: string } | null;
    data: string;
    /** Under what this broker seals: shown by its connections, so that a change of keys leaves none behind. */
    sealing?: string;
  },
  logger: Logger,
): Promise<OpenDatabase> {
  const name = `sallyport ${where.sealing ?? ''}`.trim();
  if (where.database) {
    const { url, migrationUrl } = where.database;
    await settingNamed('DATABASE_MIGRATION_URL', () =>
      bringUpToDate(() => at(migrationUrl, { max: 1 }), roleOf(url), false),
    );
    const opened = await connect(
      options => at(url, { ...quiet(name), ...options }),
      async () => {},
    );
    try {
      // Not by the pool, whose connections end without saying why.
      const first = at(url, { max: 1 });
      await settingNamed('DATABASE_URL', () => first`select 1`).finally(() => first.end({ timeout: 1 }));
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }
  const embedded = await startEmbeddedPostgres({ dataFolder: where.data, logger });
  try {
    const address = (user: string, options: object) =>
      postgres({
        host: embedded.socketFolder,
        port: embedded.port,
        user,
        database: 'postgres',
        ...quiet(name),
        ...options,
      });
    await bringUpToDate(() => address(embedded.user, { max: 1 }), APPLICATION_ROLE, true);
    return await connect(
      options => address(APPLICATION_ROLE, options),
      () => embedded.stop(),
    );
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** Says which setting is at fault when a database cannot be reached or used; addresses hold passwords and are not told. */
async function settingNamed<T>(name: string, work: () => PromiseLike<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { message, code, cause } = error as Error & { code?: string };
    if (message.startsWith('DATABASE_')) throw error;
    const why = cause instanceof Error ? cause.message : message || code;
    throw new Error(`${name}: ${why}`, { cause: error });
  }
}

/** Settings of every connection; `name` is what others see it under in pg_stat_activity. */
export const quiet = (name: string) => ({
  onnotice: () => {},
  connect_timeout: 10,
  idle_timeout: 0,
  connection: {
    application_name: name,
    // The server notices within half a minute that this machine is gone, and what it held is free.
    tcp_keepalives_idle: 10,
    tcp_keepalives_interval: 5,
    tcp_keepalives_count: 4,
  },
});
/** As many statements and transactions at once. */
const CONNECTIONS = 10;
/** For what runs already: however many ask, sessions are renewed, admitted, recorded and ended. */
const RESERVED = 5;

/** As libpq reads it, `?host=/run/postgresql` names the folder of a Unix socket. */
export function at(url: string, options: object): postgres.Sql {
  const address = new URL(url);
  const socket = address.searchParams.get('host');
  // postgres.js would send it on as a setting of the session.
  address.searchParams.delete('host');
  return postgres(address.href, {
    ...quiet('sallyport'),
    ...options,
    ...(socket?.startsWith('/') ? { host: socket } : {}),
  });
}

export const roleOf = (url: string): string => decodeURIComponent(new URL(url).username);

async function connect(open: OpenConnection, end: () => Promise<void>): Promise<OpenDatabase> {
  const pools = [new Pool(open, CONNECTIONS), new Pool(open, RESERVED)] as const;
  const listener = new Listener(open);
  const shared = {
    listener,
    connection: (onClose: () => void) => open({ ...SINGLE, onclose: onClose }),
    close: async () => {
      await Promise.all([...pools.map(pool => pool.end()), listener.end()]);
      await end();
    },
  };
  const [everybody, gateway] = pools;
  return { ...shared, ...over(everybody), reserved: { ...shared, ...over(gateway) } };
}

/** The database by way of one pool. */
function over(pool: Pool): Pick<Database, 'installation' | 'within' | 'everywhere' | 'ping'> {
  const installation = drizzle(pool as unknown as postgres.Sql, { schema: tables });
  const scoped = <T>(tenants: SQL, work: (tx: Transaction) => Promise<T>) =>
    installation.transaction(async tx => {
      await tx.execute(sql`select set_config('app.tenants', ${tenants}, true)`);
      return work(tx);
    });
  return {
    installation,
    within: (tenants, work) => scoped(sql`${scopeOf(tenants)}`, work),
    everywhere: work => scoped(sql`(select coalesce(string_agg(id, ','), '') from served_tenant)`, work),
    ping: async () => {
      await installation.execute(sql`select 1`);
    },
  };
}

/** The setting that the policies read (drizzle/0003_row_level_security.sql): names with commas between them. */
function scopeOf(tenants: readonly string[]): string {
  const odd = tenants.find(tenant => !/^[\w.-]+$/.test(tenant));
  if (odd !== undefined) throw new Error('a tenant has a name that cannot stand in a list');
  return tenants.join(',');
}

/**
 * Migrations, and the program's rights; several that start together wait for each other.
 *
 * @throws Error for a role that row level security would not hold
 */
export async function bringUpToDate(open: () => postgres.Sql, role: string, create: boolean): Promise<void> {
  const owner = open();
  try {
    await owner`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(owner), { migrationsFolder: MIGRATIONS });
    const [found] = await owner`select 1 from pg_roles where rolname = ${role}`;
    if (!found && !create) throw new Error(`DATABASE_URL: PostgreSQL has no role ${role}`);
    if (!found) await owner.unsafe(`create role ${identifier(role)} login`);
    const [{ free }] = (await owner`
      select rolsuper or rolbypassrls or pg_has_role(${role}, current_user, 'member') as free
      from pg_roles where rolname = ${role}`) as unknown as [{ free: boolean }];
    if (free) {
      throw new Error(
        `DATABASE_URL: the role ${role} owns the tables or may pass by row level security; give it one of its own that may not (README, PostgreSQL)`,
      );
    }
    await grantTo(owner, identifier(role));
  } finally {
    await owner.end({ timeout: 5 });
  }
}

async function grantTo(owner: postgres.Sql, role: string): Promise<void> {
  const rights = Object.entries(WRITABLE).map(
    ([table, verbs]) => `grant ${verbs} on ${identifier(table)} to ${role}`,
  );
  await owner.begin(async tx => {
    await tx.unsafe(`grant usage on schema public to ${role}`);
    await tx.unsafe(`revoke all on all tables in schema public from ${role}`);
    await tx.unsafe(`grant select on all tables in schema public to ${role}`);
    for (const right of rights) await tx.unsafe(right);
    await tx.unsafe(`grant execute on function append_log to ${role}`);
  });
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The migrations in order, with the time that the database remembers each by. */
export const migrations = (): { name: string; at: number }[] =>
  (
    JSON.parse(readFileSync(join(MIGRATIONS, 'meta', '_journal.json'), 'utf8')) as {
      entries: { tag: string; when: number }[];
    }
  ).entries.map(entry => ({ name: entry.tag, at: entry.when }));

/** Their names, for `/readyz` and support. */
export const migrationNames = (): string[] => migrations().map(({ name }) => name);
