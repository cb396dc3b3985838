import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from '../store/replace-file.ts';
import { SealError } from './seal-error.ts';

/** A file of sealing keys, one a line. The first seals; the others only open. */
export interface KeyFile {
  lines(): readonly string[];
  /** The lines where the file is another than at the last call; null where it is the same, or cannot be read. */
  changedLines(): readonly string[] | null;
}

const KEY_BYTES = 32;

/** Opens the file, or makes it with one fresh key. Errors: `key-file-exposed`, `key-malformed` for an empty one. */
export async function openKeyFile(file: string): Promise<KeyFile> {
  await makeKeyFile(file);
  if (((await stat(file)).mode & 0o007) !== 0) {
    throw new SealError('key-file-exposed', `${file} is open to every user; chmod 600 it`);
  }
  let seen = stampOf(file);
  const first = linesOf(file);
  if (first.length === 0) throw new SealError('key-malformed', `${file} holds no key`);
  return {
    lines: () => first,
    changedLines: () => {
      try {
        const stamp = stampOf(file);
        if (stamp === seen) return null;
        const lines = linesOf(file);
        if (lines.length === 0) return null;
        seen = stamp;
        return lines;
      } catch {
        return null;
      }
    },
  };
}

/** Puts a fresh key in front: from now on it seals, and those that were there only open. */
export async function addKey(file: string): Promise<void> {
  await replaceFile(file, [freshKey(), ...linesOf(file), ''].join('\n'));
}

/** Leaves only the key that seals. What is still sealed under another one is lost: the caller has made sure. */
export async function forgetRetiredKeys(file: string): Promise<void> {
  await replaceFile(file, `${linesOf(file)[0]}\n`);
}

/** A file that was put in the place of another has another number, whatever its time and size. */
function stampOf(file: string): string {
  const { ino, size, mtimeMs } = statSync(file);
  return `${ino} ${size} ${mtimeMs}`;
}

const linesOf = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');

const freshKey = (): string => randomBytes(KEY_BYTES).toString('base64');

/** `link` gives the finished file its name only if there is none yet; a key that was lost to a crash seals nothing. */
async function makeKeyFile(file: string): Promise<void> {
  if ((await stat(file).catch(() => null)) !== null) return;
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(unfinished, 'wx', 0o600);
  try {
    await handle.writeFile(`${freshKey()}\n`);
    await handle.sync();
    await link(unfinished, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await rm(unfinished, { force: true });
  }
  const parent = await open(folder, 'r');
  await parent.sync().finally(() => parent.close());
}
