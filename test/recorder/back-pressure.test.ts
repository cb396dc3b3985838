import { spawnSync } from 'node:child_process';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import ssh2, { type ClientChannel } from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createHostKey } from '../../recorder/main.ts';
import { GatewayProcess } from './apart.ts';
import type { Measured } from './gateway-process.ts';
import { type Sshd, startSshd } from './sshd.ts';
import { sendPayload, socketOf, sshString, uint32 } from './wire.ts';

// One end floods, another does not read: everything must come to a stand, with little held in between. Measured in the
// gateway's own process, in bytes that its sockets hold; resident memory has a generous bound beside it.

const MB = 1024 * 1024;
let sshd: Sshd;
let gateway: GatewayProcess;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());
afterEach(() => gateway.stop());

const start = async (host: Pick<Sshd, 'port' | 'hostKey' | 'authority'> = sshd) => {
  gateway = await GatewayProcess.start(host);
};

/** `moved`: what had to go through before it can be called a flood. */
async function bounded(most: number, moved: number): Promise<Measured> {
  await gateway.until(measured => measured.moved >= moved);
  const measured = await gateway.stalled();
  expect(measured.peakBuffered).toBeLessThan(most);
  expect(measured.peakRss - gateway.restingRss).toBeLessThan(300 * MB);
  expect(measured.uncaught).toEqual([]);
  return measured;
}

const serves = async () =>
  expect((await gateway.stock('ssh', ['root@db01@127.0.0.1', 'echo alive']).ended).stdout.toString()).toBe(
    'alive\n',
  );

interface Windows {
  readonly _protocol: { channelWindowAdjust(channel: number, amount: number): void };
}
const grant = (client: ssh2.Client, channel: number) => {
  for (let times = 0; times < 4; times += 1)
    (client as unknown as Windows)._protocol.channelWindowAdjust(channel, 0xffffffff);
};

const COPIES: [string, readonly string[]][] = [
  ['over sftp', []],
  ['the old way', ['-O']],
];

const FLOOD = 'exec yes "a line that a target says over and over again"';
const exec = (client: ssh2.Client, command: string) =>
  new Promise<ClientChannel>((resolve, reject) =>
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel))),
  );

describe('a target floods, and the person', () => {
  test('grants a huge window and never reads', async () => {
    await start();
    const client = await gateway.client();
    await exec(client, FLOOD);
    grant(client, 0);
    socketOf(client).pause();
    await bounded(4 * MB, MB);
    client.destroy();
    await gateway.until(({ endings }) => endings.includes('client-lost'));
    await serves();
  });

  test('does so on 32 channels at once', async () => {
    await start();
    const client = await gateway.client();
    for (let channel = 0; channel < 32; channel += 1) {
      await exec(client, `sleep 1; ${FLOOD}`);
      grant(client, channel);
    }
    socketOf(client).pause();
    // Each channel may have as much on its way as its recording holds back, which is 1 MB.
    await bounded(40 * MB, MB);
    client.destroy();
    await gateway.until(({ live }) => live === 0);
    await serves();
  });

  test('grants nothing at all', async () => {
    await start();
    const client = await gateway.client();
    // byte, string type, uint32 sender, uint32 window, uint32 packet; then an exec on the first channel of theirs.
    sendPayload(
      client,
      Buffer.concat([Buffer.of(90), sshString('session'), uint32(7), uint32(0), uint32(32_768)]),
    );
    sendPayload(
      client,
      Buffer.concat([Buffer.of(98), uint32(0), sshString('exec'), Buffer.of(0), sshString(FLOOD)]),
    );
    await gateway.until(({ live }) => live === 1);
    await bounded(4 * MB, 100_000);
    client.destroy();
    await serves();
  });

  test.each(COPIES)('stalls a copy %s', async (_name, options) => {
    await start();
    // Between scp and the gateway: takes nothing more from the gateway after a while.
    const way = await Stalling.listen(gateway.port, 'answers', 4 * MB);
    const big = join(gateway.folder, 'big');
    spawnSync('truncate', ['-s', '512M', big]);
    const to = join(gateway.folder, 'copy');
    const run = gateway.stock('scp', [...options, '-P', `${way.port}`, `root@db01@127.0.0.1:${big}`, to]);
    await way.stalled;
    await bounded(4 * MB, MB);
    run.child.kill('SIGKILL');
    way.close();
    await gateway.until(({ live }) => live === 0);
    await serves();
  });
});

