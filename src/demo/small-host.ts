import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import ssh2, { type Connection, type PublicKeyAuthContext, type ServerChannel, type Session } from 'ssh2';
import { listenOnLoopback } from './listening.ts';
import type { TargetHost, TargetHostOptions } from './target-host.ts';
import { admits, holdsKey, readAuthorities, type UserCertificate } from './user-certificate.ts';

/** Where systems keep the server side of sftp. */
const SFTP_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/lib/ssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
];

const GRACE_MS = 20_000;

/**
 * THE DEMO'S STAND-IN FOR A HOST THAT GIVES `root`, for machines where we are not root or have no sshd. It is no
 * sshd: whatever login somebody takes, their commands run as the user who started the demo. What it does do is
 * decide who gets in as sshd would: only Ed25519 user certificates of that CA, within their time, for one of
 * the login's principals, from their source address, with no critical option that it does not know. It runs
 * commands, shells (by `script`, whose size is that of the start), scp and sftp; it forwards nothing.
 */
export async function startSmallHost(options: TargetHostOptions): Promise<TargetHost> {
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { privateKey, hostKeyLine } = await hostKey(join(folder, 'small_host_key'));
  const authorities = readAuthorities(options.userCa);
  const connections = new Set<Connection>();
  let said = '';
  const note = (line: string) => {
    said = `${said}${new Date().toISOString()} ${line}\n`.slice(-256 * 1024);
  };

  const server = new ssh2.Server({ hostKeys: [privateKey], ident: 'sallyport-small-host' });
  server.on('connection', (connection: Connection, info: { ip: string }) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    connection.on('error', (error: Error) => note(`connection from ${info.ip}: ${error.message}`));
    const grace = setTimeout(() => connection.end(), GRACE_MS);
    connection.once('close', () => clearTimeout(grace));

    let certificate: UserCertificate | undefined;
    connection.on('authentication', context => {
      if (context.method !== 'publickey') return context.reject(['publickey']);
      const answer = decide(context, info.ip);
      if ('refusal' in answer) {
        note(`refused ${context.username} from ${info.ip}: ${answer.refusal}`);
        return context.reject(['publickey']);
      }
      if (context.signature) {
        certificate = answer.certificate;
        note(`accepted certificate "${certificate.keyId}" for ${context.username} from ${info.ip}`);
        clearTimeout(grace);
      }
      context.accept();
    });
    connection.on('ready', () => {
      connection.on('session', accept =>
        serveSession(accept(), certificate?.extensions.has('permit-pty') === true),
      );
    });
  });

  function decide(context: PublicKeyAuthContext, address: string) {
    const principals = Object.hasOwn(options.logins, context.username)
      ? options.logins[context.username]!
      : [];
    const answer = admits(context.key.data, { authorities, principals, address, now: new Date() });
    if ('refusal' in answer || !context.signature) return answer;
    const holds = context.blob !== undefined && holdsKey(answer.certificate, context.blob, context.signature);
    return holds ? answer : { refusal: 'the key did not sign this' };
  }

  const port = await listenOnLoopback(server, options.port);
  return {
    kind: 'small',
    name: options.name,
    port,
    address: `127.0.0.1:${port}`,
    hostKeyLine,
    knownHostsLine: `[127.0.0.1]:${port} ${hostKeyLine}`,
    pid: process.pid,
    log: () => said,
    async close() {
      const closed = new Promise<void>(done => server.close(() => done()));
      for (const connection of connections) connection.end();
      await closed;
    },
  };
}

async function hostKey(path: string): Promise<{ privateKey: string; hostKeyLine: string }> {
  if (!existsSync(path)) {
    await writeFile(path, ssh2.utils.generateKeyPairSync('ed25519').private, { mode: 0o600 });
  }
  const privateKey = await readFile(path, 'utf8');
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw new Error(`${path} is no host key: ${parsed.message}`);
  return { privateKey, hostKeyLine: `ssh-ed25519 ${parsed.getPublicSSH().toString('base64')}` };
}

function serveSession(session: Session, ptyPermitted: boolean): void {
  const environment: Record<string, string> = {};
  let terminal: { rows: number; cols: number } | undefined;

  session.on('env', (accept, _reject, { key, val }) => {
    if (/^(LANG|LC_\w+)$/.test(key)) environment[key] = val;
    accept?.();
  });
  session.on('pty', (accept, reject, info) => {
    if (!ptyPermitted) return reject?.();
    terminal = { rows: info.rows || 24, cols: info.cols || 80 };
    // The terminal's type is the one thing here that the declared type of the event leaves out.
    environment.TERM = String((info as { term?: string }).term ?? 'xterm');
    accept?.();
  });
  // Taken and not passed on: the terminal belongs to `script`, which has no way to be told.
  session.on('window-change', accept => accept?.());

  const shell = userInfo().shell || '/bin/sh';
  session.on('shell', accept =>
    relay(accept(), start(terminal ? inTerminal(`exec '${shell}' -l`) : [shell, '-l'])),
  );
  session.on('exec', (accept, _reject, { command }) =>
    relay(accept(), start(terminal ? inTerminal(command) : [shell, '-c', command])),
  );
  session.on('subsystem', (accept, reject, { name }) => {
    const program = SFTP_SERVERS.find(path => existsSync(path));
    if (name !== 'sftp' || !program) return reject?.();
    relay(accept(), start([program]));
  });

  function inTerminal(command: string): string[] {
    const sized = `stty rows ${terminal?.rows} cols ${terminal?.cols}; ${command}`;
    if (process.platform === 'darwin') return ['script', '-q', '/dev/null', shell, '-c', sized];
    return ['script', '-qfec', sized, '/dev/null'];
  }

  function start([program = '', ...args]: string[]): ChildProcessWithoutNullStreams {
    const HOME = homedir();
    const USER = userInfo().username;
    const PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin';
    // A group of its own, so that all of it can be ended together.
    return spawn(program, args, {
      cwd: homedir(),
      env: { PATH, HOME, USER, LOGNAME: USER, SHELL: shell, ...environment },
      detached: true,
    });
  }
}

/** Carries one channel to one process until either ends; the other goes with it. */
function relay(channel: ServerChannel, child: ChildProcessWithoutNullStreams): void {
  channel.on('error', () => {});
  child.stdin.on('error', () => {});
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.pipe(child.stdin);

  child.once('error', error => {
    channel.stderr.write(`${error.message}\n`);
    channel.exit(127);
    channel.end();
  });
  child.once('close', (code, signal) => {
    // The status before the end, or the client never gets it.
    if (signal) channel.exit(signal.replace(/^SIG/, ''));
    else channel.exit(code ?? 255);
    channel.end();
  });
  channel.once('close', () => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGHUP');
    } catch {
      // It ended by itself in the meantime.
    }
    setTimeout(() => child.exitCode === null && child.kill('SIGKILL'), 2000).unref();
  });
}
