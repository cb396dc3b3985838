import { and, count, eq, gt, min } from 'drizzle-orm';
import type { Person } from '../domain/person.ts';
import { secondsUntilFree, tooOften } from '../elevation/asking-pace.ts';
import type { Transaction } from '../store/database.ts';
import { entriesWithin } from '../store/log.ts';
import { deviceSignIns, people, tokens } from '../store/tables.ts';

const HOUR = 3600;
/** A script that signs in for each call needs more, and needs a token. */
const MOST_SIGN_INS = 60;
const MOST_TOKENS = 20;

/**
 * Each sign-in is an entry in the log. The caller has written, and so holds, the person's row.
 *
 * @throws Refused `too-many-requests`
 */
export async function requireSignInPace(
  tx: Transaction,
  person: Pick<Person, 'id'>,
  tenants: readonly string[],
): Promise<void> {
  for (const tenant of tenants.slice(0, 1)) {
    const of = { tenant, subject: person.id, action: 'person.signed-in' as const };
    const done = await entriesWithin(tx, of, HOUR);
    if (done.count >= MOST_SIGN_INS) throw tooOften(`sign in ${MOST_SIGN_INS} times in one hour`, done.free);
  }
}

/**
 * Each token is an entry in the log; one that a terminal was promised and has not fetched counts as made. The person's
 * row is held, so that two at once do not both fit.
 *
 * @throws Refused `too-many-requests`
 */
export async function requireTokenPace(tx: Transaction, person: string, now: Date): Promise<void> {
  await tx.select({ id: people.id }).from(people).where(eq(people.id, person)).for('update');
  const since = new Date(now.getTime() - HOUR * 1000);
  const [made] = await tx
    .select({ times: count(), first: min(tokens.createdAt) })
    .from(tokens)
    .where(and(eq(tokens.person, person), gt(tokens.createdAt, since)));
  const [promised] = await tx
    .select({ times: count() })
    .from(deviceSignIns)
    .where(
      and(
        eq(deviceSignIns.person, person),
        eq(deviceSignIns.state, 'confirmed'),
        gt(deviceSignIns.expiresAt, now),
      ),
    );
  if ((made?.times ?? 0) + (promised?.times ?? 0) < MOST_TOKENS) return;
  throw tooOften(`make ${MOST_TOKENS} tokens in one hour`, secondsUntilFree(made?.first ?? now, HOUR, now));
}
