import type { Member } from './person.ts';
import type { Protocol } from './protocol.ts';
import type { RefusalCode } from './refusal.ts';

/** What is asked. `null` protocol or role: not said. `at` is the start, epoch milliseconds. */
export interface Question {
  asker: Member;
  target: string;
  activity: string | null;
  protocol: Protocol | null;
  role: string | null;
  seconds: number;
  ticket: string | null;
  severity: string | null;
  at: number;
}

/** The world at that moment: everybody known on both sides, and whether the client has shut the MSP out. */
export interface Circumstances {
  people: readonly Member[];
  lockedOut: boolean;
}

/** A squad that is asked, and how long after the request (a duration, `0s` for at once). */
export interface Rung {
  readonly squad: string;
  readonly people: readonly string[];
  readonly after: string;
}

/** The answer, stored and served as it is. A refusal names its code and cell, and gives nobody anything to do. */
export interface Decision {
  readonly decision: 'refused' | 'needs-approval' | 'pre-approved';
  /** The first refusal that holds; the explanation has all of them. */
  readonly code: RefusalCode | null;
  readonly tenant: string;
  /** Digest of matrix and inventory. */
  readonly matrix: string;
  readonly cell: string | null;
  readonly exception: string | null;
  /** People of the first rung; empty when nobody has to answer. */
  readonly approvers: readonly string[];
  /** Squads of which one person each must say yes besides the approver. */
  readonly co_approve: readonly string[];
  readonly ladder: readonly Rung[];
  /** Squads that are told when the ladder has run out. */
  readonly escalate: readonly string[];
  readonly consulted: readonly string[];
  readonly informed: readonly string[];
  readonly obligations: readonly string[];
  readonly explanation: readonly string[];
  /** When the window that allowed it shuts, epoch milliseconds: a grant ends there at the latest. */
  readonly ends_by: number | null;
  /** Seconds until the whole ladder has run out; 0 when nobody is asked. */
  readonly answer_seconds: number;
}
