import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTargetHost, type TargetHost } from '../../src/demo/target-host.ts';
import { type Certified, outcomeOf, startCertified } from './certified.ts';

const PRINCIPAL = 'sallyport:db01.acme:root';

// Only root's sshd can let anybody in as root; the small host has tests of its own.
describe.skipIf(process.getuid?.() !== 0)('a target host', () => {
  let keys: Certified;
  let host: TargetHost;

  const start = (more: { port?: number; folder?: string } = {}) =>
    startTargetHost({
      name: 'db01',
      tenant: 'acme',
      port: 0,
      userCa: keys.userCa,
      logins: { root: [PRINCIPAL], games: ['sallyport:db01.acme:games'] },
      folder: keys.at('host'),
      ...more,
    });

  /** A session that would last, with the number of its process on the host. */
  async function sleepingSession(where: { port: number; knownHostsLine: string }) {
    const file = keys.at(`pid-${where.port}`);
    const session = keys.ssh(where, 'root', `echo $$ > ${file}; exec sleep 300`);
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '');
    return { session, pid: Number(readFileSync(file, 'utf8')) };
  }

  beforeAll(async () => {
    keys = await startCertified();
    host = await start();
  });
  afterAll(async () => {
    await host?.close();
    await keys?.remove();
  });

  test('lets a certificate of its CA in, with its exit status', async () => {
    await keys.certify(PRINCIPAL, '-1m:+2m', ['-O', 'source-address=127.0.0.1/32']);
    const { status, stdout, stderr } = await keys.ssh(host, 'root', 'id -un; exit 7');
    expect([stdout, status, stderr]).toEqual(['root\n', 7, '']);
    expect(host.log()).toContain('Accepted certificate ID "test"');
  });

  test('copies files by scp and by sftp', async () => {
    await keys.certify(PRINCIPAL, '-1m:+2m');
    await writeFile(keys.at('here'), 'a file\n');
    const options = await keys.clientOptions(host);
    for (const [program, more] of [
      ['scp', []],
      ['scp', ['-O']],
    ] as const) {
      const to = keys.at(`there${more.length}`);
      const args = [...options, ...more, '-P', String(host.port), keys.at('here'), `root@127.0.0.1:${to}`];
      expect((await outcomeOf(program, args)).stderr).toBe('');
      expect(await readFile(to, 'utf8')).toBe('a file\n');
    }
  });

  test.each([
    ['an expired one', PRINCIPAL, '-10m:-1m', [], 'root', []],
    ['one for later', PRINCIPAL, '+10m:+20m', [], 'root', []],
    ['one for another host', 'sallyport:app01.acme:root', '-1m:+2m', [], 'root', []],
    ['one for another tenant', 'sallyport:db01.other:root', '-1m:+2m', [], 'root', []],
    ['one that only names the login', 'root', '-1m:+2m', [], 'root', []],
    ['one for another login', PRINCIPAL, '-1m:+2m', [], 'games', []],
    ['one for another address', PRINCIPAL, '-1m:+2m', ['-O', 'source-address=10.9.8.7/32'], 'root', []],
    [
      'a leaked one',
      PRINCIPAL,
      '-1m:+2m',
      ['-O', 'source-address=127.0.0.1/32'],
      'root',
      ['-b', '127.0.0.2'],
    ],
  ] as const)('refuses %s', async (_name, principals, validity, options, login, more) => {
    await keys.certify(principals, validity, options);
    const { status, stdout, stderr } = await keys.ssh(host, login, 'id', [...more]);
    expect([status, stdout]).toEqual([255, '']);
    expect(stderr).toContain('Permission denied (publickey)');
  });

  test("refuses another CA's certificate and the bare key", async () => {
    await keys.certify(PRINCIPAL, '-1m:+2m', [], 'other_ca');
    expect((await keys.ssh(host, 'root', 'id')).status).toBe(255);
    expect((await keys.ssh(host, 'root', 'id', ['-o', 'CertificateFile=none'])).status).toBe(255);
  });

  test('keeps its host key between starts, and moves from a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise(done => taken.once('listening', done));
    const port = (taken.address() as { port: number }).port;
    const again = await start({ port });
    expect(again.hostKeyLine).toBe(host.hostKeyLine);
    expect(again.port).not.toBe(port);
    await again.close();
    taken.close();
  });

  test('ends with its sessions and leaves nothing behind', async () => {
    await keys.certify(PRINCIPAL, '-1m:+2m');
    const short = await start({ folder: keys.at('short') });
    const { session, pid } = await sleepingSession(short);
    expect(isRunning(pid)).toBe(true);
    await short.close();
    expect((await session).status).not.toBe(0);
    expect(isRunning(pid)).toBe(false);
    expect(isRunning(short.pid)).toBe(false);
    expect(existsSync(runtimeFolder(await readFile(keys.at('short/sshd_config'), 'utf8')))).toBe(false);
  });

  test('ends with a parent that is killed', async () => {
    await keys.certify(PRINCIPAL, '-1m:+2m');
    const options = {
      name: 'db01',
      tenant: 'acme',
      port: 0,
      userCa: keys.userCa,
      logins: { root: [PRINCIPAL] },
      folder: keys.at('orphan'),
    };
    const script = `
      const { startTargetHost } = await import('./src/demo/target-host.ts');
      const host = await startTargetHost(${JSON.stringify(options)});
      console.log(JSON.stringify(host));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: new URL('../..', import.meta.url),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const orphan: TargetHost = JSON.parse(
      String(await new Promise(done => parent.stdout.once('data', done))),
    );
    const { session, pid } = await sleepingSession(orphan);
    expect([isRunning(orphan.pid), isRunning(pid)]).toEqual([true, true]);

    parent.kill('SIGKILL');
    await until(() => !isRunning(orphan.pid));
    expect((await session).status).not.toBe(0);
    await until(() => !isRunning(pid));
  });

  test('says why a start failed', async () => {
    const wrong = startTargetHost({
      name: 'db01',
      tenant: 'acme',
      port: 0,
      userCa: keys.userCa,
      logins: { '../root': [] },
      folder: keys.at('wrong'),
    });
    await expect(wrong).rejects.toThrow('../root is no login name');
  });
});

/** A process that ended counts as gone, also while nobody has collected its exit status. */
function isRunning(pid: number): boolean {
  expect(pid).toBeGreaterThan(1);
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z';
  return !/\) [ZX]/.test(stat);
}

async function until(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 200 && !holds(); n += 1) await new Promise(done => setTimeout(done, 50));
  expect(holds()).toBe(true);
}

function runtimeFolder(configuration: string): string {
  return /AuthorizedPrincipalsFile (\S+)\/%u/.exec(configuration)?.[1] ?? '';
}
