import { join } from 'node:path';
import { and, asc, eq, isNull } from 'drizzle-orm';
import type { AuditData, AuditEvent } from '../domain/audit-event.ts';
import { recordingPath } from '../domain/session.ts';
import { type Ending, endSession } from '../elevation/end-session.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import { logEntries, sessions } from '../store/tables.ts';

/** A recording's file and how it is closed, as `recorder/recording/broken.ts` does it. */
export type CloseBroken = (
  path: string,
  known: { readonly segments: number; readonly bytes: number },
  session: { readonly startedAt: number; readonly title: string },
) => Promise<{
  readonly whole: NonNullable<Ending['recording']>;
  readonly tail: AuditData['recording.segment'] | null;
  readonly missing: number;
  readonly lasted: number;
} | null>;

/**
 * Sessions that were open when this gateway's process died: nobody is connected to them any more. Each is closed as
 * what it is, broken off, with the recording as far as it was written; the person saw nothing that is not in it. It
 * ended, as far as anybody knows, with the last that was recorded.
 */
export async function closeBrokenOff(parts: {
  database: Database;
  commit: Commit;
  recordings: string;
  closeBroken: CloseBroken;
  gateway: string;
  clock: Clock;
  logger: {
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}): Promise<void> {
  const { database, commit, recordings, closeBroken, gateway, clock, logger } = parts;
  const open = await database.everywhere(tx =>
    tx
      .select()
      .from(sessions)
      .where(and(isNull(sessions.endedAt), eq(sessions.gateway, gateway))),
  );
  for (const session of open) {
    const known = await segmentsOf(database, session);
    const file = join(recordings, recordingPath(session));
    let closed: Awaited<ReturnType<CloseBroken>>;
    try {
      closed = await closeBroken(file, known, {
        startedAt: session.startedAt.getTime(),
        title: `${session.role}@${session.target}.${session.tenant}`,
      });
    } catch (error) {
      // It stands open until somebody sets the file right; what it was is not guessed, and others are not kept waiting.
      logger.error({ err: error, session: session.id }, 'a recording that was broken off cannot be closed');
      continue;
    }
    const missing = closed?.missing ?? known.bytes;
    logger.warn({ session: session.id, missing }, 'a session was broken off; its recording is closed');
    const lasted = session.startedAt.getTime() + (closed?.lasted ?? 0) * 1000;
    await commit(session.tenant, async (look, outside) => {
      const step = await endSession(look, outside, gateway, {
        session: session.id,
        reason: 'broken-off',
        at: new Date(Math.min(lasted, clock.now().getTime())),
        cutDelay: null,
        exitStatus: null,
        bytesIn: null,
        bytesOut: null,
        recording: closed?.whole ?? null,
      });
      if (!step.result) return step;
      const of = { tenant: session.tenant, actor: `gateway:${gateway}`, subject: session.id };
      const before: AuditEvent[] = [];
      if (closed?.tail) before.push({ ...of, action: 'recording.segment', data: closed.tail });
      if (missing > 0) {
        const data = closed
          ? { kind: 'recording-cut', detail: `${missing} bytes that the log knows are not in the file` }
          : {
              kind: 'recording-missing',
              detail: `the log knows ${missing} bytes of a file that is not here`,
            };
        before.push({ ...of, action: 'session.incident', data });
      }
      return { ...step, events: [...before, ...(step.events ?? [])] };
    });
  }
}

/** How far the log covers a session's recording. */
async function segmentsOf(
  database: Database,
  session: { readonly id: string; readonly tenant: string },
): Promise<{ segments: number; bytes: number }> {
  const rows = await database.within([session.tenant], tx =>
    tx
      .select({ line: logEntries.line })
      .from(logEntries)
      .where(and(eq(logEntries.subject, session.id), eq(logEntries.action, 'recording.segment')))
      .orderBy(asc(logEntries.seq)),
  );
  const last = rows.at(-1);
  if (!last) return { segments: 0, bytes: 0 };
  const { data } = JSON.parse(last.line) as { data: AuditData['recording.segment'] };
  return { segments: data.index + 1, bytes: data.offset + data.length };
}

/** Where sessions stand open, of dead gateways and live ones. */
export const gatewaysWithOpenSessions = (database: Database): Promise<string[]> =>
  database.everywhere(async tx => {
    const rows = await tx
      .selectDistinct({ gateway: sessions.gateway })
      .from(sessions)
      .where(isNull(sessions.endedAt));
    return rows.map(row => row.gateway);
  });
