import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseStage, type Stage } from '../../src/demo/stage.ts';
import { filledTemplate } from '../../src/matrices/template.ts';
import { people, webSessions } from '../../src/store/tables.ts';
import { sallyport } from '../cli/broker.ts';
import { freshDatabase } from '../fixtures/database.ts';
import { ask, logOf, RESTORE, unhurried } from '../fixtures/raised.ts';
import { folderOf, fromBrowser, sign } from '../fixtures/signed.ts';

/** A broker as anybody but the demo starts it: nothing is in force until both have signed. */
let stage: Stage;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-signed-'));
  stage = await raiseStage({
    folder,
    database: await freshDatabase(),
    configure: unhurried,
    adjust: { unsignedFirstVersion: false },
  });
});
afterAll(async () => {
  await stage?.close();
  await rm(folder, { recursive: true, force: true });
});

const proposals = async () => (await stage.api('alex', 'GET', '/matrix/proposals')).json.proposals;
const edited = (from: string, to: string) => {
  const files = folderOf(stage);
  expect(files.matrix).toContain(from);
  return { ...files, matrix: files.matrix.replace(from, to) };
};
const propose = async (files: object) => {
  const put = await stage.api('alex', 'POST', '/matrix/proposals', files);
  expect(put.status, put.text).toBe(201);
  return put.json;
};
const signBoth = async (proposal: { id: string; document: string }) => {
  expect((await sign(stage, 'alex', proposal)).json).toEqual({ in_force: false });
  expect((await sign(stage, 'chris', proposal)).json).toEqual({ in_force: true });
};

describe('the first version', () => {
  it('waits, as the folder has it: people sign in and read it, and nothing opens', async () => {
    const [first] = await proposals();
    expect(first).toMatchObject({ state: 'open', proposed_by: null, base: null, signatures: [] });
    const asked = await stage.api('maya', 'POST', '/requests', RESTORE);
    expect([asked.status, asked.json.code]).toEqual([409, 'version-not-signed']);
    const dry = await stage.api('maya', 'POST', '/decisions', RESTORE);
    expect(dry.json.decision).toBe('needs-approval');
    const page = await (await stage.as('maya')).open(new URL('/', stage.url));
    expect(page.text).toContain('Nothing opens in acme');
  });

  it('has no target dialled by a preflight, and no certificate signed', async () => {
    await stage.api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage.db01.hostKeyLine });
    const before = stage.db01.log();
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const { status, json } = await stage.api('maya', 'POST', '/preflight', { at, targets: ['db01'] });
    const rows = json.checks.filter(({ subject }: { subject: string }) => subject === 'db01');
    expect(rows.map(({ check, ok }: { check: string; ok: null }) => [check, ok])).toEqual([['target', null]]);
    expect([status, json.ok]).toEqual([200, false]);
    expect(rows[0].detail).toMatch(/was not tried: Both parties have not signed a version/);
    const log = await logOf(stage);
    expect(log.find(({ action }) => action === 'preflight.run').data.tried).toBe(0);
    expect(log.filter(({ action }) => action === 'credential.issued')).toEqual([]);
    expect(stage.db01.log()).toBe(before);
  });

  it('does not know yet who Chris is: he has it put up again, with himself in it', async () => {
    const [first] = await proposals();
    const refused = await sign(stage, 'chris', first);
    expect([refused.status, refused.json.code]).toEqual([409, 'identity-not-in-document']);
    for (const name of ['dana', 'ravi'] as const) await stage.as(name);
    const chris = await stage.as('chris');
    await chris.open(new URL(`/matrix/proposals/${first.id}`, stage.url));
    const page = await chris.submit('Put the same up again');
    expect(page.text).toContain('chris@acme.example');
    expect(page.text).toContain('means Chris Adeyemi');
  });

  it('is signed by one of each party at their browsers, and only then opens doors', async () => {
    const [first] = (await proposals()).filter((one: { state: string }) => one.state === 'open');
    for (const name of ['maya', 'dana', 'audrey'] as const) {
      const refused = await sign(stage, name, first);
      expect([name, refused.status, refused.json.code]).toEqual([name, 403, 'not-yours']);
    }
    const byToken = await stage.api('alex', 'POST', `/matrix/proposals/${first.id}/sign`, {
      document: first.document,
    });
    expect([byToken.status, byToken.json.code]).toEqual([403, 'browser-needed']);
    const moved = await sign(stage, 'alex', { id: first.id, document: '0'.repeat(64) });
    expect([moved.status, moved.json.code]).toEqual([409, 'moved']);
    for (const name of ['alex', 'chris'] as const) {
      const visitor = await stage.as(name);
      await visitor.open(new URL(`/matrix/proposals/${first.id}`, stage.url));
      await visitor.submit('Sign this version');
    }
    expect((await stage.as('chris')).page.text).toContain('Came into force');
    const again = await sign(stage, 'chris', first);
    expect([again.status, again.json.code]).toEqual([409, 'already-decided']);
    expect((await ask(stage)).state).toBe('waiting');
    const entries = (await logOf(stage)).filter(({ action }) => /^matrix|^binding/.test(action));
    expect(entries.map(({ action }) => action)).toEqual([
      'matrix.proposed',
      'matrix.proposed',
      'matrix.signed',
      'matrix.signed',
      'matrix.in-force',
      'binding.confirmed',
      'binding.confirmed',
      'binding.confirmed',
      'matrix.closed',
    ]);
    const inForce = entries.find(({ action }) => action === 'matrix.in-force');
    expect(inForce.data).toMatchObject({ signed: true, previous: null, document: first.document });
    expect(inForce.data.signatures.map(({ party }: { party: string }) => party).sort()).toEqual([
      'client',
      'msp',
    ]);
  });
});

