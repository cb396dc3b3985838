import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Person } from '../domain/person.ts';
import type { Session } from '../domain/session.ts';
import type { HeldSession } from '../elevation/renew-leases.ts';
import type { Database } from './database.ts';
import { grants, logEntries, people, requests, sessions } from './tables.ts';

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

/** These sessions, of whatever tenants they are, with what they rest on; those that are not there are left out. */
export async function sessionsHeld(
  database: Database,
  ids: readonly string[],
): Promise<(Omit<HeldSession, 'givenUnder'> & { readonly tenant: string; readonly version: string })[]> {
  if (ids.length === 0) return [];
  const rows = await database.everywhere(tx =>
    tx
      .select({
        tenant: sessions.tenant,
        version: sql<string>`${requests.decision}->>'matrix'`,
        session: { id: sessions.id, endedAt: sessions.endedAt },
        grant: grants,
        person: people,
        // The order to end one session changes no row: it stands in the log alone.
        terminated: sql<boolean>`exists (
          select 1 from ${logEntries} where ${logEntries.tenant} = ${sessions.tenant}
          and ${logEntries.subject} = ${sessions.id} and ${logEntries.action} = 'session.terminated')`,
      })
      .from(sessions)
      .innerJoin(people, eq(people.id, sessions.person))
      .innerJoin(grants, eq(grants.id, sessions.grant))
      .innerJoin(requests, eq(requests.id, grants.request))
      .where(inArray(sessions.id, [...ids])),
  );
  return rows as Awaited<ReturnType<typeof sessionsHeld>>;
}
