import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP } from 'node:net';
import type { Context } from 'hono';
import { plainAddress } from '../domain/network.ts';

/** Who stands in front of the broker and may say on whose behalf it calls. */
export type Proxies = BlockList;

/**
 * The address that a request comes from: the connection's, or where that is a proxy of ours, the last in
 * `X-Forwarded-For` that is none. What stands before it in that header was written by the caller and proves nothing.
 */
export function addressOf(peer: string | undefined, forwarded: string | undefined, proxies: Proxies): string {
  let address = plainAddress(peer);
  const hops = (forwarded ?? '').split(',').map(hop => plainAddress(hop.trim()));
  while (isProxy(address, proxies)) {
    const next = hops.pop();
    if (next === undefined || isIP(next) === 0) break;
    address = next;
  }
  return address;
}

export const isProxy = (address: string, proxies: Proxies): boolean => {
  const version = isIP(address);
  return version !== 0 && proxies.check(address, version === 4 ? 'ipv4' : 'ipv6');
};

/** The same, of a request that Node received. */
export const callerOf = (c: Context, proxies: Proxies): string =>
  addressOf(incomingOf(c)?.socket.remoteAddress, c.req.header('x-forwarded-for'), proxies);

/** Node's request behind a context; none where the application is called without a listener. */
export const incomingOf = (c: Context): IncomingMessage | undefined =>
  (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;
