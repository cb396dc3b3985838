import { connect, type Socket } from 'node:net';
import ssh2 from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { GatewayLimits } from '../../recorder/main.ts';
import { checkedCast } from './cast.ts';
import { House } from './house.ts';
import { type Sshd, startSshd } from './sshd.ts';
import { knownClient, sendPayload, socketOf, sshString, uint32 } from './wire.ts';

let sshd: Sshd;
let house: House;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());
afterEach(() => house.close());

const open = async (limits: Partial<GatewayLimits> = {}) => {
  house = await House.open(sshd, { limits });
};
const serves = async () => expect((await house.ssh(['echo alive']).ended).stdout.toString()).toBe('alive\n');
const closed = (socket: Socket) =>
  new Promise<void>(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve())));

/** A stranger's socket; what came in so far is `said`. */
class Stranger {
  readonly socket: Socket;
  said = '';

  constructor() {
    this.socket = connect({ port: house.gateway.port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('data', chunk => {
      this.said += chunk.toString('latin1');
    });
  }

  send(bytes: Buffer | string): Promise<void> {
    return new Promise(resolve => this.socket.write(bytes, () => resolve()));
  }

  async hears(what: string): Promise<void> {
    while (!this.said.includes(what)) {
      if (this.socket.closed) throw new Error(`it closed without: ${this.said}`);
      await new Promise(resolve => this.socket.once('data', resolve).once('close', resolve));
    }
  }

  /** Whether it was let in far enough to hear our name. */
  async greeted(): Promise<boolean> {
    return this.hears('SSH-2.0-Sallyport').then(
      () => true,
      () => false,
    );
  }
}

/** One write a turn, so that each byte comes alone. */
async function byteByByte(stranger: Stranger, text: string): Promise<number> {
  let sent = 0;
  for (const byte of text) {
    if (stranger.socket.destroyed || stranger.socket.closed) break;
    await stranger.send(byte);
    await new Promise(resolve => setImmediate(resolve));
    sent += 1;
  }
  return sent;
}

describe('the first line of a stranger', () => {
  test('may come byte by byte', async () => {
    await open();
    const stranger = new Stranger();
    await byteByByte(stranger, 'SSH-2.0-slow but honest\r\n');
    await stranger.hears('curve25519-sha256');
    stranger.socket.destroy();
  });

  test('ends within 255 bytes, however it comes', async () => {
    await open();
    const slow = new Stranger();
    const sent = await byteByByte(slow, 'a'.repeat(5_000));
    await closed(slow.socket);
    expect(sent).toBeLessThan(5_000);
    for (const line of [`SSH-2.0-${'a'.repeat(300)}\r\n`, 'a'.repeat(255), `${'a'.repeat(254)}b\n`]) {
      const quick = new Stranger();
      await quick.send(line);
      await closed(quick.socket);
      expect(quick.said).not.toContain('curve25519');
    }
    await serves();
  });

  test('may be as long as the protocol has it', async () => {
    await open();
    const stranger = new Stranger();
    await stranger.send(`SSH-2.0-${'a'.repeat(255 - 10)}\r\n`);
    await stranger.hears('curve25519-sha256');
    stranger.socket.destroy();
  });

  test('has a time to come in', async () => {
    await open({ authenticationMs: 300 });
    const stranger = new Stranger();
    await stranger.send('SSH-2.0-never');
    await closed(stranger.socket);
  });
});

describe('strangers are limited', () => {
  test('in how many come within a time, from one address', async () => {
    await open({ arrivals: 3, arrivalsPerMinute: 0.001 });
    // Who becomes known does not count, however often.
    for (let visit = 0; visit < 5; visit += 1) await serves();
    const outcomes: boolean[] = [];
    for (let visit = 0; visit < 5; visit += 1) {
      const stranger = new Stranger();
      outcomes.push(await stranger.greeted());
      stranger.socket.destroy();
      await closed(stranger.socket);
    }
    expect(outcomes).toEqual([true, true, true, false, false]);
  });

  test('in how many there are, from all addresses', async () => {
    await open({ unknown: 4 });
    const strangers = Array.from({ length: 4 }, () => new Stranger());
    for (const stranger of strangers) expect(await stranger.greeted()).toBe(true);
    expect(await new Stranger().greeted()).toBe(false);
    for (const stranger of strangers) stranger.socket.destroy();
  });

  describe('in what they may say:', () => {
    const request = (...rest: Buffer[]) => Buffer.concat([Buffer.of(50), ...rest]);
    test.each<[string, Buffer]>([
      ['packets to ignore', Buffer.concat([Buffer.of(2), sshString(Buffer.alloc(30_000))])],
      [
        'debugging',
        Buffer.concat([Buffer.of(4), Buffer.of(1), sshString('x'.repeat(20_000)), sshString('')]),
      ],
      ['pings', Buffer.concat([Buffer.of(192), sshString('x'.repeat(1_000))])],
      ['is anybody there', Buffer.concat([Buffer.of(80), sshString('keepalive@openssh.com'), Buffer.of(1)])],
      [
        'channels',
        Buffer.concat([Buffer.of(90), sshString('session'), uint32(1), uint32(9), uint32(32_768)]),
      ],
      ['data for no channel', Buffer.concat([Buffer.of(94), uint32(0), sshString(Buffer.alloc(30_000))])],
      ['answers to no question', Buffer.concat([Buffer.of(61), uint32(1), sshString('yes')])],
      ['services', Buffer.concat([Buffer.of(5), sshString('ssh-userauth')])],
      ['nothing', Buffer.of(255)],
      [
        'a name of 30 KB',
        request(sshString('m'.repeat(30_000)), sshString('ssh-connection'), sshString('none')),
      ],
      [
        'a password of 30 KB',
        request(
          sshString('root@db01'),
          sshString('ssh-connection'),
          sshString('password'),
          Buffer.of(0),
          sshString('x'.repeat(30_000)),
        ),
      ],
      [
        'somebody else each time',
        request(sshString('root@db01'), sshString('ssh-connection'), sshString('none')),
      ],
    ])('%s', async (_name, payload) => {
      // Time alone would cut them only long after the test.
      await open({ unknownBytes: 64 * 1024, authenticationMs: 600_000 });
      const client = stranger();
      const socket = socketOf(client);
      const gone = closed(socket);
      await new Promise(resolve => client.once('handshake', resolve));
      while (!socket.destroyed && socket.writable) {
        // Much goes out before the gateway's answer is back; what it took in is what counts.
        for (let times = 0; times < 20; times += 1) sendPayload(client, payload);
        await new Promise(resolve => setTimeout(resolve, 1));
      }
      await gone;
      expect(house.controlPlane.admissions).toHaveLength(0);
      await serves();
    });
  });

  /** Through the key exchange, and then nobody. */
  function stranger(): ssh2.Client {
    const client = new ssh2.Client();
    client.on('error', () => {});
    client.connect({
      host: '127.0.0.1',
      port: house.gateway.port,
      username: 'root@db01',
      authHandler: (() => {}) as never,
    });
    return client;
  }
});

describe('people are limited', () => {
  const outcome = (client: ssh2.Client) =>
    new Promise<string>(resolve => {
      client.on('error', error => resolve(error.message));
      client.on('close', () => resolve('closed'));
    });

  test('in their connections', async () => {
    await open({ connectionsPerPerson: 3 });
    const clients = [await knownClient(house), await knownClient(house), await knownClient(house)];
    await expect(knownClient(house)).rejects.toThrow('Too many connections of yours are open');
    const first = closed(socketOf(clients[0]!));
    clients[0]!.end();
    await first;
    // The place is free when the gateway has seen it too.
    for (;;) {
      const again = await knownClient(house).catch(() => null);
      again?.end();
      if (again) break;
    }
    for (const client of clients) client.end();
  });

  test('and who leaves while we ask who they are takes no place', async () => {
    await open({ connectionsPerPerson: 2 });
    const { controlPlane } = house;
    const identify = controlPlane.identifyKey.bind(controlPlane);
    let asked = 0;
    let answer: () => void = () => {};
    const waits = new Promise<void>(resolve => {
      answer = resolve;
    });
    controlPlane.identifyKey = async key => {
      asked += 1;
      await waits;
      return identify(key);
    };
    const runs = Array.from({ length: 4 }, () => house.ssh(['true']));
    while (asked < 4) await new Promise(resolve => setTimeout(resolve, 10));
    for (const run of runs) run.child.kill('SIGKILL');
    await Promise.all(runs.map(run => run.ended));
    // The gateway sees them go before it hears who they were.
    await new Promise(resolve => setTimeout(resolve, 200));
    answer();
    controlPlane.identifyKey = identify;
    for (let times = 0; times < 3; times += 1) await serves();
  });

  test('in how long a connection opens nothing', async () => {
    await open({ unusedMs: 300 });
    const client = await knownClient(house);
    expect(await outcome(client)).toBe('closed');
  });

  test('in how long a channel is open on which nothing runs', async () => {
    await open({ unusedMs: 300 });
    const client = await knownClient(house);
    const over = outcome(client);
    sendPayload(
      client,
      Buffer.concat([Buffer.of(90), sshString('session'), uint32(1), uint32(9), uint32(32_768)]),
    );
    expect(await over).toBe('closed');
  });

  test('not in how long a session runs, nor right after it', async () => {
    await open({ unusedMs: 300 });
    expect((await house.ssh(['sleep 1; echo still here']).ended).stdout.toString()).toBe('still here\n');
    const client = await knownClient(house);
    const over = outcome(client);
    for (let times = 0; times < 3; times += 1) {
      await new Promise<void>((resolve, reject) =>
        client.exec('true', (error, channel) => {
          if (error) return reject(error);
          channel.resume().on('close', () => resolve());
        }),
      );
    }
    expect(await over).toBe('closed');
  });

  test('in their channels at once, and who asks for thousands gets no more', async () => {
    await open({ channels: 8 });
    const client = await knownClient(house);
    let granted = 0;
    let refused = 0;
    const answers = new Promise<void>(resolve => {
      const { _decipher } = (
        client as unknown as { _protocol: { _decipher: { _onPayload(payload: Buffer): unknown } } }
      )._protocol;
      _decipher._onPayload = payload => {
        if (payload[0] === 91) granted += 1;
        if (payload[0] === 92) refused += 1;
        if (granted + refused === 5_000) resolve();
      };
    });
    const session = Buffer.concat([
      Buffer.of(90),
      sshString('session'),
      uint32(1),
      uint32(9),
      uint32(32_768),
    ]);
    for (let times = 0; times < 5_000; times += 1) sendPayload(client, session);
    await answers;
    expect({ granted, refused }).toEqual({ granted: 8, refused: 4_992 });
    client.destroy();
    await serves();
  });

  test('in the sizes that a window has in a moment', async () => {
    await open();
    const client = await knownClient(house);
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
      client.shell({ term: 'xterm', cols: 80, rows: 24 }, (error, shell) =>
        error ? reject(error) : resolve(shell),
      ),
    );
    await new Promise(resolve => channel.once('data', resolve));
    for (let columns = 1; columns <= 2_000; columns += 1) channel.setWindow(24, columns, 0, 0);
    let said = '';
    channel.on('data', (bytes: Buffer) => {
      said += bytes;
    });
    // The last one counts.
    while (!said.includes('24 2000')) {
      channel.write('stty size\n');
      await new Promise(resolve => channel.once('data', resolve));
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    channel.end('exit\n');
    const ending = await house.controlPlane.ended();
    expect(checkedCast(house, ending).events.filter(event => event[1] === 'r').length).toBeLessThan(500);
    client.end();
  });

  test('in the names of signals, and an unknown one breaks nothing', async () => {
    await open();
    const client = await knownClient(house);
    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
      client.exec('echo ready; read line; echo "got $line"', (error, one) =>
        error ? reject(error) : resolve(one),
      ),
    );
    const signal = (name: string, reply: number) =>
      sendPayload(
        client,
        Buffer.concat([Buffer.of(98), uint32(0), sshString('signal'), Buffer.of(reply), sshString(name)]),
      );
    let said = '';
    channel.on('data', (bytes: Buffer) => {
      said += bytes;
    });
    // Before that there is nobody to pass them on to.
    while (said !== 'ready\n') await new Promise(resolve => channel.once('data', resolve));
    for (const name of ['NONE', 'INFO@openssh.com', '', '__proto__', 'x'.repeat(20_000)])
      for (const reply of [0, 1]) signal(name, reply);
    channel.write('hello\n');
    await new Promise(resolve => channel.on('close', resolve));
    expect(said).toBe('ready\ngot hello\n');
    client.end();
  });
});
