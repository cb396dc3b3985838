import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** Listens on loopback at `port`; when that is taken, at any free one. Resolves to the port it got. */
export async function listenOnLoopback(server: TcpServer, port: number): Promise<number> {
  try {
    return await listen(server, port);
  } catch (error) {
    if (port !== 0 && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') return listen(server, 0);
    throw error;
  }
}

/**
 * A port that was free a moment ago, `preferred` if it was. For programs that must be told a number: somebody
 * else may take it before they do, so try again when they say so.
 */
export async function freePort(preferred = 0): Promise<number> {
  const probe = createTcpServer();
  const port = await listenOnLoopback(probe, preferred);
  await new Promise(done => probe.close(done));
  return port;
}

/** Stops listening and drops whoever is still connected; a second call does nothing. */
export function closeServer(server: Server): Promise<void> {
  return new Promise(done => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

/** The whole body, or null when it is longer than `limit` bytes (the rest is then not kept). */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Read on a little, so that the sender gets to see the answer instead of a reset connection.
    if (size > limit * 4 + 65_536) return null;
    if (size <= limit) chunks.push(chunk);
  }
  return size > limit ? null : Buffer.concat(chunks);
}

function listen(server: TcpServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
