import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Meant } from '../../src/domain/meant.ts';
import type { Look } from '../../src/elevation/contract.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import type { EngagementCache } from '../../src/store/engagements.ts';
import { lookIn } from '../../src/store/look.ts';
import { people } from '../../src/store/tables.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let room: string;
let database: Database;

const somebody = (subject: string, groups: string[], boundEmail: string | null, issuer = 'https://one') => ({
  id: `p_${issuer.at(-1)}_${subject}`,
  issuer,
  subject,
  name: subject,
  email: null,
  boundEmail,
  groups,
  claims: {},
  authenticatedAt: new Date(0),
  signedInAt: new Date(0),
  signedOutAt: null,
});

beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'sallyport-people-'));
  database = await openDatabase({ database: null, data: join(room, 'data') }, quiet);
  await database.installation
    .insert(people)
    .values([
      somebody('dana', ['it', 'all'], 'dana@acme.example'),
      somebody('ravi', ['it'], null),
      somebody('chris', [], 'chris@acme.example'),
      somebody('robin', ['guests'], null),
      somebody('odd', ["it's", '{it}', 'it,noc', ''], null),
      somebody('dana', ['it'], 'dana@acme.example', 'https://two'),
    ]);
});
afterAll(async () => {
  await database?.close();
  await rm(room, { recursive: true, force: true });
});

async function found(...meant: Partial<Meant>[]): Promise<string[]> {
  const nothing = { issuer: 'https://one', groups: [], emails: [], subjects: [] };
  const rows = await database.within([], tx => {
    // What else a step looks at is not looked at here.
    const look: Look = lookIn(tx, null as unknown as EngagementCache, async () => 0);
    return look.peopleMeant(meant.map(one => ({ ...nothing, ...one })));
  });
  return rows.map(({ id }) => id).sort();
}

describe('of all who ever signed in, a decision loads', () => {
  it.each<[string, Partial<Meant>[], string[]]>([
    ['those of a group', [{ groups: ['it'] }], ['p_e_dana', 'p_e_ravi']],
    ['those of one group or another', [{ groups: ['all', 'guests'] }], ['p_e_dana', 'p_e_robin']],
    ['whom an email is bound to', [{ emails: ['chris@acme.example'] }], ['p_e_chris']],
    ['whom both parties signed', [{ subjects: ['robin'] }], ['p_e_robin']],
    [
      'each once',
      [{ groups: ['it', 'all'], emails: ['dana@acme.example'], subjects: ['dana'] }],
      ['p_e_dana', 'p_e_ravi'],
    ],
    [
      'those of both issuers',
      [{ groups: ['all'] }, { issuer: 'https://two', groups: ['it'] }],
      ['p_e_dana', 'p_o_dana'],
    ],
    ['nobody by a group that looks alike', [{ groups: ['IT', 'i', 'it}', '{it', 'noc'] }], []],
    ['a group with any character', [{ groups: ["it's", '{it}', 'it,noc'] }], ['p_e_odd']],
    ['a group without a name', [{ groups: [''] }], ['p_e_odd']],
    ['nobody of another issuer', [{ issuer: 'https://none', groups: ['it'], subjects: ['dana'] }], []],
    ['nobody where nothing is meant', [{}, { issuer: 'https://two' }], []],
    ['nobody where nobody is', [], []],
  ])('%s', async (_, meant, expected) => {
    expect(await found(...meant)).toEqual(expected);
  });
});
