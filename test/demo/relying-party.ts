import { createServer } from 'node:http';
import * as oidc from 'openid-client';
import type { ProviderClient } from '../../src/demo/identity-provider.ts';
import { closeServer, listenOnLoopback, readBody } from '../../src/demo/listening.ts';

export interface Arrival {
  readonly claims: Record<string, unknown>;
  readonly idToken: string;
}

interface Pending {
  readonly verifier: string;
  readonly nonce: string;
  readonly maxAge: number | undefined;
  readonly configuration: oidc.Configuration;
}

/**
 * The least program that signs people in by OpenID Connect, in place of the broker: `/signin` links to one
 * `/signin/<key>` a party, the callback remembers what the ID token said.
 */
export async function startRelyingParty() {
  const parties = new Map<string, { label: string; configuration: oidc.Configuration }>();
  const pending = new Map<string, Pending>();
  const arrivals: Arrival[] = [];
  const logoutTokens: string[] = [];
  const server = createServer((request, response) => {
    answer(request.method ?? 'GET', new URL(request.url ?? '/', origin), request).then(
      ({ status = 200, location, body = '' }) => {
        response
          .writeHead(status, { 'content-type': 'text/html', ...(location ? { location } : {}) })
          .end(body);
      },
      error => response.writeHead(502, { 'content-type': 'text/plain' }).end(String(error)),
    );
  });
  const port = await listenOnLoopback(server, 0);
  const origin = `http://127.0.0.1:${port}`;

  async function answer(method: string, url: URL, request: Parameters<typeof readBody>[0]) {
    if (url.pathname === '/favicon.ico') return { status: 204 };
    if (url.pathname === '/signin') {
      const links = [...parties].map(([key, { label }]) => `<a href="/signin/${key}">${label}</a>`);
      return { body: `<!doctype html><title>Sign in</title>${links.join('<br>')}` };
    }
    const key = url.pathname.split('/')[2] ?? '';
    const party = parties.get(key);
    if (url.pathname.startsWith('/signin/') && party) {
      const verifier = oidc.randomPKCECodeVerifier();
      const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
      const maxAge = url.searchParams.get('max_age');
      const parameters: Record<string, string> = {
        redirect_uri: `${origin}/callback/${key}`,
        scope: 'openid profile email',
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      };
      for (const name of ['prompt', 'max_age', 'login_hint']) {
        const value = url.searchParams.get(name);
        if (value !== null) parameters[name] = value;
      }
      pending.set(state, {
        verifier,
        nonce,
        maxAge: maxAge === null ? undefined : Number(maxAge),
        configuration: party.configuration,
      });
      return { status: 302, location: oidc.buildAuthorizationUrl(party.configuration, parameters).href };
    }
    if (url.pathname.startsWith('/callback/')) {
      const state = url.searchParams.get('state') ?? '';
      const known = pending.get(state);
      if (!known) return { status: 400, body: 'unknown state' };
      pending.delete(state);
      const tokens = await oidc.authorizationCodeGrant(known.configuration, url, {
        pkceCodeVerifier: known.verifier,
        expectedNonce: known.nonce,
        expectedState: state,
        idTokenExpected: true,
        ...(known.maxAge === undefined ? {} : { maxAge: known.maxAge }),
      });
      arrivals.push({ claims: { ...tokens.claims() }, idToken: tokens.id_token ?? '' });
      return { body: `<title>Here</title>Welcome ${tokens.claims()?.sub}` };
    }
    if (url.pathname === '/backchannel' && method === 'POST') {
      const body = await readBody(request, 16_384);
      logoutTokens.push(new URLSearchParams(body?.toString()).get('logout_token') ?? '');
      return {};
    }
    return { status: 404, body: 'nothing here' };
  }

  return {
    origin,
    arrivals,
    logoutTokens,
    /** The newest arrival. */
    get last(): Arrival {
      const arrival = arrivals.at(-1);
      if (!arrival) throw new Error('nobody has arrived');
      return arrival;
    },
    client(key: string): ProviderClient {
      return {
        client_id: `broker-${key}`,
        client_secret: `secret-of-${key}-0123456789abcdef`,
        client_name: 'Sallyport',
        redirect_uris: [`${origin}/callback/${key}`],
        post_logout_redirect_uris: [`${origin}/signin`],
        backchannel_logout_uri: `${origin}/backchannel`,
      };
    },
    async trust(key: string, label: string, issuer: string) {
      const { client_id, client_secret } = this.client(key);
      const configuration = await oidc.discovery(new URL(issuer), client_id, client_secret, undefined, {
        execute: [oidc.allowInsecureRequests],
      });
      parties.set(key, { label, configuration });
      return configuration;
    },
    close: () => closeServer(server),
  };
}

export type RelyingParty = Awaited<ReturnType<typeof startRelyingParty>>;
