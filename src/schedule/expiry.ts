import { and, asc, eq, isNotNull, isNull, lte, notExists, sql } from 'drizzle-orm';
import { expireGrant, expireRequest } from '../elevation/expire.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import { grants, requests, sessions } from '../store/tables.ts';

/**
 * Writes down what time has ended: requests that nobody answered, grants that are over. It decides nothing, so a
 * broker that is down extends nothing. A grant whose session still stands open is left until the gateway has
 * said how that one ended, so that the log tells it in order; after a minute it is written all the same.
 */
export async function expireDue(database: Database, commit: Commit, clock: Clock): Promise<void> {
  const now = clock.now();
  const lapsed = await database.everywhere(tx =>
    tx
      .select({ tenant: requests.tenant, request: requests.id })
      .from(requests)
      .where(and(eq(requests.state, 'waiting'), isNotNull(requests.expiresAt), lte(requests.expiresAt, now)))
      .orderBy(asc(requests.expiresAt))
      .limit(100),
  );
  for (const of of lapsed) await commit(of.tenant, (look, outside) => expireRequest(look, outside, of));
  const over = await database.everywhere(tx => {
    const open = tx
      .select({ one: sql`1` })
      .from(sessions)
      .where(and(eq(sessions.grant, grants.id), isNull(sessions.endedAt)));
    return tx
      .select({ tenant: grants.tenant, grant: grants.id, endsAt: grants.endsAt })
      .from(grants)
      .where(
        and(
          isNull(grants.endedAt),
          lte(grants.endsAt, now),
          sql`(${notExists(open)} or ${grants.endsAt} <= ${new Date(now.getTime() - 60_000).toISOString()}::timestamptz)`,
        ),
      )
      .orderBy(asc(grants.endsAt))
      .limit(100);
  });
  for (const of of over) await commit(of.tenant, (look, outside) => expireGrant(look, outside, of));
}
