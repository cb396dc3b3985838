import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyExport } from '../../src/audit/verify.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { type Appendable, appendEvents, lengthOf, readLines } from '../../src/store/log.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let folder: string;
let database: Database;
let owner: postgres.Sql;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-log-'));
  database = await openDatabase({ database: null, data: folder }, quiet);
  owner = postgres({
    host: join(folder, 'socket'),
    port: 5432,
    user: 'sallyport_owner',
    database: 'postgres',
    max: 1,
    onnotice() {},
  });
});

afterAll(async () => {
  await owner?.end();
  await database?.close();
  await rm(folder, { recursive: true, force: true });
});

const event = (tenant: string, subject: string, entry?: string): Appendable => ({
  ...(entry ? { entry } : {}),
  tenant,
  action: 'person.signed-out',
  actor: 'person:p_maya',
  subject,
  data: {},
});

const append = (...events: Appendable[]) =>
  database.within(
    events.map(({ tenant }) => tenant),
    tx => appendEvents(tx, events),
  );

async function exported(tenant: string): Promise<string> {
  let text = '';
  for await (const { line } of readLines(database, tenant)) text += `${line}\n`;
  return text;
}

const verified = (tenant: string) =>
  exported(tenant).then(text =>
    verifyExport(
      (async function* () {
        yield Buffer.from(text);
      })(),
    ),
  );

describe('the log', () => {
  it('is one chain under many writers at once', async () => {
    await Promise.all(
      Array.from({ length: 60 }, (_, at) => append(event('many', `p_${at}`), event('many', `q_${at}`))),
    );
    expect(await lengthOf(database, 'many')).toBe(120);
    expect((await verified('many')).ok).toBe(true);
  });

  it('keeps hostile words as they are', async () => {
    const subject = 'a"\\{},é\u2028\'—😀 {"x":1}';
    await append(event('words', subject));
    const [line] = (await exported('words')).trim().split('\n');
    expect(JSON.parse(line!).subject).toBe(subject);
    expect((await verified('words')).ok).toBe(true);
  });

  it('takes a repeated entry once', async () => {
    const entry = '11111111-1111-4111-8111-111111111111';
    await append(event('once', 'p_1', entry));
    await append(event('once', 'p_1', entry), event('once', 'p_2'));
    expect(await lengthOf(database, 'once')).toBe(2);
    expect((await verified('once')).ok).toBe(true);
  });

  it('forgets an entry whose change did not come about', async () => {
    const failed = database.within(['rolled'], async tx => {
      await appendEvents(tx, [event('rolled', 'p_1')]);
      throw new Error('the change failed');
    });
    await expect(failed).rejects.toThrow('the change failed');
    await append(event('rolled', 'p_2'));
    const text = await exported('rolled');
    expect(text.split('\n').length).toBe(2);
    expect(JSON.parse(text).seq).toBe(1);
  });

  it.each([
    ['that are no JSON', 'not json\n', '","data":{},"prev":"', ',"subject":"p_1","tenant":"forged"}'],
    [
      'of another actor',
      '{"action":"a","actor":"broker","at":"',
      '","data":{},"prev":"',
      ',"subject":"p_1","tenant":"forged"}',
    ],
    [
      'of another tenant',
      '{"action":"a","actor":"x","at":"',
      '","data":{},"prev":"',
      ',"subject":"p_1","tenant":"acme"}',
    ],
    [
      'with a second line',
      '{"action":"a","actor":"x","at":"',
      '","data":{},\n"prev":"',
      ',"subject":"p_1","tenant":"forged"}',
    ],
    [
      'with a second prev',
      '{"action":"a","actor":"x","at":"',
      '","data":{}},"prev":"","x":{"y":{},"prev":"',
      ',"subject":"p_1","tenant":"forged"}',
    ],
  ])('takes no fragments %s', async (_, head, middle, tail) => {
    const call = sql`select append_log('forged', array[gen_random_uuid()], array['a'], array['x'], array['p_1'],
      array[${head}], array[${middle}], array[${tail}])`;
    await expect(database.within(['forged'], tx => tx.execute(call))).rejects.toThrow();
    expect(await lengthOf(database, 'forged')).toBe(0);
  });

  it.each([
    "update log_entry set line = 'x'",
    'delete from log_entry',
    'truncate log_entry',
    'insert into log_entry select * from log_entry where seq = 1',
    'update log_head set seq = 0',
    'delete from log_head',
    "update checkpoint set note = ''",
    'drop table log_entry',
    'alter table log_entry disable trigger all',
    "update matrix_version set source = '{}'",
  ])('refuses the program’s role: %s', async statement => {
    await append(event('kept', 'p_1'));
    await expect(database.within(['kept'], tx => tx.execute(sql.raw(statement)))).rejects.toThrow();
  });

  it.each([
    "update log_entry set line = 'x'",
    'delete from log_entry',
    'truncate log_entry',
    'update log_head set seq = 0 where seq > 0',
    'delete from log_head',
    'truncate log_head',
    "update checkpoint set note = ''",
  ])('refuses even the owner, also as a replica: %s', async statement => {
    await append(event('kept', 'p_2'));
    const done = owner.begin(async tx => {
      await tx.unsafe('set local session_replication_role = replica');
      await tx.unsafe(statement);
    });
    await expect(done).rejects.toThrow(/refused/);
  });
});
