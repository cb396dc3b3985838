import { createHash } from 'node:crypto';
import { canonicalize } from 'json-canonicalize';
import type { Engagement } from './engagement.ts';
import type { Party } from './party.ts';
import type { Person } from './person.ts';
import type { Protocol } from './protocol.ts';
import type { Decision } from './question.ts';
import type { RequestState } from './request-state.ts';

export type { Protocol } from './protocol.ts';
export { REQUEST_STATES, type RequestState } from './request-state.ts';

/** One question for access, and how far it got. */
export interface AccessRequest {
  readonly id: string;
  readonly tenant: string;
  readonly person: string;
  readonly party: Party;
  readonly target: string;
  readonly activity: string | null;
  readonly protocol: Protocol;
  readonly role: string;
  readonly seconds: number;
  readonly reason: string;
  readonly reasonSalt: Buffer;
  readonly ticket: string | null;
  readonly severity: string | null;
  /** When the grant shall begin; null: as soon as the answer is yes. */
  readonly startsAt: Date | null;
  readonly revision: number;
  readonly decision: Decision;
  readonly display: Display | null;
  readonly state: RequestState;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly decidedAt: Date | null;
}

/** The state at a moment: a request whose ladder has run out is expired whether or not that was written down. */
export function stateAt(request: Pick<AccessRequest, 'state' | 'expiresAt'>, now: Date): RequestState {
  return request.state === 'waiting' && request.expiresAt !== null && now >= request.expiresAt
    ? 'expired'
    : request.state;
}

/** Exactly what an answerer is shown and therefore answers. Its digest travels with the answer. */
export interface Display {
  readonly request: string;
  readonly revision: number;
  readonly tenant: string;
  readonly matrix: string;
  readonly cell: string | null;
  readonly exception: string | null;
  readonly who: { issuer: string; subject: string; name: string; email: string | null; party: Party };
  readonly target: {
    name: string;
    label: string | null;
    address: string | null;
    labels: Record<string, unknown>;
  };
  readonly protocol: Protocol;
  readonly role: string;
  readonly seconds: number;
  readonly reason: string;
  readonly ticket: string | null;
  readonly severity: string | null;
  readonly starts_at: string | null;
  readonly co_approve: readonly string[];
  readonly obligations: readonly string[];
}

/** The request as the matrix in force reads it now. */
export function displayOf(
  request: Omit<AccessRequest, 'display' | 'decision' | 'state' | 'reasonSalt'>,
  asker: Pick<Person, 'issuer' | 'subject' | 'name' | 'email'>,
  engagement: Engagement,
  decision: Decision,
): Display {
  const target = engagement.targets.targets[request.target];
  return {
    request: request.id,
    revision: request.revision,
    tenant: request.tenant,
    matrix: engagement.digest,
    cell: decision.cell,
    exception: decision.exception,
    who: {
      issuer: asker.issuer,
      subject: asker.subject,
      name: asker.name,
      email: asker.email,
      party: request.party,
    },
    target: {
      name: request.target,
      label: target?.label ?? null,
      address: target?.[request.protocol]?.address ?? null,
      labels: { ...target?.labels },
    },
    protocol: request.protocol,
    role: request.role,
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    severity: request.severity,
    starts_at: request.startsAt?.toISOString() ?? null,
    co_approve: decision.co_approve,
    obligations: decision.obligations,
  };
}

/** SHA-256, lowercase hex, of the RFC 8785 form of what is shown. */
export const digestOf = (display: Display): string =>
  createHash('sha256').update(canonicalize(display)).digest('hex');

/** A salted hash in the place of words that may name people: SHA-256(salt ‖ UTF-8 text), lowercase hex. */
export const saltedHash = (salt: Buffer, text: string): string =>
  createHash('sha256').update(salt).update(text, 'utf8').digest('hex');
