import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareLog, compareRecordings, compareStore, unsettled } from './compare.ts';
import { type Client, Ledger } from './ledger.ts';
import { Load, type LoadSize } from './load.ts';
import { LogWatch } from './log-watch.ts';
import { type Random, seeded } from './random.ts';
import type { Report } from './report.ts';
import { raiseSoakStage, type SoakStage } from './stage.ts';

/** What is killed in a round, with SIGKILL, at a moment that nobody chose. */
export const FAULTS = ['broker', 'postgres', 'both', 'backend', 'start'] as const;
export type Fault = (typeof FAULTS)[number];

const WORDS: Readonly<Record<Fault, string>> = {
  broker: 'the broker',
  postgres: "PostgreSQL's postmaster, under a running broker",
  both: 'both, in either order, at most 200 ms apart',
  backend: 'one backend of PostgreSQL',
  start: 'the broker, and again while it starts',
};

export interface MachinesDie {
  readonly folder: string;
  readonly rounds: number;
  readonly seed: number;
  /** Taken in turn, so that each has its share. */
  readonly faults: readonly Fault[];
  readonly load: LoadSize;
  /** Milliseconds under load before each kill, least and most. */
  readonly calm: readonly [number, number];
  /** Whether to wait, more than a minute, for messages that were under way at a kill. */
  readonly settle: boolean;
  readonly tell: (line: string) => void;
}

/** How long something may take to come about on a slow machine, in ms. */
const PATIENCE_MS = 60_000;

/** Kills what the broker is made of, again and again under load, and compares what people saw with what is kept. */
export async function machinesDie(options: MachinesDie): Promise<Report> {
  const random = seeded(options.seed);
  const losses: string[] = [];
  const counts = new Map<string, number>();
  const lose = (loss: string) => {
    losses.push(loss);
    options.tell(`LOST: ${loss}`);
  };
  const count = (what: string, by = 1) => counts.set(what, (counts.get(what) ?? 0) + by);

  const stage = await raiseSoakStage(options.folder, random);
  const back: number[] = [];
  try {
    const ledger = new Ledger();
    const watch = new LogWatch(stage, lose);
    const load = new Load(stage, random, ledger);
    load.start(options.load);
    await until(async () => ledger.clients.some(client => client.stdout !== ''), 'nobody got to work');
    for (let round = 0; round < options.rounds; round++) {
      const fault = options.faults[round % options.faults.length]!;
      await sleep(random.between(...options.calm));
      const before = ledger.acknowledged.length;
      await watch.look(`round ${round + 1}, before`);
      await sleep(random.between(0, 700));
      const took = await carryOut(fault, { stage, load, random, lose, count });
      count(`killed: ${WORDS[fault]}`);
      back.push(took);
      const since = Date.now();
      await until(
        async () => ledger.clients.some(({ startedAt, stdout }) => startedAt > since && stdout !== ''),
        `round ${round + 1}, after ${fault}: no session opens any more`,
      );
      await noneOutlived(stage, `round ${round + 1}, after ${fault}`, lose);
      await watch.look(`round ${round + 1}, after ${fault}`);
      options.tell(
        `round ${round + 1}/${options.rounds}: ${fault}, back after ${Math.round(took)} ms; ${ledger.acknowledged.length - before} acknowledged, ${ledger.clients.length} clients so far, ${losses.length} lost`,
      );
    }
    await load.stop();
    await settled(stage, watch, options.settle);
    await stage.broker.kill('SIGTERM');
    await until(async () => stage.broker.databaseProcesses().length === 0, 'PostgreSQL outlives its broker');
    for (const odd of ledger.odd) lose(odd);
    if (stage.receiver.turnedAway.forged > 0) lose('a message came whose signature does not hold');

    const comparison = { lose, count };
    compareLog(watch.entries, ledger, comparison);
    await compareRecordings(
      stage.folder,
      stage.recordings,
      { text: watch.text, entries: watch.entries },
      ledger.clients,
      comparison,
    );
    await compareStore(stage.data, ledger, stage.receiver, comparison);
    count('log entries', watch.entries.length);
    count('checkpoints verified, each with all lines up to it', watch.checkpoints);
    count('calls that were cut off or told that something is away', ledger.unanswered);
    count('clients of the SSH gateway', ledger.clients.length);
  } catch (error) {
    // What does not come about in its time is as bad as what is lost; the comparison is worth nothing then.
    lose(`it went no further: ${(error as Error).message}`);
  } finally {
    for (const fallen of stage.broker.fallen) lose(fallen);
    await stage.close();
  }
  return reportOf(options, counts, back, losses);
}

interface Scene {
  readonly stage: SoakStage;
  readonly load: Load;
  readonly random: Random;
  readonly lose: (loss: string) => void;
  readonly count: (what: string) => void;
}

