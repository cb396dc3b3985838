import type {
  Admission,
  Caller,
  ControlPlane,
  Credential,
  CredentialOrder,
  Incident,
  OfferedKey,
  ProbeCredentialOrder,
  Refusal,
  Renewal,
  RequestedChannel,
  Segment,
  SessionEnding,
  SignedIn,
  SignIn,
  Termination,
} from './control-plane.ts';

/** So many renewals may be overdue at once; a further one is not even asked … */
const MOST_OVERDUE = 3;
/** … until one of them has been for so long that nobody counts on it any more. */
const FORGOTTEN_MS = 60_000;

/** The control plane cannot be asked, or did not answer in time. */
export class Away extends Error {
  readonly code = 'control-plane-away';

  constructor(why: string, cause?: unknown) {
    super(`the control plane ${why}`, { cause });
    this.name = 'Away';
  }
}

/**
 * The line to the control plane. Each message has a time limit, for a database that hangs is as far away as one that
 * is gone. The renewal of leases tells whether the line is up: while it is down every other message is refused at
 * once, so that nothing piles up behind what hangs and nobody waits for a no.
 */
export class Line implements ControlPlane {
  readonly #to: ControlPlane;
  readonly #answerMs: number;
  #down = false;
  #owed = 0;

  constructor(to: ControlPlane, answerMs: number) {
    this.#to = to;
    this.#answerMs = answerMs;
  }

  /** Whether the last renewal failed. */
  get down(): boolean {
    return this.#down;
  }

  async renew(sessions: readonly string[]): Promise<readonly Renewal[]> {
    try {
      if (this.#owed >= MOST_OVERDUE) throw new Away('owes too many answers');
      const asked = this.#to.renew(sessions);
      this.#owe(asked);
      const answer = await this.#inTime(asked);
      this.#down = false;
      return answer;
    } catch (error) {
      this.#down = true;
      throw error;
    }
  }

  identifyKey(key: OfferedKey): Promise<Caller | null> {
    return this.#ask(() => this.#to.identifyKey(key));
  }

  openSignIn(connection: { username: string; address: string }): Promise<SignIn> {
    return this.#ask(() => this.#to.openSignIn(connection));
  }

  /** Waits for a person: its end is the sign-in's, or the signal. */
  awaitSignIn(id: string, signal: AbortSignal): Promise<SignedIn | null> {
    return this.#to.awaitSignIn(id, signal);
  }

  /** @param late hears of a yes that came when it had been given up: its session is open there, and never was here */
  admit(channel: RequestedChannel, late?: (admission: Admission) => void): Promise<Admission | Refusal> {
    return this.#ask(
      () => this.#to.admit(channel),
      answer => answer.admitted && late?.(answer),
    );
  }

  issueCredential(order: CredentialOrder): Promise<Credential | Refusal> {
    return this.#ask(() => this.#to.issueCredential(order));
  }

  issueProbe(order: ProbeCredentialOrder): Promise<Credential | Refusal> {
    return this.#ask(() => this.#to.issueProbe(order));
  }

  recordSegment(segment: Segment): Promise<void> {
    return this.#ask(() => this.#to.recordSegment(segment));
  }

  reportIncident(incident: Incident): Promise<void> {
    return this.#ask(() => this.#to.reportIncident(incident));
  }

  endSession(ending: SessionEnding): Promise<void> {
    return this.#ask(() => this.#to.endSession(ending));
  }

  onTermination(listener: (termination: Termination) => void): () => void {
    return this.#to.onTermination(listener);
  }

  async #ask<T>(ask: () => Promise<T>, late?: (answer: T) => void): Promise<T> {
    if (this.#down) throw new Away('is away');
    return this.#inTime(ask(), late);
  }

  /** What is given up still runs over there. */
  async #inTime<T>(asked: Promise<T>, late?: (answer: T) => void): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Away(`gave no answer for ${this.#answerMs} ms`));
        if (late) asked.then(late, () => {});
      }, this.#answerMs);
    });
    try {
      return await Promise.race([asked, limit]);
    } catch (error) {
      throw error instanceof Away ? error : new Away('failed', error);
    } finally {
      clearTimeout(timer);
    }
  }

  #owe(asked: Promise<unknown>): void {
    this.#owed += 1;
    const over = () => {
      clearTimeout(forgotten);
      if (counts) this.#owed -= 1;
      counts = false;
    };
    let counts = true;
    const forgotten = setTimeout(over, FORGOTTEN_MS).unref();
    asked.then(over, over);
  }
}
