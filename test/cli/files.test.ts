import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hostBlock } from '../../src/cli/enrol.ts';
import { broker, sallyport, session } from './broker.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.close()));
});
const serving = async (routes: Parameters<typeof broker>[0]) => {
  const server = await broker(routes);
  running.push(server);
  return server;
};

const KEY = `ssh-ed25519 ${Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString('base64')}`;
const cast = '{"version":2,"width":80,"height":24}\n[0.1,"o","hi \\u001b[1m"]\n';
const sha256 = createHash('sha256').update(cast).digest('hex');

describe('replay', () => {
  const routes = (hash: string) => ({
    [`GET /sessions/${session.id}`]: {
      body: { ...session, recording: { size: cast.length, sha256: hash, segments: 1 } },
    },
    [`GET /sessions/${session.id}/recording`]: { text: cast },
  });

  it('saves the bytes for the owner alone, checks them and says how to play them', async () => {
    const { url } = await serving(routes(sha256));
    const file = join(folder, 'one two.cast');
    const { code, out } = await sallyport(['replay', session.id, '--output', file], { url });
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(cast);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(out).toContain(`asciinema play '${file}'`);
    const again = await sallyport(['replay', session.id, '--output', file], { url });
    expect(again.code).toBe(2);
    expect(again.err).toMatch(/is there already/);
    expect(readdirSync(folder).filter(name => name.endsWith('.part'))).toEqual([]);
  });

  it('says no to bytes that are not those of the session', async () => {
    const { url } = await serving(routes('0'.repeat(64)));
    const { code, err } = await sallyport(['replay', session.id, '--output', join(folder, 'bad.cast')], {
      url,
    });
    expect(code).toBe(1);
    expect(err).toMatch(/do not trust it/);
  });
});

describe('audit', () => {
  const line = '{"action":"x","data":{"a":"\u202e"}}\n';

  it('exports byte for byte into a program, and with nothing hidden on a screen', async () => {
    const { url } = await serving({ 'GET /audit': { text: line } });
    expect((await sallyport(['audit', 'export'], { url })).out).toBe(line);
    expect((await sallyport(['audit', 'export'], { url, screen: true })).out).toContain('\\u202e');
  });

  it('prints the key alone', async () => {
    const { url } = await serving({
      'GET /audit/key': { body: { tenant: 'acme', vkey: 'x/acme+00000000+AAAA' } },
    });
    expect((await sallyport(['audit', 'key'], { url })).out).toBe('x/acme+00000000+AAAA\n');
  });

  it('needs no sign-in to verify', async () => {
    const file = join(folder, 'broken.ndjson');
    writeFileSync(file, 'not a log\n');
    expect((await sallyport(['audit', 'verify', file], { token: null })).code).toBe(1);
  });
});

describe('keys add', () => {
  it('sends a public key, and never a private one', async () => {
    const { url, calls } = await serving({
      'POST /keys': { status: 201, body: { fingerprint: 'SHA256:x', label: 'me' } },
    });
    expect((await sallyport(['keys', 'add', '-'], { url, input: `${KEY} me\n` })).code).toBe(0);
    expect(calls[0]!.body).toEqual({ public_key: `${KEY} me` });
    const input = '-----BEGIN OPENSSH PRIVATE KEY-----\n';
    const { code, err } = await sallyport(['keys', 'add', '-'], { url, input });
    expect(code).toBe(2);
    expect(err).toMatch(/private key; nothing was sent/);
    expect(calls).toHaveLength(1);
  });
});

describe('targets enrol', () => {
  const enrolment = {
    target: 'db01',
    tenant: 'acme',
    user_ca: KEY,
    principals: { root: 'sallyport:db01.acme:root', backup: 'sallyport:db01.acme:backup' },
    host_keys: [],
  };

  it('prints one block that a shell takes, after pinning', async () => {
    const { url, calls } = await serving({
      'GET /targets/db01/enrolment': { body: enrolment },
      'POST /targets/db01/host-keys': { body: { fingerprint: 'SHA256:y' } },
    });
    const argv = ['targets', 'enrol', 'db01', '--host-key', `db01.lan ${KEY} root@db01`, '--replace'];
    const { code, out, err } = await sallyport(argv, { url });
    expect(code).toBe(0);
    expect(calls[0]!.body).toEqual({ host_key: KEY, replace: true });
    expect(err).toContain('SHA256:y');
    expect(out).toContain('TrustedUserCAKeys /etc/ssh/sallyport/user_ca.pub');
    expect(out).toContain('AuthorizedPrincipalsFile /etc/ssh/sallyport/principals/%u');
    expect(out).toMatch(/principals\/backup' <<'END'\nsallyport:db01\.acme:backup\nEND/);
    execFileSync('bash', ['-n'], { input: out });
  });

  it.each([
    ['a login that leaves its folder', { principals: { '../../x': 'sallyport:db01.acme:../../x' } }],
    ['a principal of another target', { principals: { root: 'sallyport:db02.acme:root' } }],
    ['a CA that is none', { user_ca: 'END\nrm -rf /' }],
    ['a target with a line break', { target: 'db01\nrm -rf /' }],
  ])('prints nothing to paste for %s', (_, change) => {
    expect(() => hostBlock({ ...enrolment, ...change } as typeof enrolment)).toThrow(/are not printed/);
  });

  it('refuses a host key that is none', async () => {
    expect((await sallyport(['targets', 'enrol', 'db01', '--host-key', 'nonsense'])).code).toBe(2);
  });
});

describe('lockout', () => {
  const state = { tenant: 'acme', locked_out: false, since: null };
  const routes = {
    'GET /lockout': { body: state },
    'POST /lockout': { body: { ...state, locked_out: true, grants: 2, sessions: 1 } },
    'DELETE /lockout': { body: state },
  };

  it('names the engagement before it asks, and then shuts it', async () => {
    const { url, calls } = await serving(routes);
    const asked = await sallyport(['lockout', '--reason', 'breach'], {
      url,
      interactive: true,
      input: 'y\n',
    });
    expect(asked.code).toBe(0);
    expect(asked.err).toContain('Shut every MSP grant and session of acme now? [y/N]');
    expect(asked.out).toMatch(/^Locked: 2 grants and 1 sessions of acme ended\./);
    expect(calls[1]).toMatchObject({
      method: 'POST',
      path: '/lockout?tenant=acme',
      body: { reason: 'breach' },
    });
    expect((await sallyport(['lockout'], { url })).code).toBe(2);
    expect((await sallyport(['lockout', '--lift', '--yes'], { url })).out).toMatch(/^Lifted for acme/);
  });
});
