/**
 * What lets a session into a target, minted when the session is admitted and dead shortly after. One kind per
 * protocol; `kinds.ts` lists them. Pure but for the randomness that a kind needs.
 */
export interface CredentialKind {
  /** A tenant's own authority. The private part is for `seal` at once and for nothing else. */
  createAuthority(): Authority;
  /** Errors: `CredentialError`. */
  issue(authorityPrivateKey: Buffer, ask: CredentialAsk): IssuedCredential;
  /**
   * One that a target lets in as it would a session's, and that can do nothing there: to try before somebody depends
   * on it. Good for a minute, so that it is refused for the same clocks as a session's is. Errors: `CredentialError`.
   */
  issueProbe(authorityPrivateKey: Buffer, ask: ProbeAsk): IssuedCredential;
}

export interface Authority {
  /** What targets must trust, as they read it. */
  readonly publicKey: string;
  readonly privateKey: Buffer;
}

export interface CredentialAsk {
  /** The session's own public key, made for it in memory, as one line. */
  readonly publicKey: string;
  /** Not negative, below 2^64; never given twice by one authority. */
  readonly serial: bigint;
  /** Stands in the target's own log: who and which session, printable ASCII. */
  readonly keyId: string;
  readonly target: string;
  readonly tenant: string;
  readonly login: string;
  /** The addresses from which the target sees the gateway, each an IP address or CIDR. */
  readonly sourceAddresses: readonly string[];
  readonly pty: boolean;
  readonly now: Date;
  readonly grantEndsAt: Date;
}

export type ProbeAsk = Omit<CredentialAsk, 'pty' | 'grantEndsAt'>;

/** Nothing in it is secret: all of it stands in the log. */
export interface IssuedCredential {
  readonly certificate: string;
  readonly serial: string;
  readonly principal: string;
  readonly sourceAddress: string;
  readonly validAfter: Date;
  /** The first moment at which it is not accepted any more. */
  readonly validBefore: Date;
}

export type CredentialErrorCode =
  /** The grant has ended, or ends before a credential could be used. */
  | 'grant-over'
  /** The session's public key is of a kind that is not certified. */
  | 'subject-key-unsuitable'
  /** The authority's private key is not one of this kind. */
  | 'authority-key-unsuitable'
  /** A name, number or address that must not go into a credential; a fault of the caller. */
  | 'credential-input-invalid';

export class CredentialError extends Error {
  readonly code: CredentialErrorCode;

  constructor(code: CredentialErrorCode, message: string) {
    super(message);
    this.name = 'CredentialError';
    this.code = code;
  }
}
