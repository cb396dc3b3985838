import { EmbeddedPostgresError } from '../store/embedded-postgres.ts';
import { DataInUse } from '../store/lock-data.ts';
import { NoDatabase, type OwnersDatabase, openAsOwner } from '../store/owner.ts';
import { notReached } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Works on the database of this installation as its owner, whether a broker runs or not. */
export async function asOwner<T>(
  terminal: Terminal,
  work: (database: OwnersDatabase) => Promise<T>,
  options: { make?: boolean } = {},
): Promise<T> {
  const quiet = { debug() {}, info() {}, warn() {} };
  const database = await openAsOwner(terminal.kept(), quiet, options).catch(error => {
    const known =
      error instanceof NoDatabase || error instanceof DataInUse || error instanceof EmbeddedPostgresError;
    throw known ? notReached(error.message) : error;
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
