import type { Protocol } from './protocol.ts';

/**
 * Where a session's recording stands, relative to the recordings folder. Worked out from what the session is, never
 * read from where somebody could have written another path.
 */
export const recordingPath = (session: Pick<Session, 'id' | 'tenant' | 'startedAt'>): string =>
  `${session.tenant}/${session.startedAt.toISOString().slice(0, 7).replace('-', '/')}/${session.id}.cast`;

/** One channel through the gateway, from admission to its last byte. */
export interface Session {
  readonly id: string;
  readonly grant: string;
  readonly tenant: string;
  readonly person: string;
  readonly target: string;
  readonly protocol: Protocol;
  readonly role: string;
  readonly kind: string;
  readonly command: string | null;
  readonly commandSalt: Buffer | null;
  readonly address: string;
  readonly gateway: string;
  /** Relative to the recordings folder. */
  readonly recording: string;
  readonly startedAt: Date;
  readonly deadline: Date;
  readonly endedAt: Date | null;
  readonly endReason: string | null;
  readonly cutDelay: number | null;
  readonly exitStatus: number | null;
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  readonly size: number | null;
  readonly sha256: string | null;
  readonly segments: number | null;
}
