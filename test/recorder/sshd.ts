import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real OpenSSH server on a loopback port, trusting one authority for one principal. It must run as root. */
export interface Sshd {
  readonly port: number;
  readonly hostKey: string;
  /** The authority's private key, to sign with. */
  readonly authority: string;
  readonly folder: string;
  /** What it said since its start. */
  log(): string;
  stop(): Promise<void>;
}

export const PRINCIPAL = 'sallyport:db01.acme:root';

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

export function makeKey(path: string, type = 'ed25519'): string {
  const made = spawnSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', path]);
  if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
  return readFileSync(`${path}.pub`, 'utf8').trim();
}

/**
 * @param userCa the authority to trust, as a line; without it one of its own
 * @param more lines of its configuration, before ours: sshd takes the first that it meets
 * @param clock how far its clock is off, as faketime reads it: `+10m`, `-25s`
 */
export async function startSshd({
  userCa,
  clock,
  more = [],
}: {
  userCa?: string;
  clock?: string;
  more?: readonly string[];
} = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-sshd-'));
  chmodSync(folder, 0o755);
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  const hostKey = makeKey(join(folder, 'host'));
  const authority = join(folder, 'authority');
  makeKey(authority);
  if (userCa !== undefined) writeFileSync(`${authority}.pub`, `${userCa}\n`);
  writeFileSync(join(folder, 'principals'), `${PRINCIPAL}\n`, { mode: 0o644 });
  const configuration = [
    ...more,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `PidFile ${join(folder, 'pid')}`,
    'PermitRootLogin yes',
    // The folder is below one that everybody may write to, which sshd would not trust.
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    `TrustedUserCAKeys ${authority}.pub`,
    `AuthorizedPrincipalsFile ${join(folder, 'principals')}`,
    'AuthorizedKeysFile none',
    'AcceptEnv LANG LC_*',
    // What this machine's root has in ~/.bashrc is not part of any test.
    `SetEnv HOME=${folder}`,
    // Of this one sshd takes the last.
    ...(more.some(line => line.startsWith('MaxStartups ')) ? [] : ['MaxStartups 100:30:200']),
    'PrintMotd no',
    'Subsystem sftp internal-sftp',
    '',
  ].join('\n');
  writeFileSync(join(folder, 'config'), configuration);
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...(clock === undefined ? {} : shifted(clock)) },
  });
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-256 * 1024);
  });
  await listening(child);
  return {
    port,
    hostKey,
    authority,
    folder,
    log: () => said,
    stop: async () => {
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** libfaketime's place in the environment, as its own `faketime` would set it, but without a process in between. */
export function shifted(clock: string): Record<string, string> {
  const library = readdirSync('/usr/lib')
    .map(name => `/usr/lib/${name}/faketime/libfaketime.so.1`)
    .find(path => existsSync(path));
  if (library === undefined) throw new Error('libfaketime is missing: node test/prepare.js brings it');
  return { LD_PRELOAD: library, FAKETIME: clock, FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk;
      if (said.includes('Server listening')) resolve();
    });
    child.once('exit', code => reject(new Error(`sshd ended with ${code}: ${said}`)));
  });
}
