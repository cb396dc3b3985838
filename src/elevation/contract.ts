import type { Approval } from '../domain/approval.ts';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Binding } from '../domain/binding.ts';
import type { Engagement } from '../domain/decision.ts';
import type { Grant } from '../domain/grant.ts';
import type { Matrix } from '../domain/matrix.ts';
import type { Meant } from '../domain/meant.ts';
import type { ObservedAsks } from '../domain/observed-digest.ts';
import type { Party } from '../domain/party.ts';
import type { Person } from '../domain/person.ts';
import type { Proposal, Signature } from '../domain/proposal.ts';
import type { AccessRequest } from '../domain/request.ts';
import type { Session } from '../domain/session.ts';
import type { Installation, VersionDocument } from '../domain/version.ts';
import type { MessageKind } from '../notifiers/contract.ts';

/**
 * What a step may see, inside the transaction that will carry it out. A record that a step may change is locked
 * until the transaction ends: lock, look again, then change. Locks are taken in the order tenant, request, grant.
 */
export interface Look {
  /** The version in force; held against a change of version or a lockout until the transaction ends. */
  tenant(tenant: string): Promise<TenantInForce | null>;
  /** The same, alone: for what shuts out or changes the version. */
  tenantAlone(tenant: string): Promise<TenantInForce | null>;
  /** A version that was in force once. */
  version(tenant: string, digest: string): Promise<Engagement | null>;
  /** Everybody who ever signed in at one of these issuers. */
  peopleOf(issuers: readonly string[]): Promise<Person[]>;
  /** Those of them whom one of these means. */
  peopleMeant(meant: readonly Meant[]): Promise<Person[]>;
  person(id: string): Promise<Person | null>;
  request(id: string): Promise<AccessRequest | null>;
  /**
   * How often somebody asked in a tenant since a moment, and when first; changes to a request count. Until the
   * transaction ends nobody else counts the same person's, so that two asks at once do not both fit.
   */
  asksSince(person: string, tenant: string, since: Date): Promise<{ count: number; first: Date | null }>;
  /** What a matrix that observes was asked in a span of time and would have answered, alike asks together, and refusals. */
  observedAsks(tenant: string, from: Date | null, until: Date): Promise<ObservedAsks[]>;
  /** How often somebody ran a preflight in a tenant in so many seconds, and in how many the first of them has aged out. */
  preflightsWithin(person: string, tenant: string, seconds: number): Promise<{ count: number; free: number }>;
  /** How many versions somebody put up in a tenant since a moment, and when the first of them. */
  proposalsSince(person: string, tenant: string, since: Date): Promise<{ count: number; first: Date | null }>;
  /** By how many milliseconds our clock is ahead of the database's at this moment; negative: behind. */
  clockSkew(): Promise<number>;
  /** Whether the log, whose time never goes back, went on past `now` since this grant was opened. */
  clockPutBack(grant: Grant, now: Date): Promise<boolean>;
  /** Yes and no to this revision. */
  approvals(request: string, revision: number): Promise<Approval[]>;
  grant(id: string): Promise<Grant | null>;
  /** Not ended and not past their end; locked. */
  openGrants(tenant: string, party: Party, now: Date): Promise<Grant[]>;
  /** Live grants of a person on a target for a role, the longest first. */
  liveGrants(person: string, tenant: string, target: string, now: Date): Promise<Grant[]>;
  session(id: string): Promise<Session | null>;
  /** Sessions not yet ended of these grants. */
  openSessions(grants: readonly string[]): Promise<Session[]>;
  /** A version that was put up; locked. */
  proposal(id: string): Promise<Proposed | null>;
  /** Those of a tenant that can still be signed; locked. */
  openProposals(tenant: string): Promise<Proposal[]>;
  /** Pinned host keys, as `ssh-ed25519 AAAA…`. */
  hostKeys(tenant: string, target: string): Promise<string[]>;
}

