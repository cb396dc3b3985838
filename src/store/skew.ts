import { sql } from 'drizzle-orm';
import type { Clock } from './clock.ts';
import type { Database, Transaction } from './database.ts';

/** Asks the database what time it is. */
export type DatabaseTime = (on: Pick<Transaction | Database['installation'], 'execute'>) => Promise<Date>;

export const databaseTime: DatabaseTime = async on => {
  const [row] = await on.execute<{ ms: string }>(
    sql`select (extract(epoch from clock_timestamp()) * 1000)::text as ms`,
  );
  return new Date(Number(row?.ms));
};

/**
 * Milliseconds by which our clock is ahead of the database's; negative: behind. The answer is taken to be from the
 * middle of the round trip, so it is off by half of that at most.
 */
export async function skewBetween(clock: Clock, theirs: () => Promise<Date>): Promise<number> {
  const asked = clock.now().getTime();
  const answer = (await theirs()).getTime();
  return (asked + clock.now().getTime()) / 2 - answer;
}
