import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { and, eq, isNull, sql } from 'drizzle-orm';
import { recordingPath } from '../domain/session.ts';
import { endSession } from '../elevation/end-session.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import { logEntries, sessions } from '../store/tables.ts';

/**
 * Sessions that were open when this gateway's process died: nobody is connected to them any more. Each is closed as
 * what it is, broken off, with the recording as far as it was written; the person saw nothing that is not in it.
 */
export async function closeBrokenOff(parts: {
  database: Database;
  commit: Commit;
  recordings: string;
  gateway: string;
  clock: Clock;
  logger: { warn(fields: object, message: string): void };
}): Promise<void> {
  const { database, commit, recordings, gateway, clock, logger } = parts;
  const open = await database.everywhere(tx =>
    tx
      .select()
      .from(sessions)
      .where(and(isNull(sessions.endedAt), eq(sessions.gateway, gateway))),
  );
  for (const session of open) {
    const file = join(recordings, recordingPath(session));
    const size = await stat(file).then(
      found => found.size,
      () => null,
    );
    const [counted] = await database.within([session.tenant], tx =>
      tx
        .select({ segments: sql<number>`count(*)::int` })
        .from(logEntries)
        .where(and(eq(logEntries.subject, session.id), eq(logEntries.action, 'recording.segment'))),
    );
    const recording =
      size === null ? null : { size, sha256: await hashOf(file), segments: counted?.segments ?? 0 };
    logger.warn({ session: session.id }, 'a session was broken off; its recording is closed as it stands');
    await commit(session.tenant, (look, outside) =>
      endSession(look, outside, gateway, {
        session: session.id,
        reason: 'broken-off',
        at: clock.now(),
        cutDelay: null,
        exitStatus: null,
        bytesIn: 0,
        bytesOut: 0,
        recording,
      }),
    );
  }
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

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
