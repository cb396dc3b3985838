import { and, asc, desc, eq, getTableColumns, gte, inArray, ne, or, type SQL, sql } from 'drizzle-orm';
import type { Approval } from '../domain/approval.ts';
import type { Person } from '../domain/person.ts';
import type { AccessRequest } from '../domain/request.ts';
import type { Database } from './database.ts';
import { approvals, outbox, people, requests } from './tables.ts';

/** Reading for people and programs: no locks, nothing is decided from these. */

export interface RequestWithAsker {
  readonly request: AccessRequest;
  readonly asker: Person;
}

const asRequest = (row: typeof requests.$inferSelect) => row as AccessRequest;

/** `tenants` bounds where it is looked for. */
export async function findRequest(
  database: Database,
  tenants: readonly string[],
  id: string,
): Promise<RequestWithAsker | null> {
  const [row] = await selectRequests(database, tenants, eq(requests.id, id), 1);
  return row ?? null;
}

/** The newest first. `tenants` bounds what can be seen at all. */
export const listRequests = (
  database: Database,
  filter: { tenants: readonly string[]; reader: string; mine?: boolean },
  limit = 200,
): Promise<RequestWithAsker[]> =>
  filter.tenants.length === 0
    ? Promise.resolve([])
    : selectRequests(
        database,
        filter.tenants,
        and(
          inArray(requests.tenant, [...filter.tenants]),
          // A refusal concerns its asker alone; others read of it in the log.
          filter.mine
            ? eq(requests.person, filter.reader)
            : or(ne(requests.state, 'refused'), eq(requests.person, filter.reader)),
        ),
        limit,
      );

/** What was asked, without the words it was asked in. */
export type AskedRequest = Omit<AccessRequest, 'reason' | 'reasonSalt' | 'display'>;

/** What was asked in a tenant since a moment, refusals too, the newest first: all of it, whoever reads. */
export async function requestsSince(
  database: Database,
  tenant: string,
  since: Date,
  limit: number,
): Promise<{ request: AskedRequest; asker: Person }[]> {
  const { reason: _, reasonSalt: __, display: ___, ...asked } = getTableColumns(requests);
  const rows = await database.within([tenant], tx =>
    tx
      .select({ request: asked, asker: people })
      .from(requests)
      .innerJoin(people, eq(people.id, requests.person))
      .where(and(eq(requests.tenant, tenant), gte(requests.createdAt, since)))
      .orderBy(desc(requests.createdAt))
      .limit(limit),
  );
  return rows.map(({ request, asker }) => ({ request: request as AskedRequest, asker }));
}

async function selectRequests(
  database: Database,
  tenants: readonly string[],
  where: SQL | undefined,
  limit: number,
) {
  const rows = await database.within(tenants, tx =>
    tx
      .select({ request: requests, asker: people })
      .from(requests)
      .innerJoin(people, eq(people.id, requests.person))
      .where(where)
      // What waits first: nobody's list of it is pushed out by what was asked since.
      .orderBy(desc(sql`${requests.state} = 'waiting'`), desc(requests.createdAt))
      .limit(limit),
  );
  return rows.map(({ request, asker }) => ({ request: asRequest(request), asker }));
}

/** Every answer that was given, of every revision, oldest first. */
export async function answersTo(
  database: Database,
  { tenant, id }: Pick<AccessRequest, 'tenant' | 'id'>,
): Promise<{ approval: Approval; person: Person }[]> {
  return database.within([tenant], tx =>
    tx
      .select({ approval: approvals, person: people })
      .from(approvals)
      .innerJoin(people, eq(people.id, approvals.person))
      .where(eq(approvals.request, id))
      .orderBy(asc(approvals.at)),
  );
}

/** How often this person asked for this cell on this target before, and how that went. */
export async function askedBefore(
  database: Database,
  request: AccessRequest,
): Promise<{ asked: number; approved: number }> {
  const [row] = await database.within([request.tenant], tx =>
    tx
      .select({
        asked: sql<number>`count(*)::int`,
        approved: sql<number>`(count(*) filter (where ${requests.state} = 'approved'))::int`,
      })
      .from(requests)
      .where(
        and(
          eq(requests.person, request.person),
          eq(requests.tenant, request.tenant),
          eq(requests.target, request.target),
          sql`${requests.createdAt} < ${request.createdAt.toISOString()}::timestamptz`,
        ),
      ),
  );
  return row!;
}

/** The messages that were written for a tenant and have not arrived. */
export const undelivered = (database: Database, tenant: string) =>
  database.within([tenant], tx =>
    tx
      .select()
      .from(outbox)
      .where(
        and(
          eq(outbox.tenant, tenant),
          sql`${outbox.outcome} is distinct from 'delivered'`,
          sql`${outbox.attempts} > 0`,
        ),
      )
      .orderBy(desc(outbox.dueAt))
      .limit(50),
  );
