import type { Socket } from 'node:net';
import ssh2, { type Client } from 'ssh2';
import { plainAddress } from '../../../src/domain/network.ts';
import type { Entry, ProbeOrder, ProbeReport, SshProbe } from '../../../src/domain/probe.ts';
import { type Probe, type ProbeParts, Unreachable } from '../contract.ts';
import { codeOf, dial } from '../dial.ts';
import { algorithmsForTarget, HOST_KEY_TYPES, isHostKeyType } from './algorithms.ts';
import { arrive } from './arrivals.ts';
import { blobOfLine, fingerprint, typeOfBlob } from './keys.ts';
import { enter, reasonOf } from './target.ts';

/**
 * sshd from 9.8 on keeps an address out once its penalties add up to 15 s, and each refused certificate counts 5. Two
 * of them, with the connections of `arrive`, stay below that: a try must not shut the gateway out.
 */
const MOST_REFUSED = 2;

/** How long a target may take to close a connection that is over. */
const FAREWELL_MS = 1_000;

/**
 * Tries an SSH target as a session would: the same connection, the same certificate's way, and then it leaves without
 * opening a channel. What the certificate may do there stands in it: nothing.
 */
export const probe: Probe = async (order, parts, signal) => {
  const pinned = usableKeys(order.hostKeys);
  const found: Found = { reached: null, from: null, shown: null, hostKey: 'not-seen', entries: [] };
  if (pinned.length === 0) {
    await look(order, parts, signal, found);
    found.hostKey = 'unusable';
  } else if (order.logins.length === 0) {
    await look(
      order,
      parts,
      signal,
      found,
      pinned.map(line => typeOfBlob(blobOfLine(line))!),
    );
    const shown = found.shown && blobOfLine(found.shown.line);
    if (shown) found.hostKey = pinned.some(line => blobOfLine(line).equals(shown)) ? 'pinned' : 'other';
  }
  for (const login of pinned.length === 0 ? [] : order.logins) {
    const refused = found.entries.filter(({ outcome }) => outcome === 'refused').length;
    if (refused >= MOST_REFUSED && refused === found.entries.length) {
      found.entries.push({ login, outcome: 'not-tried', ms: 0, why: `after ${refused} refusals` });
      continue;
    }
    await tryLogin(order, login, parts, signal, found);
    if (!found.reached || 'why' in found.reached || found.hostKey !== 'pinned') break;
    // What hangs would hang again, each time for as long as a session waits.
    if (found.entries.at(-1)?.outcome === 'lost') break;
  }
  return reportOf(order, parts, signal, found);
};

/** What has been seen so far, over several connections. */
interface Found {
  reached: ProbeReport['reached'] | null;
  from: string | null;
  shown: SshProbe['shown'];
  hostKey: SshProbe['hostKey'];
  entries: Entry[];
}

async function reportOf(
  order: ProbeOrder,
  parts: ProbeParts,
  signal: AbortSignal,
  { reached, from, shown, hostKey, entries }: Found,
): Promise<ProbeReport> {
  if (!reached || 'why' in reached) {
    return { reached: reached ?? { why: 'not tried' }, from, tls: null, ssh: null };
  }
  // Last, since it leaves connections behind that sshd has to notice the end of.
  const { software, ...arrivals } = await arrive(order, parts.options.limits.reachMs, signal);
  return { reached, from, tls: null, ssh: { software, shown, hostKey, entries, arrivals } };
}

async function tryLogin(
  order: ProbeOrder,
  login: string,
  parts: ProbeParts,
  signal: AbortSignal,
  found: Found,
): Promise<void> {
  const began = performance.now();
  const since = () => Math.round(performance.now() - began);
  const told = (outcome: Entry['outcome'], why: string | null = null) =>
    void found.entries.push({ login, outcome, ms: since(), why });
  const socket = await reach(order, parts, signal, found);
  if (!socket) return;
  const drop = () => socket.destroy();
  signal.addEventListener('abort', drop);
  const { preflight, tenant, target } = order;
  let seen = false;
  try {
    const client = await enter(
      { ...order, login },
      socket,
      {
        options: parts.options,
        certify: key => parts.controlPlane.issueProbe({ ...key, preflight, tenant, target, login }),
        shown: blob => {
          seen = true;
          show(found, blob);
        },
      },
      signal,
    );
    found.hostKey = 'pinned';
    told('let-in');
    await leave(client);
  } catch (error) {
    const { reason, incident } = error instanceof Unreachable ? error : { reason: null, incident: false };
    if (reason === 'host-key-mismatch') found.hostKey = seen ? 'other' : 'no-key-of-a-pinned-type';
    else if (seen) found.hostKey = 'pinned';
    if (reason === 'credential-refused' && incident && seen) told('refused');
    else if (reason === 'credential-refused') told('not-issued', (error as Error).message);
    else if (reason !== 'host-key-mismatch') told('lost', whyLost(error as Error));
  } finally {
    signal.removeEventListener('abort', drop);
    socket.destroy();
  }
}

/** In good order, so that the target's log holds no broken connection. */
function leave(client: Client): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, FAREWELL_MS);
    client.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    client.end();
  });
}

/** `enter` puts the place in front; the row that shows this says it already. */
const whyLost = (error: Error): string =>
  reasonOf(error instanceof Unreachable && error.cause instanceof Error ? error.cause : error);

/** Exchanges keys as far as to see the host's, and leaves. */
async function look(
  order: ProbeOrder,
  parts: ProbeParts,
  signal: AbortSignal,
  found: Found,
  types: readonly string[] = HOST_KEY_TYPES,
): Promise<void> {
  const socket = await reach(order, parts, signal, found);
  if (!socket) return;
  const drop = () => socket.destroy();
  signal.addEventListener('abort', drop);
  const client = new ssh2.Client();
  await new Promise<void>(resolve => {
    client.on('error', () => resolve());
    client.once('close', () => resolve());
    client.connect({
      sock: socket,
      username: 'sallyport',
      readyTimeout: parts.options.limits.reachMs,
      algorithms: algorithmsForTarget(types),
      hostVerifier: (blob: Buffer) => {
        show(found, blob);
        return false;
      },
    });
  });
  signal.removeEventListener('abort', drop);
  socket.destroy();
}

/** A connection, or null; where the first fails, that is what there is to report. */
async function reach(
  order: ProbeOrder,
  parts: ProbeParts,
  signal: AbortSignal,
  found: Found,
): Promise<Socket | null> {
  const began = performance.now();
  try {
    const socket = await dial(order, parts.options.limits.reachMs, signal);
    found.reached ??= { ms: Math.round(performance.now() - began) };
    found.from ??= plainAddress(socket.localAddress);
    return socket;
  } catch (error) {
    found.reached ??= { why: codeOf(error) };
    return null;
  }
}

function show(found: Found, blob: Buffer): void {
  const type = typeOfBlob(blob);
  if (type === null || !isHostKeyType(type)) return;
  found.shown ??= { type, fingerprint: fingerprint(blob), line: `${type} ${blob.toString('base64')}` };
}

function usableKeys(lines: readonly string[]): string[] {
  return lines.filter(line => {
    try {
      return isHostKeyType(typeOfBlob(blobOfLine(line)) ?? '');
    } catch {
      return false;
    }
  });
}