describe('a later version', () => {
  it('does nothing as a file, a little as a proposal, and everything once both have signed it', async () => {
    const longer = edited('for: 2h                         # longest grant', 'for: 3h');
    const put = await propose({ ...longer, change: 'CHG-1043', note: 'Restores of the archive take longer' });
    const three = { ...RESTORE, for: '3h' };
    const decision = async () => (await stage.api('maya', 'POST', '/decisions', three)).json;
    expect((await decision()).code).toBe('duration-too-long');
    const screen = await (await stage.as('alex')).open(new URL('/', stage.url));
    expect(screen.text).toContain('waits for your signature');
    expect((await sign(stage, 'alex', put)).json).toEqual({ in_force: false });
    const twice = await sign(stage, 'alex', put);
    expect([twice.status, twice.json.code]).toEqual([409, 'already-signed']);
    expect((await decision()).code).toBe('duration-too-long');
    expect((await sign(stage, 'chris', put)).json).toEqual({ in_force: true });
    expect((await decision()).decision).toBe('needs-approval');
    const { json } = await stage.api('audrey', 'GET', '/matrix/versions');
    expect(json.versions).toHaveLength(2);
    expect(json.versions[0]).toMatchObject({
      change: 'CHG-1043',
      note: 'Restores of the archive take longer',
    });
    const first = await stage.api('audrey', 'GET', `/matrix/proposals/${json.versions[1].id}`);
    expect(first.json.review.diff).toBeNull();
    const old = await stage.api('audrey', 'GET', `/matrix/versions/${json.versions[1].digest}`);
    expect(old.json.matrix.services.backups.activities.restore.for).toBe('2h');
  });

  it('that was put up before another came into force is out of date', async () => {
    const one = await propose(edited('answer_within: 15m', 'answer_within: 20m'));
    const other = await propose(edited('answer_within: 15m', 'answer_within: 25m'));
    await signBoth(one);
    const late = await sign(stage, 'alex', other);
    expect([late.status, late.json.code]).toEqual([409, 'already-decided']);
    const states = Object.fromEntries(
      (await proposals()).map((p: { id: string; state: string }) => [p.id, p.state]),
    );
    expect([states[one.id], states[other.id]]).toEqual(['in-force', 'outdated']);
  });

  it('that breaks its own expectations, or is no matrix, is not put up', async () => {
    const before = (await proposals()).length;
    const files = folderOf(stage);
    const expectations = `people: { maya: { party: msp, groups: [backup-ops] } }
expect:
  - { name: three hours, ask: { who: maya, target: db01, ssh: root, for: 3h, ticket: INC-7, at: 2026-11-24T10:00 }, decision: needs-approval }
`;
    const failing = await stage.api('alex', 'POST', '/matrix/proposals', { ...files, expectations });
    expect([failing.status, failing.json.code]).toEqual([422, 'expectations-failed']);
    const bad = await stage.api('alex', 'POST', '/matrix/proposals', {
      ...files,
      matrix: files.matrix.replace('A: client/it', 'A: client/itt'),
    });
    expect([bad.status, bad.json.code]).toEqual([422, 'bad-version']);
    expect(bad.json.problems[0]).toMatchObject({ file: 'matrix.yaml', nearest: 'client/it' });
    expect((await proposals()).length).toBe(before);
  });

  it('is taken back by who put it up or turned down by who would sign it, and by nobody else', async () => {
    const put = await propose(edited('answer_within: 15m', 'answer_within: 40m'));
    const notHis = await stage.api('noah', 'POST', `/matrix/proposals/${put.id}/withdraw`);
    expect([notHis.status, notHis.json.code]).toEqual([403, 'not-yours']);
    const chris = await stage.as('chris');
    await chris.open(new URL(`/matrix/proposals/${put.id}`, stage.url));
    const page = await chris.submit('Turn it down');
    expect(page.text).toContain('taken back');
    const dead = await sign(stage, 'alex', put);
    expect([dead.status, dead.json.code]).toEqual([409, 'already-decided']);
  });
});

