import { cpus, loadavg } from 'node:os';

/** One thing that a bench found, as `--json` prints it. */
export interface Measure {
  readonly measure: string;
  readonly value: number | string;
  readonly unit: string | null;
  /** The same of the peer, in the same unit. */
  readonly against: number | null;
  /** How often the smaller goes into the larger: how many times as fast, or how many times as long. */
  readonly ratio: number | null;
  /** `at least 50`, of the ratio. */
  readonly goal: string | null;
  readonly met: boolean | null;
}

export const plain = (measure: string, value: number | string, unit: string | null = null): Measure => ({
  measure,
  value,
  unit,
  against: null,
  ratio: null,
  goal: null,
  met: null,
});

/** Ours is to be so many times as fast as the peer. */
export function fasterThan(
  measure: string,
  value: number,
  unit: string,
  against: number,
  goal: number | null,
): Measure {
  const ratio = rounded(against / value);
  return {
    ...plain(measure, rounded(value), unit),
    against: rounded(against),
    ratio,
    goal: goal === null ? null : `at least ${goal}`,
    met: goal === null ? null : against / value >= goal,
  };
}

/** Ours may take so many times as long as the peer. */
export function within(measure: string, value: number, unit: string, against: number, goal: number): Measure {
  return {
    ...plain(measure, rounded(value), unit),
    against: rounded(against),
    ratio: rounded(value / against),
    goal: `at most ${goal}`,
    met: value / against <= goal,
  };
}

const rounded = (value: number): number => Number(value.toPrecision(3));

/** Where this runs, and how busy it is: a measure of a busy machine says little. */
export const machine = (): Measure[] => [
  plain('machine', `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} processors`),
  plain('node', process.version),
  plain('load when it began', loadavg()[0]!.toFixed(2)),
];

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Milliseconds of processor time that something takes: what else runs on the machine is not counted. */
export function timed(work: () => void): number {
  const begun = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

const WARMING = 3;

/**
 * The medians of two works, done in turns, so that what else the machine does falls on both alike. The first
 * turns only warm up.
 */
export function inTurns(
  turns: number,
  ours: () => void,
  theirs: () => void,
): { ours: number; theirs: number } {
  const times = Array.from({ length: turns + WARMING }, () => ({
    ours: timed(ours),
    theirs: timed(theirs),
  })).slice(2);
  return { ours: median(times.map(time => time.ours)), theirs: median(times.map(time => time.theirs)) };
}

/** Bytes of objects that are in use, after all garbage is gone (`node --expose-gc`). */
export function heapInUse(): number {
  if (!globalThis.gc) throw new Error('run it by `npm run bench:NAME`, which exposes the garbage collector');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

export const mebibytes = (bytes: number): number => rounded(bytes / 2 ** 20);

/** A table, or with `--json` one object a measure. */
export function print(measures: readonly Measure[]): void {
  if (process.argv.includes('--json')) {
    for (const measure of measures) process.stdout.write(`${JSON.stringify(measure)}\n`);
    return;
  }
  const rows = measures.map(({ measure, value, unit, against, ratio, goal, met }) => [
    measure,
    `${value}${unit ? ` ${unit}` : ''}`,
    against === null ? '' : `${against} ${unit}`,
    ratio === null ? '' : `${ratio}`,
    goal === null ? '' : `${goal}: ${met ? 'met' : 'not met'}`,
  ]);
  const table = [['measure', 'value', 'against', 'ratio', 'goal'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map(row => row[column]!.length)));
  for (const row of table) {
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}
