import type { Socket } from 'node:net';
import { plainAddress } from '../../../src/domain/network.ts';
import type { Probe } from '../contract.ts';
import { codeOf, dial } from '../dial.ts';
import { speaksTls } from '../tls.ts';

/** SSLRequest (PostgreSQL's protocol, message formats): its length and its code. The answer is one byte. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Whether a server answers there, and offers TLS: no more, as no session opens yet. */
export const probe: Probe = async (order, { options }, signal) => {
  const { reachMs } = options.limits;
  const began = performance.now();
  try {
    const socket = await dial(order, reachMs, signal);
    try {
      const reached = { ms: Math.round(performance.now() - began) };
      const from = plainAddress(socket.localAddress);
      const answer = await firstByte(socket, reachMs);
      const tls =
        answer === 'S'
          ? await speaksTls(socket, order.host, reachMs)
          : answer === 'N'
            ? 'not-offered'
            : 'failed';
      return { reached, from, tls, ssh: null };
    } finally {
      socket.destroy();
    }
  } catch (error) {
    return { reached: { why: codeOf(error) }, from: null, tls: null, ssh: null };
  }
};

function firstByte(socket: Socket, ms: number): Promise<string | null> {
  return new Promise(resolve => {
    const told = (answer: string | null) => {
      clearTimeout(timer);
      resolve(answer);
    };
    const timer = setTimeout(told, ms, null);
    socket.once('data', bytes => told(bytes.toString('latin1', 0, 1)));
    socket.once('close', () => told(null));
    socket.write(SSL_REQUEST);
  });
}
