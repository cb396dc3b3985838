import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { raw } from 'hono/html';
import type { Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Party } from '../domain/party.ts';
import { closeServer, listenOnLoopback, readBody } from './listening.ts';
import { memoryAdapter } from './memory-adapter.ts';
import {
  errorPage,
  type Html,
  homePage,
  PROVIDER_CSS,
  signedOutPage,
  signInPage,
  signOutPage,
} from './provider-pages.ts';

/** Somebody who can sign in here. */
export interface ProviderPerson {
  readonly subject: string;
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly groups: readonly string[];
  readonly password: string;
  readonly role?: string;
}

/** A program that may ask who somebody is, in OpenID Connect's own words. */
export interface ProviderClient {
  readonly client_id: string;
  readonly client_secret: string;
  readonly client_name?: string;
  readonly redirect_uris: readonly string[];
  readonly post_logout_redirect_uris?: readonly string[];
  readonly backchannel_logout_uri?: string;
}

export interface IdentityProviderOptions {
  /** 0: any. A port that is taken is left alone, and any free one used. */
  readonly port: number;
  /** The public address when it is not `http://127.0.0.1:<port>`. */
  readonly issuer?: string;
  readonly party: Party;
  readonly partyName: string;
  readonly people: readonly ProviderPerson[];
  readonly clients: readonly ProviderClient[];
  /** Shows everybody with their password and a button on the sign-in page. For demonstrations. */
  readonly showPasswords?: boolean;
  /** What `auth_time` says at a sign-in. Tokens and sessions expire by the machine's clock all the same. */
  readonly clock?: () => Date;
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly port: number;
  readonly party: Party;
  readonly partyName: string;
  readonly people: readonly ProviderPerson[];
  /** From the next token on. `person` is an email or a subject; somebody unknown is an error. */
  setGroups(person: string, groups: readonly string[]): void;
  /** Addresses change hands. `person` as for groups. */
  setEmail(person: string, email: string, verified: boolean): void;
  close(): Promise<void>;
}

const LONGEST_FORM = 8 * 1024;

/**
 * A real OpenID Connect provider of one party on loopback: authorization code with PKCE, its own sign-in form,
 * `prompt=login`, `max_age`, sign-out with back-channel notices. Keys, cookie secrets and sessions are of this
 * start. It consents for its people, since its clients are the party's own.
 */
