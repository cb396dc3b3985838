import { eq } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Engagement } from '../domain/decision.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvents } from './log.ts';
import { type EngagementCache, engagementIn } from './look.ts';
import { matrixVersions, servedTenants, tenants } from './tables.ts';

export interface TenantSummary {
  readonly tenant: string;
  readonly engagement: Engagement;
  readonly lockedOutAt: Date | null;
}

/** A version as it was parsed, and the text that stands for it in the database. */
export interface ReadVersion {
  readonly engagement: Engagement;
  /** JSON of `{matrix, targets}`. */
  readonly source: string;
}

/** The engagements that are served. Which version is in force is read from the database each time. */
export interface Engagements extends EngagementCache {
  all(): Promise<TenantSummary[]>;
  one(tenant: string): Promise<TenantSummary | null>;
  /** Puts a version in force, and says so in the log; one that is in force already changes nothing. */
  putInForce(version: ReadVersion, now: Date): Promise<boolean>;
}

/** @param parse makes an engagement of a stored version; a version that was in force once always parses. */
export function openEngagements(database: Database, parse: (source: string) => Engagement): Engagements {
  const parsed = new Map<string, Engagement>();
  const cache: EngagementCache = {
    get: (tenant, digest) => parsed.get(`${tenant} ${digest}`),
    put: (tenant, digest, source) => {
      const engagement = parse(source);
      if (engagement.digest !== digest)
        throw new Error(`the stored version of ${tenant} is not what its digest says`);
      parsed.set(`${tenant} ${digest}`, engagement);
      return engagement;
    },
  };
  const summaries = (tx: Transaction, rows: (typeof tenants.$inferSelect)[]): Promise<TenantSummary[]> =>
    Promise.all(
      rows.map(async row => ({
        tenant: row.id,
        engagement: await engagementIn(tx, cache, row),
        lockedOutAt: row.lockedOutAt,
      })),
    );
  return {
    ...cache,
    all: () =>
      database.everywhere(async tx => summaries(tx, await tx.select().from(tenants).orderBy(tenants.id))),
    one: tenant =>
      database.within([tenant], async tx => {
        const [found] = await summaries(tx, await tx.select().from(tenants).where(eq(tenants.id, tenant)));
        return found ?? null;
      }),
    putInForce: ({ engagement, source }, now) =>
      database.within([engagement.tenant], async tx => {
        const { tenant, digest, matrix } = engagement;
        await tx.insert(servedTenants).values({ id: tenant, since: now }).onConflictDoNothing();
        await tx
          .insert(matrixVersions)
          .values({ tenant, digest, version: matrix.version, source, at: now })
          .onConflictDoNothing();
        await tx.insert(tenants).values({ id: tenant, matrix: '' }).onConflictDoNothing();
        const [row] = await tx.select().from(tenants).where(eq(tenants.id, tenant)).for('update');
        if (row!.matrix === digest) return false;
        await tx.update(tenants).set({ matrix: digest }).where(eq(tenants.id, tenant));
        const inForce: AuditEvent = {
          tenant,
          action: 'matrix.in-force',
          actor: 'broker',
          subject: `tenant:${tenant}`,
          data: { digest, version: matrix.version, previous: row!.matrix || null, signed: false },
        };
        await appendEvents(tx, [inForce]);
        return true;
      }),
  };
}
