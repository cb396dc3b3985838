import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CredentialAsk } from '../../src/credentials/contract.ts';
import {
  type CertificateFields,
  createUserCa,
  issueSshCertificate,
  principalOf,
  publicKeyLine,
  signUserCertificate,
} from '../../src/credentials/ssh-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
const ca = createUserCa();
const subject = publicKeyLine(generateKeyPairSync('ed25519').publicKey);
const nowSeconds = () => Math.floor(Date.now() / 1000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fields(changes: Partial<CertificateFields> = {}): CertificateFields {
  return {
    caPrivate: ca.privateKey,
    publicKeyLine: subject,
    serial: 7n,
    keyId: 'maya@msp.example session s_1',
    principals: ['sallyport:db01.acme:root'],
    validAfter: nowSeconds() - 30,
    validBefore: nowSeconds() + 90,
    sourceAddress: '127.0.0.1',
    extensions: [],
    ...changes,
  };
}

const now = new Date('2026-11-20T10:00:00.900Z');
function ask(changes: Partial<CredentialAsk> = {}): CredentialAsk {
  return {
    publicKey: subject,
    serial: 1n,
    keyId: 'p_maya s_1',
    target: 'db01',
    tenant: 'acme',
    login: 'root',
    sourceAddresses: ['192.0.2.1'],
    pty: false,
    now,
    grantEndsAt: new Date('2026-11-20T12:00:00Z'),
    ...changes,
  };
}

function described(certificate: string): string {
  const file = join(folder, 'read-cert.pub');
  writeFileSync(file, `${certificate}\n`);
  return execFileSync('ssh-keygen', ['-L', '-f', file], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  });
}

describe('a certificate', () => {
  test('reads in ssh-keygen as it was written', () => {
    const text = described(
      signUserCertificate(
        fields({
          serial: 2n ** 64n - 1n,
          principals: ['sallyport:db01.acme:root', 'sallyport:app01.acme:root'],
          validAfter: Date.UTC(2026, 10, 20, 10) / 1000,
          validBefore: Date.UTC(2026, 10, 20, 10, 2) / 1000,
          sourceAddress: '192.0.2.1,2001:db8::/64',
          extensions: ['permit-pty', 'permit-agent-forwarding', 'permit-X11-forwarding'],
        }),
      ),
    );
    expect(text).toContain('Type: ssh-ed25519-cert-v01@openssh.com user certificate');
    expect(text).toContain('Key ID: "maya@msp.example session s_1"');
    expect(text).toContain('Serial: 18446744073709551615');
    expect(text).toContain('Valid: from 2026-11-20T10:00:00 to 2026-11-20T10:02:00');
    expect(text).toMatch(/Principals: \n\s+sallyport:db01\.acme:root\n\s+sallyport:app01\.acme:root\n/);
    expect(text).toMatch(/Critical Options: \n\s+source-address 192\.0\.2\.1,2001:db8::\/64\n/);
    expect(text).toMatch(
      /Extensions: \n\s+permit-X11-forwarding\n\s+permit-agent-forwarding\n\s+permit-pty\n/,
    );
    const fingerprint = (line: string) =>
      execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: line, encoding: 'utf8' }).split(' ')[1]!;
    expect(text).toContain(`Public key: ED25519-CERT ${fingerprint(subject)}`);
    expect(text).toContain(`Signing CA: ED25519 ${fingerprint(ca.publicKey)}`);
  });

  test.each<[string, Partial<CertificateFields>]>([
    ['a negative serial', { serial: -1n }],
    ['a serial past 64 bits', { serial: 2n ** 64n }],
    ['a line break in the key id', { keyId: 'a\nb' }],
    ['an empty key id', { keyId: '' }],
    ['no principal, which would be anybody', { principals: [] }],
    ['an empty principal', { principals: [''] }],
    ['no time at all', { validAfter: 10, validBefore: 10 }],
    ['a broken time', { validBefore: Number.NaN }],
    ['half a second', { validBefore: nowSeconds() + 0.5 }],
    ['no source address, which would be anywhere', { sourceAddress: '' }],
    ['a name for a source address', { sourceAddress: 'gateway.example' }],
    ['a range that is none', { sourceAddress: '192.0.2.0/33' }],
    ['an address of a zone', { sourceAddress: 'fe80::1%eth0' }],
    ['an empty member of the address list', { sourceAddress: '192.0.2.1,' }],
    ['an extension that is not ours', { extensions: ['permit-user-rc' as never] }],
  ])('is not signed with %s', (_, changes) => {
    expect(() => signUserCertificate(fields(changes))).toThrow(
      expect.objectContaining({ code: 'credential-input-invalid' }),
    );
  });

  test('is for plain Ed25519 keys alone', () => {
    const [, encoded] = subject.split(' ') as [string, string];
    const longer = Buffer.concat([Buffer.from(encoded, 'base64'), Buffer.from([0])]).toString('base64');
    const rsa = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7';
    const lines = [
      '',
      'ssh-ed25519',
      `ssh-ed25519 ${longer}`,
      `ssh-rsa ${encoded}`,
      rsa,
      `${subject}\n${subject}`,
    ];
    for (const line of [...lines, signUserCertificate(fields()), ca.publicKey]) {
      expect(() => signUserCertificate(fields({ publicKeyLine: line }))).toThrow(
        expect.objectContaining({ code: 'subject-key-unsuitable' }),
      );
    }
    expect(signUserCertificate(fields({ publicKeyLine: `${subject} maya@laptop` }))).toContain('AAAA');
  });

  test('is signed by Ed25519 authorities alone, and the error does not quote the key', () => {
    const other = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'der' });
    for (const caPrivate of [other, Buffer.from('no key'), Buffer.alloc(0)]) {
      expect(() => signUserCertificate(fields({ caPrivate }))).toThrow(
        expect.objectContaining({ code: 'authority-key-unsuitable' }),
      );
    }
  });
});

