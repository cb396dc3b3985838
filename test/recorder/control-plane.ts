import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
} from '../../recorder/control-plane.ts';
import { PRINCIPAL, type Sshd } from './sshd.ts';

/** A control plane in memory: it says what a test tells it to say, and keeps what it was told. */
export class FakeControlPlane implements ControlPlane {
  readonly keys = new Map<string, Caller>();
  readonly admissions: RequestedChannel[] = [];
  readonly orders: CredentialOrder[] = [];
  readonly probes: ProbeCredentialOrder[] = [];
  /** What a try is answered; may refuse. */
  probeAnswer: Refusal | null = null;
  readonly segments: Segment[] = [];
  readonly incidents: Incident[] = [];
  readonly endings: SessionEnding[] = [];
  /** Changes the admission, or refuses. */
  answer: (admission: Admission, asked: RequestedChannel) => Admission | Refusal = admission => admission;
  /** What `recordSegment` does; may throw. */
  takeSegment: (segment: Segment) => Promise<void> = async () => {};
  /** What `renew` answers; may throw, or never answer. */
  takeRenewal: (sessions: readonly string[]) => Promise<readonly Renewal[]> = async sessions =>
    sessions.map(session => ({ session, given: true }));
  readonly renewals: (readonly string[])[] = [];
  signIn: SignIn | null = null;
  /** Ends the wait of a sign-in. */
  completeSignIn: (signedIn: SignedIn | null) => void = () => {};
  signInAborted = 0;
  readonly #sshd: Pick<Sshd, 'port' | 'hostKey' | 'authority'>;
  readonly #listeners = new Set<(termination: Termination) => void>();
  readonly #waiting: (() => boolean)[] = [];
  #counter = 0;

  constructor(sshd: Pick<Sshd, 'port' | 'hostKey' | 'authority'>) {
    this.#sshd = sshd;
  }

  async identifyKey(key: OfferedKey): Promise<Caller | null> {
    return this.keys.get(key.fingerprint) ?? null;
  }

  async openSignIn(): Promise<SignIn> {
    this.signIn = {
      id: 'si_1',
      url: 'http://broker.test/sign-in/ssh',
      code: 'BCDF-GHJK',
      expiresAt: Date.now() + 60_000,
    };
    this.#changed();
    return this.signIn;
  }

  awaitSignIn(_id: string, signal: AbortSignal): Promise<SignedIn | null> {
    return new Promise(resolve => {
      this.completeSignIn = resolve;
      signal.addEventListener('abort', () => {
        this.signInAborted += 1;
        this.#changed();
        resolve(null);
      });
    });
  }

  async admit(asked: RequestedChannel): Promise<Admission | Refusal> {
    this.admissions.push(asked);
    this.#counter += 1;
    const session = `s_${this.#counter}`;
    const answer = this.answer(
      {
        admitted: true,
        session,
        tenant: 'acme',
        target: 'db01',
        login: 'root',
        host: '127.0.0.1',
        port: this.#sshd.port,
        hostKeys: [this.#sshd.hostKey],
        deadline: Date.now() + 600_000,
        remaining: 600_000,
        recordInput: false,
        takesInput: true,
        banner: [],
        recording: `acme/2026/11/${session}.cast`,
        person: asked.person,
        title: `Maya as ${asked.username}`,
      },
      asked,
    );
    this.#changed();
    return answer;
  }

  async issueCredential(order: CredentialOrder): Promise<Credential | Refusal> {
    this.orders.push(order);
    return this.#sign(order.publicKey, order.session, [
      ...(order.pty ? ['permit-pty'] : []),
      `source-address=${order.sourceAddress}`,
    ]);
  }

  async issueProbe(order: ProbeCredentialOrder): Promise<Credential | Refusal> {
    this.probes.push(order);
    if (this.probeAnswer) return this.probeAnswer;
    return this.#sign(order.publicKey, order.preflight, [
      'force-command=exit 1',
      `source-address=${order.sourceAddress}`,
    ]);
  }

  #sign(publicKey: string, keyId: string, extra: readonly string[]): Credential {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-sign-'));
    try {
      writeFileSync(join(folder, 'key.pub'), `${publicKey}\n`);
      const options = ['clear', ...extra];
      const signed = spawnSync('ssh-keygen', [
        '-q',
        ...['-s', this.#sshd.authority, '-I', keyId, '-n', PRINCIPAL, '-V', '-1m:+2m'],
        ...options.flatMap(option => ['-O', option]),
        join(folder, 'key.pub'),
      ]);
      if (signed.status !== 0) throw new Error(`ssh-keygen: ${signed.stderr}`);
      return { admitted: true, certificate: readFileSync(join(folder, 'key-cert.pub'), 'utf8').trim() };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async renew(sessions: readonly string[]): Promise<readonly Renewal[]> {
    this.renewals.push(sessions);
    this.#changed();
    return this.takeRenewal(sessions);
  }

  async recordSegment(segment: Segment): Promise<void> {
    await this.takeSegment(segment);
    this.segments.push(segment);
    this.#changed();
  }

  async reportIncident(incident: Incident): Promise<void> {
    this.incidents.push(incident);
    this.#changed();
  }

  async endSession(ending: SessionEnding): Promise<void> {
    this.endings.push(ending);
    this.#changed();
  }

  onTermination(listener: (termination: Termination) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  terminate(termination: Termination): void {
    for (const listener of this.#listeners) listener(termination);
  }

  /** Resolves when `holds` does; looked at after each message. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise(resolve => {
      this.#waiting.push(() => {
        if (!holds()) return false;
        resolve();
        return true;
      });
    });
  }

  async ended(count = 1): Promise<SessionEnding> {
    await this.until(() => this.endings.length >= count);
    return this.endings[count - 1]!;
  }

  #changed(): void {
    for (const look of [...this.#waiting]) {
      if (look()) this.#waiting.splice(this.#waiting.indexOf(look), 1);
    }
  }
}
