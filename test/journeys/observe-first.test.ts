import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { admitSession } from '../../src/elevation/admit-session.ts';
import { tellAllObserved } from '../../src/schedule/observed.ts';
import type { Commit } from '../../src/store/commit.ts';
import { tenants } from '../../src/store/matrix-tables.ts';
import { outbox, people } from '../../src/store/tables.ts';
import { ask, granted, logOf, RESTORE, raised } from '../fixtures/raised.ts';
import { putInForce } from '../fixtures/signed.ts';

const stage = raised();
const DAY = 86_400_000;

/** Acme's matrix with this mode comes into force by both signatures. */
async function inMode(mode: 'observe' | 'enforce') {
  const file = join(stage().folder, 'policies', 'acme', 'matrix.yaml');
  const text = readFileSync(file, 'utf8').replace(/^mode: .*\n/m, '');
  writeFileSync(file, text.replace('\ntimezone:', `\nmode: ${mode}\ntimezone:`));
  await putInForce(stage());
}

const show = async (id: string) => (await stage().api('maya', 'GET', `/requests/${id}`)).json;
const approve = async (id: string, verb: 'approve' | 'deny' = 'approve') => {
  const { json } = await stage().api('dana', 'GET', `/requests/${id}`);
  const answer = await stage().api('dana', 'POST', `/requests/${id}/${verb}`, {
    digest: json.digest,
    reason: 'So be it',
  });
  return [answer.status, answer.json.code ?? answer.json.state];
};
const grantsOfMaya = async () =>
  (await stage().api('maya', 'GET', '/grants')).json.grants.map(({ id }: { id: string }) => id);
const lettersAbout = (id: string) =>
  stage().broker.application.database.within(['acme'], tx =>
    tx.select().from(outbox).where(eq(outbox.about, id)),
  );
const digests = async () =>
  (
    await stage().broker.application.database.within(['acme'], tx =>
      tx.select().from(outbox).where(eq(outbox.tenant, 'acme')),
    )
  ).filter(({ message }) => message.kind === 'observed-digest');
const titles = async () => (await digests()).map(({ message }) => message.title).sort();
const pageOf = async (who: 'maya' | 'dana', path: string) =>
  (await (await stage().as(who)).open(new URL(path, stage().url))).text;

/** A day passes, and more, so that a morning does too wherever clocks change: all that lies behind lies further back. */
const aDayPasses = () =>
  stage().broker.application.database.within(['acme'], async tx => {
    await tx.execute(sql`update tenant set observed_until = observed_until - interval '26 hours'`);
    await tx.execute(sql`update request set created_at = created_at - interval '26 hours'`);
  });

/** The round of one more broker; what failed in it. */
async function tell(commit: Commit = stage().broker.application.commit, ahead = 0) {
  const { engagements, clock } = stage().broker.application;
  const failures: unknown[] = [];
  const now = () => new Date(clock.now().getTime() + ahead);
  await tellAllObserved(engagements, commit, { now }, (_, error) => failures.push(error));
  return failures;
}

let waiting = '';
let running = '';
let observed = '';

beforeAll(async () => {
  waiting = (await ask(stage())).id;
  running = (await granted(stage())).id;
  await inMode('observe');
});

