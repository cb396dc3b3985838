import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import { contextOf } from '../credentials/contexts.ts';
import { type Keyring, sealedUnder } from '../credentials/seal.ts';
import { appendEvents } from './log.ts';
import { SEE_ALL_TENANTS } from './owner.ts';
import { replaceFile } from './replace-file.ts';
import * as tables from './tables.ts';

type Row = Readonly<Record<string, string>>;

/** The columns that hold sealed secrets, and what each secret is. */
const SEALED_COLUMNS: readonly {
  readonly table: string;
  readonly column: string;
  /** The table's primary key. */
  readonly key: readonly string[];
  readonly context: (row: Row) => string;
}[] = [
  {
    table: 'certificate_authority',
    column: 'sealed',
    key: ['tenant', 'protocol'],
    context: ({ tenant, protocol }) => contextOf.authority(tenant!, protocol!),
  },
  { table: 'web_session', column: 'id_token', key: ['id'], context: ({ id }) => contextOf.idToken(id!) },
];

/** What a file of the keys' folder is; null for one that is no sealed secret of ours. */
export function contextOfFile(name: string): string | null {
  if (name === 'gateway-host.sealed') return contextOf.gatewayHostKey;
  const tenant = /^log-(.+)\.sealed$/.exec(name)?.[1];
  return tenant === undefined ? null : contextOf.logKey(tenant);
}

/**
 * Seals everything that this installation keeps under another key again, under the keyring's first: the files of
 * `keys`, then the columns of the database with an entry in each tenant's log, in one transaction. Killed anywhere, it
 * goes on where it stopped when it is called again; until then the retired keys open what is left.
 *
 * @returns how many secrets were sealed again
 * @throws SealError for what no key here opens; nothing more is changed then
 */
export async function resealAll(owner: postgres.Sql, keys: string, keyring: Keyring): Promise<number> {
  const files = await resealFiles(keys, keyring);
  const database = drizzle(owner, { schema: tables });
  return database.transaction(async tx => {
    const [scope] = await tx.execute<{ tenants: string }>(sql.raw(SEE_ALL_TENANTS));
    const tenants = scope!.tenants.split(',').filter(tenant => tenant !== '');
    let shared = 0;
    const own = new Map<string, number>();
    const count = (tenant: string | undefined) => {
      if (tenant === undefined) shared += 1;
      else own.set(tenant, (own.get(tenant) ?? 0) + 1);
    };
    for (const name of files) count(/^log-(.+)\.sealed$/.exec(name)?.[1]);
    for (const place of SEALED_COLUMNS) {
      const table = sql.identifier(place.table);
      const column = sql.identifier(place.column);
      const wanted = sql.join(
        [...place.key.map(name => sql.identifier(name)), sql`${column} as sealed`],
        sql`, `,
      );
      const rows = await tx.execute<Row>(
        sql`select ${wanted} from ${table} where ${column} is not null
            and split_part(${column}, '.', 2) <> ${keyring.keyId} for update`,
      );
      for (const row of rows) {
        const context = place.context(row);
        const sealed = keyring.seal(keyring.unseal(row.sealed!, context), context);
        const here = place.key.map(name => sql`${sql.identifier(name)} = ${row[name]}`);
        await tx.execute(sql`update ${table} set ${column} = ${sealed} where ${sql.join(here, sql` and `)}`);
        count(row.tenant);
      }
    }
    const all = shared + [...own.values()].reduce((sum, n) => sum + n, 0);
    if (all === 0) return 0;
    await appendEvents(
      tx,
      tenants.map(tenant => ({
        tenant,
        action: 'sealing-key.rotated',
        actor: 'broker',
        subject: `tenant:${tenant}`,
        data: { key: keyring.keyId, retired: [...keyring.retired], secrets: shared + (own.get(tenant) ?? 0) },
      })),
    );
    return all;
  });
}

async function resealFiles(keys: string, keyring: Keyring): Promise<string[]> {
  const resealed: string[] = [];
  for (const name of await filesIn(keys)) {
    const context = contextOfFile(name);
    if (context === null) continue;
    const sealed = (await readFile(join(keys, name), 'utf8')).trim();
    if (sealedUnder(sealed) === keyring.keyId) continue;
    await replaceFile(join(keys, name), keyring.seal(keyring.unseal(sealed, context), context));
    resealed.push(name);
  }
  return resealed;
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { withFileTypes: true })).filter(entry => entry.isFile()).map(entry => entry.name);

/**
 * Where something is still sealed under another key than `keyId`: looked for in every file of `keys` and in every column
 * that holds text, so that a place which nobody thought of keeps its key.
 */
export async function sealedElsewhere(owner: postgres.Sql, keys: string, keyId: string): Promise<string[]> {
  const places: string[] = [];
  for (const name of await filesIn(keys)) {
    const under = sealedUnder((await readFile(join(keys, name), 'utf8')).trim());
    if (under !== null && under !== keyId) places.push(join(keys, name));
  }
  await owner.begin(async tx => {
    await tx.unsafe(SEE_ALL_TENANTS);
    const columns = await tx<{ table: string; column: string }[]>`
      select c.table_name as "table", c.column_name as "column"
      from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
      where c.table_schema = 'public' and c.data_type = 'text' and t.table_type = 'BASE TABLE'
      order by 1, 2`;
    for (const { table, column } of columns) {
      const [found] = await tx<{ rows: number }[]>`
        select count(*)::int as rows from ${tx(table)}
        where ${tx(column)} like 'sp1.%' and ${tx(column)} ~ '^sp1\.[\w-]{8}\.[\w-]{16}\.[\w-]+$'
          and split_part(${tx(column)}, '.', 2) <> ${keyId}`;
      if (found!.rows > 0) places.push(`${table}.${column} (${found!.rows})`);
    }
  });
  return places;
}

/** What each other broker, and command, on this database seals under, as their connections say. */
export async function sealersConnected(owner: postgres.Sql): Promise<string[]> {
  const rows = await owner<{ name: string }[]>`
    select distinct application_name as name from pg_stat_activity
    where datname = current_database() and application_name like 'sallyport %' order by 1`;
  return rows.map(({ name }) => name.slice('sallyport '.length));
}
