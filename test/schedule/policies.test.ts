import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { engagementOf } from '../../src/matrices/read.ts';
import { openPolicies } from '../../src/schedule/policies.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { openEngagements } from '../../src/store/engagements.ts';
import { type FolderVersion, type TakenIn, takeIn } from '../../src/store/proposals.ts';

const quiet = { info() {}, warn() {}, debug() {}, error() {} };
let room: string;
let database: Database;
let folder: string;
let rounds = 0;

beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'sallyport-policies-'));
  database = await openDatabase({ database: null, data: join(room, 'data') }, quiet);
});
afterAll(async () => {
  await database?.close();
  await rm(room, { recursive: true, force: true });
});
beforeEach(() => {
  rounds += 1;
  folder = join(room, `policies-${rounds}`);
});

/** Acme's folder as another tenant's, whose name comes before or after others. */
async function place(name: string): Promise<string> {
  const tenant = `${name}${rounds}`;
  await cp('policies/acme', join(folder, tenant), { recursive: true });
  const file = join(folder, tenant, 'matrix.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace(/^matrix: acme/m, `matrix: ${tenant}`));
  return tenant;
}

type TakeIn = (version: FolderVersion) => Promise<TakenIn>;

function opened(bend: (usual: TakeIn) => TakeIn, welcome = async (_: string) => {}) {
  const installation = { issuers: [], channels: [] };
  const engagements = openEngagements(database, {
    parse: source => {
      const { matrix, targets } = JSON.parse(source);
      return engagementOf(matrix, targets);
    },
    installation: () => installation,
    unsigned: true,
  });
  const usual: TakeIn = version =>
    takeIn(database, version, { installation, unsigned: true, now: new Date() });
  const errors: string[] = [];
  const policies = openPolicies({
    folder,
    engagements,
    takeIn: bend(usual),
    welcome,
    logger: {
      info() {},
      error: (fields, message) => void errors.push(`${JSON.stringify(fields)} ${message}`),
    },
  });
  const served = async () => (await engagements.all()).map(({ tenant }) => tenant);
  return { policies, errors, served };
}

/** What the database says of text that it cannot store, and of nothing else. */
const unstorable =
  (bad: string) =>
  (usual: TakeIn): TakeIn =>
  version =>
    usual(
      version.engagement.tenant === bad
        ? {
            ...version,
            engagement: {
              ...version.engagement,
              matrix: { ...version.engagement.matrix, version: 'secret\0' },
            },
          }
        : version,
    );

it('at the start, a folder that the database refuses is told by its name, and the next is served', async () => {
  const [bad, good] = [await place('aaa'), await place('zzz')];
  const { policies, errors, served } = opened(unstorable(bad));
  expect(await policies.reload()).toEqual([`${join(folder, bad)} could not be taken in (22021)`]);
  expect(errors).toEqual([`{"tenant":"${bad}","why":"22021"} a tenant could not be taken in`]);
  expect(await served()).toContain(good);
  expect(await served()).not.toContain(bad);
});

it('while it runs, likewise; it is told once, and tried again', async () => {
  const [bad, good] = [await place('aaa'), await place('zzz')];
  let away = true;
  const { policies, errors, served } = opened(
    usual => version => (away ? unstorable(bad)(usual) : usual)(version),
  );
  for (let round = 0; round < 4; round++) await policies.lookForNew();
  expect(await served()).toContain(good);
  expect(errors).toEqual([`{"tenant":"${bad}","why":"22021"} a tenant could not be taken in`]);
  away = false;
  await policies.lookForNew();
  expect(await served()).toContain(bad);
});

it('a tenant that cannot be prepared keeps no other from it, and is prepared later', async () => {
  const [bad, good] = [await place('aaa'), await place('zzz')];
  let broken = true;
  const ready: string[] = [];
  const { policies, errors } = opened(
    usual => usual,
    async tenant => {
      if (tenant === bad && broken) throw Object.assign(new Error('of a secret'), { code: 'EACCES' });
      ready.push(tenant);
    },
  );
  expect(await policies.reload()).toEqual([`${join(folder, bad)} could not be taken in (EACCES)`]);
  expect(ready).toContain(good);
  expect(errors).toHaveLength(1);
  broken = false;
  await policies.lookForNew();
  expect(ready).toContain(bad);
});
