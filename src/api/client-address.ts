import { BlockList, isIP } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { plainAddress } from '../domain/network.ts';

/** The proxies whose word on where a request came from is taken. */
export interface Proxies {
  has(address: string): boolean;
}

/** @param ranges addresses, or ranges such as `10.0.0.0/8`; the configuration has checked them */
export function proxiesOf(ranges: readonly string[]): Proxies {
  const list = new BlockList();
  for (const range of ranges) {
    const [address, bits] = range.split('/') as [string, string | undefined];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return { has: address => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') };
}

/**
 * Where a request came from: the other end of its connection. Only if that is a proxy of the configuration, what
 * this proxy wrote into `X-Forwarded-For`: read from the right, past further proxies of ours, since whatever stands
 * left of the first stranger is the stranger's own word.
 */
export function clientAddress(c: Context, proxies: Proxies): string {
  const said = (c.req.header('x-forwarded-for') ?? '').slice(-2000).split(',').reverse();
  let address = plainAddress(getConnInfo(c).remote.address);
  for (const hop of said) {
    const next = plainAddress(hop.trim().replace(/^\[(.*)\]$/, '$1'));
    if (!proxies.has(address) || isIP(next) === 0) break;
    address = next;
  }
  return address;
}
