import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Person } from '../domain/person.ts';
import type { Session } from '../domain/session.ts';
import type { Database } from './database.ts';
import { grants, people, sessions } from './tables.ts';

export interface SessionWithPerson {
  readonly session: Session;
  readonly person: Person;
  readonly cell: string;
}

/** The newest first. */
export async function listSessions(
  database: Database,
  filter: { tenants: readonly string[]; person?: string; id?: string; grant?: string; open?: boolean },
  limit = 100,
): Promise<SessionWithPerson[]> {
  if (filter.tenants.length === 0) return [];
  const rows = await database.within(filter.tenants, tx =>
    tx
      .select({ session: sessions, person: people, cell: grants.cell })
      .from(sessions)
      .innerJoin(people, eq(people.id, sessions.person))
      .innerJoin(grants, eq(grants.id, sessions.grant))
      .where(
        and(
          inArray(sessions.tenant, [...filter.tenants]),
          filter.person === undefined ? undefined : eq(sessions.person, filter.person),
          filter.id === undefined ? undefined : eq(sessions.id, filter.id),
          filter.grant === undefined ? undefined : eq(sessions.grant, filter.grant),
          filter.open ? sql`${sessions.endedAt} is null` : undefined,
        ),
      )
      .orderBy(desc(sessions.startedAt))
      .limit(limit),
  );
  return rows as SessionWithPerson[];
}