describe('the name of what it opens', () => {
  test('is target, tenant and login', () =>
    expect(principalOf('db01', 'acme', 'root')).toBe('sallyport:db01.acme:root'));
  test.each([
    ['db01:x', 'acme', 'root'],
    ['', 'acme', 'root'],
    ['db 01', 'acme', 'root'],
    ['db01', 'b.acme', 'root'],
    ['db01', 'acme', ''],
    ['db01', 'acme', 'root,admin'],
    ['db01', 'acme', 'a:b'],
    ['db01', 'acme', 'root\nsallyport:db01.acme:root'],
  ])('cannot be made of %j, %j, %j', (target, tenant, login) => {
    expect(() => principalOf(target, tenant, login)).toThrow(
      expect.objectContaining({ code: 'credential-input-invalid' }),
    );
  });
});

describe('how long it lasts', () => {
  test.each([
    ['two minutes at most', '2026-11-20T12:00:00Z', '2026-11-20T10:01:30.000Z'],
    ['no longer than the grant', '2026-11-20T10:00:30Z', '2026-11-20T10:00:30.000Z'],
    ['rounded down to the second', '2026-11-20T10:00:30.999Z', '2026-11-20T10:00:30.000Z'],
  ])('%s', (_, grantEndsAt, validBefore) => {
    const issued = issueSshCertificate(ca.privateKey, ask({ grantEndsAt: new Date(grantEndsAt) }));
    expect(issued.validAfter.toISOString()).toBe('2026-11-20T09:59:30.000Z');
    expect(issued.validBefore.toISOString()).toBe(validBefore);
    expect(described(issued.certificate)).toContain(`to ${validBefore.slice(0, 19)}`);
  });

  test.each(['2026-11-20T10:00:00.900Z', '2026-11-20T10:00:00.950Z', '2026-11-20T09:00:00Z', 'nonsense'])(
    'a grant that ends at %s gives none',
    end => {
      expect(() => issueSshCertificate(ca.privateKey, ask({ grantEndsAt: new Date(end) }))).toThrow(
        expect.objectContaining({ code: 'grant-over' }),
      );
    },
  );

  test('and a terminal only where one was asked for', () => {
    expect(described(issueSshCertificate(ca.privateKey, ask()).certificate)).toContain('Extensions: (none)');
    const issued = issueSshCertificate(
      ca.privateKey,
      ask({ pty: true, sourceAddresses: ['::ffff:192.0.2.1', '2001:db8::1'] }),
    );
    expect(described(issued.certificate)).toMatch(/Extensions: \n\s+permit-pty\n/);
    expect(issued).toMatchObject({
      sourceAddress: '192.0.2.1,2001:db8::1',
      principal: 'sallyport:db01.acme:root',
      serial: '1',
    });
  });
});

