import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Configuration } from '../../src/configuration.ts';
import { CAST, type CastName } from '../../src/demo/cast.ts';
import { freePort } from '../../src/demo/listening.ts';
import type { ProbeOrder } from '../../src/domain/probe.ts';
import { people } from '../../src/store/tables.ts';
import { sallyport } from '../cli/broker.ts';
import { logOf, raised } from '../fixtures/raised.ts';
import { type Sshd, startSshd } from '../recorder/sshd.ts';

const DAY = 86_400_000;

/** A date to come, as the matrix's own clock has it: so many days from now, or the next day of that name after that. */
function day(after: number, weekday?: string): string {
  for (let at = Date.now() + after * DAY; ; at += DAY) {
    const say = (options: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York', ...options }).format(at);
    if (weekday === undefined || say({ weekday: 'long' }) === weekday) {
      return say({ year: 'numeric', month: '2-digit', day: '2-digit' });
    }
  }
}

const WORKDAY = `${day(3)}T10:00`;
const PATCH_NIGHT = `${day(3, 'Sunday')}T01:30`;
const PATCH_NOON = `${day(3, 'Tuesday')}T12:00`;
const FROZEN = `${day(22)}T10:00`;

/** More than are tried at once. */
const SPARE = Array.from({ length: 20 }, (_, i) => `spare${i}`);

interface Row {
  readonly check: string;
  readonly subject: string;
  readonly ok: boolean | null;
  readonly detail: string;
  readonly mend: string | null;
}

let foreign: Sshd;
let nobody: number;
beforeAll(async () => {
  foreign = await startSshd();
  nobody = await freePort();
});
afterAll(() => foreign.stop());

const stage = raised({ configure: withMoreHosts });

/** Acme with hosts in a bad way and a freeze that comes, before anybody has signed in. */
function withMoreHosts(usual: Configuration): Configuration {
  const folder = join(usual.policies, 'acme');
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  const [, db01] = /db01:.*?ssh: \{ address: ([\d.:]+)/s.exec(read('targets.yaml'))!;
  const other = (name: string, address: string) =>
    `  ${name}:\n    labels: { service: backups, environment: prod }\n    ssh: { address: "${address}", trust: ca, host_key: "${foreign.hostKey}" }\n`;
  appendFileSync(
    join(folder, 'targets.yaml'),
    [
      other('down01', `127.0.0.1:${nobody}`),
      other('foreign01', `127.0.0.1:${foreign.port}`),
      other('rebuilt01', db01!),
      ...SPARE.map(name => other(name, `127.0.0.1:${nobody}`)),
    ].join(''),
  );
  const freeze = `year-end:      { from: ${day(20)}T00:00, to: ${day(25)}T00:00 }`;
  writeFileSync(join(folder, 'matrix.yaml'), read('matrix.yaml').replace(/year-end: +\{[^}]*\}/, freeze));
  return usual;
}

beforeAll(async () => {
  for (const name of ['maya', 'dana', 'ravi'] as const) await stage().token(name);
  await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
});

const MAYAS = { at: WORKDAY, activity: 'backups/restore', ssh: 'root', targets: ['db01'] };

async function preflight(who: CastName, ask: Record<string, unknown>) {
  const { status, json } = await stage().api(who, 'POST', '/preflight', ask);
  const rows = (json.checks ?? []) as Row[];
  return {
    status,
    json,
    rows,
    row: (check: string, subject: string) =>
      rows.find(each => each.check === check && each.subject === subject),
  };
}

describe('before the change window, an engineer asks whether everybody could act', () => {
  it('and hears whom nobody has seen yet, and that the freeze cannot be answered without them', async () => {
    const { json, row } = await preflight('maya', { ...MAYAS, at: FROZEN });
    expect(json.ok).toBe(false);
    expect(row('decision', 'backups/restore on db01')).toMatchObject({
      ok: true,
      detail: 'maya@northwind.example: must ask, by exception "year-end freeze"',
      mend: 'have a ticket ready: without one the answer is no',
    });
    expect(row('owner', 'backups/restore on db01')).toMatchObject({
      ok: false,
      detail: 'nobody of client/ciso who may answer has ever signed in',
    });
    expect(row('squad', 'client/ciso')).toMatchObject({ ok: false });
    expect(row('person', 'chris@acme.example')).toMatchObject({
      ok: false,
      detail: 'never signed in; the matrix names them for client/ciso',
    });
  });

  it('and hears that all is well, once everybody was there', async () => {
    for (const name of ['chris', 'robin'] as const) await stage().token(name);
    const before = stage().db01.log().length;
    const { status, json, rows, row } = await preflight('maya', MAYAS);
    expect([status, json.ok, rows.filter(({ ok }) => ok !== true)]).toEqual([200, true, []]);
    expect(row('ca', 'db01')).toMatchObject({
      detail: expect.stringMatching(/^takes the CA: root let in after/),
    });
    expect(row('host-key', 'db01')!.detail).toMatch(/^the pinned one, ssh-ed25519 SHA256:/);
    expect(row('owner', 'backups/restore on db01')!.detail).toBe(
      'dana@acme.example, ravi@acme.example at once; chris@acme.example, robin@acme.example after 15m',
    );
    expect(row('channel', 'client/it')!.detail).toBe('told by acme-it');
    expect(row('person', 'maya@northwind.example')!.mend).toMatch(/^sign in again after /);
    const said = () => stage().db01.log().slice(before);
    await expect.poll(said).toContain('Disconnected from user root');
    expect(said()).not.toContain('Starting session');
    expect((await stage().api('maya', 'GET', '/grants')).json.grants).toEqual([]);
    expect((await stage().api('dana', 'GET', '/sessions')).json.sessions).toEqual([]);
  });

  it('and it stands in the log, with the certificate that could do nothing', async () => {
    const { json } = await preflight('maya', MAYAS);
    const log = await logOf(stage());
    const run = log.findLast(({ action }) => action === 'preflight.run');
    expect(run).toMatchObject({
      subject: 'tenant:acme',
      data: {
        preflight: json.preflight,
        activity: 'backups/restore',
        targets: ['db01'],
        tried: 1,
        failed: 0,
        unknown: 0,
      },
    });
    const issued = log.findLast(({ action }) => action === 'credential.issued');
    expect(issued).toMatchObject({
      subject: 'target:db01',
      data: { session: null, principal: 'sallyport:db01.acme:root', source_address: '127.0.0.1' },
    });
    const { valid_after, valid_before } = issued.data;
    expect(Date.parse(valid_before) - Date.parse(valid_after)).toBe(60_000);
    expect(Buffer.from(issued.data.certificate.split(' ')[1], 'base64').toString('latin1')).toMatch(
      /force-command.*exit 1.*source-address/s,
    );
  });

  it('and hears of hosts that are down, rebuilt, or trust somebody else', async () => {
    const hosts = ['db01', 'down01', 'foreign01', 'rebuilt01'];
    const { json, row } = await preflight('maya', { ...MAYAS, targets: hosts });
    expect(json.ok).toBe(false);
    expect(row('ca', 'db01')!.ok).toBe(true);
    expect(row('target', 'down01')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('ECONNREFUSED'),
    });
    expect(row('host-key', 'down01')).toBeUndefined();
    expect(row('host-key', 'foreign01')!.ok).toBe(true);
    expect(row('ca', 'foreign01')).toMatchObject({ ok: false, detail: 'refused the certificate for root' });
    expect(row('clock', 'foreign01')!.ok).toBeNull();
    expect(row('host-key', 'rebuilt01')).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^it shows ssh-ed25519 SHA256:.*, which is not what is pinned/),
    });
    expect(row('ca', 'rebuilt01')).toMatchObject({ ok: null });
  });

  it('and an owner hears that nobody who would patch was ever seen, and when the window is shut', async () => {
    const ask = { activity: 'endpoints/patch', targets: ['app01'] };
    const noon = await preflight('dana', { ...ask, at: PATCH_NOON });
    expect(noon.row('squad', 'msp/noc')).toMatchObject({
      ok: false,
      detail: 'nobody was ever seen in it: R of endpoints/patch',
      mend: 'one of them signs in once; their identity provider must say group noc',
    });
    expect(noon.row('decision', 'endpoints/patch on app01')).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^somebody of msp\/noc: outside-window: endpoints\/patch is open when/),
    });
    const night = await preflight('dana', { ...ask, at: PATCH_NIGHT });
    expect(night.row('decision', 'endpoints/patch on app01')).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^somebody of msp\/noc: must ask; its window ends .* 05:00/),
    });
  });

  it('and reads it in a terminal', async () => {
    const around = { url: stage().url, token: await stage().token('dana') };
    const call = ['preflight', '--at', WORKDAY, '--activity', 'backups/restore', '--ssh', 'root'];
    const well = await sallyport([...call, 'db01'], around);
    expect(well.out).toMatch(/All that can be known is well: \d+ checks\.\n$/);
    expect([well.code, well.err]).toEqual([0, '']);
    const { code, out } = await sallyport([...call, 'db01', 'down01'], around);
    expect(code).toBe(1);
    expect(out).toMatch(/^ {2}NO {2}target {4}down01: 127\.0\.0\.1:\d+ does not answer/m);
    expect(out.split('\n').filter(line => line.length > 80)).toEqual([]);
    const { code: also, out: text } = await sallyport([...call, 'db01', '--json'], around);
    expect([also, JSON.parse(text).ok]).toEqual([0, true]);
  });
});