export interface TenantInForce {
  readonly engagement: Engagement;
  readonly lockedOutAt: Date | null;
  /** Why nothing can be opened by what is served; `null`: it is in force. */
  readonly unsettled: Unsettled | null;
  /** Up to when owners were told what they would have been asked; `null`: never yet. */
  readonly observedUntil: Date | null;
  /** The digest of what is in force: the signed document's, or that of the version where none was signed. */
  readonly base: string | null;
}

/**
 * `first-version`: no version was ever signed by both. `installation`: what `sallyport.yaml` says of issuers and
 * channels is no longer what they signed.
 */
export type Unsettled = 'first-version' | 'installation';

/** A proposal with what it would put in force, and who signed it so far. */
export interface Proposed {
  readonly proposal: Proposal;
  readonly document: VersionDocument;
  /** With the bindings of its document. */
  readonly engagement: Engagement;
  readonly signatures: readonly Signature[];
}

/** The records that steps create and change. */
export interface Records {
  request: AccessRequest;
  approval: Approval;
  grant: Grant;
  session: Session;
  proposal: Proposal;
  signature: Signature;
  /** A version that comes into force, as decisions are explained by it ever after. */
  version: { tenant: string; digest: string; version: string; source: string; at: Date };
  tenant: {
    id: string;
    lockedOutAt: Date | null;
    lockedOutBy: string | null;
    lockoutReason: string | null;
    lockoutSalt: Buffer | null;
    matrix: string;
    proposal: string;
    document: string;
    installation: string;
    bindings: Binding[];
    observedUntil: Date | null;
  };
}

export type Change = {
  [K in keyof Records]:
    | { readonly insert: K; readonly record: Records[K] }
    | { readonly update: K; readonly id: string; readonly set: Partial<Records[K]> };
}[keyof Records];

/** A message to people, before it is known which channels reach them. */
export interface Letter {
  readonly kind: MessageKind;
  readonly tenant: string;
  /** Handles of people and names of squads. */
  readonly to: readonly string[];
  /** Whose people these are, where `to` names no squad that says so. */
  readonly party?: Party;
  readonly title: string;
  readonly lines: readonly { readonly label: string; readonly text: string }[];
  /** A path of the broker's pages. */
  readonly path: string | null;
  /** When to deliver; null: at once. */
  readonly dueAt: Date | null;
  /** Deliver only while this request still waits. */
  readonly whileWaiting: string | null;
}

/** What a step wants done. `commit` does all of it in one transaction, or nothing. */
export interface Step<T> {
  readonly result: T;
  readonly changes?: readonly Change[];
  readonly events?: readonly (AuditEvent & { readonly pace?: Pace })[];
  readonly letters?: readonly Letter[];
  /** Sessions that gateways must end before their deadline; told when, and only if, this is committed. */
  readonly cuts?: Cut | undefined;
}

/** Bounds events that one person could cause without end: the log keeps them for good. */
export interface Pace {
  /** What they are counted together by, in one tenant; it names the span of time too. */
  readonly group: string;
  /** Of two in a group for which this is the same, the second is not written. */
  readonly repeat: string;
  /** So many of a group are written, and no more. */
  readonly most: number;
}

export interface Cut {
  readonly sessions: readonly string[];
  readonly reason: 'revoked' | 'locked-out' | 'terminated' | 'grant-ended';
  /** One line for the person's terminal. */
  readonly message: string;
}

/** The world outside a step: the clock, chance and what the installation allows are passed in. */
export interface Outside {
  readonly now: Date;
  /** How often one person may ask in one tenant. */
  readonly asking: { readonly perMinute: number; readonly perHour: number };
  /** What the installation adds to this matrix, as it runs now. */
  installation(matrix: Matrix): Installation;
  /** A fresh id with this prefix, `req_k3v…`: 80 random bits in Crockford's base 32. */
  id(prefix: string): string;
  /** Fresh salt for words that may name people: 16 bytes. */
  salt(): Buffer;
}

/** HTTP statuses that say no. */
export type RefusedStatus = 400 | 401 | 403 | 404 | 409 | 410 | 413 | 415 | 421 | 422 | 429 | 431 | 503;

/** The answer is no, with a stable code; nothing was changed besides what the refusal itself records. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** HTTP status that says the same. */
    readonly status: RefusedStatus = 403,
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}
