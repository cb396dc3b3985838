import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockData } from './lock-data.ts';
import { exists } from './postgres-binaries.ts';
import { PORT, preparePlace, type Way } from './postgres-place.ts';
import { EmbeddedPostgresError, type Log, type Place, servesData, supervise } from './postgres-process.ts';
import { type Server, startServer, withLines } from './postgres-server.ts';

export { EmbeddedPostgresError } from './postgres-process.ts';

/** Owns the cluster: its superuser, and the one role that exists at first. */
export const OWNER = 'sallyport_owner';

/** A PostgreSQL server that is there for as long as this process is, and no longer. */
export interface EmbeddedPostgres {
  /** Connect by `postgres({ host: socketFolder, port, user, database: 'postgres' })`; there is no password. */
  readonly socketFolder: string;
  readonly port: number;
  readonly user: string;
  /** Of the npm package that holds the programs, such as `18.4.0-beta.17`. */
  readonly version: string;
  /** The process number of the server that runs now, or ran last. */
  readonly pid: number;
  /** Fast shutdown: open connections are cut, what was committed is on disk. Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Made with mode 0700 if missing. The cluster is in `postgres` inside it, or where `postgres-home.txt` says. */
  readonly dataFolder: string;
  readonly logger: Log;
  /** Forces a way to run that would otherwise be chosen. */
  readonly way?: Way;
}

const STOP_MS = 60_000;
/** Pauses between starts that fail, or that end again before they have run for `SOUND_MS`. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const SOUND_MS = 60_000;

/**
 * Trust without a password: who reaches the socket is let in as any role. That is safe only because nobody else
 * reaches it: there is no network listener, and the socket is in a folder of mode 0700 (under another user also
 * inside a folder that root and one otherwise unused group alone may pass).
 */
const INITDB = [
  `--username=${OWNER}`,
  '--auth=trust',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
  '--no-instructions',
];

/**
 * Starts PostgreSQL on `dataFolder`, making its cluster at the first start, and resolves when it takes connections.
 * Works for ordinary users and for root. It is ended when this process ends, also by kill -9; when it ends by
 * itself, whatever killed it, it is started again on the same data, socket and port for as long as it takes.
 *
 * Errors: `DataInUse` (another live process has the folder); `EmbeddedPostgresError` by code. Messages end with
 * what PostgreSQL wrote last.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const dataFolder = resolve(options.dataFolder);
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const release = await lockData(dataFolder, 'database');
  let place: Place | null = null;
  try {
    place = await preparePlace(dataFolder, options.way);
    await createCluster(place, logger);
    const stopping = new AbortController();
    const server = await startServer(place, logger, stopping.signal);
    return running(place, server, stopping, release, logger);
  } catch (error) {
    await place?.leave();
    release();
    throw error;
  }
}

function running(
  place: Place,
  first: Server,
  stopping: AbortController,
  release: () => void,
  logger: Log,
): EmbeddedPostgres {
  let server = first;
  const life = (async () => {
    for (let failures = 0; ; ) {
      const since = Date.now();
      const exit = await server.process.exited;
      if (stopping.signal.aborted) return;
      const { code, signal, lines } = exit;
      const facts = { pid: server.pid, code, signal, lines: lines.slice(-5) };
      logger.error(facts, 'the embedded PostgreSQL ended; it is started again');
      failures = Date.now() - since > SOUND_MS ? 0 : failures + 1;
      const next = await startAgain(place, logger, stopping.signal, failures);
      if (next === null) return;
      server = next;
    }
  })();

  const stop = async () => {
    stopping.abort();
    server.process.interrupt();
    const late = setTimeout(() => {
      // Stops at once; the next start replays the log of what was committed.
      if (servesData(server.pid, place.dataDirectory)) process.kill(server.pid, 'SIGQUIT');
    }, STOP_MS);
    await life;
    clearTimeout(late);
    await place.leave();
    release();
  };
  let stopped: Promise<void> | null = null;
  return {
    socketFolder: place.socketFolder,
    port: PORT,
    user: OWNER,
    version: place.binaries.version,
    get pid() {
      return server.pid;
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/**
 * Tries until a server runs again; the first that fell is replaced at once.
 *
 * @returns null when it is to be stopped meanwhile
 */
async function startAgain(
  place: Place,
  logger: Log,
  signal: AbortSignal,
  failures: number,
): Promise<Server | null> {
  for (let failed = failures; ; failed++) {
    if (failed > 1) {
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failed - 2), LONGEST_PAUSE_MS);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
    if (signal.aborted) return null;
    try {
      const server = await startServer(place, logger, signal);
      logger.warn({ pid: server.pid }, 'the embedded PostgreSQL runs again');
      return server;
    } catch (error) {
      if (signal.aborted) return null;
      logger.error(
        { reason: (error as Error).message },
        'the embedded PostgreSQL does not start; trying again',
      );
    }
  }
}

/** Makes the cluster beside its place and moves it there when it is whole, so that half a one is never started. */
async function createCluster(place: Place, logger: Log): Promise<void> {
  const { dataDirectory } = place;
  if (await exists(dataDirectory)) {
    const made = (await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8')).trim();
    if (made !== place.binaries.version.split('.')[0]) {
      throw new EmbeddedPostgresError(
        'database-of-another-version',
        `the database in ${dataDirectory} was made by PostgreSQL ${made}, and the embedded one is ` +
          `${place.binaries.version}; dump it with the old release and load it with this one`,
      );
    }
    return;
  }
  // We hold the lock: what is there is the rest of a first start that was cut off.
  const unfinished = `${dataDirectory}.new`;
  await rm(unfinished, { recursive: true, force: true });
  logger.info({ dataDirectory }, 'making the embedded database');
  const exit = await supervise(place, 'initdb', [...INITDB, '-D', unfinished], {}, logger).exited;
  if (exit.code !== 0) {
    throw new EmbeddedPostgresError(
      'database-not-created',
      withLines('the database could not be made', exit),
    );
  }
  await rename(unfinished, dataDirectory);
  const parent = await open(dirname(dataDirectory), 'r');
  await parent.sync().finally(() => parent.close());
}
