/**
 * Every place where we reach behind ssh2's public face, in one file. What is used here is private to ssh2 1.17.0 and
 * may move in any other version, so `checkSsh2` runs at start and refuses what it does not know.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Channel, Client, Connection, ServerChannel } from 'ssh2';
import type { Exit } from '../contract.ts';
import { sshString, uint32 } from './keys.ts';

const VERSION = '1.17.0';
const require = createRequire(import.meta.url);

/** RFC 4250 section 4.1.2. */
const MSG_DISCONNECT = 1;
/** RFC 8308 section 2.3. */
const MSG_EXT_INFO = 7;
const MSG_USERAUTH_REQUEST = 50;
const MSG_CHANNEL_REQUEST = 98;

/** RFC 4250 section 4.3. */
const OPEN_ADMINISTRATIVELY_PROHIBITED = 1;
const OPEN_RESOURCE_SHORTAGE = 4;

/**
 * A peer says how large a packet may be that we send it. ssh2 takes any number, and one of 0 has it write empty packets
 * for ever; all that is known of sends 16 KB or more.
 */
const SMALLEST_PACKET = 256;

interface Protocol {
  _kexinit: unknown;
  _queue: unknown[] | undefined;
  _kex: { sessionID: Buffer; remoteExtInfoEnabled: boolean };
  _authsQueue: string[];
  _packetRW: {
    write: {
      allocStart: number;
      allocStartKEX: number;
      alloc(size: number, force?: boolean): Buffer;
      finalize(packet: Buffer, force?: boolean): Buffer;
    };
  };
  _handlers: Record<string, (protocol: Protocol, info: ChannelOpen) => void>;
  _onPayload: (payload: Buffer) => unknown;
  _onHandshakeComplete: (negotiated: unknown) => void;
  rekey(): void;
  authNone(username: string): void;
  exitStatus(channel: number, status: number): void;
  exitSignal(channel: number, name: string, coreDumped: boolean, message: string): void;
  channelOpenFail(sender: number, reason: number, description: string): void;
}

interface ChannelOpen {
  readonly type: string;
  readonly sender: number;
  readonly packetSize: number;
}

interface Insides {
  readonly _sock: Socket;
  readonly _protocol: Protocol;
}

interface ChannelInsides {
  incoming: { state: string; window: number };
  outgoing: { id: number; state: string };
  _chunk: unknown;
  _chunkcb: unknown;
  _chunkErr: unknown;
  _chunkcbErr: unknown;
}

export type Peer = Connection | Client;
type SendPacket = (protocol: Protocol, packet: Buffer, bypass?: boolean) => void;

const inside = (peer: Peer) => peer as unknown as Insides;
const insideChannel = (channel: unknown) => channel as ChannelInsides;
let sendPacket: SendPacket;

/** Throws, with what to do, when the installed ssh2 is not the one this file was written against. */
export function checkSsh2(): void {
  const { version } = require('ssh2/package.json') as { version: string };
  if (version !== VERSION) {
    throw new Error(`ssh2 ${version} is installed, and the gateway needs ${VERSION} exactly: run \`npm ci\``);
  }
  const utils = require('ssh2/lib/protocol/utils.js') as { sendPacket?: SendPacket };
  const Shape = require('ssh2/lib/protocol/Protocol.js') as new (config: object) => Protocol;
  const sample = new Shape({
    onWrite: () => {},
    onError: () => {},
    messageHandlers: { CHANNEL_OPEN: () => {} },
  });
  const queues = '_queue' in sample && '_kexinit' in sample;
  sample.rekey?.();
  const missing = [
    [typeof utils.sendPacket === 'function', 'utils.sendPacket'],
    [typeof sample._packetRW?.write?.alloc === 'function', '_packetRW.write.alloc'],
    [typeof sample._packetRW?.write?.finalize === 'function', '_packetRW.write.finalize'],
    [Number.isInteger(sample._packetRW?.write?.allocStart), '_packetRW.write.allocStart'],
    [typeof sample._handlers?.CHANNEL_OPEN === 'function', '_handlers'],
    [typeof sample._onPayload === 'function', '_onPayload'],
    [queues && sample._kexinit !== undefined && Array.isArray(sample._queue), 'rekey'],
    [typeof sample._onHandshakeComplete === 'function', '_onHandshakeComplete'],
    [Array.isArray(sample._authsQueue), '_authsQueue'],
    [typeof sample.authNone === 'function', 'authNone'],
    [typeof sample.exitStatus === 'function', 'exitStatus'],
    [typeof sample.exitSignal === 'function', 'exitSignal'],
    [typeof sample.channelOpenFail === 'function', 'channelOpenFail'],
  ].flatMap(([there, name]) => (there ? [] : [name]));
  if (missing.length > 0) {
    throw new Error(`ssh2 ${version} lacks ${missing.join(', ')}: its files were changed; run \`npm ci\``);
  }
  sendPacket = utils.sendPacket!;
}

