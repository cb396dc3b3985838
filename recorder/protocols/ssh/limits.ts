import type { Socket } from 'node:net';
import type { EdgeLimits } from '../contract.ts';

/**
 * The limits that hold for strangers, since ssh2 has none: how many at once, how long, how many attempts. They stop
 * for a connection once its person is known.
 */
export class Door {
  readonly #limits: EdgeLimits;
  readonly #unknown = new Map<string, number>();
  readonly #visits = new Set<Visit>();
  #strangers = 0;

  constructor(limits: EdgeLimits) {
    this.#limits = limits;
  }

  /** Counts a connection in; null when it must be dropped at once. It is counted out when the socket closes. */
  enter(socket: Socket): Visit | null {
    const address = plainAddress(socket.remoteAddress);
    const { unknownPerAddress, unknown, connections } = this.#limits;
    const here = this.#unknown.get(address) ?? 0;
    if (here >= unknownPerAddress || this.#strangers >= unknown || this.#visits.size >= connections)
      return null;
    this.#strangers += 1;
    this.#unknown.set(address, here + 1);
    const visit = new Visit(socket, address, this.#limits, () => this.#noStranger(address));
    this.#visits.add(visit);
    socket.once('close', () => {
      visit.leave();
      this.#visits.delete(visit);
    });
    return visit;
  }

  #noStranger(address: string): void {
    this.#strangers -= 1;
    const here = (this.#unknown.get(address) ?? 1) - 1;
    if (here <= 0) this.#unknown.delete(address);
    else this.#unknown.set(address, here);
  }

  destroy(): void {
    for (const visit of this.#visits) visit.destroy();
  }
}

/** One connection, until and after its person is known. */
export class Visit {
  readonly address: string;
  readonly #socket: Socket;
  readonly #limits: EdgeLimits;
  readonly #noStranger: () => void;
  #stranger = true;
  #left: number;
  #since = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #questions = 0;

  constructor(socket: Socket, address: string, limits: EdgeLimits, noStranger: () => void) {
    this.#socket = socket;
    this.address = address;
    this.#limits = limits;
    this.#noStranger = noStranger;
    this.#left = limits.authenticationMs;
    this.#arm(this.#left);
  }

  /** Stops the clock while a person signs in elsewhere, for `ms` at most. */
  pauseFor(ms: number): void {
    this.#left = Math.max(1_000, this.#left - (performance.now() - this.#since));
    this.#arm(ms);
  }

  /** The clock goes on where it stopped. */
  goOn(): void {
    if (this.#stranger) this.#arm(this.#left);
  }

  /** An attempt failed. True: it was the last one allowed. */
  failed(): boolean {
    this.#attempts += 1;
    return this.#attempts >= this.#limits.attempts;
  }

  /** A key was asked about that nobody registered. True: that was the last question allowed. */
  asked(): boolean {
    this.#questions += 1;
    return this.#questions >= this.#limits.keyQuestions;
  }

  /** The person is known: no limit of this file holds any more. */
  known(): void {
    clearTimeout(this.#timer);
    if (this.#stranger) this.#noStranger();
    this.#stranger = false;
  }

  leave(): void {
    this.known();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#socket.destroy(), ms);
  }
}

/** An IPv4 address that arrived on an IPv6 socket is written as IPv4. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
