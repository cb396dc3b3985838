import type { Logger } from 'pino';
import type { Notifier } from '../notifiers/contract.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import type { Engagements } from '../store/engagements.ts';
import { expireDue } from './expiry.ts';
import { startLoop } from './loop.ts';
import { tellAllObserved } from './observed.ts';
import { deliverDue } from './outbox.ts';
import type { Policies } from './policies.ts';

const OUTBOX_MS = 5_000;
const EXPIRY_MS = 1_000;
const ORPHANS_MS = 15_000;
const POLICIES_MS = 3_000;
const CHECKPOINT_MS = 60_000;
const SWEEP_MS = 60_000;
const OBSERVED_MS = 30_000;
/** What the last try of the outbox may take. */
const LAST_TRY_MS = 5_000;

/** What the broker does unasked, for as long as it runs. */
export interface Rounds {
  /** Lets running rounds end, tells what is still to be told, and signs the last checkpoints. */
  stop(): Promise<void>;
}

/** Starts them all; one that fails is logged and tried again, and keeps no other from its work. */
export async function startRounds(parts: {
  database: Database;
  commit: Commit;
  engagements: Pick<Engagements, 'all'>;
  channels: ReadonlyMap<string, Notifier>;
  policies: Pick<Policies, 'lookForNew'>;
  /** Hold sign-ins that nobody finished, or that are over. */
  signIns: readonly { sweep(): Promise<unknown> }[];
  /** Why the clocks do not agree; null while they do. */
  apart: () => Promise<string | null>;
  closeOrphans: () => Promise<void>;
  orphansEvery?: number | undefined;
  checkpoint: (tenant: string) => Promise<unknown>;
  clock: Clock;
  logger: Logger;
}): Promise<Rounds> {
  const { database, commit, clock, logger } = parts;
  const failed = (doing: string) => (error: unknown) => logger.error({ err: error }, doing);
  const every = (milliseconds: number, doing: string, run: () => Promise<void>) =>
    startLoop(milliseconds, run, failed(doing));

  const cancelled = new AbortController();
  const deliver = async () => {
    while (
      (await deliverDue(database, parts.channels, clock, cancelled.signal)) > 0 &&
      !cancelled.signal.aborted
    );
  };
  let agreed = true;
  const expire = async () => {
    const why = await parts.apart();
    if ((why === null) !== agreed) logger[why ? 'error' : 'info'](why ?? 'The clocks agree again.');
    agreed = why === null;
    // Written by a clock that is wrong, an end would be for good.
    if (agreed) await expireDue(database, commit, clock);
  };
  const signCheckpoints = async () => {
    for (const { tenant } of await parts.engagements.all()) {
      // A log whose key or edge is damaged must not keep the others' from being signed.
      await parts
        .checkpoint(tenant)
        .catch(error => logger.error({ tenant, err: error }, 'signing a checkpoint'));
    }
  };
  const tell = async () => {
    // Told up to a moment that a wrong clock thinks past, what comes before it would be told late.
    if ((await parts.apart()) !== null) return;
    await tellAllObserved(parts.engagements, commit, clock, (tenant, error) =>
      logger.error({ tenant, err: error }, 'telling owners what was observed'),
    );
  };
  const sweep = async () => {
    for (const kept of parts.signIns) await kept.sweep();
  };

  const outbox = every(OUTBOX_MS, 'delivering messages', deliver);
  const wake = () => outbox.wake();
  const { unlisten } = await database.listener.listen('sallyport_outbox', wake, wake);
  const loops = [
    outbox,
    every(EXPIRY_MS, 'writing down what expired', expire),
    every(parts.orphansEvery ?? ORPHANS_MS, 'closing what a dead gateway left', parts.closeOrphans),
    every(POLICIES_MS, 'looking for new engagements', () => parts.policies.lookForNew()),
    every(CHECKPOINT_MS, 'signing checkpoints', signCheckpoints),
    every(OBSERVED_MS, 'telling owners what was observed', tell),
    every(SWEEP_MS, 'sweeping old sign-ins', sweep),
  ];
  return {
    async stop() {
      const hurry = setTimeout(() => cancelled.abort(), LAST_TRY_MS);
      await unlisten();
      await Promise.all(loops.map(loop => loop.stop()));
      // What the last requests and sessions left behind: told if it can be, and covered by a checkpoint in any case.
      await deliver().catch(failed('delivering the last messages'));
      clearTimeout(hurry);
      await signCheckpoints();
    },
  };
}
