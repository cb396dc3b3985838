import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readPidFile, servesData } from '../../src/store/postgres-process.ts';

const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));
const START_MS = 90_000;

/** `sallyport serve` as a process of its own, which can be killed and started again on the same data. */
export class BrokerProcess {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #url: URL;
  readonly #data: string;
  #child: ChildProcess | null = null;
  #said = '';
  /** Ends of the process that nobody asked for. */
  readonly fallen: string[] = [];
  #expected = false;

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
    this.#url = new URL(environment.SALLYPORT_URL!);
    this.#data = environment.SALLYPORT_DATA!;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  spawn(): void {
    const child = spawn(process.execPath, [PROGRAM, 'serve'], {
      env: { PATH: process.env.PATH ?? '', ...this.#environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.#expected = false;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-20_000);
    });
    child.once('exit', (code, signal) => {
      if (!this.#expected)
        this.fallen.push(`it ended by itself (${code ?? signal}): ${this.#said.slice(-2_000)}`);
    });
  }

  /** Resolves to how long it took until a session could be opened, in ms. */
  async ready(): Promise<number> {
    const began = performance.now();
    for (;;) {
      const child = this.#child;
      if (child === null || child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the broker is not running: ${this.#said.slice(-2_000)}`);
      }
      const status = await fetch(new URL('/readyz', this.#url), { signal: AbortSignal.timeout(5_000) }).then(
        answer => answer.status,
        () => 0,
      );
      if (status === 200) return performance.now() - began;
      if (performance.now() - began > START_MS) throw new Error(`not ready: ${this.#said.slice(-2_000)}`);
      await sleep(25);
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#expected = true;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** The process number of PostgreSQL's postmaster, null while there is none. */
  async postmaster(): Promise<number | null> {
    const found = await readPidFile(this.dataDirectory());
    return found !== null && servesData(found.pid, this.dataDirectory()) ? found.pid : null;
  }

  /** All of PostgreSQL's processes on the broker's data. */
  databaseProcesses(): number[] {
    const directory = this.dataDirectory();
    return readdirSync('/proc')
      .map(Number)
      .filter(pid => pid > 0 && servesData(pid, directory));
  }

  dataDirectory(): string {
    const pointer = join(this.#data, 'postgres-home.txt');
    if (!existsSync(pointer)) return join(this.#data, 'postgres');
    return join(resolve(this.#data, readFileSync(pointer, 'utf8').trim()), 'own', 'data');
  }
}
