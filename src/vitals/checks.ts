import type { Database } from '../store/database.ts';
import { probeLog, type Vitals } from '../store/vitals.ts';
import type { Check } from './readiness.ts';
import { recordable } from './recordings-folder.ts';

/** An entry that waits longer for a checkpoint says that none can be signed. */
const OVERDUE_SECONDS = 600;

/** What a new session needs; `/readyz` asks them all. A new one is a row here. */
export const checksOf = (parts: {
  database: Database;
  recordings: string;
  /** Why the clocks do not agree; null while they do. */
  apart: () => Promise<string | null>;
  vitals: () => Promise<Vitals>;
}): readonly Check[] => [
  { of: 'the database', ask: () => parts.database.ping().then(() => null) },
  { of: 'the clock', ask: parts.apart },
  { of: 'the log', ask: () => probeLog(parts.database).then(() => null) },
  { of: 'the recordings folder', ask: () => recordable(parts.recordings) },
  {
    of: 'the log',
    ask: async () =>
      (await parts.vitals()).tenants.some(({ uncovered }) => uncovered > OVERDUE_SECONDS)
        ? 'a checkpoint is overdue'
        : null,
  },
];
