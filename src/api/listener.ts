import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { serve } from '@hono/node-server';
import { networkOf } from '../domain/network.ts';
import type { WebSettings } from '../limits.ts';
import { addressOf, isProxy, type Proxies } from './client-address.ts';

/** How long requests in hand may take once nothing new is accepted. */
const REQUEST_MS = 5_000;
/** All headers of a request together. */
const MOST_HEADER_BYTES = 16 * 1024;

export interface Listening {
  readonly address: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

type Fetch = Parameters<typeof serve>[0]['fetch'];

/** Serves HTTP within limits that hold before any code of ours runs. Rejects with what `listen` failed with. */
export function listenWithin(
  fetch: Fetch,
  { host, port }: { readonly host: string; readonly port: number },
  limits: WebSettings,
  proxies: Proxies,
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const serverOptions = {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: limits.headersWithin * 1000,
      requestTimeout: limits.requestWithin * 1000,
      // Node looks for late ones this often; its own 30 s would make of 10 s up to 40.
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: Math.min(limits.idle, 5) * 1000,
      insecureHTTPParser: false,
      requireHostHeader: true,
    };
    const server = serve({ fetch, hostname: host, port, serverOptions }, (info: AddressInfo) => {
      server.off('error', reject);
      resolve({
        address: { host, port: info.port },
        close: () =>
          new Promise(done => {
            const late = setTimeout(() => server.closeAllConnections(), REQUEST_MS);
            // A connection that has had its answer is idle, and kept no longer.
            const idle = setInterval(() => server.closeIdleConnections(), 50);
            server.close(() => {
              clearTimeout(late);
              clearInterval(idle);
              done();
            });
          }),
      });
    }) as Server;
    server.once('error', reject);
    server.maxConnections = limits.connections;
    // Past its own limit Node would leave headers out in silence, say the Origin; `wellFormed` counts them.
    server.maxHeadersCount = 0;
    server.setTimeout(limits.idle * 1000, socket => socket.destroy());
    countByAddress(server, limits, proxies);
  });
}

function countByAddress(server: Server, { connectionsPerAddress }: WebSettings, proxies: Proxies): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket.remoteAddress, undefined, proxies);
    // What comes through a proxy is the proxy's to count.
    if (isProxy(address, proxies)) return;
    const network = networkOf(address);
    const count = open.get(network) ?? 0;
    if (count >= connectionsPerAddress) {
      socket.destroy();
      return;
    }
    open.set(network, count + 1);
    socket.once('close', () => {
      const now = (open.get(network) ?? 1) - 1;
      if (now === 0) open.delete(network);
      else open.set(network, now);
    });
  });
}
