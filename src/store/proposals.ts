import { and, desc, eq, getTableColumns, inArray, lt, sql } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Engagement } from '../domain/decision.ts';
import {
  documentOf,
  type Proposal,
  type ProposalSummary,
  type Signature,
  type VersionTexts,
} from '../domain/proposal.ts';
import { bindingsFor, documentDigest, type Installation, type VersionDocument } from '../domain/version.ts';
import type { Proposed } from '../elevation/contract.ts';
import type { Database, Transaction } from './database.ts';
import type { EngagementCache } from './engagements.ts';
import { freshId } from './fresh-id.ts';
import { appendEvents } from './log.ts';
import { matrixVersions, proposals, servedTenants, signatures, tenants } from './matrix-tables.ts';
import { people } from './tables.ts';

type Row = typeof proposals.$inferSelect;

export const proposalOf = ({ texts, ...row }: Row): Proposal => ({
  ...row,
  texts: texts === null ? null : (JSON.parse(texts) as VersionTexts),
});

/** With what it would put in force; only versions that were in force are remembered. */
export function proposedOf(
  cache: EngagementCache,
  proposal: Proposal,
  signed: readonly Signature[],
): Proposed {
  const document = documentOf(proposal);
  const engagement =
    cache.get(proposal.tenant, proposal.digest) ?? cache.parse(proposal.digest, sourceOf(document));
  return {
    proposal,
    document,
    engagement: cache.bound(engagement, [...document.bindings]),
    signatures: signed,
  };
}

/** What a version is stored as: its two documents, as parsed. */
export const sourceOf = ({ matrix, targets }: Pick<VersionDocument, 'matrix' | 'targets'>): string =>
  JSON.stringify({ matrix, targets });

/** A proposal of a list, with who signed it. */
export interface Listed {
  readonly proposal: ProposalSummary;
  readonly signatures: readonly Signature[];
}

const { source: _, texts: __, ...SUMMARY } = getTableColumns(proposals);

/** In states of these, the one that was last put up, signed or closed first; without what they say. */
export async function listProposals(
  database: Database,
  filter: {
    readonly tenant: string;
    readonly states: readonly Proposal['state'][];
    /** Of matrix and inventory. */
    readonly digest?: string;
  },
  limit = 100,
): Promise<Listed[]> {
  return database.within([filter.tenant], async tx => {
    const rows = await tx
      .select(SUMMARY)
      .from(proposals)
      .where(
        and(
          eq(proposals.tenant, filter.tenant),
          inArray(proposals.state, [...filter.states]),
          filter.digest === undefined ? undefined : eq(proposals.digest, filter.digest),
        ),
      )
      .orderBy(...LATEST)
      .limit(limit);
    const signed = await signaturesOf(
      tx,
      rows.map(({ id }) => id),
    );
    return rows.map(row => ({
      proposal: row,
      signatures: signed.filter(({ proposal }) => proposal === row.id),
    }));
  });
}

const LATEST = [desc(sql`coalesce(${proposals.closedAt}, ${proposals.proposedAt})`), desc(proposals.id)];

const signaturesOf = async (tx: Transaction, ids: readonly string[]): Promise<Signature[]> =>
  ids.length === 0
    ? []
    : tx
        .select()
        .from(signatures)
        .where(inArray(signatures.proposal, [...ids]))
        .orderBy(signatures.at);

/** One proposal in full: by its id, or the last in a state, before a moment where one is given. */
export async function findProposal(
  database: Database,
  cache: EngagementCache,
  tenant: string,
  which: { readonly id: string } | { readonly last: Proposal['state']; readonly before?: Date | undefined },
): Promise<Proposed | null> {
  return database.within([tenant], async tx => {
    const [row] = await tx
      .select()
      .from(proposals)
      .where(
        and(
          eq(proposals.tenant, tenant),
          'id' in which
            ? eq(proposals.id, which.id)
            : and(
                eq(proposals.state, which.last),
                which.before === undefined ? undefined : lt(proposals.closedAt, which.before),
              ),
        ),
      )
      .orderBy(...LATEST)
      .limit(1);
    return row ? proposedOf(cache, proposalOf(row), await signaturesOf(tx, [row.id])) : null;
  });
}

/** What a tenant's folder holds. */
export interface FolderVersion {
  readonly engagement: Engagement;
  readonly expectations: object | null;
  readonly texts: VersionTexts | null;
}

/** What became of a folder: see `takeIn`. */
export type TakenIn = 'in-force' | 'waits' | 'unchanged' | 'differs';

