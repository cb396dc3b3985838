import type { OidcClient } from '../configuration.ts';
import type { IdentityProvider } from './contract.ts';
import { openOidcProvider } from './oidc.ts';

/** Where people may come from; one row a kind. */
export const identityKinds = {
  oidc: openOidcProvider,
} as const satisfies Record<string, (client: OidcClient) => IdentityProvider>;
