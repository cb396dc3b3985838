import { askedOnce, inTime, Unanswered } from './in-time.ts';

/** Something without which a new session could not be recorded or logged. A new one is a row in `checks.ts`. */
export interface Check {
  /** As in "… does not answer". Whoever reaches the broker may read it: no tenant, host or folder in it. */
  readonly of: string;
  /** What is wrong, in such words as well; null: nothing. An error counts as "… fails". */
  ask(): Promise<string | null>;
}

export interface Readiness {
  /** Why new sessions would fail now; empty when all is well. Answers within 2 s, whatever hangs. Never rejects. */
  ailments(): Promise<readonly string[]>;
  /** Whether the broker is on its way out: it takes nothing new. */
  readonly leaving: boolean;
  /** From now on, for good, it is. */
  leave(): void;
}

/** All checks are asked at once, and each has this long. */
const LIMIT_MS = 1500;
/** How long an answer is given again, so that asking costs a caller more than it costs the database. */
const FRESH_MS = 1000;

/** @param told hears of each change from well to ill, from one illness to another, and back */
export function openReadiness(
  checks: readonly Check[],
  told: (ailments: readonly string[]) => void,
  { limitMs = LIMIT_MS, freshMs = FRESH_MS } = {},
): Readiness {
  let leaving = false;
  let known: { at: number; ailments: readonly string[] } | null = null;
  let said = '';
  const asked = checks.map(({ of, ask }) => {
    const once = askedOnce(ask);
    return () =>
      inTime(limitMs, once()).catch(error =>
        error instanceof Unanswered ? `${of} does not answer` : `${of} fails`,
      );
  });
  const examine = askedOnce(async () => {
    const found = await Promise.all(asked.map(ask => ask()));
    const ailments = found.filter(ailment => ailment !== null);
    known = { at: performance.now(), ailments };
    if (said !== ailments.join()) told(ailments);
    said = ailments.join();
    return ailments;
  });
  return {
    async ailments() {
      if (leaving) return ['the broker is stopping'];
      if (known !== null && performance.now() - known.at < freshMs) return known.ailments;
      return examine();
    },
    get leaving() {
      return leaving;
    },
    leave() {
      leaving = true;
    },
  };
}
