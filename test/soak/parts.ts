import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULTS, type Fault, machinesDie } from './machines-die.ts';
import type { Report } from './report.ts';

export interface SoakOptions {
  readonly rounds: number;
  readonly seed: number;
  /** What is injected, in the part's own words; empty: all that it knows. */
  readonly faults: readonly string[];
  readonly tell: (line: string) => void;
}

/** The parts of `npm run soak`, by name. */
export const PARTS: Readonly<Record<string, (options: SoakOptions) => Promise<Report>>> = {
  'machines-die': async ({ rounds, seed, faults, tell }) => {
    const unknown = faults.find(fault => !FAULTS.includes(fault as Fault));
    if (unknown !== undefined) throw new Error(`--faults: ${unknown} is none of ${FAULTS.join(', ')}`);
    // Short enough for a Unix socket in it.
    const folder = await mkdtemp(join(tmpdir(), 'soak-'));
    const report = await machinesDie({
      folder,
      rounds,
      seed,
      faults: faults.length > 0 ? (faults as Fault[]) : FAULTS,
      load: { colleagues: 3, terminals: 2, requests: 2 },
      calm: [600, 2_400],
      settle: true,
      tell,
    });
    // What was lost is looked into where it was lost.
    if (report.losses.length === 0) await rm(folder, { recursive: true, force: true });
    else tell(`what was left stands in ${folder}`);
    return report;
  },
};
