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
    onOverrun(channel, () => connection.end());
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
      events.resized(saneSize(info.cols, 80), saneSize(info.rows, 24), info.width, info.height);
      accept?.();
    });
    this.#requests.on('signal', (accept, _reject, info) => {
      events.signalled(info.name.replace(/^SIG/, ''));
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
