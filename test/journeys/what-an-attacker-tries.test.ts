import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { beforeEach, describe, expect, it } from 'vitest';
import { verifyExport } from '../../src/audit/verify.ts';
import { execute, options } from '../../src/demo/stage.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { checkpoints, sessions } from '../../src/store/tables.ts';
import { ask, granted, logOf, raised } from '../fixtures/raised.ts';
import { putInForce } from '../fixtures/signed.ts';

const stage = raised();
let original = '';

/** Puts a changed matrix, or inventory, in force. */
async function change(file: 'matrix.yaml' | 'targets.yaml', edit: (source: string) => string) {
  const path = join(stage().folder, 'policies', 'acme', file);
  const source = readFileSync(path, 'utf8');
  const edited = edit(source);
  expect(edited).not.toBe(source);
  writeFileSync(path, edited);
  await putInForce(stage());
}

beforeEach(async () => {
  const path = join(stage().folder, 'policies', 'acme', 'matrix.yaml');
  if (original === '') original = readFileSync(path, 'utf8');
  writeFileSync(path, original);
  await putInForce(stage());
  await stage().api('dana', 'POST', '/targets/db01/host-keys', {
    host_key: stage().db01.hostKeyLine,
    replace: true,
  });
});

const show = async (who: 'dana' | 'chris', id: string) =>
  (await stage().api(who, 'GET', `/requests/${id}`)).json;

const ssh = async (...command: string[]) =>
  execute('ssh', [...(await stage().sshOptions('maya')), '-T', 'root@db01@localhost', ...command]);

describe('an answer', () => {
  it('counts for what it was given to: one yes to host A and one to host B open nothing', async () => {
    await change('matrix.yaml', source =>
      source.replace('        for: 2h ', '        co_approve: [client/ciso]\n        for: 2h '),
    );
    const { id } = await ask(stage());
    const first = await show('chris', id);
    expect(
      (await stage().api('chris', 'POST', `/requests/${id}/approve`, { digest: first.digest })).json.state,
    ).toBe('waiting');
    await change('targets.yaml', source =>
      source.replace('Patient records database host', 'Domain controller'),
    );
    const second = await show('dana', id);
    const answer = await stage().api('dana', 'POST', `/requests/${id}/approve`, { digest: second.digest });
    expect([answer.status, answer.json.state]).toEqual([200, 'waiting']);
    const again = await stage().api('chris', 'POST', `/requests/${id}/approve`, {
      digest: (await show('chris', id)).digest,
    });
    expect([again.status, again.json.state]).toEqual([200, 'approved']);
  });
});

describe('a grant', () => {
  it.each<[string, (source: string) => string, string]>([
    ['whose cell is gone', source => source.replace('      restore:\n', '      restore-all:\n'), 'no-cell'],
    [
      'whose cell has another R',
      source => source.replace('R: [msp/backup-ops]', 'R: [msp/noc]'),
      'not-responsible',
    ],
    [
      'whose cell gives the login no more',
      source => source.replace('ssh: [root, backup], postgres', 'ssh: [backup], postgres'),
      'not-given',
    ],
    [
      'whose cell gives a shell alone, where a command is asked for',
      source => source.replace('ssh: [root, backup], postgres', 'ssh: { logins: [root] }, postgres'),
      'not-given',
    ],
    [
      'whose cell asks for a fresh sign-in',
      source => source.replace('        for: 2h ', '        sign_in_within: 1s\n        for: 2h '),
      'sign-in-needed',
    ],
  ])('%s opens no session', async (_, edit, code) => {
    const grant = await granted(stage());
    expect((await ssh('true')).status).toBe(0);
    await change('matrix.yaml', edit);
    const refused = await ssh('true');
    expect(refused.status).not.toBe(0);
    const entry = (await logOf(stage())).filter(({ action }) => action === 'session.refused').at(-1);
    expect(entry.data.code).toBe(code);
    await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });
});

describe('a connection that was made before', () => {
  it('opens nothing once its key is removed, whatever is granted later', async () => {
    const grant = await granted(stage());
    const control = join(stage().folder, 'control');
    const master = spawn('ssh', [
      ...(await stage().sshOptions('maya')),
      ...options({ ControlMaster: 'yes', ControlPath: control, ControlPersist: 'no' }),
      ...['-N', 'root@db01@localhost'],
    ]);
    try {
      const through = () =>
        execute('ssh', [
          '-F',
          'none',
          ...options({ ControlPath: control, ControlMaster: 'no', BatchMode: 'yes' }),
          '-p',
          String(stage().broker.ssh.port),
          'root@db01@localhost',
          'echo inside',
        ]);
      await expect.poll(async () => (await through()).stdout, { timeout: 20_000 }).toBe('inside\n');
      const { json } = await stage().api('maya', 'GET', '/keys');
      for (const { fingerprint } of json.keys) {
        await stage().api('maya', 'DELETE', `/keys?fingerprint=${encodeURIComponent(fingerprint)}`);
      }
      const after = await through();
      expect(after.stdout).not.toContain('inside');
      expect(after.stderr).toContain('key was removed');
    } finally {
      master.kill();
      await rm(control, { force: true });
      const { readFile } = await import('node:fs/promises');
      const line = (await readFile(`${await stage().key('maya')}.pub`, 'utf8')).trim();
      await stage().api('maya', 'POST', '/keys', { public_key: line });
      await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
    }
  });
});

