import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Grant } from '../domain/grant.ts';
import type { Person } from '../domain/person.ts';
import type { Database } from './database.ts';
import { grants, people } from './tables.ts';

export interface GrantWithHolder {
  readonly grant: Grant;
  readonly holder: Person;
}

/** The latest ending first. */
export async function listGrants(
  database: Database,
  filter: { tenants: readonly string[]; person?: string; id?: string; request?: string; open?: Date },
  limit = 100,
): Promise<GrantWithHolder[]> {
  if (filter.tenants.length === 0) return [];
  const rows = await database.within(filter.tenants, tx =>
    tx
      .select({ grant: grants, holder: people })
      .from(grants)
      .innerJoin(people, eq(people.id, grants.person))
      .where(
        and(
          inArray(grants.tenant, [...filter.tenants]),
          filter.person === undefined ? undefined : eq(grants.person, filter.person),
          filter.id === undefined ? undefined : eq(grants.id, filter.id),
          filter.request === undefined ? undefined : eq(grants.request, filter.request),
          filter.open === undefined
            ? undefined
            : sql`${grants.endedAt} is null and ${grants.endsAt} > ${filter.open.toISOString()}::timestamptz`,
        ),
      )
      .orderBy(desc(grants.endsAt))
      .limit(limit),
  );
  return rows as GrantWithHolder[];
}
