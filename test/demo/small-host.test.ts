import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSmallHost } from '../../src/demo/small-host.ts';
import type { TargetHost } from '../../src/demo/target-host.ts';
import { admits, readAuthorities } from '../../src/demo/user-certificate.ts';
import { type Certified, outcomeOf, startCertified } from './certified.ts';

const PRINCIPAL = 'sallyport:db01.acme:root';
let keys: Certified;
let host: TargetHost;
const options = (folder: string) => ({
  name: 'db01',
  tenant: 'acme',
  port: 0,
  userCa: keys.userCa,
  logins: { root: [PRINCIPAL], backup: ['sallyport:db01.acme:backup'] },
  folder: keys.at(folder),
});

beforeAll(async () => {
  keys = await startCertified();
  host = await startSmallHost(options('small'));
});
afterAll(async () => {
  await host?.close();
  await keys?.remove();
});

test('runs a command as the user who started it, with its exit status and both streams', async () => {
  await keys.certify(PRINCIPAL, '-1m:+2m', ['-O', 'source-address=127.0.0.0/8']);
  const { status, stdout, stderr } = await keys.ssh(host, 'root', 'id -un; echo oops >&2; exit 7');
  expect([stdout, stderr, status]).toEqual([`${userInfo().username}\n`, 'oops\n', 7]);
});

test('gives a terminal of the size that was asked for, where the certificate permits one', async () => {
  await keys.certify(PRINCIPAL, '-1m:+2m');
  const shown = await keys.ssh(host, 'root', 'tty; stty size; exit 3', ['-tt']);
  expect(shown.stdout).toMatch(/\/dev\/pts\/\d+\r\n24 80/);
  expect(shown.status).toBe(3);
  await keys.certify(PRINCIPAL, '-1m:+2m', ['-O', 'no-pty']);
  expect((await keys.ssh(host, 'root', 'tty', ['-tt'])).stdout).not.toContain('/dev/pts');
});

test('takes a file by scp in both of its ways', async () => {
  await keys.certify(PRINCIPAL, '-1m:+2m');
  const content = 'x'.repeat(300_000);
  await writeFile(keys.at('here'), content);
  const client = await keys.clientOptions(host);
  for (const more of [[], ['-O']]) {
    const to = keys.at(`there${more.length}`);
    const args = [...client, ...more, '-P', String(host.port), keys.at('here'), `root@127.0.0.1:${to}`];
    expect((await outcomeOf('scp', args)).status).toBe(0);
    expect(await readFile(to, 'utf8')).toBe(content);
  }
});

describe('refuses', () => {
  test.each([
    ['an expired one', PRINCIPAL, '-10m:-1m', [], 'root', 'expired'],
    ['one for later', PRINCIPAL, '+10m:+20m', [], 'root', 'not yet valid'],
    ['one for another host', 'sallyport:app01.acme:root', '-1m:+2m', [], 'root', 'no principal fits'],
    ['one for another login', PRINCIPAL, '-1m:+2m', [], 'backup', 'no principal fits'],
    ['a login it does not have', PRINCIPAL, '-1m:+2m', [], 'constructor', 'no principal fits'],
    [
      'another address',
      PRINCIPAL,
      '-1m:+2m',
      ['-O', 'source-address=10.0.0.0/8'],
      'root',
      'another source address',
    ],
    ['a forced command', PRINCIPAL, '-1m:+2m', ['-O', 'force-command=id'], 'root', 'unknown critical option'],
    [
      'an unknown option',
      PRINCIPAL,
      '-1m:+2m',
      ['-O', 'critical:new@x=1'],
      'root',
      'unknown critical option',
    ],
    ['a host certificate', PRINCIPAL, '-1m:+2m', ['-h'], 'root', 'not a user certificate'],
  ] as const)('%s', async (_name, principals, validity, more, login, why) => {
    await keys.certify(principals, validity, more);
    const decided = admits(await certificateBytes(), {
      authorities: readAuthorities(keys.userCa),
      principals: login === 'root' ? [PRINCIPAL] : [],
      address: '127.0.0.1',
      now: new Date(),
    });
    expect(decided).toHaveProperty('refusal', expect.stringContaining(why));
    expect((await keys.ssh(host, login, 'id')).status).toBe(255);
  });

  test("another CA's, the bare key, and one of which a byte was changed", async () => {
    await keys.certify(PRINCIPAL, '-1m:+2m', [], 'other_ca');
    expect((await keys.ssh(host, 'root', 'id')).status).toBe(255);
    expect(host.log()).toContain('another CA');
    expect((await keys.ssh(host, 'root', 'id', ['-o', 'CertificateFile=none'])).status).toBe(255);

    await keys.certify(PRINCIPAL, '-1m:+2m');
    const whole = await certificateBytes();
    const given = {
      authorities: readAuthorities(keys.userCa),
      principals: [PRINCIPAL],
      address: '127.0.0.1',
      now: new Date(),
    };
    expect(admits(whole, given)).toHaveProperty('certificate');
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1;
      expect(admits(changed, given)).toHaveProperty('refusal');
      expect(admits(whole.subarray(0, at), given)).toHaveProperty('refusal');
    }
  });
});

test('survives bytes that are no SSH, keeps its host key, and ends with its sessions', async () => {
  await new Promise<void>(done => {
    const socket = connect(host.port, '127.0.0.1', () =>
      socket.write('SSH-2.0-x\r\n\xff\xff\xff\xff'.repeat(50)),
    );
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.once('close', () => done());
    setTimeout(() => socket.destroy(), 500);
  });
  const again = await startSmallHost(options('small'));
  expect(again.hostKeyLine).toBe(host.hostKeyLine);
  await keys.certify(PRINCIPAL, '-1m:+2m');
  const session = keys.ssh(again, 'root', 'sleep 300');
  while (!again.log().includes('accepted')) await new Promise(done => setTimeout(done, 20));
  await again.close();
  expect((await session).status).not.toBe(0);
});

async function certificateBytes(): Promise<Buffer> {
  const line = await readFile(keys.at('id-cert.pub'), 'utf8');
  return Buffer.from(line.split(' ')[1] ?? '', 'base64');
}
