import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BackupRefused } from '../store/backup-manifest.ts';
import { restoreBackup } from '../store/restore.ts';
import { answerIsNo, callIsWrong } from './failure.ts';
import { kept } from './kept.ts';
import { keyringOf } from './seal.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport restore FOLDER`: a backup into an empty SALLYPORT_DATA and an empty database, each log verified. */
export async function restore(terminal: Terminal, folder: string): Promise<void> {
  const { key, file } = terminal.sealing();
  // Opening the keyring would make a fresh key here, which opens nothing of a backup.
  if (key === null && (await stat(file).catch(() => null)) === null) {
    throw callIsWrong(
      `the sealing key is not in a backup: set SALLYPORT_KEY, or put the key file that you kept at ${file} (mode 600)`,
    );
  }
  const where = terminal.kept();
  const { manifest, logs, grants } = await restoreBackup({
    from: resolve(folder),
    where,
    keyring: await keyringOf(terminal),
    reach: () => kept(terminal, { make: true }),
    now: terminal.now(),
  }).catch(error => {
    throw error instanceof BackupRefused ? answerIsNo(`nothing was restored: ${error.message}`) : error;
  });
  terminal.output.write(
    [
      `Restored into ${where.data}: the backup of ${manifest.taken_at}.`,
      ...logs.map(({ tenant, entries, checkpoints, proven }) =>
        checkpoints === 0
          ? `The log of ${tenant} verifies: ${entries} entries. No checkpoint stands beside it.`
          : `The log of ${tenant} verifies: ${entries} entries, ${checkpoints} checkpoint${checkpoints === 1 ? '' : 's'}, the last over ${proven}.`,
      ),
      ...manifest.damaged.map(
        ({ path, why }) => `Not as the log says already when it was taken: ${path}: ${why}.`,
      ),
      `What came after it is not here: revocations, lockouts, answers. So ${grants} live grant${grants === 1 ? ' was' : 's were'} ended, and everybody signs in again.`,
      '',
    ].join('\n'),
  );
}
