import type { ProbeOrder, ProbeReport } from '../../src/domain/probe.ts';
import type { Admission, ControlPlane, RequestedChannel } from '../control-plane.ts';
import type { OutputStream } from '../recording/recording.ts';
import type { Logger } from '../reports.ts';

/**
 * What a protocol must offer so that `session.ts` can admit, record, relay and close without knowing it. A protocol is
 * one folder here and one row in `kinds.ts`.
 */
export interface Protocol {
  /** Starts to listen. Throws when the port is taken or the options make no sense. */
  listen(options: ListenOptions, desk: Desk): Promise<Listener>;
}

/** Tries a target of this protocol, before anybody depends on it; see `domain/probe.ts`. What goes wrong is its answer. */
export type Probe = (order: ProbeOrder, parts: ProbeParts, signal: AbortSignal) => Promise<ProbeReport>;

export interface ProbeParts {
  readonly controlPlane: Pick<ControlPlane, 'issueProbe'>;
  readonly options: Pick<ListenOptions, 'limits' | 'generateSessionKey'>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** The gateway's own private key, OpenSSH format or PKCS#8 PEM; Ed25519. */
  readonly hostKey: string;
  /** Replaces host and port of sign-in links, where people reach the pages under another name than the broker's. */
  readonly signInUrlHost: string | undefined;
  readonly limits: EdgeLimits;
  readonly generateSessionKey: SessionKeySource;
}

/** Limits that hold until the person is known, and a few that hold after. */
export interface EdgeLimits {
  /** Milliseconds to become known; a sign-in that waits for its person stops this clock until the link expires. */
  readonly authenticationMs: number;
  /** Failed attempts in one connection, at which it is cut. */
  readonly attempts: number;
  /** Keys that a client may ask about without signing. Asking is no attempt, yet not free either. */
  readonly keyQuestions: number;
  /** Bytes that a connection may send before its person is known. */
  readonly unknownBytes: number;
  /**
   * New connections of one address (IPv6: of one /64), at once and then in each minute. One whose person becomes known
   * does not count.
   */
  readonly arrivals: number;
  readonly arrivalsPerMinute: number;
  /** Connections of one address (IPv6: of one /64) whose person is not known yet. */
  readonly unknownPerAddress: number;
  /** The same over all addresses. */
  readonly unknown: number;
  /** Sign-ins that wait for their person, of one address (IPv6: of one /64). They do not count as unknown. */
  readonly signInsPerAddress: number;
  /** The same over all addresses. */
  readonly signIns: number;
  /** All connections. */
  readonly connections: number;
  /** Connections of one person at once. */
  readonly connectionsPerPerson: number;
  /** Milliseconds that a connection may stay without a session. */
  readonly unusedMs: number;
  /** Channels open at once in one connection. */
  readonly channels: number;
  /** Milliseconds to reach a target, and again to be let in there. */
  readonly reachMs: number;
  /** After so many bytes in both directions together, or so many milliseconds, a connection gets new keys. */
  readonly rekeyBytes: number;
  readonly rekeyMs: number;
  /** Milliseconds that a key exchange may take. */
  readonly exchangeMs: number;
  /** Key exchanges that a peer may ask for with hardly anything between them, at which it is cut. */
  readonly exchangesInARow: number;
}

/** Makes the Ed25519 key pair of one session; it lives in memory only. */
export type SessionKeySource = () => {
  readonly privateKey: import('node:crypto').KeyObject;
  readonly publicKey: import('node:crypto').KeyObject;
};

/** What a listener may use of the rest. */
export interface Desk {
  readonly controlPlane: ControlPlane;
  readonly logger: Logger;
  /** Takes a channel whose person is known through its life; the answer is live at once and never throws. */
  begin(request: RequestedChannel, person: PersonSide, reach: Reach): void;
}

export interface Listener {
  readonly port: number;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKeyLine: string;
  /** Takes no new connections. */
  stop(): void;
  /** Cuts those that are left. */
  destroy(): void;
}

export interface Terminal {
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
}

/** How a program ended. */
export type Exit =
  | { readonly status: number }
  | { readonly signal: string; readonly coreDumped: boolean; readonly message: string };

/** The channel towards the person. Nothing here throws once the person is gone; it does nothing then. */
export interface PersonSide {
  readonly terminal: Terminal | null;
  /** What of the person's environment goes on to the target. */
  readonly environment: Readonly<Record<string, string>>;
  /** Called once, first. What the person sends flows from the first `resume`; until then the channel buffers it. */
  listen(events: PersonEvents): void;
  /** Sends bytes. False: too much is on its way, stop until `drained`. */
  send(stream: OutputStream, bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** The target will send no more: how the program ended, where that is known by now, then end-of-file. */
  endOutput(exit: Exit | null): void;
  /** Ends the channel after what was sent. Waits at most `patience` ms for a person who reads nothing. */
  close(exit: Exit | null, patience: number): Promise<void>;
}

export interface PersonEvents {
  input(bytes: Buffer): void;
  inputEnded(): void;
  resized(columns: number, rows: number, width: number, height: number): void;
  /** Name without `SIG`. */
  signalled(name: string): void;
  drained(): void;
  /** The person's channel or connection is gone. Called at most once. */
  gone(): void;
}

/** Connects to the target of an admission. Rejects with `Unreachable` and nothing else. */
export type Reach = (admission: Admission, events: TargetEvents, signal: AbortSignal) => Promise<TargetSide>;

/** The channel towards the target. Nothing here throws once it is gone. */
export interface TargetSide {
  /** Starts the flow of what the target sends; nothing is lost before. */
  start(): void;
  /** False: stop until `drained`. */
  send(bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  endInput(): void;
  resize(columns: number, rows: number, width: number, height: number): void;
  signal(name: string): void;
  /** At once, whatever is under way. */
  destroy(): void;
}

export interface TargetEvents {
  output(stream: OutputStream, bytes: Buffer): void;
  outputEnded(stream: OutputStream): void;
  exited(exit: Exit): void;
  drained(): void;
  /** The channel is closed or the connection lost; all output was handed out before. Called at most once. */
  closed(cause: 'closed' | 'lost'): void;
}

/** Why a target was not reached. `lines` are for the person. */
export class Unreachable extends Error {
  readonly reason: 'target-unreachable' | 'host-key-mismatch' | 'credential-refused';
  readonly lines: readonly string[];
  /** False where no incident is worth a log entry, because the control plane itself said no. */
  readonly incident: boolean;

  constructor(
    reason: Unreachable['reason'],
    detail: string,
    lines: readonly string[],
    options: { incident?: boolean; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'Unreachable';
    this.reason = reason;
    this.lines = lines;
    this.incident = options.incident ?? true;
  }
}
