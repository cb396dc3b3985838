import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Gives the folder back. Synchronous, since it must also work while the process exits; twice is harmless. */
export type Release = () => void;

/** Another live process holds the folder. `pid` is that process. */
export class DataInUse extends Error {
  readonly code = 'data-in-use';
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(
      `Sallyport is already running on ${folder} (process ${pid}). Stop that one first, or use another folder.`,
    );
    this.name = 'DataInUse';
    this.pid = pid;
  }
}

/** Who holds a lock. `born` tells a process from a later one that was given the same number. */
interface Holder {
  readonly pid: number;
  readonly born: string | null;
}

/**
 * Takes `folder` (made with mode 0700 if missing) for this process until it exits or `Release` is called.
 * `name` allows several independent locks in one folder. Rejects with `DataInUse` where the holder is alive; a
 * holder that was killed is recognised by its process number and start time and does not count.
 *
 * A lock is a file `<name>.lock.<generation>`; only the highest generation counts. Taking is `link()` of a
 * finished file to the next generation, which exactly one process can win; the highest is never removed, only
 * emptied on release, so nobody can take away a lock that was taken since they looked. (Plain "remove the stale
 * file, then create mine" lets two starters through.)
 *
 * Processes are told apart by number, so two containers that share the folder but not their process numbers
 * are not kept apart.
 */
export async function lockData(folder: string, name = 'broker'): Promise<Release> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const mine = join(folder, `${name}.lock-${process.pid}-${randomBytes(6).toString('hex')}`);
  await writeFile(mine, JSON.stringify({ pid: process.pid, born: birthOf(process.pid) }), {
    flag: 'wx',
    mode: 0o600,
  });
  try {
    for (;;) {
      const highest = (await generations(folder, name)).at(-1) ?? 0;
      const holder = highest === 0 ? null : await holderOf(lockPath(folder, name, highest));
      if (holder !== null && isAlive(holder)) throw new DataInUse(folder, holder.pid);

      const path = lockPath(folder, name, highest + 1);
      try {
        await link(mine, path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
        throw error;
      }
      // A generation below the highest may be free again, swept by its successor: then this one never counted.
      const all = await generations(folder, name);
      if (all.at(-1) !== highest + 1) {
        await rm(path, { force: true });
        continue;
      }
      for (const old of all.slice(0, -1)) await rm(lockPath(folder, name, old), { force: true });
      return releaseOf(path);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

function releaseOf(path: string): Release {
  const release = () => {
    process.off('exit', release);
    try {
      truncateSync(path);
    } catch {
      // The folder is gone, or not writable any more; a dead holder is recognised anyway.
    }
  };
  process.on('exit', release);
  return release;
}

const lockPath = (folder: string, name: string, generation: number) =>
  join(folder, `${name}.lock.${generation}`);

async function generations(folder: string, name: string): Promise<number[]> {
  const prefix = `${name}.lock.`;
  return (await readdir(folder))
    .filter(file => file.startsWith(prefix) && /^[1-9]\d*$/.test(file.slice(prefix.length)))
    .map(file => Number(file.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/** Null: released (empty), or swept by a successor since the folder was listed. */
async function holderOf(path: string): Promise<Holder | null> {
  try {
    const text = await readFile(path, 'utf8');
    if (text === '') return null;
    const holder = JSON.parse(text) as Holder;
    return Number.isInteger(holder.pid) && holder.pid > 0 ? holder : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.born !== null) return birthOf(holder.pid) === holder.born;
  return processExists(holder.pid);
}

/** Whether a process of that number exists, whoever owns it. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Boot and start time of a process, from /proc (proc(5): field 22 of stat, in clock ticks since boot). Null where
 * there is no such process, or no /proc.
 */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
  } catch {
    return null;
  }
}