describe('what would go wrong between the two signatures', () => {
  it('whoever signed first must sign for their party still when the second signs', async () => {
    const { database } = stage.broker.application;
    const groupsOfAlex = (groups: string[]) =>
      database.installation.update(people).set({ groups }).where(eq(people.email, 'alex@northwind.example'));
    const put = await propose(edited('answer_within: 15m', 'answer_within: 11m'));
    expect((await sign(stage, 'alex', put)).json).toEqual({ in_force: false });
    await groupsOfAlex([]);
    const lapsed = await sign(stage, 'chris', put);
    expect([lapsed.status, lapsed.json.code]).toEqual([409, 'signature-lapsed']);
    await groupsOfAlex(['account-managers']);
    await stage.api('alex', 'POST', `/matrix/proposals/${put.id}/withdraw`);
  });

  it('a version under which nobody could sign the next is not put up', async () => {
    const last = await stage.api('alex', 'POST', '/matrix/proposals', {
      ...edited(
        'people: [chris@acme.example, robin@acme.example], primary: chris@acme.example',
        'people: [nobody@acme.example]',
      ),
    });
    expect([last.status, last.json.code]).toEqual([409, 'no-signer']);
  });

  it('one person fills neither the list nor the patience of the others', async () => {
    const noahs = [];
    for (const minutes of [31, 32, 33]) {
      const files = edited('answer_within: 15m', `answer_within: ${minutes}m`);
      const put = await stage.api('noah', 'POST', '/matrix/proposals', files);
      expect(put.status).toBe(201);
      noahs.push(put.json.id);
    }
    const fourth = await stage.api(
      'noah',
      'POST',
      '/matrix/proposals',
      edited('answer_within: 15m', 'answer_within: 34m'),
    );
    expect([fourth.status, fourth.json.code]).toEqual([409, 'too-many-proposals']);
    const alexs = await propose(edited('answer_within: 15m', 'answer_within: 35m'));
    const states = (await proposals()).map((one: { state: string }) => one.state);
    expect(states.filter((state: string) => state === 'open')).toHaveLength(4);
    expect(states).toContain('in-force');
    for (const id of [...noahs, alexs.id])
      await stage.api(id === alexs.id ? 'alex' : 'noah', 'POST', `/matrix/proposals/${id}/withdraw`);
  });

  it('nobody without a squad puts anything up', async () => {
    const put = await stage.api('mallory', 'POST', '/matrix/proposals', folderOf(stage));
    expect([put.status, put.json.code]).toEqual([403, 'not-yours']);
  });
});

describe('from a terminal', () => {
  const say = async (...argv: string[]) =>
    sallyport(argv, { url: stage.url, token: await stage.token('alex') });

  it('a folder is put up with what it changes, and the history says who signed what', async () => {
    const copy = join(folder, 'copy');
    await cp(join(folder, 'policies', 'acme'), copy, { recursive: true });
    const path = join(copy, 'matrix.yaml');
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replace('R: [msp/backup-ops]', 'R: [msp/backup-ops, msp/account]'),
    );
    const put = await say('matrix', 'propose', copy, '--change', 'CHG-1050');
    expect([put.code, put.err]).toEqual([0, '']);
    expect(put.out).toMatch(/waits for both signatures, as mp_/);
    expect(put.out).toMatch(/Gains access\n.*msp\/account/s);
    const id = /as (mp_\w+)/.exec(put.out)![1]!;
    expect((await say('matrix', 'propose', copy, '--change', 'CHG-1050')).err).toContain('already-proposed');
    const listed = await say('matrix', 'history');
    expect(listed.out).toContain(id);
    const current = / in force .*(mp_\w+)$/m.exec(listed.out)![1]!;
    const { out: signed } = await say('matrix', 'history', current);
    expect(signed.replace(/\s+/g, ' ')).toMatch(
      /Signed Alex Reyes for msp\/account,.* Chris Adeyemi for client\/ciso/,
    );
    const shown = await say('matrix', 'history', id, '--output', join(folder, 'shown'));
    expect(shown.out).toContain('CHG-1050');
    expect(await readFile(join(folder, 'shown', 'matrix.yaml'), 'utf8')).toBe(await readFile(path, 'utf8'));
    await stage.api('alex', 'POST', `/matrix/proposals/${id}/withdraw`);
  });
});

