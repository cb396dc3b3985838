import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../src/demo/listening.ts';
import { execute } from '../../src/demo/stage.ts';

const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));
const POLICIES = fileURLToPath(new URL('../../policies', import.meta.url));

let folder: string;
let policies: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-process-'));
  policies = join(folder, 'policies');
  await cp(POLICIES, policies, { recursive: true });
});

afterAll(async () => {
  await Promise.all(running.map(child => gone(child, 'SIGTERM')));
  await rm(folder, { recursive: true, force: true });
});

async function gone(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise(resolve => child.once('close', resolve));
  child.kill(signal);
  await ended;
}

const environment = (http: number, more: Record<string, string> = {}) => ({
  PATH: process.env.PATH ?? '',
  SALLYPORT_URL: `http://localhost:${http}`,
  SALLYPORT_HTTP: `127.0.0.1:${http}`,
  SALLYPORT_SSH: '127.0.0.1:0',
  SALLYPORT_DATA: join(folder, 'data'),
  SALLYPORT_POLICIES: policies,
  ...more,
});

/** Starts the broker; resolves when it could open a session, with its process. */
async function serve(http: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: environment(http),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let said = '';
  child.stderr?.on('data', chunk => {
    said += chunk;
  });
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
      expect((await fetch(`http://127.0.0.1:${http}/readyz`)).status).toBe(200);
    },
    { timeout: 60_000 },
  );
  return child;
}

/** A process and all that came of it, by what each says of its parent. */
async function descendantsOf(pid: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  for (const name of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
    const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (of: number): number[] => [of, ...(children.get(of) ?? []).flatMap(below)];
  return below(pid);
}

const serveOnce = (http: number, more: Record<string, string> = {}) =>
  execute('env', [
    '-i',
    ...Object.entries(environment(http, more)).map(([name, value]) => `${name}=${value}`),
    process.execPath,
    PROGRAM,
    'serve',
  ]);

describe('the broker as a process', () => {
  // One broker after another, since each start makes or opens a database.
  let http: number;
  let first: ChildProcess;
  beforeAll(async () => {
    http = await freePort();
    first = await serve(http);
  });

  it('leaves no memory behind in a core file, nor do the programs that it starts', async () => {
    const family = await descendantsOf(first.pid!);
    const names = await Promise.all(family.map(pid => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
    expect(names.filter(name => name === 'postgres\n').length).toBeGreaterThan(3);
    for (const [i, pid] of family.entries()) {
      // Reads our sources for Node, starts before them, and knows nothing else.
      if (names[i] === 'esbuild\n') continue;
      const limits = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => null);
      const filter = await readFile(`/proc/${pid}/coredump_filter`, 'utf8').catch(() => null);
      // A backend may have gone since it was listed.
      if (limits === null || filter === null) continue;
      expect(limits).toMatch(/^Max core file size +0 +0 /m);
      expect(filter.trim()).toBe('00000000');
    }
    expect(await readFile('/proc/self/coredump_filter', 'utf8')).not.toBe('00000000\n');
  });

  it('says that the first is running when it is started twice on the same data', async () => {
    const second = await serveOnce(await freePort());
    expect(second.status).not.toBe(0);
    expect(second.stderr).toContain(String(first.pid));
    expect(second.stderr).toMatch(/running|in use/);
    expect((await fetch(`http://127.0.0.1:${http}/readyz`)).status).toBe(200);
  });

  it('starts again after kill -9, with everything that it had', async () => {
    await gone(first, 'SIGKILL');
    first = await serve(http);
    await gone(first, 'SIGTERM');
    expect(first.exitCode).toBe(0);
  });

  it('keeps the version in force when the file on disk is broken, and says where', async () => {
    await writeFile(join(policies, 'acme', 'matrix.yaml'), 'matrix: acme\nparties: [\n');
    const again = spawn(process.execPath, [PROGRAM, 'serve'], {
      env: environment(http),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.push(again);
    let said = '';
    again.stdout.on('data', chunk => {
      said += chunk;
    });
    await expect.poll(() => said, { timeout: 40_000 }).toMatch(/Not in force: .*matrix\.yaml:\d+:\d+/);
    expect((await fetch(`http://127.0.0.1:${http}/readyz`)).status).toBe(200);
  });
});

describe('a setting that makes no sense', () => {
  it.each([
    ['SALLYPORT_HTTP', 'everywhere'],
    ['SALLYPORT_KEY', 'short'],
    ['SALLYPORT_POLICIES', '/nowhere'],
  ])('starts no broker: %s=%s, and it says so in one line', async (name, value) => {
    const ended = await serveOnce(await freePort(), { [name]: value });
    expect(ended.status).toBe(2);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect(ended.stderr).toContain(name);
  });
});
