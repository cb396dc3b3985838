import type { Party } from './party.ts';

/**
 * Somebody who signed in: who they are is issuer and subject (OpenID Connect Core 1.0, section 2), never the
 * email. `groups` and `claims` are what the verified ID token of that issuer said at the last sign-in.
 */
export interface Person {
  /** Ours, stable, `p_…`. */
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  /** For reading only: it may be unverified, or have changed hands. */
  readonly email: string | null;
  /** Lower case; set when it is verified and this identity was the first to sign in with it. Authority. */
  readonly boundEmail: string | null;
  /** Lower case; what the provider verified at the last sign-in, whoever was first with it. No authority. */
  readonly verifiedEmail: string | null;
  readonly groups: readonly string[];
  /** Claims a matrix may require of a party's people (`hd`, `tid`), as strings. */
  readonly claims: Readonly<Record<string, string>>;
  /** When the provider last saw them prove who they are (`auth_time`), else when the token came. */
  readonly authenticatedAt: Date;
  /** When they last signed in here; groups and claims are as old as this. */
  readonly signedInAt: Date;
  /** When they last signed out everywhere; what was proved up to then says no more who they are. */
  readonly signedOutAt: Date | null;
}

/**
 * A person as one engagement sees them. `handle` is what decisions print: the email where there is one, else
 * `issuer#subject`; in expectations, the name given there. Handles are unique within an engagement.
 */
export interface Member {
  readonly handle: string;
  readonly party: Party;
  readonly email: string | null;
  readonly groups: readonly string[];
}