it('a version may build on a library: the broker reads its rows, and the page shows what the parties changed', async () => {
  const { msp, client } = stage.providers;
  const answers = {
    tenant: 'acme',
    timezone: 'America/New_York',
    reviewBy: '2027-02-20',
    mspIssuer: msp.issuer,
    clientIssuer: client.issuer,
  };
  const texts = filledTemplate('hipaa', answers, false);
  const put = await propose({
    tenant: 'acme',
    matrix: texts.matrix,
    targets: texts.targets,
    ...(texts.expectations === null ? {} : { expectations: texts.expectations }),
  });
  const { json } = await stage.api('alex', 'GET', `/matrix/proposals/${put.id}`);
  expect(json.contents.matrix.extends).toBe('hipaa@1');
  expect(Object.keys(json.contents.matrix.services).length).toBeGreaterThan(5);
  const alex = await stage.as('alex');
  const page = await alex.open(new URL(`/matrix/proposals/${put.id}`, stage.url));
  expect(page.text).toContain('Builds on the library hipaa@1');
  const path = await stage.api('alex', 'POST', '/matrix/proposals', {
    tenant: 'acme',
    matrix: texts.matrix.replace('hipaa@1', '../../library/hipaa@1'),
    targets: texts.targets,
  });
  expect([path.status, path.json.code]).toEqual([422, 'bad-version']);
  await stage.api('alex', 'POST', `/matrix/proposals/${put.id}/withdraw`);
});

describe('who the named people are', () => {
  it('Robin, who signs in after the first version, is nobody until both have signed that he is', async () => {
    await stage.as('robin');
    const put = await propose(edited('answer_within: 15m', 'answer_within: 16m'));
    const early = await sign(stage, 'robin', put);
    expect([early.status, early.json.code]).toEqual([403, 'not-yours']);
    const alex = await stage.as('alex');
    const page = await alex.open(new URL('/matrix/proposals', stage.url));
    expect(page.text).toContain('Robin Castell');
    await alex.submit('Put this up for signing');
    const [confirming] = (await proposals()).filter((one: { state: string }) => one.state === 'open');
    await signBoth(confirming);
    const later = await propose(edited('answer_within: 15m', 'answer_within: 17m'));
    expect((await sign(stage, 'robin', later)).json).toEqual({ in_force: false });
    await stage.api('alex', 'POST', `/matrix/proposals/${later.id}/withdraw`);
  });
});

describe('grants that run', () => {
  it('go on under a version that would refuse them, until their owner ends them with one button', async () => {
    const request = await ask(stage);
    const { json: shown } = await stage.api('dana', 'GET', `/requests/${request.id}`);
    await stage.api('dana', 'POST', `/requests/${request.id}/approve`, { digest: shown.digest });
    await signBoth(
      await propose(
        edited('gives: { ssh: [root, backup], postgres: [restore_operator] }', 'gives: { ssh: [backup] }'),
      ),
    );
    const grant = (await stage.api('maya', 'GET', `/requests/${request.id}`)).json.grant;
    expect(grant.live).toBe(true);
    expect(
      (await stage.api('maya', 'GET', '/matrix/disallowed')).json.grants.map(
        (one: { grant: string }) => one.grant,
      ),
    ).toContain(grant.id);
    const dana = await stage.as('dana');
    const page = await dana.open(new URL('/matrix', stage.url));
    expect(page.text).toContain('no longer allowed');
    await dana.follow('Look at them');
    expect(dana.page.text).toContain('Maya Okafor');
    const done = await dana.submit('End it now');
    expect(done.text).toContain('None of those that are yours to end');
    expect((await stage.api('maya', 'GET', `/requests/${request.id}`)).json.grant.end_reason).toBe('revoked');
  });
});

it('a sign-in that is not fresh signs nothing', async () => {
  const put = await propose(edited('answer_within: 15m', 'answer_within: 18m'));
  const { database, clock } = stage.broker.application;
  await database.installation
    .update(webSessions)
    .set({ authenticatedAt: new Date(clock.now().getTime() - 601_000) });
  const stale = await fromBrowser(stage, 'chris', `/matrix/proposals/${put.id}/sign`, {
    document: put.document,
  });
  expect([stale.status, stale.json.code]).toEqual([403, 'fresh-sign-in-needed']);
});