describe('a person floods, and the target', () => {
  test('never reads', async () => {
    await start();
    const client = await gateway.client();
    const channel = await exec(client, 'exec sleep 600');
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (let sent = 0; sent < 64 * MB; sent += chunk.length) channel.write(chunk);
    await bounded(4 * MB, MB);
    // Most of it never left the person.
    expect(channel.writableLength).toBeGreaterThan(32 * MB);
    client.destroy();
    await serves();
  });

  test('grants a huge window and never reads', async () => {
    const target = await HostileTarget.listen((connection, channel) => {
      const { _protocol, _sock } = connection as unknown as Windows & { _sock: { pause(): void } };
      for (let times = 0; times < 4; times += 1) _protocol.channelWindowAdjust(channel, 0xffffffff);
      _sock.pause();
    });
    await start(target);
    const client = await gateway.client();
    const channel = await exec(client, 'anything');
    const chunk = Buffer.alloc(64 * 1024, 'x');
    for (let sent = 0; sent < 64 * MB; sent += chunk.length) channel.write(chunk);
    await bounded(4 * MB, MB);
    expect(channel.writableLength).toBeGreaterThan(16 * MB);
    client.destroy();
    target.close();
  });

  test.each(COPIES)('stalls a copy %s', async (_name, options) => {
    // Between the gateway and the host: takes nothing more from the gateway after a while.
    const way = await Stalling.listen(sshd.port, 'questions', 4 * MB);
    await start({ ...sshd, port: way.port });
    const big = join(gateway.folder, 'big');
    spawnSync('truncate', ['-s', '512M', big]);
    const run = gateway.stock('scp', [
      ...options,
      big,
      `root@db01@127.0.0.1:${join(gateway.folder, 'copy')}`,
    ]);
    await way.stalled;
    await bounded(4 * MB, MB);
    // scp leaves its ssh behind, which waits for the host.
    run.child.kill('SIGKILL');
    way.close();
    await gateway.until(({ live }) => live === 0);
  });
});

describe('a peer that ignores the rules is cut:', () => {
  test('a target that sends past its window', async () => {
    const target = await HostileTarget.listen((connection, channel) => {
      const protocol = (
        connection as unknown as { _protocol: { channelData(id: number, data: Buffer): void } }
      )._protocol;
      const chunk = Buffer.alloc(32_000, 'x');
      for (let sent = 0; sent < 64 * MB; sent += chunk.length) protocol.channelData(channel, chunk);
    });
    await start(target);
    const client = await gateway.client();
    const channel = await exec(client, 'anything');
    // The person reads nothing, so nothing gives the target a window.
    channel.pause();
    socketOf(client).pause();
    await target.lost;
    const { peakBuffered } = await gateway.measure();
    expect(peakBuffered).toBeLessThan(8 * MB);
    client.destroy();
    await gateway.until(({ live }) => live === 0);
    target.close();
  });

  test('a person that sends past their window', async () => {
    await start();
    const client = await gateway.client();
    await exec(client, 'exec sleep 600');
    const gone = new Promise<void>(resolve => client.once('close', () => resolve()));
    const data = Buffer.concat([Buffer.of(94), uint32(0), sshString(Buffer.alloc(32_000, 'x'))]);
    for (let sent = 0; sent < 16 * MB; sent += data.length) sendPayload(client, data);
    await gone;
    await gateway.until(({ endings }) => endings.includes('client-lost'));
    await serves();
  });

  test('a target whose channel takes packets of nothing', async () => {
    const target = await HostileTarget.listen(() => {}, 0);
    await start(target);
    const client = await gateway.client();
    const channel = await exec(client, 'anything');
    channel.write('a byte that would be sent for ever');
    const { endings } = await gateway.until(measured => measured.endings.length === 1);
    expect(endings).toEqual(['target-unreachable']);
    client.destroy();
    target.close();
  });

  test('a person whose channel takes packets of nothing', async () => {
    await start();
    const client = await gateway.client();
    const told = new Promise<Buffer>(resolve => onPayload(client, 92, resolve));
    sendPayload(
      client,
      Buffer.concat([Buffer.of(90), sshString('session'), uint32(7), uint32(1e6), uint32(0)]),
    );
    // byte, uint32 their channel, uint32 reason: a shortage.
    expect((await told).subarray(0, 9)).toEqual(Buffer.concat([Buffer.of(92), uint32(7), uint32(4)]));
    client.end();
    await serves();
  });
});