describe.runIf(existsSync('/usr/sbin/sshd'))('a real sshd', () => {
  const login = userInfo().username;
  const identity = join(folder, 'session-key');
  let daemon: ChildProcess;
  let port: number;

  beforeAll(async () => {
    // sshd -D insists on this folder when it runs as root.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    port = await freePort();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host-key')]);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', identity]);
    writeFileSync(join(folder, 'ca.pub'), `${ca.publicKey}\n`);
    writeFileSync(join(folder, 'principals'), `sallyport:db01.acme:${login}\n`);
    chmodSync(folder, 0o700);
    const settings = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(folder, 'host-key')}`,
      `PidFile ${join(folder, 'sshd.pid')}`,
      `TrustedUserCAKeys ${join(folder, 'ca.pub')}`,
      `AuthorizedPrincipalsFile ${join(folder, 'principals')}`,
      'AuthorizedKeysFile none',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'PermitRootLogin prohibit-password',
      // The temporary directory above our folder may be written to by all; the files are ours nevertheless.
      'StrictModes no',
    ];
    writeFileSync(join(folder, 'sshd_config'), `${settings.join('\n')}\n`);
    daemon = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: 'ignore' });
    for (const end = Date.now() + 10_000; !(await answers(port)); await sleep(50)) {
      if (Date.now() > end) throw new Error('sshd does not start');
    }
  });
  afterAll(() => {
    daemon.kill();
  });

  function ssh(
    certificate: string,
    from: string,
    ...rest: string[]
  ): { status: number | null; stdout: string; stderr: string } {
    const file = join(folder, 'session-cert.pub');
    writeFileSync(file, `${certificate}\n`);
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'IdentitiesOnly=yes',
    ];
    const given = [
      '-F',
      'none',
      '-p',
      String(port),
      '-b',
      from,
      '-i',
      identity,
      '-o',
      `CertificateFile=${file}`,
    ];
    return spawnSync(
      'ssh',
      [
        ...given,
        ...options.flatMap(option => ['-o', option]),
        ...rest.slice(0, -1),
        `${login}@127.0.0.1`,
        rest.at(-1)!,
      ],
      { encoding: 'utf8', timeout: 20_000 },
    );
  }

  const certificate = (changes: Partial<CertificateFields> = {}) =>
    signUserCertificate(
      fields({
        publicKeyLine: readFileSync(`${identity}.pub`, 'utf8').trim(),
        principals: [principalOf('db01', 'acme', login)],
        ...changes,
      }),
    );

  test('lets one in that issueSshCertificate made', () => {
    const issued = issueSshCertificate(
      ca.privateKey,
      ask({
        publicKey: readFileSync(`${identity}.pub`, 'utf8').trim(),
        login,
        sourceAddresses: ['127.0.0.1'],
        now: new Date(),
        grantEndsAt: new Date(Date.now() + 60_000),
      }),
    );
    expect(ssh(issued.certificate, '127.0.0.1', 'echo in')).toMatchObject({ status: 0, stdout: 'in\n' });
  });

  test('gives a terminal only with the extension', () => {
    expect(ssh(certificate({ extensions: ['permit-pty'] }), '127.0.0.1', '-tt', 'tty').stdout).toContain(
      '/dev/pts/',
    );
    expect(ssh(certificate(), '127.0.0.1', '-tt', 'tty').stderr).toContain('PTY allocation request failed');
  });

  test.each<[string, string, () => Partial<CertificateFields>]>([
    [
      'one that has expired',
      '127.0.0.1',
      () => ({ validAfter: nowSeconds() - 100, validBefore: nowSeconds() }),
    ],
    [
      'one of tomorrow',
      '127.0.0.1',
      () => ({ validAfter: nowSeconds() + 60, validBefore: nowSeconds() + 120 }),
    ],
    ['one for another target', '127.0.0.1', () => ({ principals: [`sallyport:db02.acme:${login}`] })],
    ['one for another tenant', '127.0.0.1', () => ({ principals: [`sallyport:db01.globex:${login}`] })],
    ['one from another address', '127.0.0.2', () => ({})],
    ['one of another authority', '127.0.0.1', () => ({ caPrivate: createUserCa().privateKey })],
  ])('refuses %s', (_, from, changes) => {
    const { status, stderr } = ssh(certificate(changes()), from, 'echo in');
    expect(status).toBe(255);
    expect(stderr).toContain('Permission denied');
  });

  test('takes the other address where the certificate names it', () => {
    expect(ssh(certificate({ sourceAddress: '127.0.0.2/32' }), '127.0.0.2', 'echo in').stdout).toBe('in\n');
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => socket.destroy() && resolve(true));
    socket.once('error', () => resolve(false));
  });
}
