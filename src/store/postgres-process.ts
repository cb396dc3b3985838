import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { processExists } from './lock-data.ts';
import type { Binaries } from './postgres-binaries.ts';

/** What PostgreSQL's output goes to; a pino logger is one. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type EmbeddedPostgresErrorCode =
  | 'no-embedded-database'
  | 'no-unprivileged-user'
  | 'database-of-another-user'
  | 'database-of-another-version'
  | 'database-not-created'
  | 'database-not-started'
  | 'database-still-running';

export class EmbeddedPostgresError extends Error {
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string) {
    super(message);
    this.name = 'EmbeddedPostgresError';
    this.code = code;
  }
}

/** Where and as whom the embedded PostgreSQL runs. */
export interface Place {
  readonly binaries: Binaries;
  /** Programs are started as `[...prefix, program, ...arguments]`. */
  readonly prefix: readonly string[];
  /** The user and group to become, or null to stay who we are. */
  readonly become: { readonly uid: number; readonly gid: number } | null;
  /** PostgreSQL's data directory; `<dataDirectory>.new` is used while it is being made. */
  readonly dataDirectory: string;
  /** Mode 0700 and short enough for a Unix socket. */
  readonly socketFolder: string;
  /** Removes a socket folder that was made for this run only. */
  readonly leave: () => Promise<void>;
}

/** How a supervised PostgreSQL ended; `lines` are the last that it wrote. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly string[];
}

/** A running program whose end is bound to ours. */
export interface Supervised {
  /** PostgreSQL's own process number, or null when it could not even be started. */
  readonly pid: Promise<number | null>;
  readonly exited: Promise<Exit>;
  /** The last lines that it wrote, oldest first. */
  lines(): readonly string[];
  /** Asks for an end by SIGINT (for PostgreSQL: fast shutdown). Does not wait. */
  interrupt(): void;
}

/** All that the programs are given: where the system's own programs (sh, sleep, unshare) stand, and fixed customs. */
export const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
} as const;

const LINES_KEPT = 50;
const LONGEST_LINE = 500;

/**
 * Runs "$@" and sends it INT as soon as file descriptor 3 reaches its end: when we close it, and when the kernel
 * does because we are gone, whatever killed us. The shell is the parent, so while it has not waited the process
 * number cannot come to mean another process. INT is repeated, since one that arrives before PostgreSQL
 * has set its handlers is lost (a shell starts background programs with INT ignored). Signals meant for a
 * whole process group do not end the shell, which must outlive the program.
 */
const SUPERVISOR = `
trap '' INT TERM HUP
"$@" 3<&- </dev/null >&2 &
program=$!
echo $program
( read -r nothing <&3; while kill -INT $program; do sleep 1; done ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait $program
status=$?
kill -KILL $watcher 2>/dev/null
exit $status
`;

/** Starts `<binaries>/bin/<program>` at its place. Nothing secret may stand in `args`: everybody can list them. */
export function supervise(
  place: Place,
  program: 'postgres' | 'initdb',
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  logger: Log,
): Supervised {
  const child = spawn(
    '/bin/sh',
    [
      '-c',
      SUPERVISOR,
      'sallyport-postgres',
      ...place.prefix,
      join(place.binaries.folder, 'bin', program),
      ...args,
    ],
    {
      // Its own session: Ctrl-C in a terminal goes to the broker alone, which then stops the database in order.
      detached: true,
      cwd: '/',
      // Not our environment: it holds keys and database addresses, and PG… variables change what the programs do.
      env: { ...ENVIRONMENT, ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      ...(place.become ?? {}),
    },
  );
  const kept: string[] = [];
  const keep = (line: string) => {
    // A statement that failed may repeat what a person wrote; the broker, which sent it, says that it failed.
    if (line === '' || /^(ERROR|DETAIL|STATEMENT|CONTEXT|HINT|QUERY):/.test(line)) return;
    const short = line.slice(0, LONGEST_LINE);
    kept.push(short);
    if (kept.length > LINES_KEPT) kept.shift();
    logger.debug({ from: program }, short);
  };
  createInterface({ input: child.stderr as Readable }).on('line', keep);

  const lifeline = child.stdio[3] as import('node:net').Socket;
  lifeline.on('error', () => {});
  const exited = new Promise<Exit>(resolve => {
    child.once('error', error => {
      keep(`${program} could not be started: ${error.message}`);
      resolve({ code: null, signal: null, lines: kept });
    });
    child.once('exit', (code, signal) => {
      // Were only the shell killed, the end of the pipe still makes the watcher stop PostgreSQL.
      lifeline.destroy();
      // Its last lines may still be in the pipe.
      setImmediate(() => resolve({ code, signal, lines: kept }));
    });
  });
  return { pid: firstNumber(child), exited, lines: () => kept, interrupt: () => lifeline.destroy() };
}

function firstNumber(child: ChildProcess): Promise<number | null> {
  return new Promise(resolve => {
    const lines = createInterface({ input: child.stdout as Readable });
    lines.once('line', line => resolve(Number(line)));
    lines.once('close', () => resolve(null));
    child.once('error', () => resolve(null));
  });
}

/** What stands in postmaster.pid (PostgreSQL's `src/include/utils/pidfile.h`): line 1 the process, line 8 its state. */
export interface PidFile {
  readonly pid: number;
  readonly ready: boolean;
}

/** Null where there is none, which is the state after an orderly stop. */
export async function readPidFile(dataDirectory: string): Promise<PidFile | null> {
  const text = await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => null);
  if (text === null) return null;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : null;
}

