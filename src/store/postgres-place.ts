import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  type Binaries,
  copyBinaries,
  exists,
  installedBinaries,
  makeLinks,
  othersReach,
} from './postgres-binaries.ts';
import { EmbeddedPostgresError, ENVIRONMENT, type Place } from './postgres-process.ts';

/**
 * - `self`: as the user that we are.
 * - `namespace`: as ourselves, root, but seen by PostgreSQL (which refuses root) as an ordinary user.
 * - `other-user`: root becomes an unprivileged user.
 */
export type Way = 'self' | 'namespace' | 'other-user';

/** Where things go that an unprivileged user must reach when nothing of the checkout can be reached by others. */
const SHARED_FOLDER = '/var/lib/sallyport';
/** The port is only a part of the socket's name: PostgreSQL listens on no network address. */
export const PORT = 5432;
/** `struct sockaddr_un` holds 108 bytes on Linux and 104 on macOS, with the final zero (unix(7)). */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/**
 * Prepares folders and programs for `dataFolder`, which must exist. `way` forces one (tests do).
 * Errors: `EmbeddedPostgresError` with `no-embedded-database`, `database-of-another-user`, `no-unprivileged-user`.
 */
export async function preparePlace(dataFolder: string, way?: Way): Promise<Place> {
  const installed = await installedBinaries();
  if (installed === null) {
    throw new EmbeddedPostgresError(
      'no-embedded-database',
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch}; set DATABASE_URL`,
    );
  }
  const folder = await realpath(dataFolder);
  const chosen = way ?? (await chooseWay(folder));
  if (chosen === 'other-user') return otherUsersPlace(folder, installed);

  const dataDirectory = join(folder, 'postgres');
  await refuseForeignData(dataDirectory, process.getuid?.() ?? 0);
  const binaries = (await makeLinks(installed.folder)) ? installed : await copyBinaries(installed, folder);
  return {
    binaries,
    prefix: chosen === 'namespace' ? await namespacePrefix() : [],
    become: null,
    dataDirectory,
    ...(await socketFolderIn(folder, null)),
  };
}

async function chooseWay(folder: string): Promise<Way> {
  if (process.getuid?.() !== 0) return 'self';
  // A database stays where it was made, also when namespaces become available later.
  if (await exists(pointerIn(folder))) return 'other-user';
  return (await namespacesWork()) ? 'namespace' : 'other-user';
}

async function namespacesWork(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const [program, ...rest] = await namespacePrefix();
    await promisify(execFile)(program as string, [...rest, 'true'], { env: ENVIRONMENT });
    return true;
  } catch {
    return false;
  }
}

/** initdb insists on a user that the system can name, so any number will not do. unshare(1) executes in place. */
async function namespacePrefix(): Promise<string[]> {
  const { uid, gid } = await unprivilegedUser();
  return ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`];
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number }> {
  const users = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map(line => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0);
  const user = users.find(({ name }) => name === 'nobody') ?? users[0];
  if (user === undefined) {
    throw new EmbeddedPostgresError(
      'no-unprivileged-user',
      'PostgreSQL does not run as root and /etc/passwd names nobody else; start as an ordinary user or set DATABASE_URL',
    );
  }
  return { uid: user.uid, gid: user.gid };
}

/**
 * PostgreSQL as `nobody`. What keeps other processes of that user out is the group: a number that nobody has,
 * and the folder around data and socket can be passed by root and that group only. (ptrace, too, asks for equal
 * groups: ptrace(2).) The folder is the data folder where others can get to it at all, else one under /var/lib;
 * in a container that order keeps the database on the volume.
 */
async function otherUsersPlace(folder: string, installed: Binaries): Promise<Place> {
  const { uid } = await unprivilegedUser();
  const pointer = pointerIn(folder);
  let home: string;
  if (await exists(pointer)) {
    home = resolve(folder, (await readFile(pointer, 'utf8')).trim());
  } else {
    const reachable = await othersReach(join(folder, '..'));
    home = reachable ? join(folder, 'postgres-home') : join(SHARED_FOLDER, shortHash(folder));
    if (await exists(join(folder, 'postgres'))) {
      throw new EmbeddedPostgresError(
        'database-of-another-user',
        `the database in ${join(folder, 'postgres')} was made where user namespaces work, and here they do not`,
      );
    }
  }
  const gid = (await exists(home)) ? (await stat(home)).gid : await unusedGroup(folder);
  if (home.startsWith(SHARED_FOLDER)) await makeSharedFolder();
  await mkdir(home, { recursive: true, mode: 0o700 });
  await chown(home, 0, gid);
  await chmod(home, 0o710);
  if (home.startsWith(`${folder}/`) && ((await stat(folder)).mode & 0o001) === 0) {
    await chown(folder, 0, gid);
    await chmod(folder, 0o710);
  }
  // Relative where it is inside, so that the data folder can be moved.
  await writeFile(pointer, `${home.startsWith(`${folder}/`) ? relative(folder, home) : home}\n`, {
    mode: 0o600,
  });

  const become = { uid, gid };
  // PostgreSQL makes files beside its data directory only through initdb: it needs a folder of its own.
  const own = join(home, 'own');
  await mkdir(own, { recursive: true, mode: 0o700 });
  await chown(own, uid, gid);
  const linked = (await othersReach(installed.folder)) && (await makeLinks(installed.folder));
  if (!linked) await makeSharedFolder();
  return {
    binaries: linked ? installed : await copyBinaries(installed, SHARED_FOLDER),
    prefix: [],
    become,
    dataDirectory: join(own, 'data'),
    ...(await socketFolderIn(own, become)),
  };
}

