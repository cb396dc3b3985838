/**
 * The data plane's only door to the control plane. What crosses it is plain data (it survives JSON), in few kinds
 * of message, each safe to send twice. In one process `main.ts` hands in an implementation that calls straight
 * through; apart, the same messages travel over a WebSocket that the gateway dials.
 */
export interface ControlPlane {
  /** Whose registered key this is. Knowing somebody admits nobody. `null`: nobody's. */
  identifyKey(key: OfferedKey): Promise<Caller | null>;
  /** Opens a sign-in that a person completes in a browser by typing `code` on the page at `url`. */
  openSignIn(connection: { username: string; address: string }): Promise<SignIn>;
  /** Resolves when that sign-in is completed; `null` when it expired or `signal` aborted. */
  awaitSignIn(id: string, signal: AbortSignal): Promise<SignedIn | null>;
  /** Asks the grant, against the clock, for one channel. Each channel asks again. */
  admit(channel: RequestedChannel): Promise<Admission | Refusal>;
  /** Mints the certificate of one admitted session; the private key never leaves the gateway. */
  issueCredential(order: CredentialOrder): Promise<Credential | Refusal>;
  /** Mints a certificate that can do nothing, to try whether a target would let one in. For a try under way only. */
  issueProbe(order: ProbeCredentialOrder): Promise<Credential | Refusal>;
  /**
   * Asks whether these sessions are still given: all that run, every few seconds, in one message. A session goes on by
   * the answer, for the time of its lease; without one it pauses. Nothing is changed by asking, also for no sessions.
   */
  renew(sessions: readonly string[]): Promise<readonly Renewal[]>;
  /** A closed segment of a recording, logged while the session runs. Repeating one changes nothing. */
  recordSegment(segment: Segment): Promise<void>;
  /** Something a reader of the log must know while the session runs, such as a changed host key. */
  reportIncident(incident: Incident): Promise<void>;
  /** The session is over and its recording is whole. Repeating it changes nothing. */
  endSession(ending: SessionEnding): Promise<void>;
  /** Tells the gateway to end sessions before their deadline (revoked, locked out). Returns an unsubscribe. */
  onTermination(listener: (termination: Termination) => void): () => void;
}

export interface OfferedKey {
  /** `SHA256:…` without padding, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  readonly address: string;
}

export interface Caller {
  readonly person: string;
  readonly name: string;
}

export interface SignedIn extends Caller {
  /** When, by the control plane's clock; milliseconds since the epoch. */
  readonly at: number;
}

export interface SignIn {
  readonly id: string;
  readonly url: string;
  readonly code: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface RequestedChannel {
  readonly protocol: 'ssh';
  readonly person: string;
  /** As the client sent it: `root@db01`, `root@db01.acme`, `root+db01.acme`. */
  readonly username: string;
  readonly kind: 'shell' | 'exec' | 'subsystem';
  /** The command of an exec, the name of a subsystem, null for a shell. */
  readonly command: string | null;
  readonly pty: boolean;
  /** The person's address. */
  readonly address: string;
  /**
   * How the connection became this person's: asked again for each channel, so that a removed key, or a sign-in
   * that has grown old, opens nothing on a connection that was made before.
   */
  readonly knownBy:
    | { readonly kind: 'key'; readonly fingerprint: string }
    /** The `at` of its `SignedIn`. */
    | { readonly kind: 'sign-in'; readonly at: number };
}

export interface Admission {
  readonly admitted: true;
  readonly session: string;
  readonly tenant: string;
  readonly target: string;
  readonly login: string;
  readonly host: string;
  readonly port: number;
  /** Pinned host keys, each `ssh-ed25519 AAAA…`; at least one. */
  readonly hostKeys: readonly string[];
  /** Milliseconds since the epoch at which the gateway cuts. */
  readonly deadline: number;
  /** Milliseconds left at the moment of the answer: counted on the gateway's monotonic clock as well. */
  readonly remaining: number;
  /** Whether what is typed in a terminal is recorded too. */
  readonly recordInput: boolean;
  /** `false`: what the person sends without a terminal stays here, and the target's input ends at once. */
  readonly takesInput: boolean;
  /** Lines for the person before the first prompt; shown in terminals only. */
  readonly banner: readonly string[];
  /** Where the recording goes, relative to the recordings folder: `acme/2026/11/s_….cast`. */
  readonly recording: string;
  readonly person: string;
  readonly title: string;
}

export interface Refusal {
  readonly admitted: false;
  readonly code: string;
  /** What is missing and the exact command that asks for it; one line each, no control characters. */
  readonly lines: readonly string[];
}

export interface CredentialOrder {
  readonly session: string;
  /** `ssh-ed25519 AAAA…`, the public half of a key that lives in the gateway's memory only. */
  readonly publicKey: string;
  /** The address from which the gateway reaches the target; the certificate is worth nothing elsewhere. */
  readonly sourceAddress: string;
  readonly pty: boolean;
}

export interface ProbeCredentialOrder {
  /** `pf_…` */
  readonly preflight: string;
  readonly tenant: string;
  readonly target: string;
  readonly login: string;
  readonly publicKey: string;
  readonly sourceAddress: string;
}

export interface Credential {
  readonly admitted: true;
  /** `ssh-ed25519-cert-v01@openssh.com AAAA…` */
  readonly certificate: string;
}

/** One session's answer. A session that no answer names is not given any more. */
export type Renewal =
  | { readonly session: string; readonly given: true }
  /** `message`: one line for the terminal. */
  | { readonly session: string; readonly given: false; readonly message: string };

export interface Segment {
  readonly session: string;
  /** From 0. */
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

export interface Incident {
  readonly session: string;
  readonly kind:
    | 'host-key-mismatch'
    | 'target-unreachable'
    | 'credential-refused'
    | 'recording-failed'
    /** The control plane was away for longer than the lease: nothing passed for a while. */
    | 'paused';
  readonly detail: string;
}

export type EndReason =
  | 'closed'
  | 'deadline'
  | 'terminated'
  | 'recording-failed'
  | 'target-unreachable'
  | 'host-key-mismatch'
  | 'credential-refused'
  | 'client-lost'
  | 'target-lost'
  /** It was admitted, but the answer came too late to open anything. */
  | 'not-opened'
  | 'gateway-stopped';

export interface SessionEnding {
  readonly session: string;
  readonly reason: EndReason;
  /** When the last byte was relayed, milliseconds since the epoch. */
  readonly at: number;
  /** For a cut: milliseconds between the deadline and the last byte; null otherwise. */
  readonly cutDelay: number | null;
  readonly exitStatus: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly recording: { readonly size: number; readonly sha256: string; readonly segments: number } | null;
}

export interface Termination {
  /** Sessions to end; by session, by grant is resolved by the control plane. */
  readonly sessions: readonly string[];
  readonly reason: 'revoked' | 'locked-out' | 'terminated' | 'grant-ended';
  /** One line for the terminal. */
  readonly message: string;
}