export function socketOf(peer: Peer): Socket {
  return inside(peer)._sock;
}

/** More than this on its way to a peer means that the peer does not read. */
export const CONGESTED_BYTES = 1024 * 1024;
const CONGESTED_PACKETS = 128;

/**
 * ssh2 ignores what `socket.write` answers, and queues without limit while keys are exchanged anew. A peer that grants
 * a huge window and reads nothing would fill our memory; who sends must ask here first.
 */
export function congested(peer: Peer): boolean {
  return socketOf(peer).writableLength > CONGESTED_BYTES || queuedPackets(peer) > CONGESTED_PACKETS;
}

/** What waits for the end of a key exchange. */
export function queuedPackets(peer: Peer): number {
  return inside(peer)._protocol._queue?.length ?? 0;
}

/** Whether keys are exchanged now: we have asked for it, and the peer has not finished its part. */
export function exchangingKeys(peer: Peer): boolean {
  return inside(peer)._protocol._kexinit !== undefined;
}

/** Asks the peer for new keys (RFC 4253 section 9); `handshake` tells when they hold. Not before authentication. */
export function renewKeys(peer: Peer): void {
  inside(peer)._protocol.rekey();
}

/** Calls `then` once, when the socket ran empty or a key exchange is over; ask `congested` again. */
export function whenFlowing(peer: Peer, then: () => void): void {
  const socket = socketOf(peer);
  const emitter = peer as Connection;
  const once = () => {
    socket.removeListener('drain', once);
    emitter.removeListener('handshake', once);
    then();
  };
  socket.once('drain', once);
  emitter.once('handshake', once);
}

/**
 * ssh2 keeps the last piece that waited for a window and never drops it; once standard output and standard error take
 * turns, it sends an old piece again. Call this when nothing is under way on either.
 */
export function forgetSent(channel: unknown): void {
  const inner = insideChannel(channel);
  inner._chunk = undefined;
  inner._chunkcb = undefined;
  inner._chunkErr = undefined;
  inner._chunkcbErr = undefined;
}

/** Whether the other side closed the channel (RFC 4254 section 5.3), in contrast to a connection that broke. */
export function closedByPeer(channel: unknown): boolean {
  return insideChannel(channel).incoming.state === 'closed';
}

/**
 * Calls `then` when the peer sends more than its window allows, which no honest one does; ssh2 lets it. `stream` is the
 * channel, or the standard error of a channel that we opened.
 */
export function onOverrun(channel: Channel, stream: Readable, then: () => void): void {
  const { incoming } = insideChannel(channel);
  const push = stream.push;
  stream.push = (...chunk) => {
    if (incoming.window < 0) {
      then();
      return false;
    }
    return push.apply(stream, chunk);
  };
}

/**
 * How a program ended (RFC 4254 section 6.10). `Channel.exit` sends nothing after an end-of-file, although a program
 * may well close its output before it ends. A signal that has no name in the RFC becomes status 255.
 */
export function sendExit(connection: Connection, channel: ServerChannel, exit: Exit): void {
  const { outgoing } = insideChannel(channel);
  if (outgoing.state !== 'open' && outgoing.state !== 'eof') return;
  const protocol = inside(connection)._protocol;
  if ('status' in exit) {
    protocol.exitStatus(outgoing.id, exit.status >>> 0);
    return;
  }
  try {
    protocol.exitSignal(outgoing.id, exit.signal, exit.coreDumped, exit.message);
  } catch {
    protocol.exitStatus(outgoing.id, 255);
  }
}

/**
 * Says no to channels other than sessions with a reason that the client shows (RFC 4254 section 5.1), and to sessions
 * that take only tiny packets.
 */
export function refuseOtherChannels(connection: Connection, reason: (type: string) => string): void {
  const protocol = inside(connection)._protocol;
  const open = protocol._handlers.CHANNEL_OPEN!;
  protocol._handlers.CHANNEL_OPEN = (self, info) => {
    if (!connection.authenticated) return open(self, info);
    if (info.type !== 'session') {
      self.channelOpenFail(info.sender, OPEN_ADMINISTRATIVELY_PROHIBITED, reason(info.type));
    } else if (info.packetSize < SMALLEST_PACKET) {
      self.channelOpenFail(
        info.sender,
        OPEN_RESOURCE_SHORTAGE,
        `packets of less than ${SMALLEST_PACKET} bytes`,
      );
    } else open(self, info);
  };
}

