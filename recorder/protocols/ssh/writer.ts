import type { Writable } from 'node:stream';
import type { Client, Connection } from 'ssh2';
import type { OutputStream } from '../../recording/recording.ts';
import { congested, forgetSent, whenFlowing } from './ssh2-internals.ts';

/** What may wait in a channel before its source is asked to pause, and when it may go on. */
const HIGH_BYTES = 256 * 1024;
const LOW_BYTES = 64 * 1024;

interface Sendable extends Writable {
  readonly stderr?: unknown;
}

/**
 * Writes to one channel with back-pressure of its own: ssh2 buffers two megabytes a stream before it complains, and
 * what waits there would still be shown after a cut.
 */
export class ChannelWriter {
  readonly #peer: Connection | Client;
  readonly #channel: Sendable;
  readonly #drained: () => void;
  #stream: OutputStream = 'out';
  #underWay = 0;
  #bytes = 0;
  #blocked = false;
  /** Whether the connection will tell us when it flows again. */
  #asked = false;
  #waiting: { stream: OutputStream; bytes: Buffer }[] = [];
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(peer: Connection | Client, channel: Sendable, drained: () => void) {
    this.#peer = peer;
    this.#channel = channel;
    this.#drained = drained;
  }

  /** False: pause until `drained` is called. */
  send(stream: OutputStream, bytes: Buffer): boolean {
    if (this.#closed || bytes.length === 0) return true;
    this.#bytes += bytes.length;
    this.#waiting.push({ stream, bytes });
    this.#push();
    if (this.#bytes > HIGH_BYTES || congested(this.#peer)) this.#blocked = true;
    if (this.#blocked && this.#underWay === 0) this.#unblock();
    return !this.#blocked;
  }

  /** Resolves when all was handed to the connection, or the channel is gone. */
  idle(): Promise<void> {
    if (this.#closed || this.#bytes === 0) return Promise.resolve();
    return new Promise(resolve => this.#idle.push(resolve));
  }

  /** Drops what waits. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#release();
  }

  /** The two streams of a channel take turns; each change waits for the other to be empty (see `forgetSent`). */
  #push(): void {
    while (!this.#closed && this.#waiting.length > 0) {
      const { stream, bytes } = this.#waiting[0]!;
      if (stream !== this.#stream) {
        if (this.#underWay > 0) return;
        forgetSent(this.#channel);
        this.#stream = stream;
      }
      this.#waiting.shift();
      this.#underWay += 1;
      this.#write(stream, bytes);
    }
  }

  #write(stream: OutputStream, bytes: Buffer): void {
    const writable = stream === 'err' ? (this.#channel.stderr as Writable) : this.#channel;
    try {
      writable.write(bytes, () => this.#written(bytes.length));
    } catch {
      // ssh2 throws when the connection has gone; its own event tells the session.
      this.close();
    }
  }

  #written(length: number): void {
    if (this.#closed) return;
    this.#underWay -= 1;
    this.#bytes -= length;
    this.#push();
    if (this.#blocked) this.#unblock();
    if (this.#bytes === 0) this.#release();
  }

  #unblock(): void {
    if (this.#closed || !this.#blocked || this.#bytes > LOW_BYTES) return;
    if (congested(this.#peer)) {
      if (this.#asked) return;
      this.#asked = true;
      whenFlowing(this.#peer, () => {
        this.#asked = false;
        this.#unblock();
      });
      return;
    }
    this.#blocked = false;
    // Never from within `send`: its caller has yet to learn that it must wait.
    setImmediate(() => {
      if (!this.#closed) this.#drained();
    });
  }

  #release(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
