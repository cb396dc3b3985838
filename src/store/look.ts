import { and, desc, eq, gt, inArray, isNull, lte, min, or, sql } from 'drizzle-orm';
import type { Meant } from '../domain/meant.ts';
import type { Person } from '../domain/person.ts';
import type { AccessRequest } from '../domain/request.ts';
import { putBackSince } from '../elevation/agreed-clocks.ts';
import type { Look } from '../elevation/contract.ts';
import type { Transaction } from './database.ts';
import { type EngagementCache, engagementIn, storedVersion } from './engagements.ts';
import { entriesWithin } from './log.ts';
import { proposals, signatures, tenants } from './matrix-tables.ts';
import { observedAsks } from './observed.ts';
import { proposalOf, proposedOf } from './proposals.ts';
import { approvals, grants, hostKeys, logEntries, logHeads, people, requests, sessions } from './tables.ts';

type Row<T extends { $inferSelect: unknown }> = T['$inferSelect'];

export const personOf = (row: Row<typeof people>): Person => row;
export const requestOf = (row: Row<typeof requests>): AccessRequest => row as AccessRequest;

const isMeant = ({ issuer, groups, emails, subjects }: Meant) =>
  and(
    eq(people.issuer, issuer),
    or(
      groups.length === 0
        ? sql`false`
        : sql`${people.groups} ?| array[${sql.join(
            groups.map(group => sql`${group}`),
            sql`, `,
          )}]::text[]`,
      inArray(people.boundEmail, [...emails]),
      inArray(people.subject, [...subjects]),
    ),
  );

/** A step's eyes inside one transaction; see `Look` for what is locked. */
export function lookIn(tx: Transaction, cache: EngagementCache, clockSkew: Look['clockSkew']): Look {
  const one = async <T>(rows: PromiseLike<T[]>): Promise<T | null> => (await rows)[0] ?? null;
  const inForce = async (id: string, lock: 'share' | 'update') => {
    const row = await one(tx.select().from(tenants).where(eq(tenants.id, id)).for(lock));
    if (!row) return null;
    const engagement = await engagementIn(tx, cache, row);
    return {
      engagement,
      lockedOutAt: row.lockedOutAt,
      unsettled: cache.unsettled(row, engagement.matrix),
      observedUntil: row.observedUntil,
      base: row.document ?? (row.unsignedInForce ? row.matrix : null),
    };
  };
  return {
    tenant: id => inForce(id, 'share'),
    tenantAlone: id => inForce(id, 'update'),
    version: (tenant, digest) => storedVersion(tx, cache, tenant, digest),
    peopleOf: issuers =>
      issuers.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(people)
            .where(inArray(people.issuer, [...issuers])),
    peopleMeant: meant =>
      tx
        .select()
        .from(people)
        .where(or(sql`false`, ...meant.map(isMeant))),
    person: id => one(tx.select().from(people).where(eq(people.id, id))),
    request: async id => {
      const row = await one(tx.select().from(requests).where(eq(requests.id, id)).for('update'));
      return row && requestOf(row);
    },
    asksSince: async (person, tenant, since) => {
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`asks ${tenant} ${person}`}, 0))`);
      const [row] = await tx
        .select({
          count: sql<number>`coalesce(sum(${requests.revision}), 0)::int`,
          first: min(requests.createdAt),
        })
        .from(requests)
        .where(and(eq(requests.person, person), eq(requests.tenant, tenant), gt(requests.createdAt, since)));
      return { count: row?.count ?? 0, first: row?.first ?? null };
    },
    observedAsks: (tenant, from, until) => observedAsks(tx, tenant, from, until),
    preflightsWithin: (person, tenant, seconds) =>
      entriesWithin(
        tx,
        { tenant, subject: `tenant:${tenant}`, action: 'preflight.run', actor: `person:${person}` },
        seconds,
      ),
    proposalsSince: async (person, tenant, since) => {
      const [row] = await tx
        .select({ count: sql<number>`count(*)::int`, first: min(proposals.proposedAt) })
        .from(proposals)
        .where(
          and(
            eq(proposals.proposedBy, person),
            eq(proposals.tenant, tenant),
            gt(proposals.proposedAt, since),
          ),
        );
      return { count: row?.count ?? 0, first: row?.first ?? null };
    },
    clockSkew,
    clockPutBack: async ({ id, tenant, startsAt }, now) => {
      const [row] = await tx
        .select({ opened: logEntries.at, head: logHeads.at })
        .from(logEntries)
        .innerJoin(logHeads, eq(logHeads.tenant, logEntries.tenant))
        .where(
          and(
            eq(logEntries.tenant, tenant),
            eq(logEntries.subject, id),
            eq(logEntries.action, 'grant.opened'),
          ),
        );
      return row !== undefined && putBackSince({ at: row.opened, startsAt }, row.head, now);
    },
    approvals: (request, revision) =>
      tx
        .select()
        .from(approvals)
        .where(and(eq(approvals.request, request), eq(approvals.revision, revision))),
    grant: id =>
      one(tx.select().from(grants).where(eq(grants.id, id)).for('update')) as ReturnType<Look['grant']>,
    openGrants: (tenant, party, now) =>
      tx
        .select()
        .from(grants)
        .where(
          and(
            eq(grants.tenant, tenant),
            eq(grants.party, party),
            isNull(grants.endedAt),
            gt(grants.endsAt, now),
          ),
        )
        .for('update') as unknown as ReturnType<Look['openGrants']>,
    liveGrants: (person, tenant, target, now) =>
      tx
        .select()
        .from(grants)
        .where(
          and(
            eq(grants.person, person),
            eq(grants.tenant, tenant),
            eq(grants.target, target),
            isNull(grants.endedAt),
            lte(grants.startsAt, now),
            gt(grants.endsAt, now),
          ),
        )
        .orderBy(desc(grants.endsAt))
        // Held against an end that is being committed at this moment; admissions do not wait for each other.
        .for('share') as unknown as ReturnType<Look['liveGrants']>,
    session: id =>
      one(tx.select().from(sessions).where(eq(sessions.id, id)).for('update')) as ReturnType<Look['session']>,
    openSessions: held =>
      (held.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(sessions)
            .where(and(inArray(sessions.grant, [...held]), isNull(sessions.endedAt)))) as ReturnType<
        Look['openSessions']
      >,
    proposal: async id => {
      const proposal = await one(tx.select().from(proposals).where(eq(proposals.id, id)).for('update'));
      if (!proposal) return null;
      return proposedOf(
        cache,
        proposalOf(proposal),
        await tx.select().from(signatures).where(eq(signatures.proposal, id)),
      );
    },
    openProposals: async tenant =>
      (
        await tx
          .select()
          .from(proposals)
          .where(and(eq(proposals.tenant, tenant), eq(proposals.state, 'open')))
          .orderBy(proposals.proposedAt)
          .for('update')
      ).map(proposalOf),
    hostKeys: async (tenant, target) =>
      (
        await tx
          .select({ key: hostKeys.publicKey })
          .from(hostKeys)
          .where(and(eq(hostKeys.tenant, tenant), eq(hostKeys.target, target)))
          .orderBy(sql`${hostKeys.pinnedAt}`)
      ).map(row => row.key),
  };
}
