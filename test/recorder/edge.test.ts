import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { describe, expect, test } from 'vitest';
import { createHostKey } from '../../recorder/main.ts';
import { GARBLED } from '../../recorder/messages.ts';
import { checkedCast } from './cast.ts';
import { houseForEachTest } from './for-each-test.ts';
import { type House, Run } from './house.ts';
import { makeKey } from './sshd.ts';
import { knownClient } from './wire.ts';

let house: House;
houseForEachTest(
  opened => {
    house = opened;
  },
  { limits: { authenticationMs: 1500, unknownPerAddress: 8 } },
);

const stranger = (extra: readonly string[], input: 'open' | 'closed' = 'closed') =>
  new Run(
    'ssh',
    [
      ...['-F', '/dev/null', '-o', 'IdentityAgent=none', '-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=INFO'],
      ...[
        '-o',
        `UserKnownHostsFile=${join(house.folder, 'known_hosts')}`,
        '-p',
        `${house.gateway.port}`,
        ...extra,
      ],
    ],
    input,
  );

/** Connects, sends, and resolves with all that came back when the gateway hangs up. */
function send(bytes: Buffer, options: { hangUp?: boolean } = {}): Promise<string> {
  return new Promise(resolve => {
    let said = '';
    const socket: Socket = connect(house.gateway.port, '127.0.0.1', () => {
      socket.write(bytes);
      if (options.hangUp) socket.end();
    });
    socket.on('data', chunk => {
      said += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(said));
  });
}

const serves = async () => expect((await house.ssh(['echo alive']).ended).stdout.toString()).toBe('alive\n');

describe('a person without a known key', () => {
  test('gets a sign-in link, and waits past the time limit for it', async () => {
    const key = join(house.folder, 'unknown');
    makeKey(key);
    const run = stranger(['-i', key, 'root@db01@127.0.0.1', 'echo in']);
    await run.says('BCDF-GHJK');
    expect(run.said).toContain('http://broker.test/sign-in/ssh');
    expect(run.said).toContain('sallyport: your key is not known here.');
    // Longer than the limit for strangers: the sign-in has its own.
    await new Promise(resolve => setTimeout(resolve, 1800));
    house.controlPlane.completeSignIn({ person: 'maya@msp', name: 'Maya', at: Date.now() });
    const ran = await run.ended;
    expect(ran.status).toBe(0);
    expect(ran.stdout.toString()).toBe('in\n');
    const [asked] = house.controlPlane.admissions;
    expect(asked).toMatchObject({ person: 'maya@msp', username: 'root@db01', knownBy: { kind: 'sign-in' } });
    expect(Date.now() - (asked!.knownBy as { at: number }).at).toBeLessThan(5_000);
  });

  test('who gives up leaves nothing behind', async () => {
    const run = stranger(['root@db01@127.0.0.1', 'true']);
    await run.says('BCDF-GHJK');
    run.child.kill('SIGKILL');
    await house.controlPlane.until(() => house.controlPlane.signInAborted === 1);
    await serves();
  });

  test('waits with a few others of the address at most, and in the place of nobody else', async () => {
    const waiting = Array.from({ length: 4 }, () => stranger(['root@db01@127.0.0.1', 'true']));
    await Promise.all(waiting.map(run => run.says('BCDF-GHJK')));
    const fifth = await stranger(['-o', 'NumberOfPasswordPrompts=1', 'root@db01@127.0.0.1', 'true']).ended;
    expect(fifth.status).toBe(255);
    expect(fifth.stdout + fifth.stderr).not.toContain('BCDF-GHJK');
    // As many unknown ones as ever find room beside the four that wait.
    const idle = Array.from({ length: 7 }, () => connect(house.gateway.port, '127.0.0.1'));
    await Promise.all(idle.map(socket => new Promise(resolve => socket.once('data', resolve))));
    await serves();
    for (const socket of idle) socket.destroy();
    waiting[0]!.child.kill('SIGKILL');
    await house.controlPlane.until(() => house.controlPlane.signInAborted === 1);
    const next = stranger(['root@db01@127.0.0.1', 'true']);
    await next.says('BCDF-GHJK');
    for (const run of [...waiting, next]) run.child.kill('SIGKILL');
  });

  test('whose sign-in expires is refused', async () => {
    const run = stranger(['-o', 'NumberOfPasswordPrompts=1', 'root@db01@127.0.0.1', 'true']);
    await run.says('BCDF-GHJK');
    house.controlPlane.completeSignIn(null);
    expect((await run.ended).status).toBe(255);
    expect(house.controlPlane.admissions).toHaveLength(0);
  });
});

test('a key that is known is let in only with its signature', async () => {
  // A client that claims Maya's key and cannot sign with it.
  makeKey(join(house.folder, 'impostor'));
  const [own, thief] = ['maya.pub', 'impostor'].map(name => {
    const key = ssh2.utils.parseKey(readFileSync(join(house.folder, name)));
    if (key instanceof Error) throw key;
    return key;
  });
  const claimed = Object.assign(Object.create(Object.getPrototypeOf(thief)), thief, {
    getPublicSSH: () => own!.getPublicSSH(),
    sign: (data: Buffer) => thief!.sign(data),
  });
  const outcome = await attempt(() => ({ type: 'publickey', username: 'root@db01', key: claimed }));
  expect(outcome).toMatch(/authentication methods failed|authentication failures/i);
  expect(house.controlPlane.admissions).toHaveLength(0);
});

/** Tries methods until the gateway hangs up or ssh2 runs out; resolves with the error's words, or `in`. */
function attempt(next: (count: number) => object | false): Promise<string> {
  return new Promise(resolve => {
    let count = 0;
    const client = new ssh2.Client();
    client.on('error', error => resolve(error.message));
    client.on('close', () => resolve('closed'));
    client.on('ready', () => {
      resolve('in');
      client.end();
    });
    client.connect({
      host: '127.0.0.1',
      port: house.gateway.port,
      username: 'root@db01',
      authHandler: (() => {
        count += 1;
        return next(count);
      }) as never,
    });
  });
}

test('attempts are counted, and the seventh is not heard', async () => {
  let tried = 0;
  const outcome = await attempt(count => {
    if (count > 12) return false;
    tried = count;
    return { type: 'password', username: 'root@db01', password: 'guess' };
  });
  expect(outcome).toContain('Too many authentication failures');
  expect(tried).toBe(6);
  await serves();
});

test('time is limited for strangers alone', async () => {
  const said = await send(Buffer.from('SSH-2.0-slow\r\n'));
  expect(said).toMatch(/^SSH-2\.0-Sallyport\r\n/);
  const run = house.ssh(['sleep 2; echo still in']);
  expect((await run.ended).stdout.toString()).toBe('still in\n');
});

test('connections of one address are limited until their person is known', async () => {
  const idle = Array.from({ length: 8 }, () => connect(house.gateway.port, '127.0.0.1'));
  await Promise.all(idle.map(socket => new Promise(resolve => socket.once('data', resolve))));
  expect(await send(Buffer.alloc(0))).toBe('');
  for (const socket of idle) socket.destroy();
  await Promise.all(idle.map(socket => new Promise(resolve => socket.once('close', resolve))));
  await serves();
});

describe('hostile bytes before authentication leave it serving:', () => {
  const exchange = Buffer.from('SSH-2.0-x\r\n');
  const packet = (payload: Buffer) => {
    const padding = 8 + ((8 - ((payload.length + 5) % 8)) % 8);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(payload.length + padding + 1);
    head[4] = padding;
    return Buffer.concat([head, payload, Buffer.alloc(padding)]);
  };
  test.each<[string, Buffer]>([
    ['random', randomBytes(100_000)],
    ['a banner without end', Buffer.alloc(2_000_000, 'a')],
    ['a banner of many lines', Buffer.from('hello\r\n'.repeat(100_000))],
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['an old version', Buffer.from('SSH-1.5-x\r\n')],
    ['random after the banner', Buffer.concat([exchange, randomBytes(10_000)])],
    ['a packet of 4 GB', Buffer.concat([exchange, Buffer.alloc(64, 0xff)])],
    ['an empty key exchange', Buffer.concat([exchange, packet(Buffer.of(20))])],
    [
      'lists that lie about their length',
      Buffer.concat([exchange, packet(Buffer.concat([Buffer.of(20), randomBytes(40)]))]),
    ],
    [
      'a request out of turn',
      Buffer.concat([exchange, packet(Buffer.concat([Buffer.of(50), randomBytes(40)]))]),
    ],
    [
      'a channel out of turn',
      Buffer.concat([exchange, packet(Buffer.concat([Buffer.of(90), randomBytes(40)]))]),
    ],
  ])('%s', async (_name, bytes) => {
    await Promise.all([
      send(bytes, { hangUp: true }),
      send(bytes),
      send(bytes.subarray(0, bytes.length / 2)),
    ]);
    await serves();
  });
});

test('what is not a session is refused with a reason', async () => {
  const run = house.ssh(['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', 'echo never']);
  expect((await run.ended).status).toBe(255);
  const forward = stranger(['-i', join(house.folder, 'maya'), '-W', '127.0.0.1:1', 'root@db01@127.0.0.1']);
  expect((await forward.ended).stderr).toContain('sallyport: port forwarding is not open here');
});

test('agent, X11 and unknown subsystems do not get through', async () => {
  expect((await house.ssh(['-A', '-X', 'echo "a$SSH_AUTH_SOCK$DISPLAY"']).ended).stdout.toString()).toBe(
    'a\n',
  );
  expect((await house.ssh(['-s', 'netconf']).ended).status).not.toBe(0);
  expect(house.controlPlane.admissions).toHaveLength(1);
});

test('a client that grants a huge window and reads nothing does not fill the memory', async () => {
  const before = process.memoryUsage().rss;
  const client = await knownClient(house);
  const insides = client as unknown as {
    _sock: Socket;
    _protocol: { channelWindowAdjust(channel: number, amount: number): void };
  };
  await new Promise<void>((resolve, reject) => {
    client.exec('exec cat /dev/zero | tr "\\0" x', error => (error ? reject(error) : resolve()));
  });
  insides._protocol.channelWindowAdjust(0, 0x7fffffff);
  insides._protocol.channelWindowAdjust(0, 0x7fffffff);
  insides._sock.pause();
  // Time is the subject here: two seconds in which memory must not grow.
  for (let look = 0; look < 8; look += 1) {
    await new Promise(resolve => setTimeout(resolve, 250));
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
  }
  client.destroy();
  const ending = await house.controlPlane.ended();
  expect(ending.reason).toBe('client-lost');
  expect(ending.bytesOut).toBeLessThan(64 * 1024 * 1024);
  checkedCast(house, ending);
});

test('signals reach the target, and the record says so', async () => {
  // OpenSSH passes no signals to a session of root, so the target is a server that says what it got.
  const hostKey = createHostKey();
  const target = new ssh2.Server({ hostKeys: [hostKey] }, connection => {
    connection.on('error', () => {});
    connection.on('authentication', context => context.accept());
    connection.on('session', accept => {
      const session = accept();
      session.on('exec', acceptExec => {
        const channel = acceptExec();
        channel.write('ready');
        session.on('signal', (_accept, _reject, info) => {
          if (!info.name.endsWith('TERM')) return;
          channel.exit(info.name, false, '');
          channel.end();
        });
      });
    });
  });
  await new Promise<void>(resolve => target.listen(0, '127.0.0.1', resolve));
  const { port } = target.address() as { port: number };
  const key = ssh2.utils.parseKey(hostKey);
  if (key instanceof Error) throw key;
  const pinned = `ssh-ed25519 ${key.getPublicSSH().toString('base64')}`;
  house.controlPlane.answer = admission => ({ ...admission, port, hostKeys: [pinned] });

  const client = await knownClient(house);
  const signal = await new Promise(resolve => {
    client.exec('wait', (error, channel) => {
      if (error) throw error;
      channel.on('data', () => {
        // One name many times is one mark.
        for (let times = 0; times < 50; times++) channel.signal('USR1');
        channel.signal('TERM');
      });
      channel.on('exit', (_code: number | null, name?: string) => resolve(name));
    });
  });
  expect(signal).toBe('SIGTERM');
  client.end();
  const ending = await house.controlPlane.ended();
  expect(ending).toMatchObject({ reason: 'closed', exitStatus: null });
  const { markers } = checkedCast(house, ending);
  expect(markers).toEqual(['exec: wait', 'signal: USR1', 'signal: TERM', 'ended: signal TERM']);
  target.close();
});

describe('control characters open nothing, and are told so:', () => {
  test.each([
    ['NUL in a command', 'root@db01', 'echo a\0b'],
    ['an escape in a command', 'root@db01', 'echo \u001b[2J'],
    ['NUL in a name', 'root@db01\0x', 'echo never'],
    ['a newline in a name', 'root@db01\nx', 'echo never'],
  ])('%s', async (_name, username, command) => {
    const client = await knownClient(house, username);
    let said = '';
    const status = await new Promise(resolve => {
      client.exec(command, (error, channel) => {
        if (error) throw error;
        let code: number | null = null;
        const hear = (bytes: Buffer) => {
          said += bytes;
        };
        channel.on('data', hear);
        channel.stderr.on('data', hear);
        channel.on('exit', (told: number) => {
          code = told;
        });
        channel.on('close', () => resolve(code));
      });
    });
    client.end();
    expect(status).toBe(1);
    expect(said).toBe(`sallyport: ${GARBLED[0]}\n`);
    expect(house.controlPlane.admissions).toHaveLength(0);
  });

  test('tab and newline in a command are none of them', async () => {
    expect((await house.ssh(['echo\ta\necho b']).ended).stdout.toString()).toBe('a\nb\n');
    const listed = [...house.controlPlane.keys.keys()][0]!;
    expect(house.controlPlane.admissions[0]!.knownBy).toEqual({ kind: 'key', fingerprint: listed });
  });
});

test('the words of a hostile target decide nothing and are told to nobody', async () => {
  const words = 'host key mismatch \u001b[2J all is well';
  const bye = Buffer.concat([
    Buffer.of(1, 0, 0, 0, 2),
    ...[words, ''].flatMap(text => [Buffer.of(0, 0, 0, text.length), Buffer.from(text)]),
  ]);
  const target = createServer(socket => {
    socket.on('error', () => {});
    const padding = 8 + ((8 - ((bye.length + 5) % 8)) % 8);
    const head = Buffer.of(0, 0, 0, bye.length + padding + 1, padding);
    socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), head, bye, Buffer.alloc(padding)]));
  });
  await new Promise<void>(resolve => target.listen(0, '127.0.0.1', resolve));
  const { port } = target.address() as { port: number };
  house.controlPlane.answer = admission => ({ ...admission, port });
  const ran = await house.ssh(['true']).ended;
  expect(ran.stderr).toContain('sallyport: db01 could not be reached');
  const ending = await house.controlPlane.ended();
  expect(ending.reason).toBe('target-unreachable');
  const cast = checkedCast(house, ending);
  const told = [ran.stderr, house.controlPlane.incidents[0]!.detail, ...cast.markers, cast.text('o')].join();
  expect(told).not.toMatch(/host key|all is well|\u001b/);
  target.close();
});
