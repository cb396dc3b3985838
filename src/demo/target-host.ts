import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './listening.ts';

const run = promisify(execFile);

export interface TargetHostOptions {
  /** The target's name in the inventory, `db01`. */
  readonly name: string;
  readonly tenant: string;
  /** 0: any. A port that is taken is left alone, and any free one used. */
  readonly port: number;
  /** The tenant's CA, one or more lines as in a `.pub` file. */
  readonly userCa: string;
  /** For each login of this machine, the principals that may use it. */
  readonly logins: Readonly<Record<string, readonly string[]>>;
  /** Where its host key, configuration and log stand; made if missing. The host key is kept between starts. */
  readonly folder: string;
}

export interface TargetHost {
  readonly kind: 'sshd' | 'small';
  readonly name: string;
  readonly port: number;
  /** `127.0.0.1:<port>`, as an inventory writes it. */
  readonly address: string;
  /** The public host key, `ssh-ed25519 AAAA…`, without a comment. */
  readonly hostKeyLine: string;
  /** The line for a `known_hosts` file. */
  readonly knownHostsLine: string;
  /** The process that listens. */
  readonly pid: number;
  /** What it said since its start, the newest 256 KB. */
  log(): string;
  /** Ends it with all of its sessions. */
  close(): Promise<void>;
}

/** This machine cannot be such a host; `message` says in one line what to do about it. */
export class TargetHostUnavailable extends Error {
  readonly code: 'needs-root' | 'needs-sshd';

  constructor(code: 'needs-root' | 'needs-sshd', message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs sshd in front of this machine, with the tenant's CA and principals as an enrolled host has them. It
 * never outlives us: see `WATCHDOG`. Needs root, since only root's sshd can let anybody log in as somebody else.
 *
 * @throws {TargetHostUnavailable} `needs-root`, `needs-sshd`
 */
export async function startTargetHost(options: TargetHostOptions): Promise<TargetHost> {
  const sshd = await findSshd();
  if (process.getuid?.() !== 0) {
    throw new TargetHostUnavailable('needs-root', 'a host that gives root needs root: run it with sudo.');
  }
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const hostKey = join(folder, 'host_key');
  await makeHostKey(hostKey, `${options.name}.${options.tenant}`);
  await writeFile(join(folder, 'user_ca.pub'), `${options.userCa.trim()}\n`);
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 });

  // sshd reads a login's principals with that login's rights, and StrictModes wants every folder above the file
  // to be root's alone. Neither holds below /tmp, a person's checkout or /root; below /run both do.
  const runtime = await mkdtemp('/run/sallyport-target-');
  try {
    await writePrincipals(runtime, options.logins);
    const usePam = await hasLockedAccount(Object.keys(options.logins));
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort(attempt === 1 ? options.port : 0);
      const configuration = { folder, runtime, hostKey, port, usePam };
      await writeConfiguration(sshd, configuration);
      const started = await launch(sshd, join(folder, 'sshd_config'), runtime, port);
      if (!('failure' in started)) {
        const hostKeyLine = (await readFile(`${hostKey}.pub`, 'utf8'))
          .split(' ')
          .slice(0, 2)
          .join(' ')
          .trim();
        return result(options.name, port, hostKeyLine, started);
      }
      if (attempt === 5 || !started.failure.includes('Address already in use')) {
        throw new Error(`sshd did not start: ${started.failure.trim().split('\n').at(-1)}`);
      }
    }
  } catch (error) {
    await rm(runtime, { recursive: true, force: true });
    throw error;
  }
}

function result(name: string, port: number, hostKeyLine: string, started: Started): TargetHost {
  return {
    kind: 'sshd',
    name,
    port,
    address: `127.0.0.1:${port}`,
    hostKeyLine,
    knownHostsLine: `[127.0.0.1]:${port} ${hostKeyLine}`,
    pid: started.pid,
    log: started.log,
    close: started.close,
  };
}

async function findSshd(): Promise<string> {
  if (process.platform !== 'linux') {
    throw new TargetHostUnavailable('needs-sshd', 'this host needs Linux, its /proc and /run.');
  }
  for (const path of ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd']) {
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  throw new TargetHostUnavailable(
    'needs-sshd',
    'sshd is missing: on Debian, apt-get install openssh-server.',
  );
}

async function makeHostKey(path: string, comment: string): Promise<void> {
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (!there) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]);
  await chmod(path, 0o600);
}

async function writePrincipals(
  runtime: string,
  logins: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  await chmod(runtime, 0o755);
  for (const [login, principals] of Object.entries(logins)) {
    if (!/^[a-z_][a-z0-9_-]*$/.test(login)) throw new Error(`${login} is no login name`);
    await writeFile(join(runtime, login), principals.map(one => `${one}\n`).join(''), { mode: 0o644 });
  }
}

/**
 * Without PAM sshd refuses an account whose password starts with `!`, as root's does on some systems; with PAM it
 * leaves that to the system, which minds such passwords only where one is asked for. Only then PAM is used: in a
 * container its session modules may fail.
 */
