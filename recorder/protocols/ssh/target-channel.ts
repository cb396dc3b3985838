import type { Socket } from 'node:net';
import type { Client, ClientChannel } from 'ssh2';
import type { TargetEvents, TargetSide } from '../contract.ts';
import { closedByPeer, congested, onOverrun, socketOf } from './ssh2-internals.ts';
import { ChannelWriter } from './writer.ts';

/** How long a target may take to close a connection that is over. */
const FAREWELL_MS = 1_000;

/** The target's end of a session: one channel on a connection of its own. */
export class TargetChannel implements TargetSide {
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #channel: ClientChannel;
  readonly #writer: ChannelWriter;
  #destroyed = false;
  #lost = false;
  #exited = false;

  constructor(client: Client, socket: Socket, channel: ClientChannel, events: TargetEvents) {
    this.#client = client;
    this.#socket = socket;
    this.#channel = channel;
    this.#writer = new ChannelWriter(client, channel, () => events.drained());
    socketOf(client).setMaxListeners(0);
    // Nothing flows before `start`, but how it ended may be known before.
    channel.pause();
    channel.stderr.pause();
    // Pausing has no effect on a target that ignores its window; it would fill our memory.
    for (const stream of [channel, channel.stderr]) onOverrun(channel, stream, () => socket.destroy());
    client.on('close', () => {
      this.#lost = !closedByPeer(channel) && !this.#exited;
      this.#writer.close();
    });
    channel.on('error', () => {});
    channel.on('exit', (code: number | null, signal?: string, dump?: boolean | string, message?: string) => {
      this.#exited = true;
      if (this.#destroyed) return;
      if (code !== null) events.exited({ status: code });
      else
        events.exited({
          signal: `${signal}`.replace(/^SIG/, ''),
          coreDumped: dump === true,
          message: message ?? '',
        });
    });
    channel.on('data', (bytes: Buffer) => this.#live(() => events.output('out', bytes)));
    channel.stderr.on('data', (bytes: Buffer) => this.#live(() => events.output('err', bytes)));
    const ends = [
      new Promise<void>(resolve => channel.once('end', resolve)).then(() =>
        this.#live(() => events.outputEnded('out')),
      ),
      new Promise<void>(resolve => channel.stderr.once('end', resolve)).then(() =>
        this.#live(() => events.outputEnded('err')),
      ),
      new Promise<void>(resolve => channel.once('close', () => resolve())),
    ];
    void Promise.all(ends).then(() => this.#live(() => events.closed(this.#lost ? 'lost' : 'closed')));
  }

  start(): void {
    this.resume();
  }

  send(bytes: Buffer): boolean {
    return this.#destroyed || this.#writer.send('out', bytes);
  }

  pause(): void {
    this.#channel.pause();
    this.#channel.stderr.pause();
  }

  resume(): void {
    this.#channel.resume();
    this.#channel.stderr.resume();
  }

  endInput(): void {
    void this.#writer.idle().then(() => this.#live(() => this.#channel.eof()));
  }

  resize(columns: number, rows: number, width: number, height: number): void {
    this.#live(() => this.#channel.setWindow(rows, columns, height, width));
  }

  signal(name: string): void {
    // Signals have no window; a target that reads nothing would have them wait here without end.
    this.#live(() => congested(this.#client) || this.#channel.signal(name));
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#writer.close();
    if (!closedByPeer(this.#channel)) {
      this.#socket.destroy();
      return;
    }
    // It is over on both sides: leave in good order, so that the target's log holds no broken connection.
    this.#client.end();
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Does nothing once we left; what ssh2 throws about a lost connection is told by its `close`. */
  #live(work: () => unknown): void {
    if (this.#destroyed) return;
    try {
      work();
    } catch {
      this.#socket.destroy();
    }
  }
}
