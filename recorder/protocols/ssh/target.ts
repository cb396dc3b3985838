import { createHash, sign, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import ssh2, { type Client, type ClientChannel } from 'ssh2';
import { plainAddress } from '../../../src/domain/network.ts';
import type { Admission, ControlPlane, Credential, Refusal, RequestedChannel } from '../../control-plane.ts';
import {
  type ListenOptions,
  type Reach,
  type TargetEvents,
  type TargetSide,
  Unreachable,
} from '../contract.ts';
import { dial } from '../dial.ts';
import { algorithmsForTarget, isHostKeyType } from './algorithms.ts';
import type { Pty } from './channel.ts';
import { blobOfLine, fingerprint, publicLine, typeOfBlob } from './keys.ts';
import { onTinyPackets, presentCertificate } from './ssh2-internals.ts';
import { TargetChannel } from './target-channel.ts';
import { Upkeep } from './upkeep.ts';

/** What is asked of the target: what the person asked of us. */
export interface Wanted {
  readonly kind: RequestedChannel['kind'];
  readonly command: string | null;
  readonly pty: Pty | null;
  readonly environment: Readonly<Record<string, string>>;
}

export interface ReachParts {
  readonly controlPlane: ControlPlane;
  readonly options: Pick<ListenOptions, 'limits' | 'generateSessionKey'>;
}

/** Where a target is, as whom to enter it, and by which keys it is known. */
export type Place = Pick<Admission, 'target' | 'login' | 'host' | 'port' | 'hostKeys'>;

/** How a target is entered. */
export interface Entrance {
  readonly options: ReachParts['options'];
  /** Has a key certified that exists for this connection alone. */
  certify(order: { publicKey: string; sourceAddress: string }): Promise<Credential | Refusal>;
  /** Sees the host key before anything is made of it. */
  shown?(blob: Buffer): void;
}

const CERTIFICATE = 'ssh-ed25519-cert-v01@openssh.com';

/** Reaches a target with a connection, a key and a certificate for this one channel. */
export function reachOverSsh(wanted: Wanted, parts: ReachParts): Reach {
  return async (admission, events, signal) => {
    const socket = await dial(admission, parts.options.limits.reachMs, signal).catch(cause => {
      throw unreachable(admission, cause);
    });
    const drop = () => socket.destroy();
    signal.addEventListener('abort', drop);
    try {
      const certify: Entrance['certify'] = order =>
        parts.controlPlane.issueCredential({
          ...order,
          session: admission.session,
          pty: wanted.pty !== null,
        });
      const client = await enter(admission, socket, { options: parts.options, certify }, signal);
      return await openChannel(admission, client, socket, wanted, events);
    } catch (error) {
      socket.destroy();
      if (error instanceof Unreachable) throw error;
      throw unreachable(admission, error as Error);
    } finally {
      signal.removeEventListener('abort', drop);
    }
  };
}

/** What an error is, in words of ours: its code where the system gave one. */
export function reasonOf(cause: Error & { level?: string; code?: unknown }): string {
  if (cause instanceof Unreachable) return cause.message;
  if (typeof cause.code === 'string' && /^E[A-Z_]+$/.test(cause.code)) return cause.code;
  const levels: Record<string, string> = {
    'client-timeout': 'no answer in time',
    'client-socket': 'the connection broke',
    protocol: 'the two sides found no common way to speak',
    handshake: 'the two sides found no common way to speak',
  };
  return levels[cause.level ?? ''] ?? 'the connection ended before it was open';
}

function unreachable(place: Place, cause: Error): Unreachable {
  // The far side's own words stay out of the log and the terminal: only what our side makes of them goes there.
  const why = reasonOf(cause);
  const detail = `${place.target} at ${place.host} port ${place.port}: ${why}`;
  const lines = [`${place.target} could not be reached: ${why}`, 'your grant is untouched; try again.'];
  return new Unreachable('target-unreachable', detail, lines, { cause });
}

/** Resolves with a client that the target let in, with no channel open. Rejects with `Unreachable`, or why it broke. */
export async function enter(
  place: Place,
  socket: Socket,
  { options, certify, shown: seen }: Entrance,
  signal: AbortSignal,
): Promise<Client> {
  const pinned = pinnedKeys(place);
  const key = options.generateSessionKey();
  const credential = await certify({
    publicKey: publicLine(key.publicKey),
    sourceAddress: plainAddress(socket.localAddress),
  }).catch(cause => {
    const lines = ['the broker issued no credential, so nothing was opened; try again in a minute.'];
    throw new Unreachable('credential-refused', 'the control plane did not answer', lines, { cause });
  });
  if (!credential.admitted) {
    const detail = `the control plane refused: ${credential.code}`;
    throw new Unreachable('credential-refused', detail, credential.lines, { incident: false });
  }
  if (signal.aborted) throw new Error('the session has ended');
  const certificate = blobOfLine(credential.certificate);
  if (typeOfBlob(certificate) !== CERTIFICATE) throw new Error('the credential is no Ed25519 certificate');

  const client = new ssh2.Client();
  let shown: Buffer | null = null;
  let asked = false;
  return new Promise((resolve, reject) => {
    const lost = () => reject(unreachable(place, new Error('the connection was closed')));
    client.on('error', error => reject(explain(place, error, shown)));
    client.once('close', lost);
    client.once('ready', () => {
      client.removeListener('close', lost);
      onTinyPackets(client, () => socket.destroy());
      new Upkeep(client, options.limits, () => socket.destroy()).settle();
      resolve(client);
    });
    client.connect({
      sock: socket,
      username: place.login,
      readyTimeout: options.limits.reachMs,
      algorithms: algorithmsForTarget(pinned.map(blob => typeOfBlob(blob)!)),
      hostVerifier: (blob: Buffer) => {
        shown = blob;
        seen?.(blob);
        return isPinned(blob, pinned);
      },
      // One attempt: the certificate stands in for "none" (see presentCertificate).
      authHandler: () => {
        if (asked) return false;
        asked = true;
        return { type: 'none', username: place.login };
      },
    });
    presentCertificate(client, certificate, CERTIFICATE, data => sign(null, data, key.privateKey));
  });
}

function pinnedKeys(place: Place): Buffer[] {
  const blobs = place.hostKeys.map(blobOfLine).filter(blob => isHostKeyType(typeOfBlob(blob) ?? ''));
  if (blobs.length > 0) return blobs;
  throw new Unreachable('host-key-mismatch', `no usable host key is pinned for ${place.target}`, [
    `no host key is on file for ${place.target}, so it cannot be told from an impostor.`,
    'ask whoever owns it to enrol it: sallyport targets enrol',
  ]);
}

/** In constant time, and over all of them: an impostor learns nothing by trying. */
function isPinned(blob: Buffer, pinned: readonly Buffer[]): boolean {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  const shown = hash(blob);
  return pinned.map(key => timingSafeEqual(hash(key), shown)).includes(true);
}

/** What an error of the handshake means. `shown` is the host key that the target sent, if it got that far. */
function explain(place: Place, error: Error & { level?: string }, shown: Buffer | null): Unreachable {
  const { target } = place;
  if (shown !== null && !isPinned(shown, place.hostKeys.map(blobOfLine))) {
    const type = typeOfBlob(shown) ?? '';
    const known = isHostKeyType(type) ? type : 'a key of no known type,';
    return hostKeyMismatch(target, `it showed ${known} ${fingerprint(shown)}`, place);
  }
  // ssh2's own words, at a level that no message of the far side has.
  if (error.level === 'handshake' && error.message === 'Handshake failed: no matching host key format') {
    return hostKeyMismatch(target, 'it has no key of a pinned type', place);
  }
  if (error.level === 'client-authentication') {
    return new Unreachable('credential-refused', `${target} refused the certificate for ${place.login}`, [
      `${target} did not accept the certificate for ${place.login}; nothing was opened.`,
      `whoever runs ${target} must let it trust this tenant's authority: sallyport targets enrol`,
      'if it does, its clock may be off by more than 30 seconds: a certificate lives for two minutes.',
    ]);
  }
  return unreachable(place, error);
}

function hostKeyMismatch(target: string, what: string, place: Place): Unreachable {
  const known = place.hostKeys.map(line => fingerprint(blobOfLine(line))).join(', ');
  return new Unreachable('host-key-mismatch', `${target}: ${what}; on file: ${known}`, [
    `the host key of ${target} is not the one on file; nothing was opened.`,
    `${what}; on file is ${known}.`,
    `tell whoever owns ${target}: if it was rebuilt, its new key must be enrolled; if not, something is in between.`,
  ]);
}

function openChannel(
  admission: Admission,
  client: Client,
  socket: Socket,
  wanted: Wanted,
  events: TargetEvents,
): Promise<TargetSide> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(unreachable(admission, new Error('the connection was closed')));
    client.once('close', lost);
    const opened = (error: Error | undefined, channel: ClientChannel) => {
      client.removeListener('close', lost);
      if (error) reject(unreachable(admission, error));
      else resolve(new TargetChannel(client, socket, channel, events));
    };
    const { kind, command, pty, environment } = wanted;
    const terminal = pty && {
      term: pty.term,
      cols: pty.columns,
      rows: pty.rows,
      width: pty.width,
      height: pty.height,
      // ssh2 takes encoded modes as they are; its types know only the decoded form.
      ...(pty.modes === null ? {} : { modes: pty.modes as never }),
    };
    if (kind === 'subsystem') client.subsys(command!, opened);
    else if (kind === 'exec')
      client.exec(command!, { env: { ...environment }, ...(terminal ? { pty: terminal } : {}) }, opened);
    else client.shell(terminal ?? false, { env: { ...environment } }, opened);
  });
}
