import type { Look, Outside, Step } from './contract.ts';

export interface Ending {
  readonly session: string;
  readonly reason: string;
  readonly at: Date;
  readonly cutDelay: number | null;
  readonly exitStatus: number | null;
  /** Null where nobody is left who counted. */
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  readonly recording: { readonly size: number; readonly sha256: string; readonly segments: number } | null;
}

/** The session is over. Repeating it changes nothing. */
export async function endSession(
  look: Look,
  _outside: Outside,
  gateway: string,
  ending: Ending,
): Promise<Step<boolean>> {
  const session = await look.session(ending.session);
  if (!session || session.endedAt !== null) return { result: false };
  const { reason, at, cutDelay, exitStatus, bytesIn, bytesOut, recording } = ending;
  return {
    result: true,
    changes: [
      {
        update: 'session',
        id: session.id,
        set: {
          endedAt: at,
          endReason: reason,
          cutDelay,
          exitStatus,
          bytesIn,
          bytesOut,
          size: recording?.size ?? null,
          sha256: recording?.sha256 ?? null,
          segments: recording?.segments ?? null,
        },
      },
    ],
    events: [
      {
        tenant: session.tenant,
        action: 'session.ended',
        actor: `gateway:${gateway}`,
        subject: session.id,
        data: {
          reason,
          ended_at: at.toISOString(),
          cut_delay_ms: cutDelay,
          exit_status: exitStatus,
          bytes_in: bytesIn,
          bytes_out: bytesOut,
          recording,
        },
      },
    ],
  };
}