describe('a preflight', () => {
  const refusals: readonly [string, CastName, Record<string, unknown>, number, string][] = [
    ['of somebody who does nothing there', 'noah', { ...MAYAS }, 403, 'not-yours'],
    ['of somebody in no squad', 'mallory', { ...MAYAS }, 403, 'not-yours'],
    ['of a target that is not there', 'dana', { ...MAYAS, targets: ['db09'] }, 404, 'no-such-target'],
    ['of another engagement', 'dana', { ...MAYAS, tenant: 'globex' }, 404, 'no-such-target'],
    ['of yesterday', 'dana', { ...MAYAS, at: '2020-01-01T00:00' }, 400, 'invalid'],
    ['of no time', 'dana', { ...MAYAS, at: 'soon' }, 400, 'invalid'],
    ['of two logins', 'dana', { ...MAYAS, web: 'admin' }, 400, 'invalid'],
    ['of a hundred targets', 'dana', { ...MAYAS, targets: Array(51).fill('db01') }, 400, 'invalid'],
  ];
  it.each(refusals)('%s is refused, and nothing is tried', async (_, who, ask, status, code) => {
    const before = stage().db01.log().length;
    const answer = await preflight(who, ask);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(stage().db01.log().slice(before)).not.toContain('Accepted certificate');
  });

  it('tries nothing for a provider that is locked out, and says so', async () => {
    await stage().api('dana', 'POST', '/lockout', { reason: 'A session looks wrong' });
    const { row, json } = await preflight('sam', {
      at: WORKDAY,
      targets: ['db01'],
      activity: 'incident-response/triage',
    });
    expect(row('decision', 'incident-response/triage on db01')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('locked-out: '),
    });
    expect(row('target', 'db01')).toMatchObject({
      ok: null,
      detail: expect.stringContaining('the client has locked its provider out'),
    });
    expect(json.checks.some(({ check }: Row) => check === 'ca')).toBe(false);
    await stage().api('chris', 'DELETE', '/lockout');
  });

  it('that began before a lockout gets no certificate any more for the provider, and still one for the client', async () => {
    const { preflight: installed, database } = stage().broker.application;
    const known = await database.installation.select().from(people);
    const order: ProbeOrder = {
      ...{ preflight: 'pf_begun', tenant: 'acme', target: 'db01', protocol: 'ssh', tls: false },
      ...{ host: '127.0.0.1', port: stage().db01.port },
      ...{ hostKeys: [stage().db01.hostKeyLine], logins: ['root'] },
    };
    const entry = async (who: CastName) => {
      const { id } = known.find(one => one.subject === CAST[who].subject)!;
      return (await installed.probe(order, id, new AbortController().signal)).ssh!.entries[0]!;
    };
    expect(await entry('maya')).toMatchObject({ outcome: 'let-in' });
    await stage().api('dana', 'POST', '/lockout', { reason: 'A session looks wrong' });
    expect(await entry('maya')).toMatchObject({
      outcome: 'not-issued',
      why: 'the control plane refused: locked-out',
    });
    expect(await entry('dana')).toMatchObject({ outcome: 'let-in' });
    await stage().api('chris', 'DELETE', '/lockout');
  });

  it('that a lockout comes into dials no further target for the provider', async () => {
    let locked: Promise<unknown> | null = null;
    const tried: string[] = [];
    const probe = vi.spyOn(stage().broker.application.preflight, 'probe').mockImplementation(async order => {
      tried.push(order.target);
      locked ??= stage().api('dana', 'POST', '/lockout', { reason: 'A session looks wrong' });
      await locked;
      return { reached: { why: 'ECONNREFUSED' }, from: null, tls: null, ssh: null };
    });
    try {
      const { rows } = await preflight('maya', { ...MAYAS, targets: SPARE });
      const spared = rows.filter(({ detail }) => /not tried: the client has locked/.test(detail));
      expect(tried.length).toBeGreaterThan(0);
      expect(tried.length).toBeLessThan(SPARE.length);
      expect(spared.map(({ subject }) => subject)).toEqual(SPARE.filter(name => !tried.includes(name)));
    } finally {
      probe.mockRestore();
      await stage().api('chris', 'DELETE', '/lockout');
    }
  });

  it('is not run again and again: each makes connections', async () => {
    const ask = { at: PATCH_NIGHT, targets: ['app01'], activity: 'endpoints/patch' };
    const answers = [];
    for (let i = 0; i < 7; i++) answers.push(await preflight('audrey', ask));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429]);
    expect(answers.at(-1)!.json).toMatchObject({
      code: 'too-many-requests',
      retry_after: expect.any(Number),
    });
  });
});

