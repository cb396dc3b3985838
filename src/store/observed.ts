import { and, eq, gte, inArray, isNotNull, lt, sql } from 'drizzle-orm';
import type { ObservedAsks } from '../domain/observed-digest.ts';
import type { Transaction } from './database.ts';
import { people, requests } from './tables.ts';

/** As the driver hands it over: drizzle has turned its own reading of JSON off. */
const listOf = (value: string | string[]): string[] =>
  typeof value === 'string' ? JSON.parse(value) : value;

/** Refusals are told by cell alone: what they asked for is anybody's invention, and so without bound. */
export async function observedAsks(
  tx: Transaction,
  tenant: string,
  from: Date | null,
  until: Date,
): Promise<ObservedAsks[]> {
  const unlessRefused = (column: typeof requests.role | typeof requests.protocol | typeof requests.target) =>
    sql<string | null>`case when ${requests.state} = 'refused' then null else ${column} end`;
  const of = (key: string) => sql<string>`${requests.decision} ->> ${sql.raw(`'${key}'`)}`;
  const parts = {
    asker: people.name,
    party: requests.party,
    answer: of('decision'),
    code: of('code'),
    matrix: of('matrix'),
    cell: of('cell'),
    coApprove: sql<string[]>`${requests.decision} -> 'co_approve'`.mapWith(listOf),
    protocol: unlessRefused(requests.protocol),
    role: unlessRefused(requests.role),
    target: unlessRefused(requests.target),
  };
  const rows = await tx
    .select({ ...parts, count: sql<number>`count(*)::int` })
    .from(requests)
    .innerJoin(people, eq(people.id, requests.person))
    .where(
      and(
        eq(requests.tenant, tenant),
        inArray(requests.state, ['observed', 'refused']),
        from ? gte(requests.createdAt, from) : undefined,
        lt(requests.createdAt, until),
        isNotNull(parts.cell),
      ),
    )
    .groupBy(people.id, ...Object.values(parts));
  return rows as ObservedAsks[];
}
