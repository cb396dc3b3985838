import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrationNames, openDatabase } from '../../src/store/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let folder: string;
let server: EmbeddedPostgres;
let admin: postgres.Sql;

const address = (user: string, database = 'sallyport') =>
  `postgres://${user}@localhost:${server.port}/${database}?host=${encodeURIComponent(server.socketFolder)}`;
const client = (user: string) =>
  postgres({
    host: server.socketFolder,
    port: server.port,
    user,
    database: 'sallyport',
    max: 1,
    onnotice() {},
  });
const open = (app = 'app') =>
  openDatabase({ database: { url: address(app), migrationUrl: address('owner') }, data: folder }, quiet);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-database-'));
  server = await startEmbeddedPostgres({ dataFolder: folder, logger: quiet });
  admin = postgres({
    host: server.socketFolder,
    port: server.port,
    user: server.user,
    database: 'postgres',
    max: 1,
  });
  await admin`create role owner login`;
  await admin`create role app login`;
  await admin`create database sallyport owner owner`;
});

afterAll(async () => {
  await admin?.end();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a PostgreSQL that somebody else runs', () => {
  it('is brought up to date once, by four that start together', async () => {
    const databases = await Promise.all([open(), open(), open(), open()]);
    await Promise.all(databases.map(database => database.ping()));
    await Promise.all(databases.map(database => database.close()));
    const owner = client('owner');
    const [{ applied }] =
      (await owner`select count(*)::int as applied from drizzle.__drizzle_migrations`) as unknown as [
        { applied: number },
      ];
    expect(applied).toBe(migrationNames().length);
    const owned = await owner`select tablename from pg_tables where tableowner = 'app'`;
    expect(owned).toHaveLength(0);
    await owner.end();
  });

  it('gives the program’s role no more than it needs', async () => {
    const database = await open();
    const app = client('app');
    for (const statement of [
      'create table mine (x int)',
      'drop table request',
      'delete from request',
      "update approval set answer = 'yes'",
      'insert into log_entry select * from log_entry',
      'create role other',
    ]) {
      await expect(app.unsafe(statement), statement).rejects.toThrow();
    }
    await app.end();
    await database.close();
  });

  it('without the role that DATABASE_URL names says so', async () => {
    await expect(open('nobody_made_this')).rejects.toThrow(/nobody_made_this/);
  });
});
