import { lt } from 'drizzle-orm';
import type { Keyring } from '../credentials/seal.ts';
import type { Clock } from '../store/commit.ts';
import type { Drizzle } from '../store/database.ts';
import { signInAttempts } from '../store/tables.ts';
import { hashOf } from './tokens.ts';

const SECONDS = 600;
const CONTEXT = 'sign-in';

/** A sign-in that left for its provider. */
export interface Attempt {
  readonly state: string;
  readonly issuer: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly maxAge: number | null;
  readonly returnTo: string;
}

/**
 * Attempts lie sealed in the browser that began them and nowhere else: beginning costs us no memory, so nobody pushes
 * out another's by beginning many. Only those that came back are kept, so that each serves once.
 */
export function openAttempts(db: Drizzle, keyring: Pick<Keyring, 'seal' | 'unseal'>, clock: Clock) {
  const opened = (sealed: string): (Attempt & { readonly expiresAt: number }) | null => {
    try {
      return JSON.parse(keyring.unseal(sealed, CONTEXT).toString());
    } catch {
      return null;
    }
  };
  return {
    seal: (attempt: Attempt): string => {
      const expiresAt = clock.now().getTime() + SECONDS * 1000;
      return keyring.seal(Buffer.from(JSON.stringify({ ...attempt, expiresAt })), CONTEXT);
    },

    /** The attempt that began in this browser, once, whatever comes of it; `null`: none, over, or spent. */
    async spend(sealed: string, back: { issuer: string; state: string }): Promise<Attempt | null> {
      const attempt = opened(sealed);
      if (attempt?.state !== back.state || attempt.issuer !== back.issuer) return null;
      const now = clock.now().getTime();
      // One that ends later than any could was begun by a clock that has been put back since.
      if (attempt.expiresAt <= now || attempt.expiresAt > now + (SECONDS + 30) * 1000) return null;
      const spent = await db
        .insert(signInAttempts)
        .values({ state: hashOf(attempt.state), expiresAt: new Date(attempt.expiresAt) })
        .onConflictDoNothing()
        .returning();
      return spent.length > 0 ? attempt : null;
    },

    async sweep(): Promise<void> {
      await db.delete(signInAttempts).where(lt(signInAttempts.expiresAt, clock.now()));
    },
  };
}
