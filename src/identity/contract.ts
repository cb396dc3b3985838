/** Where a sign-in comes from: one issuer, with what it needs to leave for it and to come back. */
export interface IdentityProvider {
  readonly issuer: string;
  /** The address to send the person to, and what must be remembered until they are back. */
  begin(options: BeginOptions): Promise<{ url: URL; pending: PendingSignIn }>;
  /**
   * Who came back. Everything was verified: signature, issuer, audience, nonce, state, times.
   *
   * @throws SignInFailed
   */
  complete(callback: URL, pending: PendingSignIn): Promise<VerifiedIdentity>;
  /** Where the provider's own session ends; null when it offers no such place. */
  endSession(idToken: string, returnTo: URL): Promise<URL | null>;
}

export interface BeginOptions {
  readonly redirect: URL;
  /** Seconds; the provider must have seen the person prove themselves within. null: whenever. */
  readonly maxAge: number | null;
}

export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly maxAge: number | null;
}

export interface VerifiedIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly groups: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
  readonly authenticatedAt: Date;
  readonly idToken: string;
}

export type SignInFailure =
  | 'provider-refused'
  | 'provider-unreachable'
  | 'token-refused'
  | 'groups-missing'
  | 'state-unknown';

/** The sign-in did not come about. `code` is stable; the message is for the person and holds no token. */
export class SignInFailed extends Error {
  constructor(
    readonly code: SignInFailure,
    message: string,
  ) {
    super(message);
  }
}
