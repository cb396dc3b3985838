import type postgres from 'postgres';

/**
 * Makes a client of exactly one connection. `onnotify` is an option that postgres.js has and does not declare.
 */
export type OpenConnection = (options: {
  readonly max: 1;
  readonly max_lifetime: null;
  readonly fetch_types: false;
  readonly onclose: () => void;
  readonly onnotify?: (channel: string, payload: string) => void;
}) => postgres.Sql;

/** postgres.js asks for the types of arrays on its own at each connection, and ends the process when that is cut off. */
export const SINGLE = { max: 1, max_lifetime: null, fetch_types: false } as const;

interface Connection {
  readonly sql: postgres.Sql;
  lost: boolean;
}

interface Waiter {
  readonly go: (connection: Connection) => void;
  readonly fail: (error: Error) => void;
}

/** A statement or transaction that takes longer, in ms, hangs: nothing that is asked here is that long. */
const PATIENCE_MS = 15_000;

/** The part of a transaction's client that drizzle uses, save nested transactions. */
type Statements = Pick<postgres.TransactionSql, 'unsafe'>;

/**
 * Connections that are used one at a time and thrown away when they break.
 *
 * postgres.js (3.4.9) connects a broken one anew in place, with three effects that this is here to rule out, each seen
 * when PostgreSQL was killed: the `rollback` of the transaction that broke is written to no socket, an exception that
 * nothing can catch; a statement that was about to be written keeps the connection from ever writing again; and what a
 * cut off transaction still asks lands on the new connection, in the midst of somebody else's transaction
 * (porsager/postgres#1208, #1133, #1216). So a connection that is lost stays lost here, and what belonged to it ends.
 *
 * It stands in for a postgres.js client towards drizzle.
 */
export class Pool {
  /** Drizzle changes here how values are read and written; each connection takes it over. */
  readonly options = { parsers: {}, serializers: {} };
  readonly #open: OpenConnection;
  readonly #size: number;
  readonly #patience: number;
  readonly #all = new Set<Connection>();
  #idle: Connection[] = [];
  readonly #waiting: Waiter[] = [];
  #ended = false;

  /** @param patience how long, in ms, one use or the wait for a connection may take before it counts as lost */
  constructor(open: OpenConnection, size: number, patience = PATIENCE_MS) {
    this.#open = open;
    this.#size = size;
    this.#patience = patience;
  }

  /** One statement, asked when it is awaited. */
  unsafe(text: string, parameters?: never[], options?: postgres.UnsafeQueryOptions): Asked {
    return new Asked(read => this.#use(async ({ sql }) => read(sql.unsafe(text, parameters, options))));
  }

  /** One transaction. When its connection is lost this rejects, and nothing of it is asked any more. */
  begin<T>(work: (tx: Statements) => Promise<T>): Promise<T> {
    return this.#use(connection => {
      const refuseWhenLost = () => {
        if (connection.lost) throw new ConnectionLost();
      };
      return connection.sql.begin(async tx => {
        const statements: Statements = {
          unsafe: (...statement: Parameters<typeof tx.unsafe>) => {
            refuseWhenLost();
            return tx.unsafe(...statement) as never;
          },
        };
        // Never settled where it is lost: the client would go on to `commit` or `rollback`. It rejects by itself.
        const unlessLost = <R>(go: () => R) => (connection.lost ? new Promise<never>(() => {}) : go());
        return work(statements).then(
          result => unlessLost(() => result),
          error =>
            unlessLost(() => {
              throw error;
            }),
        );
      }) as Promise<T>;
    });
  }

  /** What runs has five seconds to end. */
  async end(): Promise<void> {
    this.#ended = true;
    for (const { fail } of this.#waiting.splice(0)) fail(new ConnectionLost());
    await Promise.all([...this.#all].map(({ sql }) => sql.end({ timeout: 5 })));
  }

  async #use<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#take();
    let timer: NodeJS.Timeout | undefined;
    const hung = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#discard(connection);
        reject(new ConnectionLost());
      }, this.#patience);
    });
    try {
      return await Promise.race([use(connection), hung]);
    } catch (error) {
      if (isBroken(error)) this.#discard(connection);
      throw connection.lost ? new ConnectionLost(error) : error;
    } finally {
      clearTimeout(timer);
      if (!connection.lost) this.#giveBack(connection);
    }
  }

  #take(): Promise<Connection> {
    if (this.#ended) return Promise.reject(new ConnectionLost());
    const idle = this.#idle.pop();
    if (idle) return Promise.resolve(idle);
    if (this.#all.size < this.#size) return Promise.resolve(this.#connect());
    return new Promise((go, fail) => {
      const waiter: Waiter = {
        go: connection => {
          clearTimeout(timer);
          go(connection);
        },
        fail: error => {
          clearTimeout(timer);
          fail(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        fail(new ConnectionLost());
      }, this.#patience);
      this.#waiting.push(waiter);
    });
  }

  #giveBack(connection: Connection): void {
    const next = this.#waiting.shift();
    if (next) next.go(connection);
    else this.#idle.push(connection);
  }

  #connect(): Connection {
    const connection: Connection = {
      lost: false,
      sql: this.#open({ ...SINGLE, onclose: () => this.#forget(connection) }),
    };
    Object.assign(connection.sql.options.parsers, this.options.parsers);
    Object.assign(connection.sql.options.serializers, this.options.serializers);
    this.#all.add(connection);
    return connection;
  }

  #forget(connection: Connection): void {
    if (connection.lost) return;
    connection.lost = true;
    this.#all.delete(connection);
    this.#idle = this.#idle.filter(other => other !== connection);
    // Its place is free.
    if (this.#waiting.length > 0) this.#waiting.shift()!.go(this.#connect());
  }

  #discard(connection: Connection): void {
    this.#forget(connection);
    void connection.sql.end({ timeout: 0 }).catch(() => {});
  }
}

