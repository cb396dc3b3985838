import type { EdgeLimits } from '../contract.ts';
import {
  CONGESTED_BYTES,
  exchangingKeys,
  type Peer,
  queuedPackets,
  renewKeys,
  socketOf,
} from './ssh2-internals.ts';

export type UpkeepLimits = Pick<EdgeLimits, 'rekeyBytes' | 'rekeyMs' | 'exchangeMs' | 'exchangesInARow'>;

/** How often time is looked at; bytes are looked at when they move. */
const LOOK_MS = 1_000;
/** Sources pause at `CONGESTED_BYTES`; what goes past four times that are answers to a peer who asks and never reads. */
const UNREAD_BYTES = 4 * CONGESTED_BYTES;
/** Answers that wait for the end of a key exchange which the peer draws out. */
const QUEUED_PACKETS = 4_096;
/** A connection that was ended is given this long to take our last words. */
const LINGER_MS = 5_000;
/**
 * A peer may ask for new keys this often; oftener, it costs us more than itself. OpenSSH with a `RekeyLimit` below 1 MB
 * asks after each packet of 32 KB, since it takes the packet's bytes for blocks.
 */
const EXCHANGE_EVERY_MS = 1_000;
const EXCHANGE_EVERY_BYTES = 16 * 1024;

/**
 * What an encrypted connection needs as long as it lasts, and ssh2 does not do: new keys by time and by bytes (RFC 4253
 * section 9), an end to a peer that exchanges keys in a loop or never finishes, no more answers to a peer that reads
 * none, and a close after the end. It stops by itself when the connection closes.
 */
export class Upkeep {
  readonly #peer: Peer;
  readonly #limits: UpkeepLimits;
  readonly #cut: (why: string) => void;
  readonly #timer: NodeJS.Timeout;
  #settled = false;
  #exchanges = 0;
  #since = performance.now();
  #bytes: number;
  #exchangeSince: number | null = null;
  #ours = false;
  #allowed: number;
  #endedSince: number | null = null;
  #paused = false;

  /** `cut` must end the connection; it may be called more than once. Call from the first packet on. */
  constructor(peer: Peer, limits: UpkeepLimits, cut: (why: string) => void) {
    this.#peer = peer;
    this.#limits = limits;
    this.#cut = cut;
    this.#bytes = this.#moved;
    this.#allowed = limits.exchangesInARow;
    const socket = socketOf(peer);
    socket.on('data', () => this.#look());
    socket.on('drain', () => {
      if (this.#paused) socket.resume();
      this.#paused = false;
      this.#look();
    });
    const emitter = peer as import('ssh2').Client;
    emitter.on('handshake', () => this.#renewed());
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_MS, limits.rekeyMs, limits.exchangeMs));
    emitter.once('close', () => clearInterval(this.#timer));
  }

  /** Both sides know each other: from now on we ask for new keys, and the peer may. */
  settle(): void {
    this.#settled = true;
    this.#since = performance.now();
    this.#bytes = this.#moved;
  }

  get #moved(): number {
    const socket = socketOf(this.#peer);
    return socket.bytesRead + (socket.bytesWritten ?? 0);
  }

  #look(): void {
    const socket = socketOf(this.#peer);
    if (socket.writableEnded) {
      this.#linger();
      return;
    }
    if (socket.writableLength > UNREAD_BYTES && !this.#paused) {
      this.#paused = true;
      socket.pause();
    }
    const now = performance.now();
    if (exchangingKeys(this.#peer)) {
      this.#exchangeSince ??= now;
      if (now - this.#exchangeSince > this.#limits.exchangeMs) this.#cut('a key exchange was not finished');
      else if (queuedPackets(this.#peer) > QUEUED_PACKETS) this.#cut('too much was asked in a key exchange');
      return;
    }
    this.#exchangeSince = null;
    if (!this.#settled) return;
    const due =
      now - this.#since >= this.#limits.rekeyMs || this.#moved - this.#bytes >= this.#limits.rekeyBytes;
    if (!due) return;
    this.#ours = true;
    this.#exchangeSince = now;
    renewKeys(this.#peer);
  }

  #renewed(): void {
    const now = performance.now();
    const earned =
      (now - this.#since) / EXCHANGE_EVERY_MS + (this.#moved - this.#bytes) / EXCHANGE_EVERY_BYTES;
    this.#allowed = Math.min(this.#limits.exchangesInARow, this.#allowed + earned);
    if (!this.#ours) this.#allowed -= 1;
    this.#ours = false;
    this.#exchangeSince = null;
    this.#since = now;
    this.#bytes = this.#moved;
    this.#exchanges += 1;
    if (!this.#settled && this.#exchanges > 1) this.#cut('keys were exchanged twice by a stranger');
    else if (this.#allowed < 0) this.#cut('keys were exchanged over and over');
  }

  #linger(): void {
    const now = performance.now();
    this.#endedSince ??= now;
    if (now - this.#endedSince > LINGER_MS) socketOf(this.#peer).destroy();
  }
}
