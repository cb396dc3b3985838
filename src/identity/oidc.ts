import * as oidc from 'openid-client';
import { z } from 'zod';
import type { OidcClient } from '../configuration.ts';
import { type IdentityProvider, SignInFailed, type VerifiedIdentity } from './contract.ts';

const MAX_GROUPS = 1000;

/** What is read of an ID token (OpenID Connect Core 1.0, section 2 and 5.1); the rest is left unread. */
const tokenClaims = z.looseObject({
  iss: z.string().max(2048),
  sub: z.string().min(1).max(255),
  iat: z.number(),
  auth_time: z.number().optional(),
  name: z.string().max(500).optional(),
  preferred_username: z.string().max(500).optional(),
  email: z.string().max(320).optional(),
  email_verified: z.union([z.boolean(), z.literal(['true', 'false'])]).optional(),
});

const groupList = z.array(z.string().max(500)).max(MAX_GROUPS);

/**
 * One OIDC issuer through openid-client: authorization code with PKCE, nonce and state. Plain http is accepted for
 * loopback issuers alone. Discovery is repeated until it succeeds, so that a provider that is down at start is no
 * reason not to start.
 */
export function openOidcProvider(client: OidcClient): IdentityProvider {
  const issuer = new URL(client.issuer);
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(issuer.hostname);
  let discovered: Promise<oidc.Configuration> | null = null;

  const configuration = async (): Promise<oidc.Configuration> => {
    discovered ??= oidc.discovery(
      issuer,
      client.clientId,
      client.clientSecret ?? undefined,
      client.clientSecret === null ? oidc.None() : oidc.ClientSecretBasic(client.clientSecret),
      {
        timeout: 10,
        // The library takes a token that came over TLS on trust (Core 1.0, section 3.1.3.7, 6); we check its signature.
        execute: [oidc.enableNonRepudiationChecks, ...(loopback ? [oidc.allowInsecureRequests] : [])],
      },
    );
    try {
      return await discovered;
    } catch {
      discovered = null;
      throw new SignInFailed(
        'provider-unreachable',
        `The identity provider at ${issuer.host} does not answer.`,
      );
    }
  };

  return {
    issuer: client.issuer,
    async begin({ redirect, maxAge }) {
      const config = await configuration();
      const pending = {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
        maxAge,
      };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirect.href,
        scope: client.scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: 'S256',
        ...(maxAge === null ? {} : { max_age: String(maxAge), prompt: 'login' }),
      });
      return { url, pending };
    },
    async complete(callback, pending) {
      const config = await configuration();
      const denied = callback.searchParams.get('error');
      if (denied) throw new SignInFailed('provider-refused', 'The identity provider did not sign you in.');
      let tokens: Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>;
      try {
        tokens = await oidc.authorizationCodeGrant(config, callback, {
          expectedState: pending.state,
          expectedNonce: pending.nonce,
          pkceCodeVerifier: pending.verifier,
          idTokenExpected: true,
          ...(pending.maxAge === null ? {} : { maxAge: pending.maxAge }),
        });
      } catch {
        // The library's message may quote what the provider sent; it stays inside.
        throw new SignInFailed(
          'token-refused',
          'The answer of the identity provider did not hold; sign in again.',
        );
      }
      return readIdentity(tokens.claims(), tokens.id_token!, client);
    },
    async endSession(idToken, returnTo) {
      const config = await configuration();
      if (!config.serverMetadata().end_session_endpoint) return null;
      return oidc.buildEndSessionUrl(config, {
        id_token_hint: idToken,
        post_logout_redirect_uri: returnTo.href,
      });
    },
  };
}

function readIdentity(raw: unknown, idToken: string, client: OidcClient): VerifiedIdentity {
  const parsed = tokenClaims.safeParse(raw);
  if (!parsed.success)
    throw new SignInFailed('token-refused', 'The identity provider sent claims of a wrong shape.');
  const claims = parsed.data;
  const groups = groupList.safeParse(claims[client.groupsClaim] ?? []);
  if (!groups.success)
    throw new SignInFailed('groups-missing', 'The identity provider sent groups of a wrong shape.');
  // Entra leaves the groups out of a token and points elsewhere when there are too many: no guess is made.
  const overage = claims._claim_names;
  if (typeof overage === 'object' && overage !== null && Object.hasOwn(overage, client.groupsClaim)) {
    throw new SignInFailed(
      'groups-missing',
      'You are in too many groups for the token; ask for an app-scoped group claim.',
    );
  }
  const subject =
    client.stableIds.length === 0
      ? claims.sub
      : client.stableIds.map(name => stable(claims[name], name)).join('+');
  const texts = Object.entries(claims).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length <= 255,
  );
  const secrets = new Set(['nonce', 'at_hash', 'c_hash', 's_hash', 'sid', 'jti']);
  return {
    issuer: client.issuer,
    subject,
    name: claims.name ?? claims.preferred_username ?? claims.email ?? claims.sub,
    email: claims.email ?? null,
    emailVerified: claims.email_verified === true || claims.email_verified === 'true',
    groups: groups.data,
    claims: Object.fromEntries(texts.filter(([name]) => !secrets.has(name))),
    authenticatedAt: new Date((claims.auth_time ?? claims.iat) * 1000),
    idToken,
  };
}

function stable(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('+')) return value;
  throw new SignInFailed(
    'token-refused',
    `The identity provider left out "${name}", which identifies you here.`,
  );
}
