import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';

/** What the database knows of how the broker is doing; ages in seconds. */
export interface Vitals {
  readonly tenants: readonly {
    readonly tenant: string;
    /** Requests that wait for an answer, and the age of the oldest. */
    readonly waiting: number;
    readonly oldest: number;
    /** Since the last checkpoint was signed; null: none yet. */
    readonly checkpoint: number | null;
    /** How long the oldest entry that no checkpoint covers has waited for one; 0: all are covered. */
    readonly uncovered: number;
  }[];
  readonly outbox: readonly {
    readonly channel: string;
    /** Messages that are due, or were tried and are due again later, and the age of the oldest. */
    readonly undelivered: number;
    readonly oldest: number;
    /** Given up within the last day. */
    readonly failed: number;
  }[];
}

/** PostgreSQL itself ends what takes longer, in ms: a scrape that nobody waits for any more costs nothing. */
const STATEMENT_MS = 1500;

export async function readVitals(database: Database, now: Date): Promise<Vitals> {
  const at = sql`${now.toISOString()}::timestamptz`;
  const since = (moment: ReturnType<typeof sql>) =>
    sql`greatest(0, coalesce(extract(epoch from ${at} - ${moment}), 0))::float8`;
  return database.everywhere(async tx => {
    await tx.execute(sql`select set_config('statement_timeout', ${String(STATEMENT_MS)}, true)`);
    const tenants = await tx.execute(sql`
      select t.id as tenant, w.waiting, ${since(sql`w.oldest`)} as oldest,
        extract(epoch from ${at} - c.at)::float8 as checkpoint, ${since(sql`e.at`)} as uncovered
      from tenant t
      cross join lateral (
        select count(*)::int as waiting, min(created_at) as oldest from request
        where tenant = t.id and state = 'waiting' and (expires_at is null or expires_at > ${at})
      ) w
      left join lateral (
        select size, at from checkpoint where tenant = t.id order by size desc limit 1
      ) c on true
      left join log_entry e on e.tenant = t.id and e.seq = coalesce(c.size, 0) + 1
      order by t.id`);
    const outbox = await tx.execute(sql`
      select channel, count(*) filter (where done_at is null)::int as undelivered,
        ${since(sql`min((message->>'at')::timestamptz) filter (where done_at is null)`)} as oldest,
        count(*) filter (where outcome = 'failed')::int as failed
      from outbox
      where (done_at is null and (attempts > 0 or due_at <= ${at}))
        or (done_at > ${at} - interval '1 day' and outcome = 'failed')
      group by channel order by channel`);
    return {
      tenants: tenants as unknown as Vitals['tenants'],
      outbox: outbox as unknown as Vitals['outbox'],
    };
  });
}

/**
 * Goes the whole way of an append with nothing to append: the only function that may, the lock on a chain's head, a
 * row written, and its commit on the disk. So a database that is read-only, full or without that right fails here.
 */
export async function probeLog(database: Database): Promise<void> {
  await database.within(['instance'], async tx => {
    await tx.execute(sql`select set_config('statement_timeout', ${String(STATEMENT_MS)}, true)`);
    await tx.execute(sql`select from append_log('instance', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`);
  });
}
