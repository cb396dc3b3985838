import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { createHostKey } from '../../recorder/main.ts';
import { createUserCa, signUserCertificate } from '../../src/credentials/ssh-certificate.ts';
import { type House, Run } from './house.ts';
import { PRINCIPAL } from './sshd.ts';
import { knownClient, socketOf, sshString, uint32 } from './wire.ts';

// Hostile bytes for a real gateway: over its socket before authentication, and past its ciphers after.

/** What a stock client sends to the gateway, from its first byte to its last. */
export async function captured(house: House, command = 'true'): Promise<Buffer> {
  const heard: Buffer[] = [];
  const way = createServer(near => {
    const far = connect(house.gateway.port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('data', bytes => heard.push(Buffer.from(bytes)));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>(resolve => way.listen(0, '127.0.0.1', resolve));
  const { port } = way.address() as { port: number };
  const identity = ['-i', join(house.folder, 'maya'), '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'];
  const trust = [
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
  ];
  const to = ['-p', `${port}`, 'root@db01@127.0.0.1', command];
  await new Run('ssh', ['-F', '/dev/null', ...identity, ...trust, ...to]).ended;
  way.close();
  return Buffer.concat(heard);
}

/** Sends it in the given pieces; resolves with whether the gateway closed the connection within `ms`. */
export function strange(
  port: number,
  bytes: Buffer,
  pieces: number,
  hangUp: boolean,
  ms: number,
): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      const size = Math.max(1, Math.ceil(bytes.length / pieces));
      for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size));
      if (hangUp) socket.end();
    });
    const late = setTimeout(() => {
      resolve(false);
      socket.destroy();
    }, ms);
    socket.on('error', () => {});
    socket.resume();
    socket.on('close', () => {
      clearTimeout(late);
      resolve(true);
    });
  });
}

interface Insides {
  readonly authenticated: boolean;
  readonly _protocol: {
    readonly _destruct: unknown;
    readonly _kexinit: unknown;
    readonly _decipher: { _onPayload(payload: Buffer): unknown };
  };
}

/** The gateway's own end of one connection, to be given packets as if they had just been decrypted. */
export class NearEnd {
  readonly #connection: ssh2.Connection & Insides;
  readonly #client: ssh2.Client;

  private constructor(connection: ssh2.Connection, client: ssh2.Client) {
    this.#connection = connection as ssh2.Connection & Insides;
    this.#client = client;
  }

  /** Of Maya, or of a stranger who has keys and no name. */
  static async of(house: House, who: 'maya' | 'stranger'): Promise<NearEnd> {
    const { emit } = ssh2.Server.prototype;
    const came: ssh2.Connection[] = [];
    ssh2.Server.prototype.emit = function (this: ssh2.Server, name: string, ...rest: unknown[]) {
      if (name === 'connection') came.push(rest[0] as ssh2.Connection);
      return emit.call(this, name as never, ...(rest as never[]));
    } as never;
    try {
      const client = who === 'maya' ? await knownClient(house) : await stranger(house);
      // Targets have connections too.
      const near = came.find(each => socketOf(each as never).remotePort === socketOf(client).localPort);
      client.on('error', () => {});
      const end = new NearEnd(near!, client);
      // The client has its keys a moment before the gateway has.
      while (end.#connection._protocol._kexinit !== undefined)
        await new Promise(resolve => setTimeout(resolve, 1));
      return end;
    } finally {
      ssh2.Server.prototype.emit = emit;
    }
  }

  get isOver(): boolean {
    return (
      this.#connection._protocol._destruct === undefined || socketOf(this.#connection as never).destroyed
    );
  }

  get isKnown(): boolean {
    return this.#connection.authenticated;
  }

  /** As ssh2 does with what it decrypted. */
  hear(payload: Buffer): void {
    try {
      this.#connection._protocol._decipher._onPayload(payload);
    } catch (error) {
      this.#connection.emit('error', error as Error);
      socketOf(this.#connection as never).end();
    }
  }

  leave(): void {
    this.#client.destroy();
  }
}

async function stranger(house: House): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.once('handshake', () => resolve());
    client.connect({
      host: '127.0.0.1',
      port: house.gateway.port,
      username: 'root@db01',
      authHandler: (() => {}) as never,
    });
  });
  return client;
}

/** A host that lets every certificate of ours in, runs nothing and says nothing. */
export async function quietTarget(): Promise<{
  port: number;
  hostKey: string;
  authority: string;
  close(): void;
}> {
  const pem = createHostKey();
  const key = ssh2.utils.parseKey(pem);
  if (key instanceof Error) throw key;
  const server = new ssh2.Server({ hostKeys: [pem] }, connection => {
    connection.on('error', () => {});
    connection.on('authentication', context => context.accept());
    connection.on('session', accept => {
      const session = accept();
      for (const name of ['exec', 'shell', 'subsystem', 'pty', 'env', 'window-change', 'signal'] as const)
        session.on(name as 'exec', take => void take?.());
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    hostKey: `ssh-ed25519 ${key.getPublicSSH().toString('base64')}`,
    authority: '',
    close: () => server.close(),
  };
}

/** Half of all sessions are admitted, to a host that is there; certificates are signed without another process. */
export function admitHalf(house: House): void {
  const authority = createUserCa();
  const { controlPlane } = house;
  let asked = 0;
  controlPlane.answer = admission => {
    asked += 1;
    return asked % 2 === 0 ? admission : { admitted: false, code: 'no-grant', lines: ['you hold no grant.'] };
  };
  controlPlane.issueCredential = async order => {
    const now = Math.floor(Date.now() / 1000);
    const certificate = signUserCertificate({
      caPrivate: authority.privateKey,
      publicKeyLine: order.publicKey,
      serial: 1n,
      keyId: order.session,
      principals: [PRINCIPAL],
      validAfter: now - 15,
      validBefore: now + 105,
      sourceAddress: order.sourceAddress,
      extensions: [],
    });
    return { admitted: true, certificate };
  };
}

const SESSION = Buffer.concat([Buffer.of(90), sshString('session'), uint32(0), uint32(1e6), uint32(32_768)]);

/** How many sessions may run while more packets come; each has a file and a connection of its own. */
const SESSIONS = 32;

/** Gives the packets to one connection after another; the answer is how many connections it took. */
export async function feed(
  house: House,
  who: 'maya' | 'stranger',
  packets: Iterable<Buffer>,
  each: (packet: Buffer, near: NearEnd) => void = () => {},
): Promise<number> {
  let near: NearEnd | null = null;
  let connections = 0;
  let heard = 0;
  for (const packet of packets) {
    if (near === null || near.isOver) {
      near?.leave();
      near = await NearEnd.of(house, who);
      connections += 1;
      if (who === 'maya') for (let channel = 0; channel < 3; channel += 1) near.hear(SESSION);
    }
    near.hear(packet);
    each(packet, near);
    heard += 1;
    if (heard % 16 === 0) await new Promise(resolve => setImmediate(resolve));
    while (house.gateway.sessions().length > SESSIONS) {
      near?.leave();
      near = null;
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  }
  near?.leave();
  return connections;
}
