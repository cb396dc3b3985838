import { plainAddress } from '../../../src/domain/network.ts';
import type { Probe } from '../contract.ts';
import { codeOf, dial } from '../dial.ts';
import { speaksTls } from '../tls.ts';

/** Whether something answers there, and speaks TLS where its address says so: no more, as no session opens yet. */
export const probe: Probe = async (order, { options }, signal) => {
  const { reachMs } = options.limits;
  const began = performance.now();
  try {
    const socket = await dial(order, reachMs, signal);
    try {
      const reached = { ms: Math.round(performance.now() - began) };
      const from = plainAddress(socket.localAddress);
      return {
        reached,
        from,
        tls: order.tls ? await speaksTls(socket, order.host, reachMs) : null,
        ssh: null,
      };
    } finally {
      socket.destroy();
    }
  } catch (error) {
    return { reached: { why: codeOf(error) }, from: null, tls: null, ssh: null };
  }
};