/**
 * Whether process `pid` is a PostgreSQL server of this data directory. On Linux certain: the server's working
 * directory is its data directory. Elsewhere the process number must do.
 */
export function servesData(pid: number, dataDirectory: string): boolean {
  if (process.platform !== 'linux') return processExists(pid);
  try {
    const program = basename(readlinkSync(`/proc/${pid}/exe`)).replace(' (deleted)', '');
    return program === 'postgres' && readlinkSync(`/proc/${pid}/cwd`) === dataDirectory;
  } catch {
    return false;
  }
}

/**
 * Ends what an earlier server left running on `dataDirectory`, if there is anything, and waits until it is gone: a
 * server whose broker was killed, and the backends of a server that was killed itself, which hold its shared memory
 * for as long as a statement runs. An orderly shutdown has 30 s; then they are told to stop at once, which loses
 * nothing that was committed. The caller holds the lock of the data folder, so no living broker uses them.
 *
 * Returns the process number in postmaster.pid if it now belongs to another program, else null.
 */
export async function endOrphan(dataDirectory: string, logger: Log): Promise<number | null> {
  const found = await readPidFile(dataDirectory);
  if (found !== null && servesData(found.pid, dataDirectory)) {
    logger.warn({ pid: found.pid }, 'a database server without a broker still runs; ending it');
    await end([found.pid], dataDirectory, [
      ['SIGINT', 30],
      ['SIGQUIT', 10],
    ]);
  }
  // Idle ones notice that their server is gone, and leave by themselves.
  const left = await serving(dataDirectory);
  if (left.length > 0) {
    logger.warn({ pids: left }, 'backends outlive their server; ending them');
    await end(left, dataDirectory, [
      [0, 1],
      ['SIGQUIT', 3],
      ['SIGKILL', 3],
    ]);
  }
  const other = found !== null && !servesData(found.pid, dataDirectory) && processExists(found.pid);
  return other ? found.pid : null;
}

/** Sends each signal to those that are left, and waits that many seconds for all to be gone. */
async function end(
  pids: readonly number[],
  dataDirectory: string,
  signals: readonly (readonly [NodeJS.Signals | 0, number])[],
): Promise<void> {
  const left = () => pids.filter(pid => servesData(pid, dataDirectory));
  for (const [signal, seconds] of signals) {
    for (const pid of left()) {
      try {
        process.kill(pid, signal);
      } catch {
        // Gone meanwhile.
      }
    }
    for (const until = Date.now() + seconds * 1000; Date.now() < until; await sleep(20)) {
      if (left().length === 0) return;
    }
  }
  throw new EmbeddedPostgresError(
    'database-still-running',
    `the database server ${left().join(', ')} of ${dataDirectory} does not end; end it by hand`,
  );
}

/** All processes of a server of this data directory; known on Linux only. */
async function serving(dataDirectory: string): Promise<number[]> {
  if (process.platform !== 'linux') return [];
  const pids = (await readdir('/proc')).map(Number).filter(pid => Number.isInteger(pid) && pid > 0);
  return pids.filter(pid => servesData(pid, dataDirectory));
}
