import type { Configuration } from './configuration.ts';
import type { Matrix } from './domain/matrix.ts';
import { PARTIES } from './domain/party.ts';
import type { Installation } from './domain/version.ts';

/**
 * What the installation adds to a tenant's matrix, as both parties sign it: by which client its issuers are asked, and
 * where its owners' messages go. Of a channel's address only the host is told: the rest of it is often a secret.
 */
export function installationOf(
  { clients, channels }: Pick<Configuration, 'clients' | 'channels'>,
  { matrix: tenant, parties }: Matrix,
): Installation {
  return {
    issuers: PARTIES.map(party => {
      const { issuer } = parties[party];
      const client = clients.find(one => one.issuer === issuer.replace(/\/$/, ''));
      return {
        party,
        issuer,
        client_id: client?.clientId ?? null,
        groups_claim: client?.groupsClaim ?? null,
        stable_ids: [...(client?.stableIds ?? [])],
      };
    }),
    channels: channels
      .filter(channel => channel.tenant === tenant)
      .map(({ name, kind, to, settings }) => ({ name, kind, to: [...to], host: hostOf(settings.url) }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
  };
}

const hostOf = (url: unknown): string | null =>
  typeof url === 'string' && URL.canParse(url) ? new URL(url).host : null;