export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const { party, partyName, clients } = options;
  const people = new Map(options.people.map(person => [person.subject, person]));
  if (people.size !== options.people.length) throw new Error('two people of one provider share a subject');

  const server = createServer();
  const port = await listenOnLoopback(server, options.port);
  const issuer = options.issuer ?? `http://127.0.0.1:${port}`;
  try {
    const { default: OidcProvider } = await library();
    const provider = quietly(() => new OidcProvider(issuer, configuration(options, people)));
    provider.use(ownPages(provider, options, issuer, people));
    server.on('request', provider.callback());
  } catch (error) {
    await closeServer(server);
    throw error;
  }

  const change = (person: string, to: Partial<ProviderPerson>) => {
    const known = [...people.values()].find(one => one.subject === person || one.email === person);
    if (!known) throw new Error(`${partyName} has nobody called ${person}`);
    people.set(known.subject, { ...known, ...to });
  };
  return {
    issuer,
    port,
    party,
    partyName,
    get people() {
      return [...people.values()];
    },
    setGroups: (person, groups) => change(person, { groups: [...groups] }),
    setEmail: (person, email, emailVerified) => change(person, { email, emailVerified }),
    close: () => closeServer(server),
  };

  function configuration(
    house: IdentityProviderOptions,
    accounts: ReadonlyMap<string, ProviderPerson>,
  ): Configuration {
    const prefix = `${house.party}_idp`;
    return {
      adapter: memoryAdapter(),
      clients: clients.map(client => ({
        client_id: client.client_id,
        client_secret: client.client_secret,
        ...(client.client_name ? { client_name: client.client_name } : {}),
        redirect_uris: [...client.redirect_uris],
        post_logout_redirect_uris: [...(client.post_logout_redirect_uris ?? [])],
        ...(client.backchannel_logout_uri
          ? {
              backchannel_logout_uri: client.backchannel_logout_uri,
              backchannel_logout_session_required: true,
            }
          : {}),
        grant_types: ['authorization_code'],
        response_types: ['code'],
        require_auth_time: true,
      })),
      scopes: ['openid', 'profile', 'email', 'groups'],
      claims: {
        openid: ['sub'],
        profile: ['name', 'groups'],
        groups: ['groups'],
        email: ['email', 'email_verified'],
      },
      // Otherwise a code flow's ID token carries `sub` alone, and groups would need a call to userinfo.
      conformIdTokenClaims: false,
      pkce: { required: () => true },
      features: {
        devInteractions: { enabled: false },
        backchannelLogout: { enabled: true },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: async (ctx, form) => respond(ctx, await signOutPage(house, raw(form))),
          postLogoutSuccessSource: async ctx => respond(ctx, await signedOutPage(house)),
        },
      },
      // Cookies ignore ports: the other party's provider on this host name gets ours and sends its own.
      cookies: {
        names: { session: `${prefix}_session`, interaction: `${prefix}_step`, resume: `${prefix}_resume` },
        keys: [randomBytes(32).toString('base64url')],
      },
      jwks: { keys: [signingKey()] },
      ttl: {
        AccessToken: 600,
        AuthorizationCode: 60,
        Grant: 86_400,
        IdToken: 600,
        Interaction: 3600,
        Session: 86_400,
      },
      interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
      clientBasedCORS: () => false,
      findAccount: (_ctx, subject) => {
        const person = accounts.get(subject);
        if (!person) return undefined;
        return {
          accountId: subject,
          claims: () => ({
            sub: subject,
            name: person.name,
            email: person.email,
            email_verified: person.emailVerified,
            groups: [...person.groups],
          }),
        };
      },
      loadExistingGrant: consentGiven,
      renderError: async (ctx, out) => {
        const text = [out.error, out.error_description].filter(Boolean).join(': ');
        respond(ctx, await errorPage(house, text, 'Go back to where you came from and start again.'));
      },
      // The library refuses calls to loopback, where everything of the demo is: only its timeout is kept.
      fetch: (url, init) => {
        const plain = { ...init } as RequestInit & { dispatcher?: unknown };
        delete plain.dispatcher;
        return globalThis.fetch(url, plain);
      },
    };
  }
}

