import type { RequestedChannel, Termination } from './control-plane.ts';
import type { Clock } from './deadline.ts';
import * as messages from './messages.ts';
import type { Desk, PersonSide, Reach } from './protocols/contract.ts';
import { Session, type SessionParts } from './session.ts';

/** How long a termination is remembered for a session that is not known yet. */
const MEMORY_MS = 60_000;
const MEMORY_SIZE = 10_000;

/** A session as an operator sees it. */
export interface LiveSession {
  readonly session: string;
  readonly tenant: string;
  readonly person: string;
  readonly protocol: RequestedChannel['protocol'];
  readonly target: string;
  readonly login: string;
  readonly kind: RequestedChannel['kind'];
  readonly address: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly deadline: number;
}

/** Knows every session of this gateway, and ends those that the control plane names. */
export class SessionDesk implements Desk {
  readonly controlPlane: SessionParts['controlPlane'];
  readonly logger: SessionParts['logger'];
  readonly #parts: Omit<SessionParts, 'admitted'>;
  readonly #all = new Set<Session>();
  readonly #live = new Map<string, Session>();
  readonly #early = new Map<string, { termination: Termination; at: number }>();
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  readonly #asking: NodeJS.Timeout;
  #renewing = false;
  #stopping = false;

  constructor(parts: Omit<SessionParts, 'admitted'>) {
    this.controlPlane = parts.controlPlane;
    this.logger = parts.logger;
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#unsubscribe = parts.controlPlane.onTermination(termination => this.#terminate(termination));
    // Also while no session runs: so it is known that the control plane is back, or away, before anybody asks.
    this.#asking = setInterval(() => void this.#renew(), parts.limits.renewMs);
  }

  begin(request: RequestedChannel, person: PersonSide, reach: Reach): void {
    const session = new Session(request, person, reach, {
      ...this.#parts,
      admitted: known => this.#admitted(known),
    });
    this.#all.add(session);
    void session.done.then(() => this.#all.delete(session));
  }

  live(): readonly LiveSession[] {
    return [...this.#live.values()].map(({ admission, request, startedAt }) => ({
      session: admission!.session,
      tenant: admission!.tenant,
      person: admission!.person,
      protocol: request.protocol,
      target: admission!.target,
      login: admission!.login,
      kind: request.kind,
      address: request.address,
      startedAt,
      deadline: admission!.deadline,
    }));
  }

  /** Lets sessions run for `drainMs`, ends the rest, and waits at most `reportMs` until their ends are reported. */
  async close(drainMs: number, reportMs: number): Promise<void> {
    if (drainMs > 0)
      for (const session of this.#live.values()) session.tell(messages.gatewayStopsIn(drainMs));
    await this.#allDone(drainMs);
    this.#stopping = true;
    for (const session of this.#live.values())
      void session.terminate('gateway-stopped', messages.GATEWAY_STOPS);
    await this.#allDone(reportMs);
    for (const session of this.#all) session.abandonReports();
    clearInterval(this.#asking);
    this.#unsubscribe();
  }

  /** Asks for all that run at once. Without an answer their leases run out by themselves. */
  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    const askedAt = this.#clock.monotonic();
    const sessions = [...this.#live.keys()];
    const away = this.controlPlane.down;
    try {
      const answers = new Map((await this.controlPlane.renew(sessions)).map(each => [each.session, each]));
      if (away) {
        this.logger.info({}, 'the control plane is back');
        for (const session of this.#all) session.hurry();
      }
      for (const id of sessions) {
        const answer = answers.get(id);
        if (answer?.given) this.#live.get(id)?.renewed(askedAt);
        else void this.#live.get(id)?.terminate('terminated', answer?.message ?? messages.NOT_GIVEN);
      }
    } catch (error) {
      if (!away)
        this.logger.warn({ err: error }, 'the control plane is away: sessions pause with their leases');
    } finally {
      this.#renewing = false;
    }
  }

  async #allDone(ms: number): Promise<void> {
    if (ms <= 0 || this.#all.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([Promise.all([...this.#all].map(session => session.done)), late]);
    clearTimeout(timer);
  }

  #admitted(session: Session): void {
    const id = session.admission!.session;
    this.#live.set(id, session);
    const { tenant, target } = session.admission!;
    const { protocol, kind } = session.request;
    this.logger.info({ session: id, tenant, target, protocol, kind }, 'session began');
    void session.ended.then(() => this.#live.delete(id));
    const early = this.#early.get(id);
    if (early) void session.terminate('terminated', early.termination.message);
    if (this.#stopping) void session.terminate('gateway-stopped', messages.GATEWAY_STOPS);
  }

  #terminate(termination: Termination): void {
    const now = this.#clock.monotonic();
    for (const [id, { at }] of this.#early) {
      if (now - at < MEMORY_MS && this.#early.size < MEMORY_SIZE) break;
      this.#early.delete(id);
    }
    for (const id of termination.sessions) {
      const session = this.#live.get(id);
      if (session) void session.terminate('terminated', termination.message);
      // The word may overtake the admission that it takes back.
      else this.#early.set(id, { termination, at: now });
    }
  }
}