type Rows = postgres.Row[];

/** A statement that is sent when it is awaited, or its values are. */
class Asked implements PromiseLike<Rows> {
  readonly #ask: <T>(read: (query: postgres.PendingQuery<Rows>) => PromiseLike<T>) => Promise<T>;

  constructor(ask: <T>(read: (query: postgres.PendingQuery<Rows>) => PromiseLike<T>) => Promise<T>) {
    this.#ask = ask;
  }

  // biome-ignore lint/suspicious/noThenProperty: as with the client's own, awaiting it is asking
  then<A = Rows, B = never>(
    done?: ((rows: Rows) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#ask<Rows>(query => query).then(done, failed);
  }

  values() {
    return this.#ask(query => query.values());
  }
}

/** The connection to the database went away under what was asked. Whether a `commit` came through is not known. */
export class ConnectionLost extends Error {
  readonly code = 'CONNECTION_CLOSED';

  constructor(cause?: unknown) {
    super('the connection to the database was lost', { cause });
    this.name = 'ConnectionLost';
  }
}

/** Whether an error comes of a lost connection; drizzle puts its own around it. */
export const isConnectionLost = (error: unknown): boolean =>
  error instanceof Error && (error instanceof ConnectionLost || isConnectionLost(error.cause));

/** Whether an error leaves the connection unfit: anything but the server's answer to a statement, or the caller's own. */
function isBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name, code, syscall, severity_local, cause } = error as Error & Record<string, unknown>;
  if (name === 'PostgresError') return severity_local !== 'ERROR';
  return (
    /^CONNECT(ION_|_TIMEOUT$)/.test(String(code)) ||
    ['connect', 'read', 'write'].includes(String(syscall)) ||
    isBroken(cause)
  );
}

interface Hearer {
  readonly heard: (payload: string) => void;
  readonly listening: () => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Hears notifications on a connection of its own, and listens again whenever that is lost. */
export class Listener {
  readonly #open: OpenConnection;
  readonly #channels = new Map<string, Set<Hearer>>();
  #sql: postgres.Sql | null = null;
  #retry: NodeJS.Timeout | undefined;
  #pause = FIRST_PAUSE_MS;
  #ended = false;

  constructor(open: OpenConnection) {
    this.#open = open;
  }

  /**
   * Calls `heard` with each payload, and `listening` each time that listening begins: what was told while the
   * connection was away is lost, so the caller looks for itself then. Resolves at the first of these.
   */
  listen(
    channel: string,
    heard: (payload: string) => void,
    listening: () => void = () => {},
  ): Promise<{ unlisten: () => void }> {
    return new Promise(resolve => {
      const hearer: Hearer = {
        heard,
        listening: () => {
          resolve({ unlisten: () => this.#channels.get(channel)?.delete(hearer) });
          listening();
        },
      };
      const hearers = this.#channels.get(channel) ?? new Set();
      this.#channels.set(channel, hearers.add(hearer));
      if (this.#sql === null) this.#connect();
      else void this.#begin(this.#sql, channel, [hearer]);
    });
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#retry);
    await this.#sql?.end({ timeout: 1 });
  }

  #connect(): void {
    clearTimeout(this.#retry);
    const sql = this.#open({
      ...SINGLE,
      onnotify: (channel, payload) => {
        for (const { heard } of this.#channels.get(channel) ?? []) heard(payload);
      },
      onclose: () => this.#lost(sql),
    });
    this.#sql = sql;
    for (const [channel, hearers] of this.#channels) void this.#begin(sql, channel, [...hearers]);
  }

  async #begin(sql: postgres.Sql, channel: string, hearers: readonly Hearer[]): Promise<void> {
    try {
      await sql.unsafe(`listen "${channel.replaceAll('"', '""')}"`);
    } catch {
      this.#lost(sql);
      return;
    }
    this.#pause = FIRST_PAUSE_MS;
    for (const { listening } of hearers) listening();
  }

  #lost(sql: postgres.Sql): void {
    if (this.#sql !== sql || this.#ended) return;
    this.#sql = null;
    void sql.end({ timeout: 0 }).catch(() => {});
    this.#retry = setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }
}
