/**
 * One clock for every session. A session ends when the wall clock reaches its deadline or when the monotonic clock
 * has counted what was left at admission, whichever comes first: turning one clock back buys nothing.
 *
 * There is no timer per session over long spans. `setTimeout` past 24.8 days fires at once, and thousands of timers
 * drift apart when the machine sleeps; a shared tick looks at all of them, and only the last fraction of a second
 * gets a timer of its own, for exactness.
 */
export interface Clock {
  /** Milliseconds since the epoch. May jump. */
  now(): number;
  /** Milliseconds from some start; never goes back. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

export interface Watch {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Milliseconds left when the watch starts, counted on the monotonic clock. */
  readonly remaining: number;
  /** Called once. `late`: milliseconds by which the deadline was overrun when it was noticed. */
  readonly due: (late: number) => void;
  /** Called once when no more than `before` ms are left; not called at all if less is left at the start. */
  readonly warning?: { readonly before: number; readonly call: () => void };
}

/** The longest a deadline can pass unnoticed when the timer for the last stretch is lost. */
export const TICK_MS = 200;

interface Entry {
  readonly watch: Watch;
  readonly startedAt: number;
  warned: boolean;
  last: NodeJS.Timeout | undefined;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Starts watching; the returned function stops it. A deadline that has passed already is due at the next turn. */
  watch(watch: Watch): () => void {
    const left = Math.min(watch.deadline - this.#clock.now(), watch.remaining);
    const warned = watch.warning === undefined || left <= watch.warning.before;
    const entry: Entry = { watch, startedAt: this.#clock.monotonic(), warned, last: undefined };
    this.#entries.add(entry);
    this.#aim(entry);
    this.#run();
    return () => this.#forget(entry);
  }

  /** Calls `listener` at every tick, for checks that need no exactness. Returns a function that stops it. */
  onTick(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#run();
    return () => {
      this.#listeners.delete(listener);
      this.#rest();
    };
  }

  /** Looks at every deadline now. Called by the shared timer; tests with a clock of their own call it too. */
  tick(): void {
    for (const entry of [...this.#entries]) this.#look(entry);
    for (const listener of [...this.#listeners]) listener();
  }

  stop(): void {
    for (const entry of [...this.#entries]) this.#forget(entry);
    this.#listeners.clear();
    this.#rest();
  }

  #left(entry: Entry): { wall: number; counted: number } {
    return {
      wall: entry.watch.deadline - this.#clock.now(),
      counted: entry.watch.remaining - (this.#clock.monotonic() - entry.startedAt),
    };
  }

  #look(entry: Entry): void {
    if (!this.#entries.has(entry)) return;
    const { wall, counted } = this.#left(entry);
    if (wall <= 0 || counted <= 0) {
      this.#forget(entry);
      // The counted time is the true one where it is up as well: a wall clock that jumped says nothing about delay.
      entry.watch.due(Math.max(0, counted <= 0 ? -counted : -wall));
      return;
    }
    const warning = entry.watch.warning;
    if (warning && !entry.warned && Math.min(wall, counted) <= warning.before) {
      entry.warned = true;
      warning.call();
    }
    this.#aim(entry);
  }

  /** Gives the last stretch a timer of its own. Timers may fire a hair early, so it looks again instead of firing. */
  #aim(entry: Entry): void {
    const { wall, counted } = this.#left(entry);
    const left = Math.min(wall, counted);
    if (left > TICK_MS * 1.5) return;
    clearTimeout(entry.last);
    entry.last = setTimeout(() => this.#look(entry), Math.max(0, Math.ceil(left)));
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.last);
    this.#entries.delete(entry);
    this.#rest();
  }

  #run(): void {
    this.#timer ??= setInterval(() => this.tick(), TICK_MS);
  }

  #rest(): void {
    if (this.#entries.size > 0 || this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** In so many steps a time limit is counted. */
const STEPS = 10;

/**
 * Rejects after `ms` (well below 24 days): a file system that hangs may never answer. Counted in steps, each a turn of
 * the event loop, so that a process that was kept from running does not take its own absence for the disk's.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    let steps = 0;
    timer = setInterval(() => {
      steps += 1;
      if (steps >= STEPS) reject(new Error(`the disk did not answer for ${ms} ms`));
    }, ms / STEPS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearInterval(timer);
  }
}
