import { randomBytes } from 'node:crypto';
import type { Database } from './database.ts';

/** Any number, but not one that another lock of ours uses (`database.ts`). */
const PLACES = 7_205_518;
const LOOK_AGAIN_MS = 2_000;
/** Rounds that a look may take. */
const UNANSWERED = 4;
/**
 * How long a name's lock must be seen free before its gateway counts as dead. When the database was away all locks
 * are free, and who lives takes its own back; and by then a gateway that is merely cut off has paused its sessions,
 * since their lease of 15 s is over.
 */
const DEAD_AFTER_MS = 25_000;

/**
 * A gateway's name among those that serve one database: new at each start, so that nobody can take a live one's, and
 * held by an advisory lock of a connection of its own, which is free when its holder is dead. Sessions are filed under
 * it, so that those of a gateway that died can be told from those that run.
 */
export interface GatewayPlace {
  readonly name: string;
  /** False while the database is away: admit nobody then. */
  held(): boolean;
  /** Runs `work` for each of these names whose gateway is dead; nobody else does meanwhile. */
  eachDead(names: readonly string[], work: (name: string) => Promise<void>): Promise<void>;
  release(): Promise<void>;
}

/** @param alone nobody else can serve this database: any name but this one is a dead gateway's */
export async function claimGatewayPlace(
  database: Pick<Database, 'connection'>,
  alone: boolean,
  deadAfter = DEAD_AFTER_MS,
): Promise<GatewayPlace> {
  const name = `local-${randomBytes(5).toString('hex')}`;
  let held = false;
  let lost = false;
  /** Since when each name's lock was seen free, on the monotonic clock. */
  const free = new Map<string, number>();
  // A connection that was lost is not used again (`postgres-pool.ts` says why).
  const connect = () => {
    const connection = database.connection(() => {
      if (connection !== mine) return;
      held = false;
      lost = true;
    });
    return connection;
  };
  let mine = connect();
  const take = async (which: string): Promise<boolean> => {
    const [row] = await mine`select pg_try_advisory_lock(${PLACES}, hashtext(${which})) as taken`;
    return row!.taken as boolean;
  };
  try {
    held = await take(name);
  } catch (error) {
    await mine.end({ timeout: 1 });
    throw error;
  }
  let looking = 0;
  const look = async () => {
    if (lost) {
      void mine.end({ timeout: 0 }).catch(() => {});
      mine = connect();
      lost = false;
      free.clear();
    }
    // Also where it is held: the server may have let go of it without a word.
    if (held) await mine`select 1`;
    else held = await take(name);
  };
  const timer = setInterval(() => {
    looking += 1;
    if (looking === UNANSWERED) {
      // Whoever does not answer holds nothing for us; the look ends by this.
      held = false;
      lost = true;
      void mine.end({ timeout: 0 }).catch(() => {});
    }
    if (looking > 1) return;
    look()
      .catch(() => {
        held = false;
        lost = true;
      })
      .finally(() => {
        looking = 0;
      });
  }, LOOK_AGAIN_MS);
  return {
    name,
    held: () => held,
    async eachDead(names, work) {
      if (!held) return;
      for (const other of names.filter(one => one !== name)) {
        if (!(await take(other))) {
          free.delete(other);
          continue;
        }
        try {
          const since = free.get(other) ?? performance.now();
          free.set(other, since);
          if (alone || performance.now() - since >= deadAfter) await work(other);
        } finally {
          await mine`select pg_advisory_unlock(${PLACES}, hashtext(${other}))`;
        }
      }
    },
    async release() {
      clearInterval(timer);
      held = false;
      await mine.end({ timeout: 1 });
    },
  };
}