describe('while the matrix only observes', () => {
  it('Maya asks: it is decided and recorded, nobody is asked and nothing opens', async () => {
    const request = await ask(stage());
    observed = request.id;
    expect(request.state).toBe('observed');
    expect(request.expires_at).toBeNull();
    expect(request.decision).toMatchObject({ decision: 'needs-approval', cell: 'backups/restore' });
    expect(request.decision.approvers).toEqual(['dana@acme.example', 'ravi@acme.example']);
    expect((await show(observed)).grant).toBeNull();
    expect(await lettersAbout(observed)).toEqual([]);
    const entries = (await logOf(stage())).filter(({ subject }) => subject === observed);
    expect(entries.map(({ action }) => action)).toEqual(['request.observed']);
    expect(entries[0].data).toMatchObject({
      answer: 'needs-approval',
      approvers: ['dana@acme.example', 'ravi@acme.example'],
      cell: 'backups/restore',
    });
    const list = await stage().api('dana', 'GET', '/requests?state=observed');
    expect(list.json.requests.map(({ id }: { id: string }) => id)).toEqual([observed]);
  });

  it('what would have opened at once opens nothing either, and a refusal stays one', async () => {
    const before = await grantsOfMaya();
    const urgent = await ask(stage(), { severity: 'sev1' });
    expect([urgent.state, urgent.decision.decision]).toEqual(['observed', 'pre-approved']);
    expect(await lettersAbout(urgent.id)).toEqual([]);
    const long = await stage().api('maya', 'POST', '/requests', { ...RESTORE, for: '9h' });
    expect([long.status, long.json.code]).toEqual([403, 'duration-too-long']);
    expect((await show(long.json.request)).state).toBe('refused');
    expect(await grantsOfMaya()).toEqual(before);
  });

  it.each(['approve', 'deny'] as const)('nobody can %s what was only observed', async verb => {
    expect(await approve(observed, verb)).toEqual([409, 'observed']);
    expect((await show(observed)).state).toBe('observed');
  });

  it('nor is it changed or taken back: there is nothing that waits', async () => {
    const changed = await stage().api('maya', 'PATCH', `/requests/${observed}`, { for: '30m' });
    expect([changed.status, changed.json.code]).toEqual([409, 'already-decided']);
    const back = await stage().api('maya', 'POST', `/requests/${observed}/withdraw`);
    expect([back.status, back.json.code]).toEqual([409, 'already-decided']);
  });

  it('what waited before opens nothing by a yes and asks nobody anew; Maya takes it back', async () => {
    const letters = (await lettersAbout(waiting)).length;
    expect(await approve(waiting)).toEqual([409, 'observed']);
    const changed = await stage().api('maya', 'PATCH', `/requests/${waiting}`, { for: '30m' });
    expect([changed.status, changed.json.code]).toEqual([409, 'observed']);
    expect(await lettersAbout(waiting)).toHaveLength(letters);
    expect(await show(waiting)).toMatchObject({ state: 'waiting', revision: 1, grant: null });
    expect(await pageOf('dana', `/r/${waiting}`)).toContain('Nobody can say yes to this');
    const back = await stage().api('maya', 'POST', `/requests/${waiting}/withdraw`);
    expect([back.status, back.json.state]).toEqual([200, 'withdrawn']);
  });

  it('a grant that ran runs on, and a door without one says why it stays shut', async () => {
    const { json } = await stage().api('maya', 'GET', '/grants');
    expect(json.grants.find(({ id }: { id: string }) => id === running).live).toBe(true);
    const { database, commit } = stage().broker.application;
    const known = await database.installation.select().from(people);
    const maya = known.find(({ name }) => name.startsWith('Maya'))!;
    const answer = await commit('acme', (look, outside) =>
      admitSession(look, outside, maya, {
        ...{ tenant: 'acme', target: 'db01', role: 'backup', protocol: 'ssh', kind: 'shell', command: null },
        ...{
          pty: true,
          address: '192.0.2.1',
          username: 'backup@db01',
          gateway: 'local-1',
          signInWithin: 3600,
        },
      }),
    );
    expect(answer).toMatchObject({ admitted: false, code: 'no-grant' });
    const said = answer.admitted ? '' : answer.lines.join('\n');
    expect(said).toContain('acme is in observe mode: nothing is opened here');
    expect(said).not.toContain('sallyport request');
  });

  it('a preflight says that nothing will open, and looks at the host without a certificate', async () => {
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
    const certificates = async () =>
      (await logOf(stage())).filter(({ action }) => action === 'credential.issued').length;
    const before = await certificates();
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const asked = { at, activity: 'backups/restore', ssh: 'root', targets: ['db01'] };
    const { json } = await stage().api('maya', 'POST', '/preflight', asked);
    expect(json.ok).toBe(false);
    expect(json.checks[0]).toEqual({
      check: 'version',
      subject: 'acme',
      ok: false,
      detail: 'observe mode: nothing is opened, whatever the decision says',
      mend: 'both parties sign a version with mode: enforce',
    });
    const row = (name: string) => json.checks.find(({ check }: { check: string }) => check === name);
    expect([row('target').ok, row('host-key').ok, row('ca').ok]).toEqual([true, true, null]);
    expect(row('ca').detail).toBe('not tried: observe mode opens nothing, so no certificate is signed');
    expect(await certificates()).toBe(before);
  });

  it('pages say so: to everybody, to Maya what would have been, to Dana what she would have been asked', async () => {
    const request = await pageOf('maya', `/r/${observed}`);
    expect(request).toContain('Observe mode: nothing is opened in acme');
    expect(request).toContain('this would have asked client/it: Dana Whitfield, Ravi');
    expect(request).toContain('Nothing was opened: use the access that you have.');
    expect(request).not.toContain('Withdraw');
    const asked = 'Maya Okafor Northwind MSP root on db01';
    const first = await pageOf('dana', '/');
    expect(first.slice(first.indexOf('What you would have been asked'))).toMatch(`${asked} 1 hour`);
    const dana = await stage().as('dana');
    await dana.follow('All that was observed');
    expect(dana.page.text).toContain(asked);
    expect(dana.page.text).toContain('this would have been opened at once, and nobody asked');
    expect(await pageOf('dana', '/observed?tenant=acme')).toContain(asked);
    expect(await pageOf('maya', '/')).not.toContain('What you would have been asked');
  });
});

