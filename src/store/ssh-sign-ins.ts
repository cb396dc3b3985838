import { timingSafeEqual } from 'node:crypto';
import { and, eq, gt, isNull } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Database } from './database.ts';
import { appendEvents } from './log.ts';
import { sshSignIns } from './tables.ts';

/** A code is eight letters: after this many wrong ones the terminal has to start over. */
export const MOST_CODES = 5;

/** What a terminal that waits for its person told of itself. */
export interface WaitingTerminal {
  readonly username: string;
  readonly address: string;
  readonly attempts: number;
  readonly expiresAt: Date;
}

/** `null`: unknown, over, or taken by somebody already. */
export async function findWaitingTerminal(
  database: Database,
  id: string,
  now: Date,
): Promise<WaitingTerminal | null> {
  const [row] = await database.installation
    .select()
    .from(sshSignIns)
    .where(and(eq(sshSignIns.id, id), gt(sshSignIns.expiresAt, now), isNull(sshSignIns.person)));
  return row ?? null;
}

/**
 * Says who sits at a waiting terminal, if the code is the one that it shows. The row is held while it is looked at,
 * so that two guesses at once count as two.
 *
 * @param code its hash, as `codeHash` makes it
 */
export function confirmTerminal(
  database: Database,
  answer: { id: string; code: string; person: string; tenants: readonly string[] },
  now: Date,
): Promise<'confirmed' | 'wrong' | 'gone'> {
  return database.within(answer.tenants, async tx => {
    const at = eq(sshSignIns.id, answer.id);
    const [row] = await tx
      .select()
      .from(sshSignIns)
      .where(and(at, gt(sshSignIns.expiresAt, now), isNull(sshSignIns.person)))
      .for('update');
    if (!row) return 'gone';
    if (sameHash(row.code, answer.code)) {
      await tx.update(sshSignIns).set({ person: answer.person }).where(at);
      const events = answer.tenants.map(
        (tenant): AuditEvent => ({
          tenant,
          action: 'terminal.signed-in',
          actor: `person:${answer.person}`,
          subject: answer.person,
          data: { address: row.address },
        }),
      );
      await appendEvents(tx, events);
      return 'confirmed';
    }
    const attempts = row.attempts + 1;
    if (attempts < MOST_CODES) {
      await tx.update(sshSignIns).set({ attempts }).where(at);
      return 'wrong';
    }
    await tx.delete(sshSignIns).where(at);
    return 'gone';
  });
}

function sameHash(one: string, other: string): boolean {
  const a = Buffer.from(one);
  const b = Buffer.from(other);
  return a.length === b.length && timingSafeEqual(a, b);
}
