import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { GatewayLimits } from '../../recorder/main.ts';
import { House } from './house.ts';
import type { Sshd } from './sshd.ts';

// A gateway in a process of its own, so that its memory can be measured and its death be seen. Started by
// `GatewayProcess`; says `Started` once, then `Measured` when asked.

export interface Started {
  readonly folder: string;
  readonly port: number;
}

export interface Measured {
  /** The most that all sockets together held for peers, so far, in bytes. */
  readonly peakBuffered: number;
  readonly peakRss: number;
  /** All that went through sockets that are open now: when it stands still, so does everything. */
  readonly moved: number;
  readonly sockets: number;
  readonly live: number;
  /** Why sessions ended, in order. */
  readonly endings: readonly string[];
  readonly admissions: number;
  /** What nobody caught. It must stay empty. */
  readonly uncaught: readonly string[];
}

export interface Order {
  readonly sshd: Pick<Sshd, 'port' | 'hostKey' | 'authority'>;
  readonly limits: Partial<GatewayLimits>;
}

const uncaught: string[] = [];
process.on('uncaughtException', error => uncaught.push(`${error.stack}`));
process.on('unhandledRejection', error => uncaught.push(`${error instanceof Error ? error.stack : error}`));

const order: Order = JSON.parse(process.argv[2]!);
const house = await House.open(order.sshd, { limits: order.limits });

writeFileSync(join(house.folder, 'known_hosts'), `gateway ${house.gateway.hostKeyLine}\n`);

let peakBuffered = 0;
let peakRss = 0;
const sockets = () =>
  (process as unknown as { _getActiveHandles(): unknown[] })
    ._getActiveHandles()
    .filter((handle): handle is Socket => handle instanceof Socket && handle.remotePort !== undefined);
const look = () => {
  peakBuffered = Math.max(
    peakBuffered,
    sockets().reduce((sum, socket) => sum + socket.writableLength, 0),
  );
  peakRss = Math.max(peakRss, process.memoryUsage().rss);
};
setInterval(look, 10);

process.on('message', () => {
  look();
  const moved = sockets().reduce((sum, socket) => sum + socket.bytesRead + (socket.bytesWritten ?? 0), 0);
  const measured: Measured = {
    peakBuffered,
    peakRss,
    moved,
    sockets: sockets().length,
    live: house.gateway.sessions().length,
    endings: house.controlPlane.endings.map(ending => ending.reason),
    admissions: house.controlPlane.admissions.length,
    uncaught,
  };
  process.send!(measured);
});
process.once('disconnect', () => void house.close().finally(() => process.exit()));
process.send!({ folder: house.folder, port: house.gateway.port } satisfies Started);
