/** Takes messages to one place. Delivered at least once: a message that is tried again keeps its id. */
export interface Notifier {
  /** Resolves when the other side has taken the message. Errors: `DeliveryError`, nothing else. */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
}

/** Plain data, as it waits in the outbox. Titles and texts are as people wrote them: each kind escapes for its place. */
export interface Message {
  /** Stable over attempts, `msg_…`; letters, digits, `_` and `-` only. */
  readonly id: string;
  readonly kind: MessageKind;
  readonly tenant: string;
  /** Who is meant, by name. */
  readonly to: readonly string[];
  readonly title: string;
  readonly lines: readonly { readonly label: string; readonly text: string }[];
  /** Where to read on; it carries no authority. */
  readonly url: string | null;
  /** When it was first due, RFC 3339 in UTC. */
  readonly at: string;
}

export type MessageKind =
  | 'approval-asked'
  | 'request-decided'
  | 'request-expired'
  | 'grant-opened'
  | 'grant-ended'
  | 'consulted'
  | 'informed'
  | 'escalated'
  | 'lockout'
  | 'version-proposed'
  | 'version-in-force'
  | 'observed-digest';

/** A row of `kinds.ts`. */
export interface NotifierKind {
  /** The settings that are secrets and so must never stand plain in the file. */
  readonly secrets: readonly string[];
  /**
   * `settings` is what stands under a channel in `sallyport.yaml` besides name, kind, tenant and to, secrets already
   * opened. `now` is the time of an attempt, for kinds that sign it. Errors: zod's, where the settings make no sense.
   */
  open(settings: Readonly<Record<string, unknown>>, now: () => Date): Notifier;
}

export type DeliveryErrorCode =
  /** No answer in time. */
  | 'timeout'
  /** The caller's signal ended the attempt. */
  | 'cancelled'
  /** No connection: name, network or TLS. */
  | 'unreachable'
  /** It answers with an address elsewhere, which is never followed. */
  | 'redirected'
  /** 429. */
  | 'rate-limited'
  /** 5xx, 408 or 425. */
  | 'unavailable'
  /** 410: it asks not to be called again. */
  | 'gone'
  /** Any other status. */
  | 'refused';

/** A message that was not taken. Holds neither the address nor a secret, nor anything else that the other side wrote. */
export class DeliveryError extends Error {
  readonly code: DeliveryErrorCode;
  /** HTTP status, where there was an answer. */
  readonly status: number | null;
  /** Trying again will not help until somebody changes something. */
  readonly permanent: boolean;
  /** Seconds that the other side asks to wait before the next attempt, at most a day. */
  readonly retryAfter: number | null;

  constructor(
    code: DeliveryErrorCode,
    message: string,
    rest: { status?: number; permanent?: boolean; retryAfter?: number | null } = {},
  ) {
    super(message);
    this.name = 'DeliveryError';
    this.code = code;
    this.status = rest.status ?? null;
    this.permanent = rest.permanent ?? false;
    this.retryAfter = rest.retryAfter ?? null;
  }
}