/** The pages that the library leaves to us, in front of its own routes. */
function ownPages(
  provider: Provider,
  house: IdentityProviderOptions,
  issuer: string,
  people: ReadonlyMap<string, ProviderPerson>,
): (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void> {
  // Browsers hold a redirect after a form to `form-action` too, and ours end at a client.
  const afterwards = new Set(
    house.clients.flatMap(client =>
      [...client.redirect_uris, ...(client.post_logout_redirect_uris ?? [])].map(uri => new URL(uri).origin),
    ),
  );
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    'img-src data:',
    "script-src 'self'",
    `form-action 'self' ${[...afterwards].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

  return async (ctx, next) => {
    ctx.set('content-security-policy', policy);
    ctx.set('x-content-type-options', 'nosniff');
    // Not `no-referrer`: with it a browser sends `Origin: null` with our own forms.
    ctx.set('referrer-policy', 'same-origin');

    if (ctx.path === '/provider.css' && ctx.method === 'GET') {
      ctx.type = 'css';
      ctx.body = PROVIDER_CSS;
    } else if (ctx.path === '/favicon.ico') {
      // Browsers ask for it on the library's own pages, which name no icon.
      ctx.status = 204;
    } else if (ctx.path === '/' && ctx.method === 'GET') {
      respond(ctx, await homePage(house, issuer, '/session/end'));
    } else if (/^\/interaction\/[\w-]{1,64}$/.test(ctx.path)) {
      await signIn(ctx);
    } else {
      await next();
    }
  };

  async function signIn(ctx: KoaContextWithOIDC): Promise<void> {
    ctx.set('cache-control', 'no-store');
    const refuse = async (status: number, happened: string, remedy: string) => {
      respond(ctx, await errorPage(house, happened, remedy));
      ctx.status = status;
    };

    const interaction = await provider.interactionDetails(ctx.req, ctx.res).catch(() => undefined);
    if (!interaction || ctx.path !== `/interaction/${interaction.uid}`) {
      const happened = 'This sign-in page is no longer valid: it is too old, was used, or belongs elsewhere.';
      return refuse(400, happened, 'Go back to where you came from and start again.');
    }

    const asking = house.clients.find(client => client.client_id === interaction.params.client_id);
    const form = async (email: string, failure?: string) =>
      respond(
        ctx,
        await signInPage(house, {
          action: ctx.path,
          email,
          ...(failure ? { failure } : {}),
          ...(asking?.client_name ? { asking: asking.client_name } : {}),
          ...(house.showPasswords ? { people: [...people.values()] } : {}),
        }),
      );

    if (ctx.method === 'GET') return form(String(interaction.params.login_hint ?? '').slice(0, 200));
    if (ctx.method !== 'POST') return refuse(405, 'This page takes GET and POST.', '');
    const origin = ctx.get('origin');
    if (origin && origin !== new URL(issuer).origin) {
      return refuse(403, 'The form came from another site.', 'Sign in from the page of this provider.');
    }

    const body = await readBody(ctx.req, LONGEST_FORM);
    if (!body) return refuse(413, 'That was longer than any email and password.', 'Try again.');
    const fields = new URLSearchParams(body.toString());
    const email = (fields.get('email') ?? '').slice(0, 200);
    const person = [...people.values()].find(one => one.email === email.trim().toLowerCase());
    // One sentence for both, and the comparison in any case: nobody learns which emails exist.
    const right = sameText(fields.get('password') ?? '', person?.password ?? randomBytes(16).toString('hex'));
    if (!person || !right) {
      await form(email, 'No account has this email and password together. Check both and try again.');
      ctx.status = 401;
      return;
    }

    const seconds = Math.floor((house.clock?.() ?? new Date()).getTime() / 1000);
    const login = { accountId: person.subject, ts: seconds, amr: ['pwd'] };
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, { login }));
    ctx.status = 303;
  }
}

/** The grant this person already has at this client, else a new one: nobody is asked to consent. */
async function consentGiven(ctx: KoaContextWithOIDC) {
  const { client, session, provider } = ctx.oidc;
  const accountId = session?.accountId;
  if (!client || !accountId) return undefined;
  const known = session.grantIdFor(client.clientId);
  const grant = known ? await provider.Grant.find(known) : undefined;
  if (grant?.accountId === accountId) return grant;
  const fresh = new provider.Grant({ accountId, clientId: client.clientId });
  fresh.addOIDCScope('openid profile email groups');
  await fresh.save();
  return fresh;
}

function respond(ctx: KoaContextWithOIDC, page: Awaited<Html>): void {
  ctx.type = 'html';
  ctx.body = page.toString();
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kty: 'RSA', kid, use: 'sig', alg: 'RS256' } as const;
}

function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

let loading: Promise<typeof import('oidc-provider')> | undefined;

/** The library, loaded once and not at import: most commands never need it. */
function library(): Promise<typeof import('oidc-provider')> {
  if (!loading) {
    const restore = muteLibrary();
    loading = import('oidc-provider').finally(restore);
  }
  return loading;
}

function quietly<T>(work: () => T): T {
  const restore = muteLibrary();
  try {
    return work();
  } finally {
    restore();
  }
}

/**
 * The library tells its operators about defaults by `console`, at import and at start. Here they are meant, and
 * standard output belongs to the story (`--json`), so lines of that kind are left out; all others pass.
 */
function muteLibrary(): () => void {
  const { info, warn } = console;
  const without =
    (print: typeof console.info) =>
    (...parts: unknown[]) => {
      if (!/oidc-provider (NOTICE|WARNING)/.test(String(parts[0]))) print(...parts);
    };
  console.info = without(info);
  console.warn = without(warn);
  return () => {
    console.info = info;
    console.warn = warn;
  };
}
