import { createHash, randomBytes } from 'node:crypto';

/** How often somebody may do something: `burst` at once, refilled over a minute. */
export interface Pace {
  /** Takes one; the seconds to wait where none is left, else 0. */
  take(who: string): number;
  /** The same without taking it. */
  look(who: string): number;
}

const SLOTS = 65_536;

/**
 * A pace for each of any number of callers in fixed memory: a caller's bucket is picked by a keyed hash, so nobody can
 * push another out, and whom one shares a bucket with cannot be chosen. It counts on the monotonic clock, and in this
 * process alone: it keeps work away, it decides nothing.
 */
export function openPace(perMinute: number, now: () => number = () => performance.now()): Pace {
  const key = randomBytes(16);
  const left = new Float64Array(SLOTS).fill(perMinute);
  const seen = new Float64Array(SLOTS).fill(now());
  const rate = perMinute / 60_000;
  const turn = (who: string, price: 0 | 1): number => {
    const slot = createHash('sha256').update(key).update(who).digest().readUInt16BE(0);
    const at = now();
    const tokens = Math.min(perMinute, left[slot]! + (at - seen[slot]!) * rate);
    seen[slot] = at;
    left[slot] = tokens >= 1 ? tokens - price : tokens;
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / rate / 1000));
  };
  return { take: who => turn(who, 1), look: who => turn(who, 0) };
}
