import { setTimeout as sleep } from 'node:timers/promises';
import { PORT } from './postgres-place.ts';
import {
  EmbeddedPostgresError,
  type Exit,
  endOrphan,
  type Log,
  type Place,
  readPidFile,
  type Supervised,
  supervise,
} from './postgres-process.ts';

/** A server that takes connections. */
export interface Server {
  readonly process: Supervised;
  readonly pid: number;
}

/** How long a start is tried again while the remains of an earlier server go away. */
const RETRY_MS = 5_000;
/** After a crash the server first replays what was committed; with these settings that is at most a gigabyte. */
const READY_MS = 300_000;
const OLD_SERVER =
  /lock file ".*" already exists|shared memory block .* is still in use|Address already in use/;

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
 * Starts a server on the cluster at `place`, after ending what an earlier one left running, and resolves when it takes
 * connections. The caller holds the lock of the data folder. After `signal` it ends again and this rejects.
 *
 * Errors: `EmbeddedPostgresError` with `database-not-started`, `database-still-running`.
 */
export async function startServer(place: Place, logger: Log, signal: AbortSignal): Promise<Server> {
  const stranger = await endOrphan(place.dataDirectory, logger);
  const settings = { ...SETTINGS, unix_socket_directories: place.socketFolder };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const giveUp = Date.now() + RETRY_MS;
  // A postmaster.pid left by a crash may name a process number that another program has by now, and PostgreSQL would
  // take that for its predecessor. It overlooks one number, its starter's (CreateLockFile in PostgreSQL's
  // src/backend/utils/init/miscinit.c), and goes on with its other checks; the file itself stays its own business.
  const environment: Record<string, string> =
    stranger === null ? {} : { PG_GRANDPARENT_PID: String(stranger) };
  for (;;) {
    const process = supervise(
      place,
      'postgres',
      ['-D', place.dataDirectory, '-p', String(PORT), ...args],
      environment,
      logger,
    );
    const outcome = await becomesReady(place, process, logger, signal);
    if (typeof outcome === 'number') return { process, pid: outcome };
    const remains = outcome.lines.some(line => OLD_SERVER.test(line));
    if (!remains || signal.aborted || Date.now() > giveUp) {
      throw new EmbeddedPostgresError(
        'database-not-started',
        withLines('the database did not start', outcome),
      );
    }
    await sleep(100);
  }
}

/** The server's process number when it takes connections, or how it ended before. */
async function becomesReady(
  place: Place,
  server: Supervised,
  logger: Log,
  signal: AbortSignal,
): Promise<number | Exit> {
  let exit: Exit | null = null;
  void server.exited.then(found => {
    exit = found;
  });
  const pid = await server.pid;
  const started = Date.now();
  for (let told = started; exit === null; await sleep(10)) {
    const found = await readPidFile(place.dataDirectory);
    if (found !== null && found.pid === pid && found.ready && !signal.aborted) return found.pid;
    if (Date.now() - told > 10_000) {
      told = Date.now();
      logger.info(
        { seconds: Math.round((told - started) / 1000) },
        'waiting for the database, which is recovering',
      );
    }
    if (signal.aborted || Date.now() - started > READY_MS) server.interrupt();
  }
  return exit;
}

/** What failed, and the last that the program wrote about it. */
export function withLines(what: string, exit: Exit): string {
  const lines = exit.lines.slice(-5).join(' | ');
  return lines === '' ? `${what} (exit ${exit.code ?? exit.signal})` : `${what}: ${lines}`;
}
