import type { Clock } from '../deadline.ts';

/** What was asked of a disk was not wanted any more when its turn came. */
class NotWanted extends Error {}

/** Does one thing at a time, in the order in which it was asked. */
class Lane {
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #since: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long the one that is under way has taken so far, in ms. */
  get stalledFor(): number {
    return this.#since === null ? 0 : this.#clock.monotonic() - this.#since;
  }

  run<T>(work: () => Promise<T>, wanted: () => boolean): Promise<T> {
    const turn = async () => {
      if (!wanted()) throw new NotWanted('nobody waits for it any more');
      this.#since = this.#clock.monotonic();
      try {
        return await work();
      } finally {
        this.#since = null;
      }
    };
    const done = this.#last.then(turn, turn);
    this.#last = done.catch(() => {});
    return done;
  }
}

/**
 * The disk of all recordings. One write and one other operation are under way at once, and no more: a process has four
 * threads for its files and for looking names up, an operation on a disk that hangs keeps its thread for as long as
 * that lasts, and with the fourth everything else in the broker would hang as well. So a disk that hangs takes two.
 *
 * Writes have a lane of their own, so that the echo of a keystroke does not wait for another session's sync.
 */
export class Disk {
  readonly #writes: Lane;
  readonly #others: Lane;

  constructor(clock: Clock) {
    this.#writes = new Lane(clock);
    this.#others = new Lane(clock);
  }

  /** How long an operation has been under way, in ms; 0 when none is. A disk that works through a queue is not stalled. */
  get stalledFor(): number {
    return Math.max(this.#writes.stalledFor, this.#others.stalledFor);
  }

  /** Rejects without doing it when `wanted` says no at its turn. */
  write<T>(work: () => Promise<T>, wanted: () => boolean): Promise<T> {
    return this.#writes.run(work, wanted);
  }

  /** Opens, syncs, closes, removes. */
  other<T>(work: () => Promise<T>, wanted: () => boolean = () => true): Promise<T> {
    return this.#others.run(work, wanted);
  }
}