describe('a monitoring system asks whose a host is that it warns of', () => {
  const owners = (query: string) => stage().api('audrey', 'GET', `/owners?${query}`);

  it('by the address that the alert has, with who is asked first and how to ask', async () => {
    const { status, json } = await owners(`address=${encodeURIComponent(foreignAddress())}&severity=sev1`);
    expect([status, json.target, json.tenant]).toEqual([200, 'foreign01', 'acme']);
    expect(json.owners[0]).toMatchObject({
      cell: 'backups/restore',
      A: { squad: 'client/it', people: ['dana@acme.example', 'ravi@acme.example'] },
      A2: { squad: 'client/ciso' },
      escalate: [{ squad: 'client/legal' }, { squad: 'msp/account' }],
      runbook: 'https://wiki.acme.example/runbooks/restore',
      primary: 'dana@acme.example',
      answer: 'pre-approved',
      exception: 'emergency restore',
      open: true,
      ask: 'sallyport request foreign01.acme --activity backups/restore --ssh root --for 1h --ticket TICKET --severity sev1 --reason "WHY"',
      page: `${stage().url.href}matrix?tenant=acme#backups/restore`,
    });
  });

  it.each([
    ['one that several targets have', () => 'address=127.0.0.1', 400, 'ambiguous-target'],
    ['one that none has', () => 'address=10.9.8.7', 404, 'no-such-target'],
    ['none, and no target', () => 'severity=sev1', 400, 'invalid'],
    ['both', () => `target=db01&address=${foreignAddress()}`, 400, 'invalid'],
  ])('by %s: says so', async (_, query, status, code) => {
    const answer = await owners(query());
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it('in a terminal', async () => {
    const around = { url: stage().url, token: await stage().token('dana') };
    const { code, out } = await sallyport(['owners', '--address', foreignAddress()], around);
    expect(code).toBe(0);
    expect(out).toMatch(/^foreign01\.acme\nbackups\/restore: Restore from backup\n/);
    expect(out).toMatch(/now +dana@acme\.example is asked first$/m);
    expect((await sallyport(['owners'], around)).code).toBe(2);
  });
});

const foreignAddress = () => `127.0.0.1:${foreign.port}`;
