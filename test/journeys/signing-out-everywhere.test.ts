import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CastName } from '../../src/demo/cast.ts';
import { execute, options } from '../../src/demo/stage.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { granted, raised } from '../fixtures/raised.ts';
import { heard, wire } from '../fixtures/wire.ts';

// The broker's clock.
let ahead = 0;
const stage = raised({ adjust: { clock: { now: () => new Date(Date.now() + ahead) } } });

const PROVIDERS = { maya: 'Northwind', noah: 'Northwind', chris: 'Acme' } as const;

/** A browser of their own, so that nobody else's ends with it. */
async function browserOf(name: keyof typeof PROVIDERS & CastName): Promise<Visitor> {
  const { email, password } = stage().cast[name];
  const visitor = new Visitor();
  await visitor.signIn(stage().url, PROVIDERS[name], email, password);
  return visitor;
}

/** As its person does it, in another browser, on the page. */
async function signOutEverywhere(name: keyof typeof PROVIDERS): Promise<void> {
  const victim = await browserOf(name);
  await victim.open(new URL('/me', stage().url));
  const out = await victim.submit(/everywhere/i, {}, /everywhere/i);
  expect(out.status).toBeLessThan(400);
}

/** Sends the headers, and keeps the body back. */
async function begun(path: string, header: string, type: string, body: string) {
  const socket = await wire(stage().broker.http.port);
  const hearing = heard(socket);
  const { host, origin } = stage().url;
  socket.write(
    [
      `POST ${path} HTTP/1.1`,
      `host: ${host}`,
      `origin: ${origin}`,
      header,
      `content-type: ${type}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '\r\n',
    ].join('\r\n'),
  );
  return () => {
    socket.write(body);
    return hearing;
  };
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const LABEL = JSON.stringify({ label: 'x' });

describe('a request whose body is kept back until its person has signed out everywhere', () => {
  it.each<[string, number, string, string, string]>([
    ['a token', 401, '/api/v1/tokens', JSON_TYPE, LABEL],
    ['a key', 401, '/api/v1/keys', JSON_TYPE, '{"public_key":"ssh-ed25519 AAAA"}'],
    ['a token on the page', 303, '/me/tokens', FORM_TYPE, 'label=x'],
  ])('makes no more of a stolen cookie: %s', async (_, status, path, type, body) => {
    const thief = await browserOf('maya');
    const cookie = `cookie: ${thief.cookies.header(stage().url, 'POST')}`;
    const finish = await begun(path, cookie, type, body);
    // What it would take to look up who calls, were that done by the headers.
    await sleep(300);
    await signOutEverywhere('maya');
    const { statuses, text } = await finish();
    expect(statuses).toEqual([status]);
    expect(text).toMatch(status === 303 ? /^location: \/signin\b/im : /sign-in-needed/);
    expect(text).not.toMatch(/sp_[\w-]{20}/);
  });

  it('makes no more of a stolen token', async () => {
    const thief = await browserOf('noah');
    const made = await thief.ask(new URL('/api/v1/tokens', stage().url), {
      method: 'POST',
      headers: { origin: stage().url.origin, 'content-type': JSON_TYPE },
      body: LABEL,
    });
    const { token } = JSON.parse(made.body.toString());
    const finish = await begun('/api/v1/requests', `authorization: Bearer ${token}`, JSON_TYPE, '{}');
    await sleep(300);
    await signOutEverywhere('noah');
    const { statuses, text } = await finish();
    expect([statuses, text]).toEqual([[401], expect.stringContaining('token-refused')]);
  });

  it('is done as ever where nobody signed out', async () => {
    const chris = await browserOf('chris');
    const cookie = `cookie: ${chris.cookies.header(stage().url, 'POST')}`;
    const finish = await begun('/api/v1/tokens', cookie, JSON_TYPE, LABEL);
    await sleep(100);
    expect((await finish()).statuses).toEqual([201]);
  });
});

describe('an SSH connection that a browser confirmed', () => {
  /** A connection that waits for its person, over which more sessions can be asked for once it is theirs. */
  async function connecting(name: string) {
    const control = options({ ControlPath: `${stage().folder}/${name}` });
    const to = [
      ...['-F', 'none', '-T', ...control],
      ...options({
        Port: stage().broker.ssh.port,
        PubkeyAuthentication: 'no',
        PreferredAuthentications: 'keyboard-interactive',
        StrictHostKeyChecking: 'no',
        UserKnownHostsFile: '/dev/null',
      }),
    ];
    const master = spawn('ssh', [...to, ...options({ ControlMaster: 'yes' }), '-N', 'root@db01@localhost'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SSH_ASKPASS_REQUIRE: 'never' },
    });
    let seen = '';
    for (const stream of [master.stdout, master.stderr]) {
      stream.on('data', text => {
        seen += text;
      });
    }
    const url = () => /https?:\/\/\S+\/ssh\/[\w-]+/.exec(seen)?.[0];
    const code = () => /\b[B-Z]{4}-[B-Z]{4}\b/.exec(seen)?.[0];
    await expect.poll(() => url() && code(), { timeout: 10_000 }).toBeTruthy();
    const run = (command: string) =>
      execute('ssh', [...to, ...options({ ControlMaster: 'no' }), 'root@db01@localhost', command]);
    const up = () => execute('ssh', [...to, '-O', 'check', 'root@db01@localhost']);
    return { url: url()!, code: code()!, run, up, kill: () => master.kill() };
  }

  it('opens nothing more', async () => {
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
    await granted(stage());
    const thief = await browserOf('maya');
    const ssh = await connecting('before');
    try {
      await thief.open(ssh.url);
      expect((await thief.submit(/code/i, { code: ssh.code })).status).toBe(200);
      await expect.poll(async () => (await ssh.up()).status, { timeout: 10_000 }).toBe(0);
      expect((await ssh.run('echo inside')).stdout).toBe('inside\n');
      await signOutEverywhere('maya');
      const refused = await ssh.run('echo inside');
      expect(refused.stdout).toBe('');
      expect(refused.stderr).toMatch(/no longer good/);
    } finally {
      ssh.kill();
    }
    // Who signs in again goes on.
    const maya = await browserOf('maya');
    const anew = await connecting('after');
    try {
      await maya.open(anew.url);
      expect((await maya.submit(/code/i, { code: anew.code })).status).toBe(200);
      await expect.poll(async () => (await anew.up()).status, { timeout: 10_000 }).toBe(0);
      expect((await anew.run('echo inside')).stdout).toBe('inside\n');
    } finally {
      anew.kill();
    }
  });

  it('is confirmed by a fresh sign-in only: a browser that was left alone gives none away', async () => {
    const maya = await browserOf('maya');
    ahead = 11 * 60_000;
    const ssh = await connecting('stale');
    try {
      expect((await maya.open(ssh.url)).text).toContain('Sign in once more first');
      expect(maya.link(/sign in again/i).url.search).toContain(encodeURIComponent(new URL(ssh.url).pathname));
      const forced = await maya.ask(new URL(ssh.url), {
        method: 'POST',
        headers: { origin: stage().url.origin, 'content-type': FORM_TYPE },
        body: new URLSearchParams({ code: ssh.code }).toString(),
      });
      expect([forced.status, forced.body.toString()]).toEqual([
        403,
        expect.stringContaining('fresh-sign-in-needed'),
      ]);
      expect((await ssh.up()).status).not.toBe(0);
    } finally {
      ssh.kill();
      ahead = 0;
    }
  });
});
