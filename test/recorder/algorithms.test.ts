import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { houseForEachTest } from './for-each-test.ts';
import { type House, Run } from './house.ts';
import { makeKey } from './sshd.ts';

let house: House;
houseForEachTest(opened => {
  house = opened;
});

const TRANSPORT = {
  ciphers: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  macs: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
};

/** The name-lists of the KEXINIT in what a peer sent first (RFC 4253 sections 6 and 7.1). */
function offered(said: Buffer): string[][] {
  const at = said.indexOf('\r\n') + 2;
  const length = said.readUInt32BE(at);
  const payload = said.subarray(at + 5, at + 4 + length - said[at + 4]!);
  expect(payload[0]).toBe(20);
  const lists: string[][] = [];
  for (let position = 17; lists.length < 10; ) {
    const size = payload.readUInt32BE(position);
    const names = payload.toString('latin1', position + 4, position + 4 + size);
    lists.push(names === '' ? [] : names.split(','));
    position += 4 + size;
  }
  return lists;
}

const both = <T>(value: T): [T, T] => [value, value];

test('what we offer a person is this and nothing else', async () => {
  const said = await new Promise<Buffer>(resolve => {
    let all = Buffer.alloc(0);
    const socket = connect(house.gateway.port, '127.0.0.1', () => socket.write('SSH-2.0-x\r\n'));
    socket.on('data', chunk => {
      all = Buffer.concat([all, chunk]);
      const line = all.indexOf('\r\n') + 2;
      if (all.length < line + 4 || all.length < line + 4 + all.readUInt32BE(line)) return;
      socket.destroy();
      resolve(all);
    });
  });
  expect(offered(said)).toEqual([
    [...TRANSPORT.kex, 'kex-strict-s-v00@openssh.com'],
    ['ssh-ed25519'],
    ...both(TRANSPORT.ciphers),
    ...both(TRANSPORT.macs),
    ...both(['none']),
    ...both([]),
  ]);
});

test('what we offer a target is this, and its host key types are those on file', async () => {
  let heard: (said: Buffer) => void = () => {};
  const said = new Promise<Buffer>(resolve => {
    heard = resolve;
  });
  const target = createServer(socket => {
    let all = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.write('SSH-2.0-x\r\n');
    socket.on('data', chunk => {
      all = Buffer.concat([all, chunk]);
      const line = all.indexOf('\r\n') + 2;
      if (line < 2 || all.length < line + 4 || all.length < line + 4 + all.readUInt32BE(line)) return;
      heard(all);
      socket.destroy();
    });
  });
  await new Promise<void>(resolve => target.listen(0, '127.0.0.1', resolve));
  const { port } = target.address() as { port: number };
  house.controlPlane.answer = admission => ({ ...admission, port });
  const run = house.ssh(['true']);
  expect(offered(await said)).toEqual([
    [...TRANSPORT.kex, 'ext-info-c', 'kex-strict-c-v00@openssh.com'],
    ['ssh-ed25519'],
    ...both(TRANSPORT.ciphers),
    ...both(TRANSPORT.macs),
    ...both(['none']),
    ...both([]),
  ]);
  await run.ended;
  target.close();
});

describe('a stock client that insists on the old finds nothing in common:', () => {
  test.each([
    ['SHA-1 in the key exchange', ['KexAlgorithms=diffie-hellman-group14-sha1'], /no matching key exchange/],
    ['group exchange', ['KexAlgorithms=diffie-hellman-group-exchange-sha256'], /no matching key exchange/],
    ['a host key over SHA-1', ['HostKeyAlgorithms=ssh-rsa'], /no matching host key type/],
    ['CBC', ['Ciphers=aes256-cbc'], /no matching cipher/],
    ['3DES', ['Ciphers=3des-cbc'], /no matching cipher/],
    [
      'a MAC over SHA-1',
      ['Ciphers=aes128-ctr', 'MACs=hmac-sha1,hmac-sha1-etm@openssh.com'],
      /no matching MAC/,
    ],
    ['a MAC of 64 bits', ['Ciphers=aes128-ctr', 'MACs=umac-64@openssh.com'], /no matching MAC/],
  ])('%s', async (_name, options, says) => {
    const ran = await house.ssh(['-v', ...options.flatMap(option => ['-o', option]), 'true']).ended;
    expect(ran.status).toBe(255);
    expect(ran.stderr).toMatch(says);
  });
});

test('a stock client sees strict key exchange, compresses nothing, and gets in by each that we offer', async () => {
  const ran = await house.ssh(['-vv', '-C', 'echo in']).ended;
  expect(ran.stdout.toString()).toBe('in\n');
  expect(ran.stderr).toMatch(/peer server KEXINIT proposal\r?\n.*kex-strict-s-v00@openssh\.com/);
  expect(ran.stderr).toMatch(/resetting send seqnr/);
  expect(ran.stderr).toMatch(/kex: client->server cipher: \S+ MAC: \S+ compression: none/);
  expect(ran.stderr).toContain(
    'server-sig-algs=<ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256>',
  );
  const choices = [
    ...TRANSPORT.kex.map(name => `KexAlgorithms=${name}`),
    ...TRANSPORT.ciphers.map(name => `Ciphers=${name}`),
  ];
  for (const choice of choices) {
    expect((await house.ssh(['-o', choice, 'echo in']).ended).stdout.toString(), choice).toBe('in\n');
  }
});

test.each(['ed25519', 'ecdsa', 'rsa'])('a key of type %s gets in', async type => {
  const path = join(house.folder, type);
  makeKey(path, type);
  const listed = await new Run('ssh-keygen', ['-lf', `${path}.pub`]).ended;
  house.controlPlane.keys.set(listed.stdout.toString().split(' ')[1]!, { person: 'maya@msp', name: 'Maya' });
  // The first key that is named is offered first, and is unknown here.
  house.controlPlane.keys.delete([...house.controlPlane.keys.keys()][0]!);
  const ran = await house.ssh(['-i', path, 'echo in']).ended;
  expect(ran.stdout.toString()).toBe('in\n');
});

test('ssh-keyscan finds one host key', async () => {
  const { port } = house.gateway;
  const ran = await new Run('ssh-keyscan', ['-p', `${port}`, '127.0.0.1']).ended;
  const found = ran.stdout.toString().trim().split('\n');
  expect(found).toEqual([`[127.0.0.1]:${port} ${house.gateway.hostKeyLine}`]);
});