/** What it holds guards itself; the folder must let others pass, whatever the umask is. */
async function makeSharedFolder(): Promise<void> {
  if (await exists(SHARED_FOLDER)) return;
  await mkdir(SHARED_FOLDER, { recursive: true });
  await chmod(SHARED_FOLDER, 0o755);
}

const pointerIn = (folder: string) => join(folder, 'postgres-home.txt');

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** A group number that no group has, from the upper end of what people's accounts may use (59000 to 59899). */
async function unusedGroup(folder: string): Promise<number> {
  const taken = new Set(
    (await readFile('/etc/group', 'utf8')).split('\n').map(line => Number(line.split(':')[2])),
  );
  const start = Number.parseInt(shortHash(folder).slice(0, 8), 16);
  for (let i = 0; i < 900; i++) {
    const gid = 59_000 + ((start + i) % 900);
    if (!taken.has(gid)) return gid;
  }
  throw new EmbeddedPostgresError('no-unprivileged-user', 'no free group number between 59000 and 59899');
}

async function refuseForeignData(dataDirectory: string, uid: number): Promise<void> {
  const found = await stat(dataDirectory).catch(() => null);
  if (found !== null && found.uid !== uid) {
    throw new EmbeddedPostgresError(
      'database-of-another-user',
      `the database in ${dataDirectory} belongs to user ${found.uid} and this is user ${uid}; start as that user`,
    );
  }
}

/**
 * `<folder>/socket`, or a fresh folder in the temporary directory where that path is too long for a socket or has
 * characters with a meaning of their own in a list of hosts or directories.
 */
async function socketFolderIn(
  folder: string,
  owner: Place['become'],
): Promise<Pick<Place, 'socketFolder' | 'leave'>> {
  const elsewhere = join(folder, 'socket-folder.txt');
  await forgetSocketFolder(elsewhere);
  const inside = join(folder, 'socket');
  if (fitsSocket(inside)) {
    await mkdir(inside, { recursive: true, mode: 0o700 });
    if (owner !== null) await chown(inside, owner.uid, owner.gid);
    await chmod(inside, 0o700);
    return { socketFolder: inside, leave: async () => {} };
  }
  const parent = fitsSocket(join(tmpdir(), 'sallyport-123456')) ? tmpdir() : '/tmp';
  const outside = await mkdtemp(join(parent, 'sallyport-'));
  await writeFile(elsewhere, outside, { mode: 0o600 });
  if (owner === null) return { socketFolder: outside, leave: () => forgetSocketFolder(elsewhere) };

  // Under another user the outer folder stays root's and lets only the group pass.
  const socketFolder = join(outside, 'socket');
  await chown(outside, 0, owner.gid);
  await chmod(outside, 0o710);
  await mkdir(socketFolder, { mode: 0o700 });
  await chown(socketFolder, owner.uid, owner.gid);
  return { socketFolder, leave: () => forgetSocketFolder(elsewhere) };
}

/** Where the socket of the server is that a live process runs on `dataFolder`; null where none is found. */
export async function runningSocketFolder(dataFolder: string): Promise<string | null> {
  const folder = await realpath(dataFolder);
  const pointer = pointerIn(folder);
  const home = (await exists(pointer))
    ? join(resolve(folder, (await readFile(pointer, 'utf8')).trim()), 'own')
    : folder;
  const note = join(home, 'socket-folder.txt');
  const elsewhere = (await exists(note)) ? (await readFile(note, 'utf8')).trim() : null;
  const candidates = elsewhere === null ? [join(home, 'socket')] : [elsewhere, join(elsewhere, 'socket')];
  for (const candidate of candidates) {
    if (await exists(join(candidate, `.s.PGSQL.${PORT}`))) return candidate;
  }
  return null;
}

function fitsSocket(folder: string): boolean {
  const socket = join(folder, `.s.PGSQL.${PORT}`);
  return Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH && /^[A-Za-z0-9/._+-]+$/.test(folder);
}

/** Removes a temporary socket folder of ours: its two known files and the folder, never a tree. */
async function forgetSocketFolder(note: string): Promise<void> {
  if (!(await exists(note))) return;
  const outside = (await readFile(note, 'utf8')).trim();
  const found = await lstat(outside).catch(() => null);
  if (found?.isDirectory() && found.uid === process.getuid?.()) {
    for (const folder of [join(outside, 'socket'), outside]) {
      await unlink(join(folder, `.s.PGSQL.${PORT}`)).catch(() => {});
      await unlink(join(folder, `.s.PGSQL.${PORT}.lock`)).catch(() => {});
      await rmdir(folder).catch(() => {});
    }
  }
  await unlink(note).catch(() => {});
}
