import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepSignIn, readSignIn } from '../../src/cli/sign-ins.ts';
import { readClientConfiguration } from '../../src/configuration.ts';
import { broker, sallyport, TOKEN } from './broker.ts';

const KEPT = `sp_${'k'.repeat(43)}`;
const here = new URL('https://broker.example');
const elsewhere = new URL('https://other.example:8443');
let file = '';
let server: Awaited<ReturnType<typeof broker>>;

beforeEach(async () => {
  file = join(mkdtempSync(join(tmpdir(), 'sallyport-sign-ins-')), 'sallyport', 'sign-ins.json');
  server = await broker({
    'GET /requests': { body: { requests: [] } },
    'POST /oauth/revoke': { status: 503, text: '{}' },
  });
});
afterEach(() => server.close());

describe('what login keeps', () => {
  it('is its owner’s alone, whatever the umask, and by broker', () => {
    const before = process.umask(0o000);
    try {
      keepSignIn(file, here, { token: KEPT });
    } finally {
      process.umask(before);
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
    expect(readSignIn(file, here)?.token).toBe(KEPT);
    expect(readSignIn(file, elsewhere)).toBeNull();
    keepSignIn(file, elsewhere, { token: TOKEN });
    keepSignIn(file, here, null);
    expect([readSignIn(file, here), readSignIn(file, elsewhere)?.token]).toEqual([null, TOKEN]);
    keepSignIn(file, elsewhere, null);
    expect(existsSync(file)).toBe(false);
  });

  it('serves the commands, and SALLYPORT_TOKEN before it', async () => {
    keepSignIn(file, server.url, { token: KEPT });
    for (const token of [null, TOKEN])
      await sallyport(['requests'], { url: server.url, token, signIns: file });
    expect(server.calls.map(({ authorization }) => authorization)).toEqual([
      `Bearer ${KEPT}`,
      `Bearer ${TOKEN}`,
    ]);
  });

  it.each<[string, () => void, RegExp]>([
    ['open to others', () => chmodSync(file, 0o644), /open to others.*chmod 600/],
    ['damaged', () => writeFileSync(file, '{"https://broker'), /damaged: delete it/],
    ['of another shape', () => writeFileSync(file, JSON.stringify({ [here.origin]: KEPT })), /damaged/],
  ])('is not used when it is %s, and what it holds is not printed', async (_, spoil, says) => {
    keepSignIn(file, server.url, { token: KEPT });
    spoil();
    const { code, out, err } = await sallyport(['requests'], { url: server.url, token: null, signIns: file });
    expect([code, out, err]).toEqual([2, '', expect.stringMatching(says)]);
    expect(err).not.toContain(KEPT);
    expect(server.calls).toEqual([]);
  });

  it('stays when the broker could not be told: what still holds does not look signed out', async () => {
    keepSignIn(file, server.url, { token: KEPT });
    const { code } = await sallyport(['logout'], { url: server.url, token: null, signIns: file });
    expect(code).toBe(3);
    expect(readFileSync(file, 'utf8')).toContain(KEPT);
  });

  it.each([
    ['/home/maya/settings', '/home/maya/settings/sallyport/sign-ins.json'],
    ['relative/settings', /^\/.*\/\.config\/sallyport\/sign-ins\.json$/],
    [undefined, /^\/.*\/\.config\/sallyport\/sign-ins\.json$/],
  ])('is found by XDG_CONFIG_HOME=%s', (home, path) => {
    const { signIns } = readClientConfiguration({ XDG_CONFIG_HOME: home });
    expect(signIns).toEqual(typeof path === 'string' ? path : expect.stringMatching(path));
  });
});

describe('login', () => {
  it('sends nothing over a network in the clear', async () => {
    const url = new URL('http://broker.example');
    const { code, err } = await sallyport(['login'], { url, token: null, signIns: file });
    expect([code, err]).toEqual([2, expect.stringMatching(/unencrypted/)]);
  });

  it('says so when what answers is no broker', async () => {
    const { code, err } = await sallyport(['login'], { url: server.url, token: null, signIns: file });
    expect([code, err]).toEqual([3, expect.stringMatching(/does not sign in terminals.*SALLYPORT_URL/)]);
  });
});
