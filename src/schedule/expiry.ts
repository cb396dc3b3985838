import { and, asc, eq, isNotNull, isNull, lte, notExists, sql } from 'drizzle-orm';
import { expireGrant, expireRequest } from '../elevation/expire.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import { grants, requests, sessions } from '../store/tables.ts';

/** How many rows are looked at in one go. */
const PAGE = 100;

/**
 * Writes down what time has ended: requests that nobody answered, grants that are over. It decides nothing, so a
 * broker that is down extends nothing. A grant whose session still stands open is left until the gateway has
 * said how that one ended, so that the log tells it in order; after a minute it is written all the same.
 *
 * Each is written on its own: what fails is tried again in the next round, keeps no other from being written, and is
 * thrown at the end, together as an AggregateError. A database that is away ends the round at once.
 */
export async function expireDue(database: Database, commit: Commit, clock: Clock): Promise<void> {
  const now = clock.now();
  const failures: unknown[] = [];
  const lapsed = (after: number) =>
    database.everywhere(tx =>
      tx
        .select({ tenant: requests.tenant, request: requests.id })
        .from(requests)
        .where(
          and(eq(requests.state, 'waiting'), isNotNull(requests.expiresAt), lte(requests.expiresAt, now)),
        )
        .orderBy(asc(requests.expiresAt), asc(requests.id))
        .offset(after)
        .limit(PAGE),
    );
  const over = (after: number) =>
    database.everywhere(tx => {
      const open = tx
        .select({ one: sql`1` })
        .from(sessions)
        .where(and(eq(sessions.grant, grants.id), isNull(sessions.endedAt)));
      return tx
        .select({ tenant: grants.tenant, grant: grants.id })
        .from(grants)
        .where(
          and(
            isNull(grants.endedAt),
            lte(grants.endsAt, now),
            sql`(${notExists(open)} or ${grants.endsAt} <= ${new Date(now.getTime() - 60_000).toISOString()}::timestamptz)`,
          ),
        )
        .orderBy(asc(grants.endsAt), asc(grants.id))
        .offset(after)
        .limit(PAGE);
    });
  const each = async <Row>(
    page: (after: number) => Promise<Row[]>,
    write: (row: Row) => Promise<boolean>,
  ) => {
    // What is written leaves the list; what is not stays at its head, and is stepped over.
    for (let left = 0, full = true; full; ) {
      const rows = await page(left);
      full = rows.length === PAGE;
      for (const row of rows) {
        try {
          if (!(await write(row))) left += 1;
        } catch (error) {
          await database.ping();
          failures.push(error);
          left += 1;
        }
      }
    }
  };
  await each(lapsed, of => commit(of.tenant, (look, outside) => expireRequest(look, outside, of)));
  await each(over, of => commit(of.tenant, (look, outside) => expireGrant(look, outside, of)));
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} ends could not be written`);
}
