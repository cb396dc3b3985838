import { and, asc, eq, isNull, lte, sql } from 'drizzle-orm';
import { stateAt } from '../domain/request.ts';
import { DeliveryError, type Notifier } from '../notifiers/contract.ts';
import type { Clock } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import { appendEvents } from '../store/log.ts';
import { outbox, requests } from '../store/tables.ts';

/** Seconds before the next try: about a day in all, then it is given up and said so. */
const BACKOFF = [1, 2, 5, 15, 30, 60, 300, 900, 3600, 7200, 14400, 28800];
/** Longer than a delivery may take, so that a broker that died in the middle is taken over. */
const LEASE_SECONDS = 60;

type Letter = typeof outbox.$inferSelect;

/**
 * Delivers what is due, at least once: the message's id lets a receiver recognise a second time. A row is leased in
 * one short transaction, delivered outside of any, and its outcome written in another.
 *
 * @returns how many were taken up
 */
export async function deliverDue(
  database: Database,
  channels: ReadonlyMap<string, Notifier>,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const due = await lease(database, clock.now());
  await Promise.all(due.map(letter => deliver(database, channels, clock, letter, signal)));
  return due.length;
}

async function lease(database: Database, now: Date): Promise<Letter[]> {
  const until = new Date(now.getTime() + LEASE_SECONDS * 1000);
  return database.everywhere(async tx => {
    const rows = await tx
      .select()
      .from(outbox)
      .where(and(isNull(outbox.doneAt), lte(outbox.dueAt, now)))
      .orderBy(asc(outbox.dueAt))
      .limit(8)
      .for('update', { skipLocked: true });
    for (const row of rows) {
      await tx
        .update(outbox)
        .set({ dueAt: until, attempts: sql`${outbox.attempts} + 1` })
        .where(eq(outbox.id, row.id));
    }
    return rows;
  });
}

async function deliver(
  database: Database,
  channels: ReadonlyMap<string, Notifier>,
  clock: Clock,
  letter: Letter,
  signal: AbortSignal,
): Promise<void> {
  if (letter.whileWaiting !== null && !(await stillWaits(database, letter, clock.now()))) {
    await database.within([letter.tenant], tx =>
      tx.update(outbox).set({ doneAt: clock.now(), outcome: 'not-needed' }).where(eq(outbox.id, letter.id)),
    );
    return;
  }
  const attempts = letter.attempts + 1;
  try {
    const channel = channels.get(letter.channel);
    if (!channel)
      throw new DeliveryError('gone', 'the channel is not configured any more', { permanent: true });
    await channel.deliver(letter.message, signal);
    await settle(database, letter, { outcome: 'delivered', attempts, at: clock.now(), error: null });
  } catch (error) {
    if (signal.aborted) return;
    const failure = error instanceof DeliveryError ? error : null;
    const wait = BACKOFF[letter.attempts];
    if (failure?.permanent || wait === undefined) {
      const code = failure?.code ?? 'unexpected';
      await settle(database, letter, { outcome: 'failed', attempts, at: clock.now(), error: code });
      return;
    }
    const seconds = Math.min(Math.max(wait, failure?.retryAfter ?? 0), 24 * 3600);
    await database.within([letter.tenant], tx =>
      tx
        .update(outbox)
        .set({
          dueAt: new Date(clock.now().getTime() + seconds * 1000),
          lastError: failure?.code ?? 'unexpected',
        })
        .where(eq(outbox.id, letter.id)),
    );
  }
}

async function settle(
  database: Database,
  letter: Letter,
  end: { outcome: 'delivered' | 'failed'; attempts: number; at: Date; error: string | null },
): Promise<void> {
  await database.within([letter.tenant], async tx => {
    const [row] = await tx
      .update(outbox)
      .set({ doneAt: end.at, outcome: end.outcome, lastError: end.error })
      .where(and(eq(outbox.id, letter.id), isNull(outbox.doneAt)))
      .returning();
    if (!row) return;
    await appendEvents(tx, [
      {
        tenant: letter.tenant,
        action: end.outcome === 'delivered' ? 'message.delivered' : 'message.failed',
        actor: 'broker',
        subject: letter.id,
        data: {
          kind: letter.message.kind,
          channel: letter.channel,
          about: letter.about,
          attempts: end.attempts,
        },
      },
    ]);
  });
}

async function stillWaits(database: Database, { tenant, whileWaiting }: Letter, now: Date): Promise<boolean> {
  const [row] = await database.within([tenant], tx =>
    tx
      .select({ state: requests.state, expiresAt: requests.expiresAt })
      .from(requests)
      .where(eq(requests.id, whileWaiting!)),
  );
  return row !== undefined && stateAt(row, now) === 'waiting';
}
