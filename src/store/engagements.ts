import { and, eq } from 'drizzle-orm';
import type { Engagement } from '../domain/decision.ts';
import type { Matrix } from '../domain/matrix.ts';
import { type Installation, installationDigest } from '../domain/version.ts';
import type { Unsettled } from '../elevation/contract.ts';
import type { Database, Transaction } from './database.ts';
import { matrixVersions, tenants } from './matrix-tables.ts';

export type TenantRow = typeof tenants.$inferSelect;

export interface TenantSummary {
  readonly tenant: string;
  readonly engagement: Engagement;
  readonly lockedOutAt: Date | null;
  /** Why nothing can be opened by what is served; `null`: it is in force. */
  readonly unsettled: Unsettled | null;
  /** Up to when owners were told what they would have been asked; `null`: never yet. */
  readonly observedUntil: Date | null;
  /** The proposal that is in force; `null`: none was ever signed. */
  readonly proposal: string | null;
}

/** Parsed versions by digest: what a digest stands for never changes, which of them is in force is read each time. */
export interface EngagementCache {
  get(tenant: string, digest: string): Engagement | undefined;
  /** Parses and remembers: what was in force once, or is served. */
  put(tenant: string, digest: string, source: string): Engagement;
  /** Parses what may never be in force. */
  parse(digest: string, source: string): Engagement;
  /** The same version with the people whom its named emails mean. */
  bound(engagement: Engagement, bindings: TenantRow['bindings']): Engagement;
  unsettled(row: TenantRow, matrix: Matrix): Unsettled | null;
}

/** The engagements that are served. Which version is in force is read from the database each time. */
export interface Engagements extends EngagementCache {
  all(): Promise<TenantSummary[]>;
  one(tenant: string): Promise<TenantSummary | null>;
  /** A version that was in force once, with the named people as they are in `today`. */
  version(today: Engagement, digest: string): Promise<Engagement | null>;
}

export function openEngagements(
  database: Database,
  parts: {
    /** Makes an engagement of a stored version; a version that was in force once always parses. */
    readonly parse: (source: string) => Engagement;
    readonly installation: (matrix: Matrix) => Installation;
    /** Whether a version that nobody signed may be in force: the demo's first. */
    readonly unsigned: boolean;
  },
): Engagements {
  const parsed = new Map<string, Engagement>();
  const bound = new WeakMap<Engagement, { text: string; engagement: Engagement }>();
  const installed = new WeakMap<Matrix, string>();
  const cache: EngagementCache = {
    get: (tenant, digest) => parsed.get(`${tenant} ${digest}`),
    put: (tenant, digest, source) => {
      const engagement = cache.parse(digest, source);
      parsed.set(`${tenant} ${digest}`, engagement);
      return engagement;
    },
    parse: (digest, source) => {
      const engagement = parts.parse(source);
      if (engagement.digest !== digest)
        throw new Error(`a stored version is not what its digest says: ${digest}`);
      return engagement;
    },
    bound: (engagement, bindings) => {
      if (bindings === null) return engagement;
      // The same object each time, since what follows from an engagement is worked out once for each.
      const text = JSON.stringify(bindings);
      const known = bound.get(engagement);
      if (known?.text === text) return known.engagement;
      const made = Object.freeze({ ...engagement, bindings });
      bound.set(engagement, { text, engagement: made });
      return made;
    },
    unsettled: (row, matrix) => {
      if (row.proposal === null) return parts.unsigned && row.unsignedInForce ? null : 'first-version';
      const digest = installed.get(matrix) ?? installationDigest(parts.installation(matrix));
      installed.set(matrix, digest);
      return row.installation === digest ? null : 'installation';
    },
  };
  const summaries = (tx: Transaction, rows: TenantRow[]): Promise<TenantSummary[]> =>
    Promise.all(
      rows.map(async row => {
        const engagement = await engagementIn(tx, cache, row);
        return {
          tenant: row.id,
          engagement,
          lockedOutAt: row.lockedOutAt,
          unsettled: cache.unsettled(row, engagement.matrix),
          proposal: row.proposal,
          observedUntil: row.observedUntil,
        };
      }),
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
    version: async (today, digest) => {
      const { tenant, bindings = null } = today;
      if (digest === today.digest) return today;
      const found = await database.within([tenant], tx => storedVersion(tx, cache, tenant, digest));
      return found && cache.bound(found, bindings && [...bindings]);
    },
  };
}

/** The version that a tenant's row names, with whom its named emails mean. */
export async function engagementIn(
  tx: Transaction,
  cache: EngagementCache,
  { id, matrix, bindings }: Pick<TenantRow, 'id' | 'matrix' | 'bindings'>,
): Promise<Engagement> {
  const version = await storedVersion(tx, cache, id, matrix);
  if (!version) throw new Error(`the version in force of ${id} is not stored`);
  return cache.bound(version, bindings);
}

/** A version that was in force once, or waits for its first signatures. */
export async function storedVersion(
  tx: Transaction,
  cache: EngagementCache,
  tenant: string,
  digest: string,
): Promise<Engagement | null> {
  const known = cache.get(tenant, digest);
  if (known) return known;
  const [version] = await tx
    .select()
    .from(matrixVersions)
    .where(and(eq(matrixVersions.tenant, tenant), eq(matrixVersions.digest, digest)));
  return version ? cache.put(tenant, digest, version.source) : null;
}