describe('a reader', () => {
  it('leaves an entry whichever part of a recording is asked for first', async () => {
    await granted(stage());
    await ssh('echo watched');
    const { json } = await stage().api('audrey', 'GET', '/sessions');
    const { id } = json.sessions[0];
    const part = await fetch(new URL(`/api/v1/sessions/${id}/recording`, stage().url), {
      headers: { authorization: `Bearer ${await stage().token('audrey')}`, range: 'bytes=1-' },
    });
    expect(part.status).toBe(206);
    const views = (await logOf(stage())).filter(
      ({ action, subject }) => action === 'recording.viewed' && subject === id,
    );
    expect(views).toHaveLength(1);
  });

  it('gets the recording of the session, wherever a row says that it is', async () => {
    const { json } = await stage().api('audrey', 'GET', '/sessions');
    const { id } = json.sessions[0];
    await stage().broker.application.database.within(['acme'], tx =>
      tx.update(sessions).set({ recording: '../keys/sealing.key' }).where(eq(sessions.id, id)),
    );
    const answer = await stage().api('audrey', 'GET', `/sessions/${id}/recording`);
    expect(answer.text).toMatch(/^{"version":2/);
  });

  it('of no squad cannot push what waits off an owner’s list', async () => {
    const { id } = await ask(stage());
    const spam = { target: 'db01', ssh: 'root', for: '1h', reason: 'x' };
    await Promise.all(Array.from({ length: 120 }, () => stage().api('mallory', 'POST', '/requests', spam)));
    const { json } = await stage().api('dana', 'GET', '/requests?state=waiting');
    expect(json.requests.map((one: { id: string }) => one.id)).toContain(id);
  });
});

describe('a token', () => {
  it('ends with the sign-in that it was made in', async () => {
    const ravi = new Visitor();
    const { email, password } = stage().cast.ravi;
    await ravi.signIn(stage().url, 'Acme', email, password);
    const post = (path: string, body: string, type: string) =>
      ravi.ask(new URL(path, stage().url), {
        method: 'POST',
        headers: { origin: stage().url.origin, 'content-type': type },
        body,
      });
    const made = await post('/api/v1/tokens', JSON.stringify({ label: 'x' }), 'application/json');
    const { token } = JSON.parse(made.body.toString());
    const call = () =>
      fetch(new URL('/api/v1/whoami', stage().url), { headers: { authorization: `Bearer ${token}` } });
    expect((await call()).status).toBe(200);
    await post('/signout', '', 'application/x-www-form-urlencoded');
    expect((await call()).status).toBe(401);
  });
});

describe('the log', () => {
  it('is signed for what it is, whatever edge somebody put beside a checkpoint', async () => {
    const forged = JSON.stringify(['00'.repeat(32)]);
    await stage().broker.application.database.within(['acme'], tx =>
      tx
        .insert(checkpoints)
        .values({ tenant: 'acme', size: 1, note: 'forged', edge: forged, at: new Date() })
        .onConflictDoNothing(),
    );
    const { text: note } = await stage().api('audrey', 'GET', '/audit/checkpoint');
    const { json: key } = await stage().api('audrey', 'GET', '/audit/key');
    const { text } = await stage().api('audrey', 'GET', `/audit?to=${note.split('\n')[1]}`);
    const verified = await verifyExport(
      (async function* () {
        yield Buffer.from(text);
      })(),
      { checkpoint: { note, keys: [key.vkey] } },
    );
    expect(verified.findings).toEqual([]);
  });

  it('says which pins a replacement took away', async () => {
    const other = (
      await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(stage().folder, 'other')])
    ).status;
    expect(other).toBe(0);
    const line = readFileSync(join(stage().folder, 'other.pub'), 'utf8').trim();
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: line, replace: true });
    const actions = (await logOf(stage()))
      .filter(({ subject }) => subject === 'target:db01')
      .map(({ action }) => action);
    expect(actions.slice(-2)).toEqual(['host-key.unpinned', 'host-key.pinned']);
  });
});