/**
 * Takes a folder's version in. Until a version was signed by both parties, the folder is the first proposal, and its
 * people can sign in to sign it: `waits`, also when it replaced an earlier one. Where `unsigned` allows it, the very
 * first is `in-force` at once. After that the folder changes nothing: it is `unchanged` or it `differs`.
 */
export async function takeIn(
  database: Database,
  { engagement, expectations, texts }: FolderVersion,
  { installation, unsigned, now }: { installation: Installation; unsigned: boolean; now: Date },
): Promise<TakenIn> {
  const { tenant, digest, matrix, targets } = engagement;
  return database.within([tenant], async tx => {
    await tx.insert(servedTenants).values({ id: tenant, since: now }).onConflictDoNothing();
    await tx.insert(tenants).values({ id: tenant, matrix: '' }).onConflictDoNothing();
    const [row] = await tx.select().from(tenants).where(eq(tenants.id, tenant)).for('update');
    const { proposal: signed, unsignedInForce, matrix: current } = row!;
    if (signed !== null) {
      const inForce = documentOf((await proposalIn(tx, signed))!);
      return sameFolder({ ...inForce, matrix, targets, expectations }, inForce) ? 'unchanged' : 'differs';
    }
    if (unsigned && unsignedInForce) return current === digest ? 'unchanged' : 'differs';
    const known = await tx
      .select()
      .from(people)
      .where(inArray(people.issuer, issuersIn(engagement)));
    const document: VersionDocument = {
      matrix,
      targets,
      expectations,
      installation,
      bindings: bindingsFor(engagement, undefined, known),
    };
    const waiting = (
      await tx
        .select()
        .from(proposals)
        .where(and(eq(proposals.tenant, tenant), eq(proposals.state, 'open')))
    ).map(proposalOf);
    const fromFolder = (proposal: Proposal) => sameFolder(documentOf(proposal), document);
    if (!unsigned && current === digest && waiting.some(fromFolder)) return 'unchanged';
    const events: AuditEvent[] = [];
    for (const { id, document: replaced } of waiting) {
      await tx.update(proposals).set({ state: 'replaced', closedAt: now }).where(eq(proposals.id, id));
      events.push({
        tenant,
        action: 'matrix.closed',
        actor: 'broker',
        subject: id,
        data: { document: replaced, reason: 'replaced' },
      });
    }
    await tx
      .insert(matrixVersions)
      .values({ tenant, digest, version: matrix.version, source: sourceOf(document), at: now })
      .onConflictDoNothing();
    const proposal: Row = {
      id: freshId('mp'),
      tenant,
      digest,
      document: documentDigest(document),
      source: JSON.stringify(document),
      texts: texts && JSON.stringify(texts),
      version: matrix.version,
      change: matrix.change ?? null,
      note: null,
      noteSalt: null,
      base: null,
      proposedBy: null,
      proposedAt: now,
      state: unsigned ? 'in-force' : 'open',
      closedAt: unsigned ? now : null,
      closedBy: null,
    };
    await tx.insert(proposals).values(proposal);
    await tx.update(tenants).set({ matrix: digest, unsignedInForce: unsigned }).where(eq(tenants.id, tenant));
    events.push(
      unsigned
        ? {
            tenant,
            action: 'matrix.in-force',
            actor: 'broker',
            subject: `tenant:${tenant}`,
            data: {
              digest,
              version: matrix.version,
              previous: current || null,
              signed: false,
              document: null,
              proposal: null,
              signatures: [],
            },
          }
        : {
            tenant,
            action: 'matrix.proposed',
            actor: 'broker',
            subject: proposal.id,
            data: {
              digest,
              document: proposal.document,
              version: matrix.version,
              change: proposal.change,
              base: null,
              note_hash: null,
            },
          },
    );
    await appendEvents(tx, events);
    return unsigned ? 'in-force' : 'waits';
  });
}

/** The parts that a folder holds, compared. */
function sameFolder(one: VersionDocument, other: VersionDocument): boolean {
  const { installation, bindings } = other;
  return documentDigest({ ...one, installation, bindings }) === documentDigest(other);
}

const issuersIn = ({ matrix: { parties } }: Engagement): string[] => [
  parties.msp.issuer,
  parties.client.issuer,
];

async function proposalIn(tx: Transaction, id: string): Promise<Proposal | null> {
  const [row] = await tx.select().from(proposals).where(eq(proposals.id, id));
  return row ? proposalOf(row) : null;
}
