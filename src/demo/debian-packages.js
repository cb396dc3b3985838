// Plain JavaScript on purpose: `npm test` runs this before anything could load TypeScript.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {object} Need
 * @property {string} program what must be found
 * @property {string[]} packages the Debian packages that bring it
 */

/** @type {Record<'sshd' | 'ssh' | 'scp' | 'chromium' | 'asciinema' | 'script' | 'pgrep' | 'mkfs' | 'postgres' | 'faketime', Need>} */
export const NEEDS = {
  sshd: { program: 'sshd', packages: ['openssh-server'] },
  ssh: { program: 'ssh', packages: ['openssh-client'] },
  scp: { program: 'scp', packages: ['openssh-client'] },
  chromium: { program: 'chromium', packages: ['chromium', 'fonts-dejavu-core'] },
  asciinema: { program: 'asciinema', packages: ['asciinema'] },
  script: { program: 'script', packages: ['bsdutils'] },
  pgrep: { program: 'pgrep', packages: ['procps'] },
  // Disks that a test fills and freezes.
  mkfs: { program: 'mkfs.ext4', packages: ['e2fsprogs'] },
  // The server itself lies outside of PATH; this comes with it.
  postgres: { program: 'pg_createcluster', packages: ['postgresql'] },
  faketime: { program: 'faketime', packages: ['faketime'] },
};

/** Beside PATH: an ordinary user's often lacks the folders of daemons. */
const DAEMON_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** Nothing could be installed here; `message` says in one line what to install. */
export class PackagesMissing extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.code = 'needs-packages';
  }
}

/**
 * Sees to it that these programs are there: silently when they are, by apt-get as root on Debian and its kin.
 * No package that comes starts a daemon.
 *
 * @param {readonly Need[]} needs
 * @param {Partial<import('./debian-packages.d.ts').Machine>} [machine] stands in for parts of this machine in tests
 * @returns {string[]} the packages that were installed
 * @throws {PackagesMissing} elsewhere, and when apt-get fails
 */
export function ensurePrograms(needs, machine = {}) {
  const { find, isRoot, run, say, policyFile } = { ...thisMachine, ...machine };
  const missing = needs.filter(need => !find(need.program));
  if (missing.length === 0) return [];

  const packages = [...new Set(missing.flatMap(need => need.packages))];
  const programs = missing.map(need => need.program).join(', ');
  if (!find('apt-get')) {
    throw new PackagesMissing(
      `missing: ${programs}. Install them (Debian calls them ${packages.join(' ')}).`,
    );
  }
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (!isRoot()) throw new PackagesMissing(`missing: ${programs}. As root: ${command}`);

  say(`missing: ${programs}. Installing ${packages.join(' ')}.`);
  const lift = forbidDaemons(policyFile);
  try {
    const failed =
      run('apt-get', ['update', '-q']) ??
      run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages]);
    if (failed) throw new PackagesMissing(`apt-get failed (${failed}). Try it yourself: ${command}`);
  } finally {
    lift();
  }
  const still = missing.filter(need => !find(need.program)).map(need => need.program);
  if (still.length > 0) {
    throw new PackagesMissing(`${packages.join(' ')} did not bring ${still.join(', ')}: install it by hand.`);
  }
  return packages;
}

/**
 * Debian's packages ask this file whether they may start what they bring; 101 is no. One that stands there
 * already is somebody's own answer and is left alone.
 *
 * @param {string} policyFile
 * @returns {() => void} takes it away again
 */
function forbidDaemons(policyFile) {
  try {
    writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' });
  } catch (error) {
    if (existsSync(policyFile)) return () => {};
    throw error;
  }
  return () => rmSync(policyFile, { force: true });
}

/** @type {import('./debian-packages.d.ts').Machine} */
const thisMachine = {
  find(program) {
    const folders = [...(process.env.PATH ?? '').split(':'), ...DAEMON_FOLDERS];
    return folders.filter(Boolean).some(folder => {
      try {
        accessSync(join(folder, program), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  },
  isRoot: () => process.getuid?.() === 0,
  // What apt-get says goes to standard error, since standard output belongs to whoever called.
  run(program, args) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const ended = spawnSync(program, args, { env, stdio: ['ignore', 2, 2] });
    if (ended.error) return ended.error.message;
    return ended.status === 0 ? null : `exit ${ended.status ?? ended.signal}`;
  },
  say: line => process.stderr.write(`${line}\n`),
  policyFile: '/usr/sbin/policy-rc.d',
};
