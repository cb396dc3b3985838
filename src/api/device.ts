import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import { networkOf } from '../domain/network.ts';
import { PARTIES } from '../domain/party.ts';
import type { Api, Application, Env } from './application.ts';
import { callerOf } from './client-address.ts';
import { openPace } from './pace.ts';
import { line } from './shapes.ts';

/** The command line: a public client, which has no secret to keep (RFC 6749, section 2.1). */
const CLIENT = 'sallyport-cli';
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const PATHS = {
  device: '/oauth/device_authorization',
  token: '/oauth/token',
  revoke: '/oauth/revoke',
  metadata: '/.well-known/oauth-authorization-server',
  /** Where people type their code. */
  page: '/device',
} as const;
const MOST_BYTES = 8192;
/** From one network: as many terminals as may wait there, polling twice as fast as they are told. */
const CALLS_PER_MINUTE = 600;

/** An answer as RFC 6749, section 5.2 writes it. The description is for developers and repeats nothing sent. */
class OAuthError extends Error {
  constructor(
    readonly code: string,
    description: string,
    readonly status: ContentfulStatusCode = 400,
  ) {
    super(description);
  }
}

const DESCRIPTIONS = {
  authorization_pending: 'The person has not answered yet.',
  slow_down: 'Polled too soon: wait five seconds longer from now on.',
  access_denied: 'The person refused.',
  expired_token: 'It took too long; begin again.',
  invalid_grant: 'This device code is not known, not yours, or was used.',
} as const;

type ClientForm = z.ZodType<{ client_id: string }>;

const secret = z.string().regex(/^[\w-]{20,100}$/, 'is malformed');
const forms = {
  device: z.object({
    client_id: z.string(),
    // Ours: RFC 6749, section 8.2 lets a server add parameters. What it says is shown as the terminal's own word.
    label: line(100).optional(),
    party: z.enum(PARTIES).optional(),
  }),
  token: z.object({ client_id: z.string(), grant_type: z.string(), device_code: secret.optional() }),
  revoke: z.object({ client_id: z.string(), token: secret }),
};

/**
 * The broker as the device authorization server of its command line: RFC 8628 for `login`, RFC 7009 for `logout`,
 * described by RFC 8414.
 *
 * These routes stand before the check of `Origin`, since a terminal has none. They give an attacker's page nothing
 * to act with: no cookie and no header of authority is read, what counts is a secret in the body. And a request that
 * does carry an `Origin`, as every cross-site POST of a browser does, is refused, so that no page makes its visitor's
 * address look like the origin of a sign-in or uses up what may wait from there.
 *
 * `verification_uri_complete` is deliberately not offered: a link that carries the code asks for nothing but a click,
 * and then anybody may send one (RFC 8628, section 5.4). Who types a code has read it off a terminal.
 */
export function deviceRoutes(server: Api, app: Application): void {
  const at = (path: string) => new URL(path, app.url).href;

  server.get(PATHS.metadata, c =>
    c.json({
      issuer: app.url.origin,
      token_endpoint: at(PATHS.token),
      device_authorization_endpoint: at(PATHS.device),
      revocation_endpoint: at(PATHS.revoke),
      grant_types_supported: [GRANT],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
    }),
  );

  const pace = openPace(CALLS_PER_MINUTE);

  const post = <T extends ClientForm>(
    path: string,
    shape: T,
    handle: (c: Context<Env>, form: z.infer<T>) => Promise<object>,
  ) =>
    server.post(path, async c => {
      const headers = { 'cache-control': 'no-store', pragma: 'no-cache' };
      try {
        // Before anything is asked of the database: whoever floods waits for themselves alone.
        const wait = pace.take(networkOf(callerOf(c, app.proxies)));
        if (wait > 0) throw new OAuthError('slow_down', `Too many calls from your address: ${wait} s.`, 429);
        return c.json(await handle(c, await read(c, shape)), 200, headers);
      } catch (error) {
        if (!(error instanceof OAuthError)) throw error;
        const body = { error: error.code, error_description: error.message };
        return c.json(body, error.status, headers);
      }
    });

  post(PATHS.device, forms.device, async (c, { client_id, label = null, party = null }) => {
    const address = callerOf(c, app.proxies);
    const started = await app.devices.start({
      client: client_id,
      address,
      network: networkOf(address),
      userAgent: agentOf(c),
      label,
      party,
    });
    if (!started) {
      throw new OAuthError('temporarily_unavailable', 'Too many sign-ins wait; try again in minutes.', 429);
    }
    return {
      device_code: started.deviceCode,
      user_code: started.userCode,
      verification_uri: at(party === null ? PATHS.page : `${PATHS.page}?party=${party}`),
      expires_in: started.expiresIn,
      interval: started.interval,
    };
  });

  post(PATHS.token, forms.token, async (_, { client_id, grant_type, device_code }) => {
    if (grant_type !== GRANT) throw new OAuthError('unsupported_grant_type', `Only ${GRANT} is served.`);
    if (device_code === undefined) throw new OAuthError('invalid_request', 'device_code is missing.');
    const outcome = await app.devices.poll(client_id, device_code);
    if (typeof outcome === 'string') throw new OAuthError(outcome, DESCRIPTIONS[outcome]);
    const left = outcome.expiresAt.getTime() - app.clock.now().getTime();
    return { access_token: outcome.token, token_type: 'Bearer', expires_in: Math.floor(left / 1000) };
  });

  post(PATHS.revoke, forms.revoke, async (_, { client_id, token }) => {
    if (await app.devices.revoke(client_id, token)) return {};
    throw new OAuthError('invalid_grant', 'This token is of another client.');
  });
}

/** @throws OAuthError */
async function read<T extends ClientForm>(c: Context<Env>, shape: T): Promise<z.infer<T>> {
  if (c.req.header('origin') !== undefined) {
    throw new OAuthError('invalid_request', 'No page calls this, only programs.', 403);
  }
  const [type] = (c.req.header('content-type') ?? '').split(';');
  if (type!.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new OAuthError('invalid_request', 'Send application/x-www-form-urlencoded.');
  }
  const text = await c.req.text();
  if (text.length > MOST_BYTES) throw new OAuthError('invalid_request', 'That is too long.', 413);
  const given = [...new URLSearchParams(text)].filter(([, value]) => value !== '');
  // RFC 6749, section 3.2: none more than once. Two readers would disagree on which counts.
  if (new Set(given.map(([name]) => name)).size !== given.length) {
    throw new OAuthError('invalid_request', 'A parameter is given twice.');
  }
  const parsed = shape.safeParse(Object.fromEntries(given));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new OAuthError('invalid_request', `${issue!.path.join('.')}: ${issue!.message}`);
  }
  if (parsed.data.client_id !== CLIENT) throw new OAuthError('invalid_client', 'No such client.', 401);
  return parsed.data;
}

/** What the program calls itself, as far as it can be shown. */
function agentOf(c: Context<Env>): string | null {
  const agent = line(200).safeParse((c.req.header('user-agent') ?? '').slice(0, 200));
  return agent.success ? agent.data : null;
}