describe('every morning', () => {
  it('a digest that could not be committed marks nothing', async () => {
    const { commit } = stage().broker.application;
    const letters: unknown[] = [];
    const dying: Commit = (tenant, step) =>
      commit(tenant, async (look, outside) => {
        const now = new Date(outside.now.getTime() + DAY);
        const done = await step(look, { ...outside, now });
        letters.push(done.letters?.length);
        return { ...done, events: [{ action: 'no-such' } as never] };
      });
    expect(await tell(dying, DAY)).toHaveLength(1);
    expect(letters).toEqual([1]);
    expect(await digests()).toEqual([]);
  });

  it('owners are told once what they would have been asked, however many brokers there are', async () => {
    await aDayPasses();
    expect(await Promise.all([tell(), tell(), tell()])).toEqual([[], [], []]);
    const [letter, ...more] = await digests();
    expect(more).toEqual([]);
    expect(letter!.message.to).toEqual(['client/it']);
    expect(letter!.message.title).toBe(
      'Observe mode, client/it: 1 would have been asked, 1 opened at once, 1 refused',
    );
    expect(letter!.message.lines.slice(1).map(({ label, text }) => `${label}: ${text}`)).toEqual([
      'Would have asked: Maya Okafor, Northwind MSP: ssh as root on db01, backups/restore, once',
      'Would have opened at once: Maya Okafor, Northwind MSP: ssh as root on db01, backups/restore, once',
      'Would have refused: Maya Okafor, Northwind MSP: backups/restore (duration-too-long), once',
      'Opened: nothing: the matrix only observes',
    ]);
    const arrived = await stage().chat.waitFor(
      ({ text }) => text.includes('Observe mode, client/it'),
      30_000,
    );
    expect(arrived.links.map(({ url }) => new URL(url).pathname)).toContain('/observed');
    expect(await tell()).toEqual([]);
    expect(await digests()).toHaveLength(1);
  });

  it('what is asked by a clock that is behind the last digest is in the next one', async () => {
    const { clock, database } = stage().broker.application;
    const ahead = new Date(clock.now().getTime() + 15_000);
    await database.within(['acme'], tx => tx.update(tenants).set({ observedUntil: ahead }));
    expect((await ask(stage())).created_at).toBe(ahead.toISOString());
    await aDayPasses();
    expect(await tell()).toEqual([]);
    expect(await titles()).toEqual([
      'Observe mode, client/it: 1 would have been asked, 0 opened at once, 0 refused',
      'Observe mode, client/it: 1 would have been asked, 1 opened at once, 1 refused',
    ]);
    // A morning with nothing to tell.
    await aDayPasses();
    expect(await tell()).toEqual([]);
    expect(await digests()).toHaveLength(2);
  });
});

describe('the day it enforces', () => {
  it('is a version that both sign: the rest is told, the same ask waits, and a yes opens it', async () => {
    await ask(stage());
    await inMode('enforce');
    const request = await ask(stage());
    expect(request.state).toBe('waiting');
    expect(await lettersAbout(request.id)).not.toEqual([]);
    expect(await approve(request.id)).toEqual([200, 'approved']);
    expect((await show(request.id)).grant.live).toBe(true);
    expect(await approve(observed)).toEqual([409, 'observed']);
    const refused = await stage().api('maya', 'POST', '/requests', { ...RESTORE, for: '9h' });
    expect(refused.status).toBe(403);
    await aDayPasses();
    expect(await tell()).toEqual([]);
    const [last, ...before] = await titles();
    expect(before).toHaveLength(2);
    expect(last).toContain('1 would have been asked, 0 opened at once, 0 refused');
    expect(await pageOf('maya', '/')).not.toContain('Observe mode');
  });
});
