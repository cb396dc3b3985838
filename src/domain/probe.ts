import type { Protocol } from './protocol.ts';

/**
 * One target to try before somebody depends on it: what crosses the door between the planes, plain data both ways. A
 * try opens nothing: it looks whether the target answers, which key it shows, and whether it would let a certificate
 * in that can do nothing.
 */
export interface ProbeOrder {
  /** The preflight that it is part of, `pf_…`. */
  readonly preflight: string;
  readonly tenant: string;
  readonly target: string;
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  /** Whether TLS is spoken there from the first byte. */
  readonly tls: boolean;
  /** SSH: the host keys that sessions take, each `ssh-ed25519 AAAA…`. Without any, nothing is signed in to. */
  readonly hostKeys: readonly string[];
  /** SSH: logins to try with a certificate. */
  readonly logins: readonly string[];
}

export interface ProbeReport {
  /** Milliseconds until it answered, or why it did not: a code of the system (`ECONNREFUSED`) or words of ours. */
  readonly reached: { readonly ms: number } | { readonly why: string };
  /** The address from which the gateway reached it. */
  readonly from: string | null;
  /** What was found of its TLS; null where none was asked for. */
  readonly tls: 'spoken' | 'not-offered' | 'failed' | null;
  readonly ssh: SshProbe | null;
}

export interface SshProbe {
  /** What it says it is, `OpenSSH_9.2p1 Debian-2`; printable ASCII of at most 100 characters. */
  readonly software: string | null;
  readonly shown: HostKeyShown | null;
  /** `unusable`: none that is pinned can be compared. */
  readonly hostKey: 'pinned' | 'other' | 'no-key-of-a-pinned-type' | 'unusable' | 'not-seen';
  readonly entries: readonly Entry[];
  /** Connections at once that nobody signed in on, how many of them it spoke to, and why it sent others away. */
  readonly arrivals: {
    readonly tried: number;
    readonly answered: number;
    readonly turnedAway: 'too-many' | 'penalty' | null;
  } | null;
}

export interface HostKeyShown {
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** `ssh-ed25519 AAAA…` */
  readonly line: string;
}

/** How far one login got with a certificate that can do nothing. */
export interface Entry {
  readonly login: string;
  readonly outcome: 'let-in' | 'refused' | 'not-issued' | 'not-tried' | 'lost';
  /** Milliseconds from the connection to the answer. */
  readonly ms: number;
  /** For `not-issued`, `not-tried` and `lost`: one line. */
  readonly why: string | null;
}

/** So many logins are tried on one target: to a target that locks out whoever fails often, each is a failure. */
export const MOST_LOGINS = 4;
