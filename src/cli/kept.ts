import { EmbeddedPostgresError } from '../store/embedded-postgres.ts';
import { DataInUse } from '../store/lock-data.ts';
import { NoDatabase, type OwnersDatabase, openAsOwner } from '../store/owner.ts';
import { notReached } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** The database of this installation, as its owner, whether a broker runs or not. */
export const kept = (terminal: Terminal, options: { make?: boolean } = {}): Promise<OwnersDatabase> =>
  openAsOwner(terminal.kept(), { debug() {}, info() {}, warn() {}, error() {} }, options).catch(error => {
    const known =
      error instanceof NoDatabase || error instanceof DataInUse || error instanceof EmbeddedPostgresError;
    throw known ? notReached(error.message) : error;
  });

/** Works on it, and leaves it as it was found: running or not. */
export async function asOwner<T>(
  terminal: Terminal,
  work: (database: OwnersDatabase) => Promise<T>,
): Promise<T> {
  const database = await kept(terminal);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
