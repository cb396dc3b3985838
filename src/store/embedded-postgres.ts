import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockData } from './lock-data.ts';
import { exists } from './postgres-binaries.ts';
import { type Place, PORT, preparePlace, type Way } from './postgres-place.ts';
import {
  EmbeddedPostgresError,
  type Exit,
  endOrphan,
  type Log,
  readPidFile,
  type Supervised,
  supervise,
} from './postgres-process.ts';

export { EmbeddedPostgresError, type Exit } from './postgres-process.ts';

/** Owns the cluster: its superuser, and the one role that exists at first. */
export const OWNER = 'sallyport_owner';

/** A PostgreSQL server that lives as long as this process does and no longer. */
export interface EmbeddedPostgres {
  /** Connect by `postgres({ host: socketFolder, port, user, database: 'postgres' })`; there is no password. */
  readonly socketFolder: string;
  readonly port: number;
  readonly user: string;
  /** Of the npm package that holds the programs, such as `18.4.0-beta.17`. */
  readonly version: string;
  /** PostgreSQL's process number. */
  readonly pid: number;
  /** Fast shutdown: open connections are cut, what was committed is on disk. Resolves when it has ended. */
  stop(): Promise<void>;
  /** Called once if PostgreSQL ends without `stop`: nothing can be read or written any more. */
  onExit(callback: (exit: Exit) => void): void;
}

export interface EmbeddedPostgresOptions {
  /** Made with mode 0700 if missing. The cluster is in `postgres` inside it, or where `postgres-home.txt` says. */
  readonly dataFolder: string;
  readonly logger: Log;
  /** Forces a way to run that would otherwise be chosen. */
  readonly way?: Way;
}

/** How long a start is tried again while the remains of an earlier server go away. */
const RETRY_MS = 5_000;
/** After a crash the server first replays what was committed; with these settings that is at most a gigabyte. */
const READY_MS = 300_000;
const STOP_MS = 60_000;
const OLD_SERVER =
  /lock file ".*" already exists|shared memory block .* is still in use|Address already in use/;

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

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  shared_buffers: '64MB',
  max_connections: '60',
  // The bundled OpenSSL is old, and on a Unix socket there is nothing to encrypt.
  ssl: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  // Statements and the detail of errors hold what people wrote; neither belongs in a log of ours.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_line_prefix: '',
};

/**
 * Starts PostgreSQL on `dataFolder`, making its cluster at the first start, and resolves when it takes connections.
 * Works for ordinary users and for root. It is ended when this process ends, also by kill -9.
 *
 * Errors: `DataInUse` (another live process has the folder); `EmbeddedPostgresError` by code. Messages end with
 * what PostgreSQL wrote last.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { logger } = options;
  const dataFolder = resolve(options.dataFolder);
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const release = await lockData(dataFolder, 'database');
  try {
    const place = await preparePlace(dataFolder, options.way);
    await createCluster(place, logger);
    const stranger = await endOrphan(place.dataDirectory, logger);
    const { server, pid } = await startServer(place, stranger, logger);
    return running(place, server, pid, release);
  } catch (error) {
    release();
    throw error;
  }
}

function running(place: Place, server: Supervised, pid: number, release: () => void): EmbeddedPostgres {
  const callbacks: ((exit: Exit) => void)[] = [];
  let stopping: Promise<void> | null = null;
  let ended: Exit | null = null;

  const gone = server.exited.then(async exit => {
    ended = exit;
    if (stopping === null) for (const callback of callbacks) callback(exit);
    await place.leave();
    release();
  });

  const stop = async () => {
    server.interrupt();
    const late = setTimeout(() => {
      // Stops at once; the next start replays the log of what was committed.
      if (ended === null) process.kill(pid, 'SIGQUIT');
    }, STOP_MS);
    await gone;
    clearTimeout(late);
  };
  return {
    socketFolder: place.socketFolder,
    port: PORT,
    user: OWNER,
    version: place.binaries.version,
    pid,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
    onExit: callback => {
      callbacks.push(callback);
      if (ended !== null && stopping === null) callback(ended);
    },
  };
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

async function startServer(
  place: Place,
  stranger: number | null,
  logger: Log,
): Promise<{ server: Supervised; pid: number }> {
  const settings = { ...SETTINGS, unix_socket_directories: place.socketFolder };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const giveUp = Date.now() + RETRY_MS;
  // A postmaster.pid left by a crash may name a process number that another program has by now, and PostgreSQL would
  // take that for its predecessor. It overlooks one number, its starter's (CreateLockFile in PostgreSQL's
  // src/backend/utils/init/miscinit.c), and goes on with its other checks; the file itself stays its own business.
  const environment: Record<string, string> =
    stranger === null ? {} : { PG_GRANDPARENT_PID: String(stranger) };
  for (;;) {
    const server = supervise(
      place,
      'postgres',
      ['-D', place.dataDirectory, '-p', String(PORT), ...args],
      environment,
      logger,
    );
    const outcome = await becomesReady(place, server, logger);
    if (typeof outcome === 'number') return { server, pid: outcome };
    const remains = outcome.lines.some(line => OLD_SERVER.test(line));
    if (!remains || Date.now() > giveUp) {
      await place.leave();
      throw new EmbeddedPostgresError(
        'database-not-started',
        withLines('the database did not start', outcome),
      );
    }
    await sleep(100);
  }
}

/** The server's process number when it takes connections, or how it ended before. */
async function becomesReady(place: Place, server: Supervised, logger: Log): Promise<number | Exit> {
  let exit: Exit | null = null;
  void server.exited.then(found => {
    exit = found;
  });
  const pid = await server.pid;
  const started = Date.now();
  for (let told = started; exit === null; await sleep(10)) {
    const found = await readPidFile(place.dataDirectory);
    if (found !== null && found.pid === pid && found.ready) return found.pid;
    if (Date.now() - told > 10_000) {
      told = Date.now();
      logger.info(
        { seconds: Math.round((told - started) / 1000) },
        'waiting for the database, which is recovering',
      );
    }
    if (Date.now() - started > READY_MS) server.interrupt();
  }
  return exit;
}

function withLines(what: string, exit: Exit): string {
  const lines = exit.lines.slice(-5).join(' | ');
  return lines === '' ? `${what} (exit ${exit.code ?? exit.signal})` : `${what}: ${lines}`;
}
