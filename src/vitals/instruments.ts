/** One number of a family, under its labels. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is counted since the process began: values under one name, told apart by labels. */
export class Counter {
  readonly #values = new Map<string, Sample>();

  add(labels: Readonly<Record<string, string>> = {}, by = 1): void {
    const key = JSON.stringify(labels);
    this.#values.set(key, { labels, value: (this.#values.get(key)?.value ?? 0) + by });
  }

  get samples(): readonly Sample[] {
    return [...this.#values.values()];
  }
}

/** How often something took how long: counts below each bound, cumulative as Prometheus reads them. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** @param bounds in ascending order; the last, infinity, is added here */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    for (const [i, bound] of this.bounds.entries()) if (value <= bound) this.#counts[i]! += 1;
    this.#sum += value;
    this.#count += 1;
  }

  get state(): { readonly counts: readonly number[]; readonly sum: number; readonly count: number } {
    return { counts: [...this.#counts], sum: this.#sum, count: this.#count };
  }
}

/** What this process counts by itself, from its start. */
export class Instruments {
  /** Seconds by which a session outlived its deadline. */
  readonly cutDelay = new Histogram([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]);
  /** Seconds from the start of a transaction until its log entries were on the disk. */
  readonly append = new Histogram([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]);
  readonly appendFailures = new Counter();
  /** By class of route and of status. */
  readonly requests = new Counter();
}
