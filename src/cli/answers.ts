import type { z } from 'zod';
import type { grantShape, requestShape, sessionShape } from '../api/present.ts';
import type { decisionShape } from '../api/shapes.ts';
import type { answeredShape, whatIfShape } from '../api/what-if.ts';

/** What the API answers, as types alone: nothing of the server is loaded for them. */

export type Decision = z.infer<typeof decisionShape>;
export type Request = z.infer<typeof requestShape>;
export type Grant = z.infer<typeof grantShape>;
export type Session = z.infer<typeof sessionShape>;
export type Answered = z.infer<typeof answeredShape>;
export type WhatIf = z.infer<typeof whatIfShape>;

export interface RequestInFull extends Request {
  readonly approvals: readonly {
    readonly place: string;
    readonly person: { readonly name: string; readonly handle: string };
    readonly answer: string;
    readonly reason: string | null;
    readonly revision: number;
    readonly at: string;
  }[];
  readonly grant: Grant | null;
  readonly decision_now: Decision;
}

export interface Whoami {
  readonly id: string;
  readonly name: string;
  readonly handle: string;
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | null;
  readonly signed_in_at: string;
  readonly expires_at: string;
  readonly by: 'session' | 'token';
  readonly authenticated_at: string;
  readonly engagements: readonly { tenant: string; party: string; squads: readonly string[] }[];
}

export interface SshKey {
  readonly fingerprint: string;
  readonly type: string;
  readonly label: string;
  readonly added_at: string;
}

export interface Target {
  readonly name: string;
  readonly tenant: string;
  readonly label: string | null;
  readonly protocols: readonly string[];
  readonly cells: readonly string[];
}

export interface Staffed {
  readonly squad: string;
  readonly people: readonly string[];
}

export interface Owners {
  readonly cell: string;
  readonly label: string | null;
  readonly R: readonly Staffed[];
  readonly A: Staffed;
  readonly A2: Staffed | null;
  readonly C: readonly Staffed[];
  readonly I: readonly Staffed[];
  readonly escalate: readonly Staffed[];
  readonly runbook: string | null;
  readonly rollback: string | null;
  readonly primary: string | null;
  readonly answer: string;
  readonly exception: string | null;
  readonly co_approve: readonly string[];
  readonly open: boolean;
  readonly open_when: string | null;
  readonly open_until: string | null;
  readonly ask: string | null;
  readonly page: string;
  readonly takeover: readonly string[];
  readonly handback: readonly string[];
  readonly controls: readonly string[];
}

export interface Enrolment {
  readonly target: string;
  readonly tenant: string;
  readonly user_ca: string;
  readonly principals: Readonly<Record<string, string>>;
  readonly host_keys: readonly string[];
}

export interface Lockout {
  readonly tenant: string;
  readonly locked_out: boolean;
  readonly since: string | null;
  readonly grants?: number;
  readonly sessions?: number;
}

export interface Check {
  readonly check: string;
  readonly subject: string;
  readonly ok: boolean | null;
  readonly detail: string;
  readonly mend: string | null;
}

export interface Preflight {
  readonly preflight: string;
  readonly tenant: string;
  readonly matrix: string;
  readonly at: string;
  readonly targets: readonly string[];
  readonly ok: boolean;
  readonly failed: number;
  readonly unknown: number;
  readonly checks: readonly Check[];
}

/** `GET /matrix/proposals`, each. */
export interface ProposalSummary {
  readonly id: string;
  readonly tenant: string;
  readonly state: string;
  readonly version: string;
  readonly digest: string;
  readonly document: string;
  readonly change: string | null;
  readonly note: string | null;
  readonly proposed_by: { readonly name: string } | null;
  readonly proposed_at: string;
  readonly closed_at: string | null;
  readonly signatures: readonly {
    readonly party: string;
    readonly squad: string;
    readonly person: { readonly name: string };
    readonly at: string;
  }[];
}

interface Reviewed extends ProposalSummary {
  readonly review: {
    readonly diff: readonly { readonly kind: string; readonly sentence: string }[] | null;
    readonly findings: readonly { readonly severity: string }[];
    readonly tests: readonly unknown[];
  };
}

/** `POST /matrix/proposals`. */
export interface PutUp extends Reviewed {
  readonly path: string;
}

/** `GET /matrix/proposals/:id`. */
export interface ProposalInFull extends Reviewed {
  readonly files: Readonly<Record<string, string | null>>;
}
