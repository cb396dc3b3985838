/** What somebody was told had happened: a 2xx answer that came whole. */
export interface Acknowledged {
  readonly what: 'request' | 'approval' | 'denial' | 'withdrawal' | 'revocation' | 'handback';
  /** The request's id; of a revocation and a handback the grant's. */
  readonly id: string;
}

/** One run of the stock client. */
export interface Client {
  readonly token: string;
  readonly kind: 'command' | 'flood' | 'shell' | 'copy' | 'long';
  /** The last number that it prints when nothing stops it. */
  readonly upTo: number;
  stdout: string;
  stderr: string;
  /** Null while it runs. */
  status: number | null;
  readonly startedAt: number;
  endedAt: number;
  /** When its grant ends, milliseconds since the epoch; null where it has long left. */
  readonly grantEndsAt: number | null;
}

/** What the people saw, to be held against what the broker kept. */
export class Ledger {
  readonly acknowledged: Acknowledged[] = [];
  /** Every question that was asked, by its reason; the request's id where an answer came. */
  readonly asked = new Map<string, string | null>();
  readonly clients: Client[] = [];
  /** Anything else than yes, or nobody there. */
  readonly odd: string[] = [];
  /** Calls that were cut off or answered that something is away. */
  unanswered = 0;
}
