import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** Below this nothing new is begun: a session could not be recorded to its end. */
const MIN_FREE_BYTES = 16 * 1024 * 1024;
/** Enough to need room of its own on a disk whose quota statfs does not tell. */
const PROBE = Buffer.alloc(64 * 1024);

/** Writes for real, to the disk and not to its cache: permissions alone say nothing of a read-only or full one. */
export async function recordable(folder: string): Promise<string | null> {
  // One name, so that a process that dies here leaves one file at most.
  const path = join(folder, '.probe');
  try {
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile(PROBE);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rm(path, { force: true });
    const disk = await statfs(folder);
    return disk.bavail * disk.bsize < MIN_FREE_BYTES ? 'the disk is full' : null;
  } catch (error) {
    const full = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
    return full ? 'the disk is full' : 'recordings cannot be written';
  }
}
