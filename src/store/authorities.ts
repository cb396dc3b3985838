import { and, eq } from 'drizzle-orm';
import { contextOf } from '../credentials/contexts.ts';
import type { Authority } from '../credentials/contract.ts';
import type { Keyring } from '../credentials/seal.ts';
import type { Database } from './database.ts';
import { appendEvents } from './log.ts';
import { authorities } from './tables.ts';

/** The tenants' certificate authorities: public parts to print, private parts sealed at rest. */
export interface Authorities {
  publicKey(tenant: string, protocol: string): Promise<string>;
  /** The private part, opened for one use. */
  privateKey(tenant: string, protocol: string): Promise<Buffer>;
}

/** One authority a tenant and protocol, made when it is first needed; several that start together agree on one. */
export function openAuthorities(
  database: Database,
  keyring: Keyring,
  create: (protocol: string) => Authority,
  clock: { now(): Date },
): Authorities {
  const found = async (tenant: string, protocol: string) => {
    const where = and(eq(authorities.tenant, tenant), eq(authorities.protocol, protocol));
    const [row] = await database.within([tenant], tx => tx.select().from(authorities).where(where));
    if (row) return row;
    const { publicKey, privateKey } = create(protocol);
    const sealed = keyring.seal(privateKey, contextOf.authority(tenant, protocol));
    return database.within([tenant], async tx => {
      const [made] = await tx
        .insert(authorities)
        .values({ tenant, protocol, publicKey, sealed, createdAt: clock.now() })
        .onConflictDoNothing()
        .returning();
      if (!made) return (await tx.select().from(authorities).where(where))[0]!;
      await appendEvents(tx, [
        {
          tenant,
          action: 'ca.created',
          actor: 'broker',
          subject: `tenant:${tenant}`,
          data: { protocol, public_key: publicKey },
        },
      ]);
      return made;
    });
  };
  return {
    publicKey: async (tenant, protocol) => (await found(tenant, protocol)).publicKey,
    privateKey: async (tenant, protocol) =>
      keyring.unseal((await found(tenant, protocol)).sealed, contextOf.authority(tenant, protocol)),
  };
}
