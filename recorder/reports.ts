import type { ControlPlane, Incident, Segment, SessionEnding } from './control-plane.ts';
import type { Clock } from './deadline.ts';
import { Away } from './line.ts';

/** What we need of a logger; pino fits. */
export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

interface Report {
  readonly name: 'segment' | 'incident' | 'ending';
  readonly session: string;
  readonly since: number;
  readonly send: () => Promise<void>;
}

/**
 * What one session tells the control plane, in order, each repeated until it is taken. The messages are safe to send
 * twice, so an answer that was lost does no harm.
 */
export class Reports {
  readonly #controlPlane: ControlPlane;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #queue: Report[] = [];
  #sending: Promise<void> | null = null;
  #abandoned = false;
  #wake: (() => void) | null = null;

  constructor(controlPlane: ControlPlane, clock: Clock, logger: Logger) {
    this.#controlPlane = controlPlane;
    this.#clock = clock;
    this.#logger = logger;
  }

  segment(segment: Segment): void {
    this.#add('segment', segment.session, () => this.#controlPlane.recordSegment(segment));
  }

  incident(incident: Incident): void {
    this.#add('incident', incident.session, () => this.#controlPlane.reportIncident(incident));
  }

  ending(ending: SessionEnding): void {
    this.#add('ending', ending.session, () => this.#controlPlane.endSession(ending));
  }

  /** How long the oldest segment has waited to be taken, in ms; whoever sees this grow must stop the session. */
  get segmentWaiting(): number {
    const oldest = this.#queue.find(report => report.name === 'segment');
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest.since;
  }

  /** The control plane is back: what waits is sent now, and not when its pause is over. */
  hurry(): void {
    this.#wake?.();
  }

  /** Resolves when everything was taken, or given up. */
  async settled(): Promise<void> {
    while (this.#sending !== null && !this.#abandoned) await this.#sending;
  }

  /** The gateway stops: no more tries. What is lost is logged; the control plane notices sessions without an end. */
  abandon(): void {
    if (this.#queue.length > 0)
      this.#logger.error({ reports: this.#queue.length }, 'reports given up at the stop');
    this.#abandoned = true;
    this.#queue.length = 0;
    this.#wake?.();
  }

  #add(name: Report['name'], session: string, send: Report['send']): void {
    if (this.#abandoned) return;
    this.#queue.push({ name, session, send, since: this.#clock.monotonic() });
    this.#sending ??= this.#run();
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (this.#queue.length > 0) {
      const report = this.#queue[0]!;
      try {
        await report.send();
        if (this.#queue[0] === report) this.#queue.shift();
        pause = FIRST_PAUSE_MS;
      } catch (error) {
        // That nobody can be asked is told once for all sessions, by the desk.
        const away = error instanceof Away && error.cause === undefined;
        this.#logger[away ? 'debug' : 'warn'](
          { err: error, session: report.session, report: report.name, again_in_ms: pause },
          'the control plane took no report',
        );
        await this.#sleep(pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    }
    this.#sending = null;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}