async function hasLockedAccount(logins: readonly string[]): Promise<boolean> {
  const shadow = await readFile('/etc/shadow', 'utf8').catch(() => '');
  return shadow.split('\n').some(line => {
    const [login = '', password = ''] = line.split(':');
    return logins.includes(login) && password.startsWith('!');
  });
}

interface Configuration {
  readonly folder: string;
  readonly runtime: string;
  readonly hostKey: string;
  readonly port: number;
  readonly usePam: boolean;
}

async function writeConfiguration(sshd: string, given: Configuration): Promise<void> {
  const lines = [
    `Port ${given.port}`,
    'ListenAddress 127.0.0.1',
    `HostKey "${given.hostKey}"`,
    `PidFile "${join(given.runtime, 'sshd.pid')}"`,
    `TrustedUserCAKeys "${join(given.folder, 'user_ca.pub')}"`,
    `AuthorizedPrincipalsFile ${given.runtime}/%u`,
    'AuthorizedKeysFile none',
    'AuthenticationMethods publickey',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    `UsePAM ${given.usePam ? 'yes' : 'no'}`,
    'StrictModes yes',
    'LoginGraceTime 20',
    'PrintMotd no',
    'PrintLastLog no',
    'AcceptEnv LANG LC_*',
    // The story's own home: what stands in the ~/.bashrc of whoever plays it is no part of it.
    `SetEnv HOME="${given.folder}"`,
    'Subsystem sftp internal-sftp',
    'LogLevel VERBOSE',
  ];
  const path = join(given.folder, 'sshd_config');
  // From 9.8 on sshd locks out an address whose users fail often. Here everybody comes from one address, and the
  // story fails on purpose; older ones do not know the word.
  await writeFile(path, [...lines, 'PerSourcePenalties no', ''].join('\n'));
  const known = await run(sshd, ['-t', '-f', path]).then(
    () => true,
    () => false,
  );
  if (!known) await writeFile(path, [...lines, ''].join('\n'));
}

/**
 * Runs sshd and waits for either end. Standard input is a pipe that we hold open and never write to: when it
 * closes, because we say so or because we were killed, the watcher ends sshd and every process below it. The
 * list is taken from the kernel before the listener goes, since afterwards nothing ties its sessions to it.
 */
const WATCHDOG = `
exec 3<&0
"$1" -D -e -f "$2" </dev/null 3<&- &
sshd=$!
echo "$sshd"
exec 1>&-
below() {
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do echo "$child"; below "$child"; done
}
{
  cat <&3 >/dev/null
  # It may have ended long ago, and its number be somebody else's by now.
  [ "$(cat "/proc/$sshd/comm" 2>/dev/null)" = sshd ] || { rm -rf "$3"; exit; }
  sessions=$(below "$sshd")
  kill -TERM "$sshd" 2>/dev/null
  [ -z "$sessions" ] || kill -TERM $sessions 2>/dev/null
  sleep 0.2
  [ -z "$sessions" ] || kill -KILL $sessions 2>/dev/null
  rm -rf "$3"
} &
wait "$sshd"
`;

interface Started {
  readonly pid: number;
  log(): string;
  close(): Promise<void>;
}

async function launch(
  sshd: string,
  configuration: string,
  runtime: string,
  port: number,
): Promise<Started | { failure: string }> {
  // A session of its own, so that Ctrl-C reaches us alone and we end things in order.
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'target-host', sshd, configuration, runtime], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.on('data', chunk => {
    said = (said + chunk).slice(-256 * 1024);
  });
  child.stdin.on('error', () => {});
  child.once('exit', () => child.stdin.end());
  // Standard error is shared by everything below, so it closes when the last of them is gone.
  const ended = new Promise<void>(done => child.once('close', () => done()));
  const pid = new Promise<number>((done, fail) => {
    child.stdout.once('data', chunk => done(Number.parseInt(String(chunk), 10)));
    child.once('error', fail);
    child.once('exit', () => fail(new Error('it ended')));
  });

  const close = async () => {
    child.stdin.end();
    await ended;
    // The watcher removes this too; who waits for us should find it gone.
    await rm(runtime, { recursive: true, force: true });
  };
  try {
    const listener = await pid;
    await untilItAnswers(port, child);
    return { pid: listener, log: () => said, close };
  } catch (error) {
    child.stdin.end();
    await ended;
    return { failure: said || String(error) };
  }
}

/** Until the port says an SSH banner, for ten seconds at most. */
async function untilItAnswers(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const banner = await new Promise<string>(done => {
      const socket = connect(port, '127.0.0.1');
      socket.setTimeout(2000, () => socket.destroy());
      socket.once('data', data => {
        done(data.toString('latin1'));
        socket.destroy();
      });
      socket.on('error', () => {});
      socket.once('close', () => done(''));
    });
    if (banner.startsWith('SSH-2.0-')) return;
    await new Promise(done => setTimeout(done, 25));
  }
  throw new Error(child.exitCode === null ? 'it does not answer' : 'it ended');
}
