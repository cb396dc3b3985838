import { resolve } from 'node:path';
import { takeBackup } from '../store/backup.ts';
import { BackupRefused } from '../store/backup-manifest.ts';
import { answerIsNo } from './failure.ts';
import { asOwner } from './kept.ts';
import { bytes } from './output.ts';
import { keyringOf } from './seal.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

/**
 * `sallyport backup FOLDER`: database, recordings and keys as they stand, also while the broker runs.
 *
 * @returns 1 where a recording was not as the log says; the backup is whole then, and says so too
 */
export async function backup(terminal: Terminal, folder: string): Promise<number> {
  const into = resolve(folder);
  const keyring = await keyringOf(terminal);
  const { manifest } = await asOwner(terminal, database =>
    takeBackup({
      database,
      data: terminal.kept().data,
      into,
      keyring,
      version: version(),
      now: terminal.now(),
    }),
  ).catch(error => {
    throw error instanceof BackupRefused ? answerIsNo(`no backup was taken: ${error.message}`) : error;
  });
  const count = (start: string) => manifest.files.filter(({ path }) => path.startsWith(start)).length;
  const size = manifest.files.reduce((sum, file) => sum + file.size, 0);
  terminal.output.write(
    [
      `${into}: ${count('database/')} tables, ${count('recordings/')} recordings, ${count('keys/')} sealed keys, ${bytes(size)}.`,
      ...manifest.logs.map(({ tenant, entries }) => `The log of ${tenant} is in it up to entry ${entries}.`),
      ...manifest.damaged.map(
        ({ path, why }) => `A recording is not as the log says, here as in the backup: ${path}: ${why}.`,
      ),
      `The sealing key ${manifest.keys.join(', ')} is NOT in it, and without it nothing sealed opens: keep ${
        keyring.file ?? 'SALLYPORT_KEY'
      } elsewhere.`,
      '',
    ].join('\n'),
  );
  return manifest.damaged.length === 0 ? 0 : 1;
}
