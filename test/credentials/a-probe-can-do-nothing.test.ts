import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUserCa, issueSshProbe, signUserCertificate } from '../../src/credentials/ssh-certificate.ts';
import { makeKey, PRINCIPAL, type Sshd, startSshd } from '../recorder/sshd.ts';

const ca = createUserCa();
const folder = mkdtempSync(join(tmpdir(), 'sallyport-probe-'));
const identity = join(folder, 'key');
const touched = join(folder, 'touched');
let sshd: Sshd;

beforeAll(async () => {
  makeKey(identity);
  // All that an sshd can be told to allow, so that what stops the certificate is the certificate.
  sshd = await startSshd({
    userCa: ca.publicKey,
    more: ['AllowTcpForwarding yes', 'AllowStreamLocalForwarding yes', 'AllowAgentForwarding yes'],
  });
});
afterAll(async () => {
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
});

const publicKey = () => readFileSync(`${identity}.pub`, 'utf8').trim();

/** What a preflight signs in with. */
const probe = () =>
  issueSshProbe(ca.privateKey, {
    publicKey: publicKey(),
    serial: 1n,
    keyId: 'pf_1 preflight',
    target: 'db01',
    tenant: 'acme',
    login: 'root',
    sourceAddresses: ['127.0.0.1'],
    now: new Date(),
  }).certificate;

/** One of the same key that may do everything: what is tried would work with it. */
const everything = () =>
  signUserCertificate({
    caPrivate: ca.privateKey,
    publicKeyLine: publicKey(),
    serial: 2n,
    keyId: 's_1 p_1',
    principals: [PRINCIPAL],
    validAfter: Math.floor(Date.now() / 1000) - 30,
    validBefore: Math.floor(Date.now() / 1000) + 60,
    sourceAddress: '127.0.0.1',
    extensions: ['permit-pty', 'permit-port-forwarding', 'permit-agent-forwarding'],
  });

interface Attempt {
  readonly args: readonly string[];
  readonly input?: string;
  readonly client?: 'ssh' | 'sftp' | 'scp';
}

function attempt(certificate: string, { client = 'ssh', args, input = '' }: Attempt) {
  rmSync(touched, { force: true });
  writeFileSync(`${identity}-cert.pub`, `${certificate}\n`);
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'IdentitiesOnly=yes',
    'ExitOnForwardFailure=yes',
    'LogLevel=INFO',
    `Port=${sshd.port}`,
  ];
  const given = ['-F', 'none', '-i', identity, ...options.flatMap(option => ['-o', option]), ...args];
  const { status, stdout, stderr } = spawnSync(client, given, { encoding: 'utf8', input, timeout: 20_000 });
  const said = stdout + stderr;
  const worked = existsSync(touched) || /it-works|^Allocated port|^SSH-2\.0-OpenSSH/m.test(said);
  return { worked, status, said };
}

const HOST = 'root@127.0.0.1';
const work = `touch ${touched}; echo it-w"or"ks; exit 0`;

describe('what a preflight signs in with, at an sshd that allows everything', () => {
  const attempts: readonly [string, () => Attempt][] = [
    ['a command', () => ({ args: [HOST, work] })],
    ['a shell', () => ({ args: ['-T', HOST], input: `${work}\n` })],
    ['a shell with a terminal', () => ({ args: ['-tt', HOST], input: `${work}\n` })],
    ['sftp', () => ({ client: 'sftp', args: ['-b', '-', HOST], input: `put ${identity}.pub ${touched}\n` })],
    ['scp', () => ({ client: 'scp', args: ['-O', `${identity}.pub`, `${HOST}:${touched}`] })],
    ['a port on its side', () => ({ args: ['-R', '0:127.0.0.1:9', HOST, 'true'] })],
    ['a connection from its side', () => ({ args: ['-W', `127.0.0.1:${sshd.port}`, HOST] })],
  ];
  it.each(attempts)('gets nothing from %s, which would work otherwise', (_, made) => {
    expect(attempt(everything(), made())).toMatchObject({ worked: true });
    const refused = attempt(probe(), made());
    expect(refused.worked, refused.said).toBe(false);
    expect(refused.status, refused.said).not.toBe(0);
  });
});