/** Kills, waits until all is well again, and returns how long that took from the kill on, in ms. */
async function carryOut(fault: Fault, scene: Scene): Promise<number> {
  const { stage, load, random, lose, count } = scene;
  const { broker } = stage;
  const clients = load.running();
  const began = performance.now();
  if (fault === 'postgres' || fault === 'backend') {
    const died = fault === 'postgres' ? await killPostmaster(stage) : await killBackend(stage, random);
    await until(async () => !exists(died), `process ${died} does not die`);
    await until(async () => (await broker.postmaster()) !== null, 'PostgreSQL does not come back by itself');
    await broker.ready();
    // Not only ready: a step goes through.
    await until(
      async () =>
        (await stage.people.api('dana', 'GET', '/audit/checkpoint').catch(() => null))?.status === 200,
      'the broker does not find its database again',
    );
    for (const client of clients)
      if (client.status === null) count('clients that worked on while PostgreSQL was away');
    return performance.now() - began;
  }
  if (fault === 'both') {
    if (random.chance(0.5)) {
      await killPostmaster(stage);
      await sleep(random.between(0, 200));
      await broker.kill();
    } else {
      const broken = broker.kill();
      await sleep(random.between(0, 200));
      await killPostmaster(stage);
      await broken;
    }
  } else {
    await broker.kill();
  }
  await allDead(clients, scene);
  if (random.chance(0.2)) {
    // Now and then nobody starts it again for longer than a short grant has left: nothing of it may stay behind.
    await until(
      async () => broker.databaseProcesses().length === 0,
      'PostgreSQL outlives its killed broker',
    ).catch(error => lose((error as Error).message));
    count('killed and left alone until nothing of PostgreSQL was there any more');
    await sleep(random.between(1_000, 4_000));
  } else {
    await sleep(random.between(0, 500));
  }
  broker.spawn();
  if (fault === 'start') {
    await sleep(random.between(0, 2_500));
    await broker.kill();
    broker.spawn();
  }
  await broker.ready();
  return performance.now() - began;
}

/** Whatever was down meanwhile: what is live now has time left. */
async function noneOutlived(stage: SoakStage, when: string, lose: (loss: string) => void): Promise<void> {
  const asked = Date.now();
  const { json } = await stage.people.api('dana', 'GET', '/grants?live=true');
  for (const { id, ends_at: endsAt } of json.grants as { id: string; ends_at: string }[]) {
    if (Date.parse(endsAt) <= asked) lose(`${when}: the grant ${id} is live after its end at ${endsAt}`);
  }
}

async function killPostmaster(stage: SoakStage): Promise<number> {
  const pid = await stage.broker.postmaster();
  if (pid !== null) process.kill(pid, 'SIGKILL');
  return pid ?? 0;
}

async function killBackend(stage: SoakStage, random: Random): Promise<number> {
  const postmaster = await stage.broker.postmaster();
  const backends = stage.broker
    .databaseProcesses()
    .filter(pid => pid !== postmaster && /postgres: \S+ postgres \[local\]/.test(commandOf(pid)));
  if (backends.length === 0) return 0;
  const pid = random.pick(backends);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It left by itself.
  }
  return pid;
}

/** A session whose gateway was killed is dead at both ends: the client has ended, and what it ran at the host, too. */
async function allDead(clients: readonly Client[], { lose, count }: Scene): Promise<void> {
  for (const client of clients) {
    count('sessions under way at a kill of the broker');
    await until(
      async () => client.status !== null,
      `${client.kind} ${client.token} outlives its gateway`,
    ).catch(error => lose((error as Error).message));
    await until(async () => !runs(client.token), `what ${client.token} started runs on at the host`).catch(
      error => lose((error as Error).message),
    );
  }
}

/** Waits until nothing is under way any more: sessions and grants are closed, messages settled. */
async function settled(stage: SoakStage, watch: LogWatch, messages: boolean): Promise<void> {
  const patience = PATIENCE_MS * 3;
  await until(
    async () => {
      await watch.look('at the end');
      const { entries } = watch;
      const now = Date.now();
      const of = (action: string) =>
        new Set(entries.filter(each => each.action === action).map(each => each.subject));
      const [closed, ended] = [of('session.ended'), of('grant.ended')];
      return entries.every(
        ({ action, subject, data }) =>
          (action !== 'session.admitted' || closed.has(subject)) &&
          (action !== 'grant.opened' || ended.has(subject) || Date.parse(data.ends_at) > now + 60_000),
      );
    },
    'sessions or grants stay open at the end',
    patience,
    1_000,
  );
  if (!messages) return;
  const socketFolder = join(stage.data, 'socket');
  await until(
    async () => (await unsettled(socketFolder)) === 0,
    'messages stay in the outbox',
    patience,
    1_000,
  );
  await watch.look('at the end');
}

async function until(
  holds: () => Promise<boolean>,
  otherwise: string,
  patience = PATIENCE_MS,
  pause = 20,
): Promise<void> {
  for (const end = Date.now() + patience; !(await holds()); await sleep(pause)) {
    if (Date.now() > end) throw new Error(otherwise);
  }
}

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
};

const exists = (pid: number): boolean => {
  try {
    return pid > 0 && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** Whether any process on this machine has this word among its arguments. */
const runs = (token: string): boolean =>
  readdirSync('/proc').some(name => /^\d+$/.test(name) && commandOf(Number(name)).includes(token));

function reportOf(
  { rounds, seed, faults, load }: MachinesDie,
  counts: ReadonlyMap<string, number>,
  back: readonly number[],
  losses: readonly string[],
): Report {
  const sorted = [...back].sort((a, b) => a - b);
  const seconds = (ms: number | undefined) => `${((ms ?? 0) / 1000).toFixed(1)} s`;
  const listed = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return {
    title: 'Machines die',
    done: [
      `${rounds} rounds of kill -9 at random moments under load, on a broker that runs as a process of its own with its`,
      'embedded PostgreSQL: people ask, answer, withdraw, revoke and hand back through the API, and work at a real sshd',
      'through the stock client, with commands that print known sequences, floods, terminals and copies. Before and after',
      'each kill a signed checkpoint and an export are taken; at the end the log, the store, the messages that came, the',
      'recordings and what each client saw are held against each other.',
    ].join('\n'),
    command: `npm run soak -- --rounds ${rounds} --seed ${seed} --faults ${faults.join(',')}`,
    counts: [
      ['rounds', rounds],
      ['people at work at a time', load.colleagues + load.terminals + load.requests],
      ['back to work after a kill, median', seconds(sorted[Math.floor(sorted.length / 2)])],
      ['back to work after a kill, longest', seconds(sorted.at(-1))],
      ...listed,
    ],
    losses,
  };
}
