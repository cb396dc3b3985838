import type { ProbeOrder, ProbeReport } from '../src/domain/probe.ts';
import type { ControlPlane } from './control-plane.ts';
import { type Clock, Deadlines, systemClock } from './deadline.ts';
import { type LiveSession, SessionDesk } from './desk.ts';
import { Line } from './line.ts';
import type { EdgeLimits, SessionKeySource } from './protocols/contract.ts';
import { probes, protocols } from './protocols/kinds.ts';
import { createSessionKey } from './protocols/ssh/keys.ts';
import { Disk } from './recording/disk.ts';
import type { RecordingLimits } from './recording/recording.ts';
import type { Logger } from './reports.ts';
import type { SessionLimits } from './session.ts';

export type { LiveSession } from './desk.ts';
export type { SessionKeySource } from './protocols/contract.ts';
export { createHostKey } from './protocols/ssh/keys.ts';
export { closeBroken, closeBrokenAnew } from './recording/broken.ts';
export type { Logger } from './reports.ts';

export type GatewayLimits = EdgeLimits & RecordingLimits & SessionLimits;

export interface GatewayOptions {
  /** Port 0: any free one, told by `Gateway.port`. */
  readonly listen: { readonly host: string; readonly port: number };
  /** The folder of recordings; made at the first session, readable by this user only. */
  readonly recordings: string;
  /** The gateway's own private key: OpenSSH format or PKCS#8 PEM, Ed25519. `createHostKey` makes one. */
  readonly hostKey: string;
  /** `host` or `host:port` to show in sign-in links instead of the broker's. */
  readonly signInUrlHost?: string;
  readonly logger: Logger;
  readonly limits?: Partial<GatewayLimits>;
  /** Default: a new Ed25519 pair of node:crypto for each session. */
  readonly generateSessionKey?: SessionKeySource;
  readonly clock?: Clock;
}

export interface Gateway {
  readonly port: number;
  /** `ssh-ed25519 AAAA…`, for known_hosts. */
  readonly hostKeyLine: string;
  /** Sessions that were admitted and have not ended. */
  sessions(): readonly LiveSession[];
  /** Tries a target from here. Opens no channel there, and never rejects; an aborted one tells how far it got. */
  probe(order: ProbeOrder, signal: AbortSignal): Promise<ProbeReport>;
  /**
   * Takes no new connections, lets sessions run for `drainMs` (default 0), cuts the rest with a word to their terminals
   * and waits at most `reportMs` (default 5 s) until their ends are logged. Safe to call twice.
   */
  close(options?: { drainMs?: number; reportMs?: number }): Promise<void>;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  authenticationMs: 30_000,
  attempts: 6,
  keyQuestions: 24,
  unknownBytes: 256 * 1024,
  arrivals: 240,
  arrivalsPerMinute: 120,
  unknownPerAddress: 32,
  unknown: 256,
  signInsPerAddress: 4,
  signIns: 128,
  connections: 2048,
  connectionsPerPerson: 128,
  unusedMs: 600_000,
  channels: 32,
  reachMs: 10_000,
  // RFC 4253 section 9.
  rekeyBytes: 1024 ** 3,
  rekeyMs: 3_600_000,
  exchangeMs: 30_000,
  exchangesInARow: 16,
  segmentBytes: 256 * 1024,
  segmentMs: 5_000,
  inputBytes: 64 * 1024,
  holdMs: 100,
  backlog: 1024 * 1024,
  diskMs: 5_000,
  leaseMs: 15_000,
  renewMs: 3_000,
  answerMs: 4_000,
  patienceMs: 500,
};

/** Starts the data plane. Rejects when the port is taken, the host key is none, or ssh2 is not the one we know. */
export async function startGateway(options: GatewayOptions, controlPlane: ControlPlane): Promise<Gateway> {
  const { logger } = options;
  const limits: GatewayLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = options.clock ?? systemClock;
  const deadlines = new Deadlines(clock);
  const line = new Line(controlPlane, limits.answerMs);
  const generateSessionKey = options.generateSessionKey ?? createSessionKey;
  const desk = new SessionDesk({
    controlPlane: line,
    clock,
    deadlines,
    folder: options.recordings,
    disk: new Disk(clock),
    limits,
    logger,
  });
  const listener = await protocols.ssh
    .listen(
      {
        ...options.listen,
        hostKey: options.hostKey,
        signInUrlHost: options.signInUrlHost,
        limits,
        generateSessionKey,
      },
      desk,
    )
    .catch(async error => {
      await desk.close(0, 0);
      throw error;
    });
  let closing: Promise<void> | null = null;
  return {
    port: listener.port,
    hostKeyLine: listener.hostKeyLine,
    sessions: () => desk.live(),
    probe: (order, signal) =>
      probes[order.protocol](order, { controlPlane: line, options: { limits, generateSessionKey } }, signal),
    close: ({ drainMs = 0, reportMs = 5_000 } = {}) => {
      closing ??= (async () => {
        listener.stop();
        await desk.close(drainMs, reportMs);
        listener.destroy();
        deadlines.stop();
      })();
      return closing;
    },
  };
}
