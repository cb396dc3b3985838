import type { Admission } from './control-plane.ts';
import { type Clock, TICK_MS } from './deadline.ts';
import * as messages from './messages.ts';
import type { Recording } from './recording/recording.ts';
import type { Relay } from './relay.ts';
import type { Logger, Reports } from './reports.ts';
import type { Voice } from './voice.ts';

export interface SuspensionParts {
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly reports: Reports;
  readonly voice: Voice;
  readonly logger: Logger;
  readonly admission: Admission;
  /** When the asking for the admission began, on the monotonic clock. */
  readonly askedAt: number;
}

/**
 * A session runs by its lease. The lease is counted from when the asking began that ended in a yes, on the clock that
 * does not jump; and it holds only while the log takes what was recorded. When either has been missing for the time of
 * a lease, nothing passes until both are back. The deadline counts on meanwhile.
 */
export class Suspension {
  readonly #parts: SuspensionParts;
  #askedAt: number;
  #relay: Relay | null = null;
  #recording: Recording | null = null;
  /** Since when nothing passes, by the wall clock, and why. */
  #pause: { readonly since: number; readonly why: string } | null = null;

  constructor(parts: SuspensionParts) {
    this.#parts = parts;
    this.#askedAt = parts.askedAt;
  }

  /** What is to be held, as soon as there is something. */
  holds(relay: Relay, recording: Recording): void {
    this.#relay = relay;
    this.#recording = recording;
    if (this.#pause !== null) this.#hold(this.#pause.why);
  }

  /** The control plane said yes to a question that was asked then. */
  renewed(askedAt: number): void {
    this.#askedAt = Math.max(this.#askedAt, askedAt);
    this.look();
  }

  /** Pauses or goes on, as it stands now. To be called at every tick. */
  look(): void {
    const { leaseMs, clock, reports, logger, admission } = this.#parts;
    const unasked = clock.monotonic() - this.#askedAt;
    const unlogged = reports.segmentWaiting;
    // A tick early rather than a tick late.
    const limit = leaseMs - TICK_MS;
    if (this.#pause === null) {
      if (unasked < limit && unlogged < limit) return;
      const why = unasked >= limit ? 'the lease is over' : 'the log takes no segment';
      this.#pause = { since: clock.now(), why };
      logger.warn({ session: admission.session, why }, 'a session pauses');
      this.#hold(why);
      return;
    }
    // What waited is logged first, or it would pause again at once.
    if (unasked >= limit || unlogged > leaseMs / 5) return;
    this.#report('went on');
    logger.info({ session: admission.session }, 'a session goes on');
    this.#recording?.marker('resumed');
    if (this.#recording !== null) void this.#parts.voice.say(messages.RESUMED);
    this.#relay?.resume();
  }

  /** The session ends, and a pause with it. */
  end(): void {
    this.#report('ended');
  }

  #hold(why: string): void {
    if (this.#recording === null) return;
    this.#relay?.pause();
    this.#recording.marker(`paused: ${why}`);
    void this.#parts.voice.say(messages.paused(this.#parts.admission.deadline));
  }

  #report(how: string): void {
    if (this.#pause === null) return;
    const { clock, reports, admission } = this.#parts;
    const { since, why } = this.#pause;
    this.#pause = null;
    const [from, to] = [since, clock.now()].map(at => new Date(at).toISOString());
    const detail = `${why}: nothing passed from ${from} to ${to}, then it ${how}`;
    reports.incident({ session: admission.session, kind: 'paused', detail });
  }
}
