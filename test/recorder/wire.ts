import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { House } from './house.ts';

// A client that may say anything: ssh2's own, with the packets of a test's choosing.

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function sshString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

interface Insides {
  readonly _sock: Socket;
  readonly _protocol: {
    _packetRW: {
      write: {
        allocStart: number;
        alloc(size: number): Buffer;
        finalize(packet: Buffer): Buffer;
      };
    };
  };
}

const { sendPacket } = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js') as {
  sendPacket(protocol: unknown, packet: Buffer): void;
};

export const socketOf = (client: ssh2.Client) => (client as unknown as Insides)._sock;

/** One packet, encrypted like any other. */
export function sendPayload(client: ssh2.Client, payload: Buffer): void {
  const { _protocol } = client as unknown as Insides;
  const writer = _protocol._packetRW.write;
  const packet = writer.alloc(payload.length);
  packet.set(payload, writer.allocStart);
  sendPacket(_protocol, writer.finalize(packet));
}

/** A client of our own making, signed in as Maya. */
export async function knownClient(house: House, username = 'root@db01'): Promise<ssh2.Client> {
  const privateKey = readFileSync(join(house.folder, 'maya'));
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('ready', resolve);
    client.connect({ host: '127.0.0.1', port: house.gateway.port, username, privateKey });
  });
  return client;
}
