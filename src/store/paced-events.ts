import { createHash } from 'node:crypto';
import { between, count, sql } from 'drizzle-orm';
import type { Step } from '../elevation/contract.ts';
import type { Transaction } from './database.ts';
import { type Appendable, uuidOf } from './log.ts';
import { logEntries } from './tables.ts';

type Event = NonNullable<Step<unknown>['events']>[number];

/**
 * Those of a step's events that their pace lets into the log. The id of a paced entry begins alike for its group and
 * goes on by what it repeats, so that the index of ids both counts a group and knows a repeat. Until the transaction
 * ends nobody else counts the same group.
 */
export async function withinPace(tx: Transaction, events: readonly Event[]): Promise<Appendable[]> {
  const kept: Appendable[] = [];
  for (const { pace, ...event } of events as readonly (Appendable & Pick<Event, 'pace'>)[]) {
    if (pace === undefined) {
      kept.push(event);
      continue;
    }
    const group = sha256(JSON.stringify([event.tenant, pace.group])).slice(0, PREFIX);
    const entry = uuidOf(
      group + sha256(JSON.stringify([event.tenant, pace.group, pace.repeat])).slice(PREFIX),
    );
    const end = (digit: string) => uuidOf(group.padEnd(64, digit));
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`pace ${group}`}, 0))`);
    const [written] = await tx
      .select({
        all: count(),
        same: sql<boolean>`coalesce(bool_or(${logEntries.entry} = ${entry}), false)`,
      })
      .from(logEntries)
      .where(between(logEntries.entry, end('0'), end('f')));
    const before = kept.filter(one => one.entry?.startsWith(entry.slice(0, 13)));
    const there = written!.same || before.some(one => one.entry === entry);
    if (!there && written!.all + before.length < pace.most) kept.push({ ...event, entry });
  }
  return kept;
}

/** Hexadecimal digits that a group's ids share: all in front of the UUID's version. */
const PREFIX = 12;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
