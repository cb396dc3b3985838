import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ssh2 from 'ssh2';
import type { GatewayLimits } from '../../recorder/main.ts';
import type { Measured, Order, Started } from './gateway-process.ts';
import { Run } from './house.ts';
import type { Sshd } from './sshd.ts';

const SCRIPT = fileURLToPath(new URL('gateway-process.ts', import.meta.url));

/** A gateway in a process of its own; see `gateway-process.ts`. */
export class GatewayProcess {
  readonly folder: string;
  readonly port: number;
  /** Resident memory before anything connected. */
  readonly restingRss: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, started: Started, restingRss: number) {
    this.#child = child;
    this.folder = started.folder;
    this.port = started.port;
    this.restingRss = restingRss;
  }

  static async start(
    sshd: Pick<Sshd, 'port' | 'hostKey' | 'authority'>,
    limits: Partial<GatewayLimits> = {},
  ): Promise<GatewayProcess> {
    const order: Order = {
      sshd: { port: sshd.port, hostKey: sshd.hostKey, authority: sshd.authority },
      limits,
    };
    const child = fork(SCRIPT, [JSON.stringify(order)], { execArgv: ['--import', 'tsx'] });
    const started = await answer<Started>(child);
    const { peakRss } = await ask(child);
    return new GatewayProcess(child, started, peakRss);
  }

  measure(): Promise<Measured> {
    return ask(this.#child);
  }

  /** Resolves when nothing moves any more; what is buffered then is buffered for good. */
  async stalled(): Promise<Measured> {
    let still = 0;
    let last = await this.measure();
    while (still < 4) {
      await new Promise(resolve => setTimeout(resolve, 100));
      const now = await this.measure();
      still = now.moved === last.moved ? still + 1 : 0;
      last = now;
    }
    return last;
  }

  async until(holds: (measured: Measured) => boolean): Promise<Measured> {
    for (;;) {
      const measured = await this.measure();
      if (holds(measured)) return measured;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }

  /** A client of our own making, signed in as Maya. Its later errors are its own. */
  async client(username = 'root@db01'): Promise<ssh2.Client> {
    const privateKey = readFileSync(join(this.folder, 'maya'));
    const client = new ssh2.Client();
    await new Promise<void>((resolve, reject) => {
      client.on('error', reject);
      client.on('ready', resolve);
      client.connect({ host: '127.0.0.1', port: this.port, username, privateKey });
    });
    return client;
  }

  /** A stock client; `-P` or `-p` among `args` leads to it over another port. */
  stock(
    tool: 'ssh' | 'scp' | 'sftp',
    args: readonly string[],
    input: Buffer | 'open' | 'closed' = 'closed',
  ): Run {
    // One name for it, whichever way leads there.
    const known = [
      '-o',
      'HostKeyAlias=gateway',
      '-o',
      `UserKnownHostsFile=${join(this.folder, 'known_hosts')}`,
    ];
    const key = ['-i', join(this.folder, 'maya'), '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'];
    const flag = tool === 'ssh' ? '-p' : '-P';
    const port = args.includes(flag) ? [] : [flag, `${this.port}`];
    return new Run(
      tool,
      ['-F', '/dev/null', ...known, ...key, '-o', 'LogLevel=ERROR', ...port, ...args],
      input,
    );
  }

  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    if (this.#child.exitCode !== null || !this.#child.connected) return;
    this.#child.disconnect();
    await ended;
  }
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null, signal: string | null) =>
      reject(new Error(`the gateway's process ended: ${code ?? signal}`));
    child.once('exit', gone);
    child.once('message', message => {
      child.removeListener('exit', gone);
      resolve(message as T);
    });
  });
}

function ask(child: ChildProcess): Promise<Measured> {
  const answered = answer<Measured>(child);
  child.send('measure');
  return answered;
}
