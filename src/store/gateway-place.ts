import type { Database } from './database.ts';

/** Any number, but not one that another lock of ours uses (`database.ts`). */
const PLACES = 7_205_518;
const MOST_PLACES = 64;
const LOOK_AGAIN_MS = 2_000;
/** Several times that long. */
const SETTLE_MS = 10_000;

/**
 * A gateway's name among those that serve one database, held by an advisory lock of a connection of its own: it is
 * free the moment its holder is dead, and no two live ones have the same. Sessions are filed under it, so that those
 * of a gateway that died can be told from those that run.
 */
export interface GatewayPlace {
  readonly name: string;
  /** False while the database is away, and for good when somebody else took the name meanwhile: admit nobody then. */
  held(): boolean;
  /** Runs `work` for each other name of which no live gateway is the holder; none can take it meanwhile. */
  eachDead(names: readonly string[], work: (name: string) => Promise<void>): Promise<void>;
  release(): Promise<void>;
}

/** `local`, `local-2`, …: the first that nobody holds. */
const nameOf = (place: number): string => (place === 1 ? 'local' : `local-${place}`);

export async function claimGatewayPlace(
  database: Pick<Database, 'connection'>,
  logger: { error(fields: object, message: string): void },
): Promise<GatewayPlace> {
  let held = false;
  let lost = false;
  let heldAgainAt = Number.NEGATIVE_INFINITY;
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
  const take = async (place: number): Promise<boolean> => {
    const [row] = await mine`select pg_try_advisory_lock(${PLACES}, ${place}) as taken`;
    return row!.taken as boolean;
  };
  let place = 1;
  try {
    while (!(await take(place))) {
      place += 1;
      if (place > MOST_PLACES) throw new Error(`${MOST_PLACES} gateways serve this database already`);
    }
  } catch (error) {
    await mine.end({ timeout: 1 });
    throw error;
  }
  held = true;
  let told = false;
  let looking = false;
  const look = async () => {
    if (lost) {
      void mine.end({ timeout: 0 }).catch(() => {});
      mine = connect();
      lost = false;
    }
    if (held) {
      await mine`select 1`;
      return;
    }
    held = await take(place);
    if (held) heldAgainAt = performance.now();
    if (!held && !told)
      logger.error({ gateway: nameOf(place) }, 'another gateway took this one’s name: restart it');
    told = !held;
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch(() => {
        held = false;
        lost = true;
      })
      .finally(() => {
        looking = false;
      });
  }, LOOK_AGAIN_MS);
  return {
    name: nameOf(place),
    held: () => held,
    async eachDead(names, work) {
      // When the database was away all lost their locks; who lives takes its own back first.
      if (!held || performance.now() - heldAgainAt < SETTLE_MS) return;
      for (let other = 1; other <= MOST_PLACES; other += 1) {
        if (other === place || !names.includes(nameOf(other)) || !(await take(other))) continue;
        try {
          await work(nameOf(other));
        } finally {
          await mine`select pg_advisory_unlock(${PLACES}, ${other})`;
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
