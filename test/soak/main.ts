import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { PARTS } from './parts.ts';
import { sectionOf, writeSection } from './report.ts';

// npm run soak -- [--part machines-die] [--rounds 100] [--seed N] [--faults broker,postgres] [--report]
const { values } = parseArgs({
  options: {
    part: { type: 'string', default: 'machines-die' },
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    faults: { type: 'string', default: '' },
    report: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(
    'npm run soak -- [--part machines-die] [--rounds 100] [--seed N] [--faults broker,postgres] [--report]',
  );
  process.exit(0);
}
const rounds = Number(values.rounds);
const seed = Number(values.seed);
const part = PARTS[values.part];
if (part === undefined || !Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  console.error(
    `soak: --part is one of ${Object.keys(PARTS).join(', ')}; --rounds and --seed are whole numbers`,
  );
  process.exit(2);
}
const faults = values.faults.split(',').filter(fault => fault !== '');
const tell = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
const report = await part({ rounds, seed, faults, tell });
console.log(sectionOf(report, new Date()));
if (values.report) await writeSection('SOAK.md', report);
process.exit(report.losses.length === 0 ? 0 : 1);
