import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOidcProvider } from '../../src/identity/oidc.ts';

/** An issuer of our own that answers with whatever token a case asks for. */
let server: Server;
let issuer: string;
let token: (nonce: string) => Promise<string>;
let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let strangers: typeof keys;
let nonce = '';

beforeAll(async () => {
  keys = await generateKeyPair('RS256');
  strangers = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'RS256', use: 'sig' };
  server = createServer(async (request, response) => {
    const answers: Record<string, () => unknown> = {
      '/.well-known/openid-configuration': () => ({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      }),
      '/keys': () => ({ keys: [jwk] }),
      '/token': async () => ({ access_token: 'a', token_type: 'bearer', id_token: await token(nonce) }),
    };
    const answer = await answers[request.url ?? '']?.();
    response
      .writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
});

const now = () => Math.floor(Date.now() / 1000);
const claims = (change: Record<string, unknown> = {}) => ({
  iss: issuer,
  aud: 'sallyport',
  sub: 'u-1',
  iat: now(),
  exp: now() + 300,
  nonce,
  name: 'Maya',
  email: 'maya@northwind.example',
  email_verified: true,
  groups: ['backup-ops'],
  ...change,
});
const signed = (change: Record<string, unknown> = {}, key = keys.privateKey) =>
  new SignJWT(claims(change)).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(key);

async function signIn(stableIds: string[] = [], maxAge: number | null = null) {
  const provider = openOidcProvider({
    issuer,
    clientId: 'sallyport',
    clientSecret: 'secret',
    groupsClaim: 'groups',
    scope: 'openid',
    stableIds,
  });
  const redirect = new URL('http://localhost/signin/x/callback');
  const { pending } = await provider.begin({ redirect, maxAge });
  nonce = pending.nonce;
  return provider.complete(new URL(`${redirect.href}?code=c&state=${pending.state}`), pending);
}

describe('an ID token', () => {
  it('that holds is taken, with what it says and no more', async () => {
    token = () => signed();
    expect(await signIn()).toMatchObject({
      issuer,
      subject: 'u-1',
      groups: ['backup-ops'],
      emailVerified: true,
    });
  });

  it.each<[string, () => Promise<string>]>([
    ['for another audience', () => signed({ aud: 'somebody-else' })],
    ['of another issuer', () => signed({ iss: 'https://elsewhere.example' })],
    ['with another nonce', () => signed({ nonce: 'replayed' })],
    ['without a nonce', () => signed({ nonce: undefined })],
    ['that ran out', () => signed({ iat: now() - 900, exp: now() - 600 })],
    ['of the day after tomorrow', () => signed({ nbf: now() + 172_800 })],
    ['signed by a stranger', () => signed({}, strangers.privateKey)],
    ['signed by nobody', async () => new UnsecuredJWT(claims()).encode()],
    ['without a subject', () => signed({ sub: undefined })],
    ['with groups that are no list', () => signed({ groups: 'backup-ops' })],
    [
      'with groups left out because there are too many',
      () => signed({ groups: undefined, _claim_names: { groups: 'src1' } }),
    ],
    ['that is no token', async () => 'hello'],
  ])('%s is refused', async (_, make) => {
    token = make;
    await expect(signIn()).rejects.toMatchObject({
      name: 'Error',
      code: expect.stringMatching(/token-refused|groups-missing/),
    });
  });

  it('without groups gives none', async () => {
    token = () => signed({ groups: undefined });
    expect((await signIn()).groups).toEqual([]);
  });

  it('with an unverified email says so', async () => {
    token = () => signed({ email_verified: undefined });
    expect((await signIn()).emailVerified).toBe(false);
  });

  it('identifies by the stable claims where the configuration says so, and is refused without them', async () => {
    token = () => signed({ tid: 'tenant', oid: 'object' });
    expect((await signIn(['tid', 'oid'])).subject).toBe('tenant+object');
    token = () => signed({ tid: 'tenant' });
    await expect(signIn(['tid', 'oid'])).rejects.toMatchObject({ code: 'token-refused' });
  });

  it('too old for a fresh sign-in is refused', async () => {
    token = () => signed({ auth_time: now() - 600 });
    await expect(signIn([], 0)).rejects.toMatchObject({ code: 'token-refused' });
    token = () => signed({ auth_time: now() });
    expect((await signIn([], 60)).subject).toBe('u-1');
  });
});
