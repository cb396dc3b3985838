import type { Connection, PseudoTtyInfo, ServerChannel, Session as SessionRequests } from 'ssh2';
import type { Exit, PersonEvents, PersonSide, Terminal } from '../contract.ts';
import { onOverrun, sendExit } from './ssh2-internals.ts';
import { ChannelWriter } from './writer.ts';

/** A terminal as the client asked for it (RFC 4254 section 6.2), to be asked of the target in turn. */
export interface Pty extends Terminal {
  readonly width: number;
  readonly height: number;
  /** Encoded terminal modes, as they came. */
  readonly modes: Buffer | null;
}

const LARGEST_SIZE = 4096;
/** A window that is dragged has many sizes in a moment; the last one counts. */
const RESIZE_MS = 50;
/** RFC 4254 section 6.10; ssh2 throws at any other, and takes the session with it. */
const SIGNALS = new Set([
  'ABRT',
  'ALRM',
  'FPE',
  'HUP',
  'ILL',
  'INT',
  'KILL',
  'PIPE',
  'QUIT',
  'SEGV',
  'TERM',
  'USR1',
  'USR2',
]);

/** Sizes from outside: 0 means "unknown" in the protocol, and a cast needs a number. */
export function saneSize(value: number, fallback: number): number {
  return value >= 1 ? Math.min(value, LARGEST_SIZE) : fallback;
}

export function ptyOf(info: PseudoTtyInfo, modes: Buffer | null): Pty {
  return {
    // ssh2 counts characters where it must count bytes; a terminal's name is ASCII anyway.
    term: /^[\w.+-]{1,64}$/.test(info.term ?? '') ? info.term : 'xterm',
    columns: saneSize(info.cols, 80),
    rows: saneSize(info.rows, 24),
    width: info.width,
    height: info.height,
    modes,
  };
}

/** The person's end of one session channel, from the moment that a shell, command or subsystem was granted. */
export class PersonChannel implements PersonSide {
  readonly terminal: Terminal | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly #connection: Connection;
  readonly #channel: ServerChannel;
  readonly #requests: SessionRequests;
  readonly #writer: ChannelWriter;
  #events: PersonEvents | null = null;
  #size: Parameters<PersonEvents['resized']> | null = null;
  #resizing: NodeJS.Timeout | undefined;
  #reading = false;
  #exitSent = false;
  #closing = false;
  #gone = false;
  #whenGone: () => void = () => {};
  readonly #leaving = new Promise<void>(resolve => {
    this.#whenGone = resolve;
  });

  constructor(
    connection: Connection,
    requests: SessionRequests,
    channel: ServerChannel,
    terminal: Terminal | null,
    environment: Readonly<Record<string, string>>,
  ) {
    this.terminal = terminal;
    this.environment = environment;
    this.#connection = connection;
    this.#channel = channel;
    this.#requests = requests;
    this.#writer = new ChannelWriter(connection, channel, () => this.#events?.drained());
    channel.pause();
    // Pausing has no effect on a client that ignores its window; it would fill our memory.
    onOverrun(channel, channel, () => connection.end());
  }

  listen(events: PersonEvents): void {
    this.#events = events;
    this.#channel.on('error', this.#left);
    this.#channel.stderr.on('error', this.#left);
    this.#requests.on('close', this.#left);
    this.#connection.once('close', this.#left);
    this.#channel.on('end', () => {
      if (!this.#gone && !this.#closing) events.inputEnded();
    });
    this.#requests.on('window-change', (accept, _reject, info) => {
      this.#resized([saneSize(info.cols, 80), saneSize(info.rows, 24), info.width, info.height]);
      accept?.();
    });
    this.#requests.on('signal', (accept, reject, info) => {
      const name = info.name.replace(/^SIG/, '');
      if (!SIGNALS.has(name)) return (reject as (() => void) | undefined)?.();
      events.signalled(name);
      accept?.();
    });
  }

  send(stream: 'out' | 'err', bytes: Buffer): boolean {
    return this.#gone || this.#writer.send(stream, bytes);
  }

  pause(): void {
    this.#channel.pause();
  }

  resume(): void {
    if (this.#gone || this.#closing) return;
    if (!this.#reading) {
      this.#reading = true;
      this.#channel.on('data', (bytes: Buffer) => this.#events?.input(bytes));
    }
    this.#channel.resume();
  }

  endOutput(exit: Exit | null): void {
    if (this.#gone || this.#closing) return;
    void this.#writer.idle().then(() => {
      if (this.#gone || this.#closing) return;
      this.#quietly(() => {
        this.#sendExit(exit);
        this.#channel.eof();
      });
    });
  }

  async close(exit: Exit | null, patience: number): Promise<void> {
    if (this.#closing || this.#gone) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, patience);
    });
    await Promise.race([this.#writer.idle(), this.#leaving, late]);
    clearTimeout(timer);
    this.#closing = true;
    this.#writer.close();
    if (this.#gone) return;
    this.#quietly(() => {
      this.#sendExit(exit);
      this.#channel.eof();
      this.#channel.close();
      this.#channel.removeAllListeners('data');
      this.#channel.resume();
    });
  }

  /** The first at once, then the last of those that came within `RESIZE_MS`. */
  #resized(size: Parameters<PersonEvents['resized']>): void {
    this.#size = size;
    if (this.#resizing !== undefined) return;
    const pass = () => {
      this.#resizing = undefined;
      if (this.#size === null || this.#gone || this.#closing) return;
      this.#events?.resized(...this.#size);
      this.#size = null;
      this.#resizing = setTimeout(pass, RESIZE_MS);
    };
    pass();
  }

  #sendExit(exit: Exit | null): void {
    if (exit === null || this.#exitSent) return;
    this.#exitSent = true;
    sendExit(this.#connection, this.#channel, exit);
  }

  readonly #left = (): void => {
    if (this.#gone) return;
    this.#gone = true;
    // A shared connection outlives its channels, and must not keep them.
    this.#connection.removeListener('close', this.#left);
    clearTimeout(this.#resizing);
    this.#writer.close();
    this.#whenGone();
    if (!this.#closing) this.#events?.gone();
  };

  /** ssh2 throws when it is told something about a connection that has gone. */
  #quietly(work: () => void): void {
    try {
      work();
    } catch {
      this.#left();
    }
  }
}
