import type { Socket } from 'node:net';
import { networkOf, plainAddress } from '../../../src/domain/network.ts';
import type { EdgeLimits } from '../contract.ts';

/** Connections of one kind, over all and for each network that an address belongs to. */
class Crowd {
  readonly #here = new Map<string, number>();
  readonly #perNetwork: number;
  readonly #limit: number;
  #all = 0;

  constructor(perNetwork: number, limit: number) {
    this.#perNetwork = perNetwork;
    this.#limit = limit;
  }

  hasRoom(network: string): boolean {
    return this.#all < this.#limit && (this.#here.get(network) ?? 0) < this.#perNetwork;
  }

  add(network: string): void {
    this.#all += 1;
    this.#here.set(network, (this.#here.get(network) ?? 0) + 1);
  }

  remove(network: string): void {
    this.#all -= 1;
    const here = (this.#here.get(network) ?? 1) - 1;
    if (here <= 0) this.#here.delete(network);
    else this.#here.set(network, here);
  }
}

/**
 * Connections that each network may begin: so many at once, and so many a minute. Forgets a network that has all of
 * them again, and of very many those that came first.
 */
class Arrivals {
  readonly #left = new Map<string, { count: number; at: number }>();
  readonly #atOnce: number;
  readonly #perMs: number;

  constructor(atOnce: number, perMinute: number) {
    this.#atOnce = atOnce;
    this.#perMs = perMinute / 60_000;
  }

  take(network: string): boolean {
    const now = performance.now();
    const count = this.#of(network, now);
    this.#left.delete(network);
    this.#left.set(network, { count: count >= 1 ? count - 1 : count, at: now });
    this.#forget(now);
    return count >= 1;
  }

  giveBack(network: string): void {
    const now = performance.now();
    const count = this.#of(network, now) + 1;
    if (this.#left.has(network)) this.#left.set(network, { count, at: now });
  }

  #of(network: string, now: number): number {
    const left = this.#left.get(network);
    return left ? Math.min(this.#atOnce, left.count + (now - left.at) * this.#perMs) : this.#atOnce;
  }

  /** The oldest come first in a map, and are most likely whole again. */
  #forget(now: number): void {
    for (const network of this.#left.keys()) {
      if (this.#left.size <= MOST_NETWORKS && this.#of(network, now) < this.#atOnce) return;
      this.#left.delete(network);
    }
  }
}

const MOST_NETWORKS = 10_000;

/**
 * The limits that hold for strangers, since ssh2 has none: how many at once, how long, how many attempts. They stop
 * for a connection once its person is known.
 */
export class Door {
  readonly #limits: EdgeLimits;
  readonly #unknown: Crowd;
  readonly #signIns: Crowd;
  readonly #people: Crowd;
  readonly #arrivals: Arrivals;
  readonly #visits = new Set<Visit>();

  constructor(limits: EdgeLimits) {
    this.#limits = limits;
    this.#unknown = new Crowd(limits.unknownPerAddress, limits.unknown);
    this.#signIns = new Crowd(limits.signInsPerAddress, limits.signIns);
    this.#people = new Crowd(limits.connectionsPerPerson, limits.connections);
    this.#arrivals = new Arrivals(limits.arrivals, limits.arrivalsPerMinute);
  }

  /** Counts a connection in; null when it must be dropped at once. It is counted out when the socket closes. */
  enter(socket: Socket): Visit | null {
    const address = plainAddress(socket.remoteAddress);
    const network = networkOf(address);
    if (this.#visits.size >= this.#limits.connections || !this.#unknown.hasRoom(network)) return null;
    if (!this.#arrivals.take(network)) return null;
    const visit = new Visit(socket, address, this.#limits, {
      unknown: this.#unknown,
      signIns: this.#signIns,
      people: this.#people,
      arrivals: this.#arrivals,
    });
    this.#visits.add(visit);
    socket.once('close', () => {
      visit.leave();
      this.#visits.delete(visit);
    });
    return visit;
  }

  destroy(): void {
    for (const visit of this.#visits) visit.destroy();
  }
}

/** A sign-in that waits for its person elsewhere. */
export interface Waiting {
  /** Stops the clock of the connection, for `ms` at most. */
  pauseFor(ms: number): void;
  /** The clock goes on where it stopped. Safe to call twice. */
  over(): void;
}

interface Counted {
  readonly unknown: Crowd;
  readonly signIns: Crowd;
  readonly people: Crowd;
  readonly arrivals: Arrivals;
}

/** One connection, until and after its person is known. */
export class Visit {
  readonly address: string;
  readonly #socket: Socket;
  readonly #limits: EdgeLimits;
  readonly #network: string;
  readonly #unknown: Crowd;
  readonly #signIns: Crowd;
  readonly #people: Crowd;
  readonly #arrivals: Arrivals;
  #person: string | null = null;
  /** What it counts as; null once its person is known. */
  #crowd: Crowd | null = null;
  #left: number;
  #since = performance.now();
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #questions = 0;
  #waiting = 0;

  constructor(socket: Socket, address: string, limits: EdgeLimits, counted: Counted) {
    this.#socket = socket;
    this.address = address;
    this.#network = networkOf(address);
    this.#limits = limits;
    this.#unknown = counted.unknown;
    this.#signIns = counted.signIns;
    this.#people = counted.people;
    this.#arrivals = counted.arrivals;
    this.#left = limits.authenticationMs;
    this.#count(this.#unknown);
    this.#arm(this.#left);
    socket.on('data', this.#heard);
  }

  /** Counts it among those that wait for a sign-in; null when they are too many, or its person is known or gone. */
  signIn(): Waiting | null {
    if (this.#crowd === null) return null;
    if (this.#crowd !== this.#signIns) {
      if (!this.#signIns.hasRoom(this.#network)) return null;
      this.#count(this.#signIns);
    }
    this.#waiting += 1;
    let over = false;
    return {
      pauseFor: ms => {
        if (this.#crowd === null || over) return;
        if (!this.#paused) this.#left = Math.max(1_000, this.#left - (performance.now() - this.#since));
        this.#paused = true;
        this.#arm(ms);
      },
      over: () => {
        if (over) return;
        over = true;
        this.#waiting -= 1;
        if (this.#waiting > 0 || this.#crowd === null) return;
        this.#count(this.#unknown);
        if (this.#paused) this.#arm(this.#left);
        this.#paused = false;
      },
    };
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

  /** The person is known: no limit for strangers holds any more, unless they went meanwhile, or have no place left. */
  known(person: string): 'welcome' | 'gone' | 'too-many' {
    if (this.#crowd === null) return this.#person === person ? 'welcome' : 'gone';
    if (!this.#people.hasRoom(person)) return 'too-many';
    this.leave();
    this.#person = person;
    this.#people.add(person);
    this.#arrivals.giveBack(this.#network);
    return 'welcome';
  }

  leave(): void {
    clearTimeout(this.#timer);
    this.#socket.removeListener('data', this.#heard);
    this.#count(null);
    if (this.#person !== null) this.#people.remove(this.#person);
    this.#person = null;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #heard = (): void => {
    if (this.#socket.bytesRead > this.#limits.unknownBytes) this.#socket.destroy();
  };

  #count(crowd: Crowd | null): void {
    this.#crowd?.remove(this.#network);
    crowd?.add(this.#network);
    this.#crowd = crowd;
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#socket.destroy(), ms);
  }
}