/** Calls `then`, and opens nothing, when a target grants a channel that takes only tiny packets. Call after `ready`. */
export function onTinyPackets(client: Client, then: () => void): void {
  const handlers = inside(client)._protocol._handlers;
  const confirmed = handlers.CHANNEL_OPEN_CONFIRMATION!;
  handlers.CHANNEL_OPEN_CONFIRMATION = (self, info) =>
    info.packetSize < SMALLEST_PACKET ? then() : confirmed(self, info);
}

/**
 * Tells a client which signatures of its keys we take (RFC 8308 section 3.1). ssh2's own list has SHA-1 and DSA in it,
 * and lacks a comma. Call before the first key exchange is over.
 */
export function tellSignatures(connection: Connection, names: readonly string[]): void {
  const protocol = inside(connection)._protocol;
  const complete = protocol._onHandshakeComplete;
  protocol._onHandshakeComplete = negotiated => {
    protocol._onHandshakeComplete = complete;
    const wanted = protocol._kex.remoteExtInfoEnabled;
    protocol._kex.remoteExtInfoEnabled = false;
    const extension = [sshString('server-sig-algs'), sshString(names.join(','))];
    if (wanted) transmit(protocol, Buffer.concat([Buffer.of(MSG_EXT_INFO), uint32(1), ...extension]), false);
    complete(negotiated);
  };
}

/**
 * The encoded terminal modes (RFC 4254 section 8) of the pty request that is being handled. ssh2 starts to read them
 * one byte late and so loses nearly all; they are taken from the packet itself. Call before authentication ends.
 */
export function terminalModesOf(connection: Connection): () => Buffer | null {
  const protocol = inside(connection)._protocol;
  const next = protocol._onPayload;
  let modes: Buffer | null = null;
  protocol._onPayload = payload => {
    if (payload[0] === MSG_CHANNEL_REQUEST) modes = readModes(payload) ?? modes;
    return next(payload);
  };
  return () => modes;
}

function readModes(payload: Buffer): Buffer | null {
  const name = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  // byte, uint32 channel, string "pty-req", boolean, string TERM, four uint32, string modes
  if (name.length < 17 || name.readUInt32BE(5) !== 7 || name.toString('latin1', 9, 16) !== 'pty-req')
    return null;
  const term = 17;
  if (name.length < term + 4) return null;
  const at = term + 4 + name.readUInt32BE(term) + 16;
  if (name.length < at + 4) return null;
  const length = name.readUInt32BE(at);
  return name.length < at + 4 + length ? null : Buffer.from(name.subarray(at + 4, at + 4 + length));
}

/** Ends a connection with a reason that the client prints (RFC 4253 section 11.1); ssh2 sends an empty one. */
export function disconnect(connection: Connection, reason: number, words: string): void {
  const { _protocol, _sock } = inside(connection);
  try {
    const payload = [Buffer.of(MSG_DISCONNECT), uint32(reason), sshString(words), sshString('')];
    transmit(_protocol, Buffer.concat(payload), true);
  } catch {
    // The connection is past speaking; ending it is all that is left.
  }
  _sock.end();
}

/**
 * Lets a client authenticate with a certificate, which ssh2's public face cannot. Call right after `connect`, with an
 * `authHandler` that answers `none` once: instead of the request "none" goes one for "publickey" (RFC 4252 section 7)
 * that names the certificate's algorithm outside and the plain key's inside the signature. The private key stays with
 * the caller; it is signed with, never handed over.
 */
export function presentCertificate(
  client: Client,
  certificate: Buffer,
  type: string,
  sign: (data: Buffer) => Buffer,
): void {
  const protocol = inside(client)._protocol;
  protocol.authNone = username => {
    const request = Buffer.concat([
      Buffer.of(MSG_USERAUTH_REQUEST),
      sshString(username),
      sshString('ssh-connection'),
      sshString('publickey'),
      Buffer.of(1),
      sshString(type),
      sshString(certificate),
    ]);
    const signature = sign(Buffer.concat([sshString(protocol._kex.sessionID), request]));
    const proof = Buffer.concat([sshString('ssh-ed25519'), sshString(signature)]);
    protocol._authsQueue.push('publickey');
    transmit(protocol, Buffer.concat([request, sshString(proof)]), false);
  };
}

function transmit(protocol: Protocol, payload: Buffer, force: boolean): void {
  const writer = protocol._packetRW.write;
  const start = force ? writer.allocStartKEX : writer.allocStart;
  const packet = writer.alloc(payload.length, force);
  packet.set(payload, start);
  sendPacket(protocol, writer.finalize(packet, force), force);
}
