import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gateway, GatewayOptions } from '../../recorder/main.ts';
import { createHostKey, startGateway } from '../../recorder/main.ts';
import { FakeControlPlane } from './control-plane.ts';
import { makeKey, type Sshd } from './sshd.ts';

export const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A process of a stock client, with what it said so far. */
export class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  readonly #out: Buffer[] = [];
  #err = '';
  #waiting: (() => void)[] = [];
  #over = false;

  constructor(command: string, args: readonly string[], input: Buffer | 'open' | 'closed' = 'closed') {
    this.child = spawn(command, args, { stdio: [input === 'closed' ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    this.child.stdin?.on('error', () => {});
    if (Buffer.isBuffer(input)) this.child.stdin!.end(input);
    this.child.stdout!.on('data', (chunk: Buffer) => {
      this.#out.push(chunk);
      this.#look();
    });
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.#err += chunk;
      this.#look();
    });
    this.ended = new Promise(resolve => {
      this.child.once('close', status => {
        this.#over = true;
        this.#look();
        resolve({ status, stdout: Buffer.concat(this.#out), stderr: this.#err });
      });
    });
  }

  get said(): string {
    return Buffer.concat(this.#out).toString() + this.#err;
  }

  /** Resolves when the process has said it; rejects when it ends without. */
  async says(what: string | RegExp): Promise<void> {
    const has = () => (typeof what === 'string' ? this.said.includes(what) : what.test(this.said));
    while (!has()) {
      if (this.#over) throw new Error(`it ended without saying ${what}: ${this.said}`);
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  type(text: string): void {
    this.child.stdin!.write(text);
  }

  #look(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A gateway in front of an sshd, a known person with a key, and a stock client's options to reach it. */
export class House {
  readonly folder: string;
  readonly recordings: string;
  readonly controlPlane: FakeControlPlane;
  readonly gateway: Gateway;
  readonly #options: readonly string[];

  private constructor(folder: string, controlPlane: FakeControlPlane, gateway: Gateway, recordings: string) {
    this.folder = folder;
    this.controlPlane = controlPlane;
    this.gateway = gateway;
    this.recordings = recordings;
    this.#options = [
      ...[
        '-F',
        '/dev/null',
        '-i',
        join(folder, 'maya'),
        '-o',
        'IdentitiesOnly=yes',
        '-o',
        'IdentityAgent=none',
      ],
      ...['-o', `UserKnownHostsFile=${join(folder, 'known_hosts')}`, '-o', 'StrictHostKeyChecking=yes'],
      ...['-o', 'LogLevel=ERROR'],
    ];
  }

  static async open(
    sshd: Pick<Sshd, 'port' | 'hostKey' | 'authority'>,
    options: Partial<GatewayOptions> = {},
  ): Promise<House> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-gateway-'));
    const recordings = options.recordings ?? join(folder, 'recordings');
    mkdirSync(recordings, { recursive: true });
    const controlPlane = new FakeControlPlane(sshd);
    makeKey(join(folder, 'maya'));
    const listed = spawnSync('ssh-keygen', ['-lf', join(folder, 'maya.pub')]).stdout.toString();
    controlPlane.keys.set(listed.split(' ')[1]!, { person: 'maya@msp', name: 'Maya' });
    const gateway = await startGateway(
      {
        listen: { host: '127.0.0.1', port: 0 },
        hostKey: createHostKey(),
        logger: quiet,
        ...options,
        recordings,
      },
      controlPlane,
    );
    writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${gateway.port} ${gateway.hostKeyLine}\n`);
    return new House(folder, controlPlane, gateway, recordings);
  }

  /** The start of a stock client's command line. */
  command(tool: 'ssh' | 'scp' | 'sftp'): readonly string[] {
    return [tool, ...this.#options, tool === 'ssh' ? '-p' : '-P', `${this.gateway.port}`];
  }

  /** `ssh` with the given options and command, as root@db01. */
  ssh(args: readonly string[], input: Buffer | 'open' | 'closed' = 'closed'): Run {
    const [command, ...options] = this.command('ssh');
    return new Run(command!, [...options, 'root@db01@127.0.0.1', ...args], input);
  }

  /** `scp` or `sftp`. */
  copy(tool: 'scp' | 'sftp', args: readonly string[], input: Buffer | 'closed' = 'closed'): Run {
    const [command, ...options] = this.command(tool);
    return new Run(command!, [...options, ...args], input);
  }

  async close(): Promise<void> {
    await this.gateway.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
