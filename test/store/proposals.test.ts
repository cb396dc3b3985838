import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf } from '../../src/domain/proposal.ts';
import { type Installation, installationDigest } from '../../src/domain/version.ts';
import { engagementOf, readEngagement } from '../../src/matrices/read.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { openEngagements } from '../../src/store/engagements.ts';
import { tenants } from '../../src/store/matrix-tables.ts';
import { findProposal, listProposals, takeIn } from '../../src/store/proposals.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let room: string;
let database: Database;
beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'sallyport-proposals-'));
  database = await openDatabase({ database: null, data: join(room, 'data') }, quiet);
});
afterAll(async () => {
  await database?.close();
  await rm(room, { recursive: true, force: true });
});

const acme = readEngagement('policies/acme');
if (!acme.ok) throw new Error('the example does not load');
const { matrix, targets } = acme.engagement;
const NOTHING: Installation = { issuers: [], channels: [] };
const MOVED: Installation = {
  issuers: [],
  channels: [{ name: 'other', kind: 'slack', to: ['client/it'], host: 'chat.example' }],
};

/** Acme's folder as another tenant's, in this version, on an installation of this kind. */
const folder = (tenant: string, version = '1') => ({
  engagement: engagementOf({ ...matrix, matrix: tenant, version }, targets),
  expectations: null,
  texts: null,
});
const broker = (unsigned: boolean, installation = NOTHING) => ({
  takeIn: (version: ReturnType<typeof folder>) =>
    takeIn(database, version, { installation, unsigned, now: new Date() }),
  engagements: openEngagements(database, {
    parse: source => {
      const parsed = JSON.parse(source);
      return engagementOf(parsed.matrix, parsed.targets);
    },
    installation: () => installation,
    unsigned,
  }),
});
const demo = () => broker(true);
const real = () => broker(false);

describe('a folder is taken in', () => {
  it('by a real broker: it waits, is served, and is not in force; another takes its place until one is signed', async () => {
    expect(await real().takeIn(folder('one'))).toBe('waits');
    expect(await real().takeIn(folder('one'))).toBe('unchanged');
    expect(await real().engagements.one('one')).toMatchObject({ tenant: 'one', unsettled: 'first-version' });
    expect(await real().takeIn(folder('one', '2'))).toBe('waits');
    const all = await listProposals(database, { tenant: 'one', states: ['open', 'replaced'] });
    expect(all.map(({ proposal }) => [proposal.version, proposal.state]).sort()).toEqual([
      ['1', 'replaced'],
      ['2', 'open'],
    ]);
    expect((await real().engagements.one('one'))!.engagement.matrix.version).toBe('2');
  });

  it('by the demo: the first is in force unsigned; what comes after it in the folder does nothing', async () => {
    expect(await demo().takeIn(folder('two'))).toBe('in-force');
    expect(await demo().takeIn(folder('two'))).toBe('unchanged');
    expect(await demo().takeIn(folder('two', '2'))).toBe('differs');
    const served = await demo().engagements.one('two');
    expect([served!.unsettled, served!.engagement.matrix.version]).toEqual([null, '1']);
  });

  it('of the demo, by a real broker: what nobody signed is not in force there', async () => {
    expect(await demo().takeIn(folder('three'))).toBe('in-force');
    expect((await real().engagements.one('three'))!.unsettled).toBe('first-version');
    expect(await real().takeIn(folder('three'))).toBe('waits');
    expect((await real().engagements.one('three'))!.unsettled).toBe('first-version');
  });

  it('once one was signed: it changes nothing', async () => {
    await real().takeIn(folder('four'));
    const { proposal } = (await findProposal(database, real().engagements, 'four', { last: 'open' }))!;
    await database.within(['four'], tx =>
      tx
        .update(tenants)
        .set({
          proposal: proposal.id,
          document: proposal.document,
          installation: installationDigest(documentOf(proposal).installation),
          bindings: [],
        })
        .where(eq(tenants.id, 'four')),
    );
    expect(await real().takeIn(folder('four'))).toBe('unchanged');
    expect(await real().takeIn(folder('four', '2'))).toBe('differs');
    const served = await real().engagements.one('four');
    expect([served!.unsettled, served!.engagement.matrix.version]).toEqual([null, '1']);
    expect(served!.engagement.bindings).toEqual([]);
  });

  it('and a broker with other channels than both signed opens nothing by it', async () => {
    expect((await broker(false, MOVED).engagements.one('four'))!.unsettled).toBe('installation');
    expect((await real().engagements.one('four'))!.unsettled).toBeNull();
  });
});

describe('what was put up', () => {
  it.each([
    "update matrix_proposal set source = '{}'",
    "update matrix_proposal set document = ''",
    'delete from matrix_proposal',
    "update matrix_signature set person = 'p_x'",
    'delete from matrix_signature',
  ])('the program itself cannot: %s', async statement => {
    await expect(database.within(['one'], tx => tx.execute(statement))).rejects.toMatchObject({
      cause: { code: '42501' },
    });
  });
});
