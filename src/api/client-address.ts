import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP } from 'node:net';
import type { Context } from 'hono';

/** Who stands in front of the broker and may say on whose behalf it calls. */
export type Proxies = BlockList;

/** `::ffff:10.0.0.7` as `10.0.0.7`. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/**
 * The address that a request comes from: the connection's, or where that is a proxy of ours, the last in
 * `X-Forwarded-For` that is none. What stands before it in that header was written by the caller and proves nothing.
 */
export function addressOf(peer: string | undefined, forwarded: string | undefined, proxies: Proxies): string {
  let address = plain(peer ?? '');
  const hops = (forwarded ?? '').split(',').map(hop => plain(hop.trim()));
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

/** What one customer of a network usually holds: an IPv4 address, or 64 bits of an IPv6 one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const whole = tail === undefined ? left : [...left, ...zeros, ...right];
  return `${whole
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
