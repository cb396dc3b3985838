import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { GatewayProcess } from '../recorder/apart.ts';
import { mutated, PACKETS, PARSERS, STRANGERS_PACKETS, sent } from '../recorder/fuzz.ts';
import { admitHalf, captured, feed, quietTarget, strange } from '../recorder/fuzz-live.ts';
import { House } from '../recorder/house.ts';

// `npm run soak:fuzz`: a million hostile inputs, and a section of SOAK.md that says what came of them. A number after
// `--` asks for another count; `--no-report` leaves SOAK.md alone. Exit 1 when anything was found.

const REPORT = fileURLToPath(new URL('../../SOAK.md', import.meta.url));
const args = process.argv.slice(2);
const total = Number(args.find(each => /^\d+$/.test(each)) ?? 1_000_000);
/** How many of all cases meet a parser alone, a gateway past its ciphers, and a gateway over its socket. */
const parsed = Math.floor(total * 0.8);
const known = Math.floor(total * 0.17);
const strangers = Math.floor(total * 0.02);
const raw = total - parsed - known - strangers;

const OPEN = {
  authenticationMs: 2_000,
  arrivals: 1e9,
  unknownPerAddress: 1e4,
  unknown: 1e4,
  connectionsPerPerson: 1e4,
};
const MB = 1024 * 1024;

interface Row {
  readonly what: string;
  readonly cases: number;
  readonly outcome: string;
}

const rows: Row[] = [];
const found: string[] = [];
process.on('uncaughtException', error => found.push(`nobody caught: ${error.stack}`));
process.on('unhandledRejection', error =>
  found.push(`nobody caught: ${error instanceof Error ? error.stack : error}`),
);

const began = new Date();
const seed = args.includes('--seed') ? Number(args[args.indexOf('--seed') + 1]) : began.getTime() % 2 ** 31;

async function part(what: string, cases: number, work: () => Promise<string>): Promise<void> {
  const start = performance.now();
  let outcome: string;
  try {
    outcome = await work();
  } catch (error) {
    outcome = 'FOUND SOMETHING';
    found.push(`${what}: ${(error as Error).message}`);
  }
  rows.push({ what, cases, outcome });
  console.log(`${what}: ${cases} cases in ${Math.round((performance.now() - start) / 1000)} s: ${outcome}`);
}

const names = Object.keys(PARSERS);
for (const name of names) {
  const numRuns = Math.floor(parsed / names.length);
  await part(`parser: ${name}`, numRuns, async () => {
    fc.assert(PARSERS[name] as fc.IProperty<unknown>, { numRuns, seed });
    return 'held';
  });
}

/** In pieces, so that no more is held than a piece. */
function* sampled(packets: fc.Arbitrary<Buffer>, count: number): Iterable<Buffer> {
  const piece = 1_000;
  for (let at = 0; at < count; at += piece)
    yield* fc.sample(packets, { numRuns: Math.min(piece, count - at), seed: seed + at });
}

const target = await quietTarget();
const house = await House.open(target, { limits: OPEN });
admitHalf(house);
const heap = () => Math.round(process.memoryUsage().rss / MB);
const { admissions, segments, endings, incidents, orders } = house.controlPlane;
/** The pretended control plane keeps all that it hears; here only that it was heard matters. */
const forget = () => {
  for (const list of [admissions, segments, endings, incidents, orders]) list.length = 0;
};

await part('packets of a stranger who has keys, past the ciphers', strangers, async () => {
  let let_in = 0;
  const connections = await feed(
    house,
    'stranger',
    sampled(sent(STRANGERS_PACKETS), strangers),
    (_packet, near) => {
      if (near.isKnown) let_in += 1;
    },
  );
  if (let_in > 0 || admissions.length > 0) throw new Error('somebody was admitted');
  return `nobody admitted, over ${connections} connections`;
});

await part('packets of a known person, past the ciphers', known, async () => {
  const before = heap();
  let asked = 0;
  const connections = await feed(house, 'maya', sampled(sent(PACKETS), known), () => {
    if (admissions.length < 1_000) return;
    if (admissions.some(({ person }) => person !== 'maya@msp')) throw new Error('somebody became another');
    asked += admissions.length;
    forget();
  });
  asked += admissions.length;
  const grown = heap() - before;
  if (grown > 500) throw new Error(`memory grew by ${grown} MB`);
  return `${asked} sessions asked for, all as the one person, over ${connections} connections; memory grew by ${grown} MB`;
});

const handshake = await captured(house);
await house.close();

await part("a stock client's bytes, changed on the way, over the socket", raw, async () => {
  const gateway = await GatewayProcess.start(target, OPEN);
  const cases = fc.tuple(mutated(handshake), fc.integer({ min: 1, max: 40 }), fc.boolean());
  let late = 0;
  const step = 100;
  for (let at = 0; at < raw; at += step) {
    const some = fc.sample(cases, { numRuns: Math.min(step, raw - at), seed: seed + at });
    const closed = await Promise.all(
      some.map(([bytes, pieces, hangUp]) => strange(gateway.port, bytes, pieces, hangUp, 60_000)),
    );
    late += closed.filter(each => !each).length;
  }
  const measured = await gateway.measure();
  const alive = await gateway.stock('ssh', ['-v', 'root@db01@127.0.0.1', '-s', 'none']).ended;
  await gateway.stop();
  if (late > 0) throw new Error(`${late} connections outlived their limit`);
  if (measured.admissions > 0) throw new Error('somebody was admitted');
  if (measured.uncaught.length > 0) throw new Error(`nobody caught: ${measured.uncaught[0]}`);
  if (!alive.stderr.includes('Authenticated to')) throw new Error('it does not serve any more');
  const grown = Math.round((measured.peakRss - gateway.restingRss) / MB);
  if (grown > 300) throw new Error(`memory grew by ${grown} MB`);
  return `nobody admitted, every connection closed in time; memory grew by ${grown} MB`;
});
target.close();

const done = rows.reduce((sum, { cases }) => sum + cases, 0);
const minutes = Math.max(1, Math.round((Date.now() - began.getTime()) / 60_000));
const section = [
  '## Fuzzing',
  '',
  `\`npm run soak:fuzz\`, ${began.toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} cores,`,
  `${minutes} min, seed ${seed}: ${done.toLocaleString('en')} cases, ${found.length === 0 ? 'nothing found' : `${found.length} FOUND`}. Each must`,
  'leave the gateway serving, throw nothing that nobody catches, admit nobody, and let memory grow by 500 MB at most.',
  '',
  '| what | cases | outcome |',
  '| --- | --: | --- |',
  ...rows.map(({ what, cases, outcome }) => `| ${what} | ${cases.toLocaleString('en')} | ${outcome} |`),
  '',
].join('\n');

if (!args.includes('--no-report')) {
  const old = existsSync(REPORT) ? readFileSync(REPORT, 'utf8') : '# Soak\n\n';
  const at = old.search(/^## Fuzzing$/m);
  const rest = at === -1 ? '' : old.slice(at + 3).replace(/^[\s\S]*?(?=^## |$(?![\s\S]))/m, '');
  writeFileSync(
    REPORT,
    `${(at === -1 ? old : old.slice(0, at)).trimEnd()}\n\n${section}${rest === '' ? '' : `\n${rest}`}`,
  );
}
for (const each of found) console.error(each);
process.exit(found.length === 0 ? 0 : 1);
