import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { Refused } from '../elevation/contract.ts';
import type { Env } from './application.ts';
import { incomingOf } from './client-address.ts';

const MOST_HEADERS = 100;
/** Two of them, and two readers may each believe another one. */
const ONCE = ['host', 'origin', 'authorization', 'content-type', 'content-length', 'transfer-encoding'];
/** What asks whether we live does so by whatever name it reaches us. */
const ANY_HOST = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Refuses requests that could mean two things, before anything is made of them, and those that name another host: a
 * page of somebody else whose name was pointed at us (DNS rebinding) must find nobody here. An IP address and
 * `localhost` are nobody's to point, so those pass: proxies and probes often use them.
 */
export function wellFormed(url: URL, hosts: readonly string[]): MiddlewareHandler<Env> {
  const known = new Set([url.hostname, ...hosts].map(host => host.toLowerCase()));
  return async (c, next) => {
    const raw = incomingOf(c)?.rawHeaders ?? [];
    const names = raw.filter((_, at) => at % 2 === 0).map(name => name.toLowerCase());
    if (names.length > MOST_HEADERS) {
      throw new Refused('too-large', `A request may have ${MOST_HEADERS} headers.`, 431);
    }
    const twice = ONCE.find(name => names.indexOf(name) !== names.lastIndexOf(name));
    if (twice) throw new Refused('invalid', `The header ${twice} is there twice.`, 400);
    if (!ANY_HOST.has(c.req.path) && !isOurs(c.req.header('host') ?? '', known)) {
      throw new Refused('wrong-host', `This broker is at ${url.origin}.`, 421);
    }
    // The target of a request may be a whole address, and then it counts instead of Host (RFC 9112, section 3.2.2).
    if (!ANY_HOST.has(c.req.path) && !isOurs(new URL(c.req.url).host, known)) {
      throw new Refused('wrong-host', `This broker is at ${url.origin}.`, 421);
    }
    const encoding = c.req.header('content-encoding') ?? 'identity';
    // Nothing here unpacks: what is sent is what is counted.
    if (encoding !== 'identity') throw new Refused('invalid', 'Send the body as it is, not packed.', 415);
    await next();
  };
}

function isOurs(host: string, known: ReadonlySet<string>): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host);
  const name = (match?.[1] ?? match?.[2] ?? '').toLowerCase();
  return known.has(name) || name === 'localhost' || isIP(name) !== 0;
}