describe('a person asks without end and reads no answer:', () => {
  const place = Buffer.concat([sshString('a'), uint32(1)]);
  const open = (type: string) =>
    Buffer.concat([Buffer.of(90), sshString(type), uint32(1), uint32(9), uint32(32_768), place, place]);
  const request = (type: string, ...rest: Buffer[]) =>
    Buffer.concat([Buffer.of(98), uint32(0), sshString(type), Buffer.of(1), ...rest]);

  test('whether we are there, channels and forwards', async () => {
    await start();
    const client = await gateway.client();
    const socket = socketOf(client);
    socket.pause();
    const alive = Buffer.concat([Buffer.of(80), sshString('keepalive@openssh.com'), Buffer.of(1)]);
    const asked = [alive, open('session'), open('direct-tcpip'), open('x11')];
    for (let sent = 0; sent < 24 * MB; sent += 80) sendPayload(client, asked[(sent / 80) % asked.length]!);
    await bounded(16 * MB, MB);
    // Much never left the person.
    expect(socket.writableLength).toBeGreaterThan(2 * MB);
    client.destroy();
    await serves();
  });

  test('environment, sizes and signals', async () => {
    await start();
    const client = await gateway.client();
    await exec(client, 'exec sleep 600');
    const socket = socketOf(client);
    socket.pause();
    const asked = [
      request('env', sshString('LANG'), sshString('C')),
      request('window-change', uint32(80), uint32(24), uint32(0), uint32(0)),
      request('signal', sshString('USR1')),
      request('signal', sshString('NONE')),
    ];
    for (let sent = 0; sent < 6 * MB; sent += 80) sendPayload(client, asked[(sent / 80) % asked.length]!);
    await bounded(16 * MB, MB);
    client.destroy();
    await serves();
  });
});

/** A way to a port on which, after so many bytes, one direction is not read any more. */
class Stalling {
  readonly port: number;
  readonly stalled: Promise<void>;
  readonly #server: Server;
  readonly #sockets: Socket[];

  private constructor(port: number, stalled: Promise<void>, server: Server, sockets: Socket[]) {
    this.port = port;
    this.stalled = stalled;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async listen(to: number, what: 'questions' | 'answers', after: number): Promise<Stalling> {
    const sockets: Socket[] = [];
    let stall: () => void = () => {};
    const stalled = new Promise<void>(resolve => {
      stall = resolve;
    });
    const server = createServer(near => {
      const far = connect(to, '127.0.0.1');
      sockets.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => {});
      const [from, into] = what === 'questions' ? [near, far] : [far, near];
      into.pipe(from);
      from.on('data', bytes => {
        into.write(bytes);
        if (from.bytesRead < after) return;
        from.pause();
        stall();
      });
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return new Stalling((server.address() as { port: number }).port, stalled, server, sockets);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** Calls `then` with the first payload of a type that the gateway sends. */
function onPayload(client: ssh2.Client, type: number, then: (payload: Buffer) => void): void {
  const { _decipher } = (
    client as unknown as { _protocol: { _decipher: { _onPayload(payload: Buffer): unknown } } }
  )._protocol;
  const next = _decipher._onPayload;
  _decipher._onPayload = payload => {
    if (payload[0] === type) then(Buffer.from(payload));
    return next(payload);
  };
}

/** A host that lets everybody in, takes any command, and then does as it likes. */
class HostileTarget {
  readonly port: number;
  readonly hostKey: string;
  readonly authority = sshd.authority;
  /** Resolves when a connection of the gateway has closed. */
  readonly lost: Promise<void>;
  readonly #server: ssh2.Server;

  private constructor(port: number, hostKey: string, server: ssh2.Server, lost: Promise<void>) {
    this.port = port;
    this.hostKey = hostKey;
    this.#server = server;
    this.lost = lost;
  }

  static async listen(
    act: (connection: ssh2.Connection, channel: number) => void,
    packetSize = 32_768,
  ): Promise<HostileTarget> {
    const pem = createHostKey();
    const key = ssh2.utils.parseKey(pem);
    if (key instanceof Error) throw key;
    let close: () => void = () => {};
    const lost = new Promise<void>(resolve => {
      close = resolve;
    });
    const server = new ssh2.Server({ hostKeys: [pem] }, connection => {
      connection.on('error', () => {});
      connection.on('close', close);
      connection.on('authentication', context => context.accept());
      const { _protocol } = connection as unknown as {
        _protocol: {
          channelOpenConfirm(remote: number, local: number, window: number, packet: number): void;
        };
      };
      const confirm = _protocol.channelOpenConfirm;
      _protocol.channelOpenConfirm = (remote, local, window) =>
        confirm.call(_protocol, remote, local, window, packetSize);
      connection.on('session', accept => {
        accept().on('exec', acceptExec => {
          acceptExec();
          act(connection, 0);
        });
      });
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    return new HostileTarget(port, `ssh-ed25519 ${key.getPublicSSH().toString('base64')}`, server, lost);
  }

  close(): void {
    this.#server.close();
  }
}
