import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from './domain/duration.ts';

/** The parts of `sallyport.yaml` that bound what others may ask of us. */

/** A duration as people write it, in seconds. */
export const duration = z.string().transform((text, context) => {
  const seconds = parseDuration(text);
  if (seconds === null) {
    context.addIssue({ code: 'custom', message: 'expected a duration such as 15m or 12h' });
    return z.NEVER;
  }
  return seconds;
});

const count = z.int().min(1).max(1_000_000);

/** Addresses and networks such as `10.0.0.7`, `10.0.0.0/8` and `fd00::/8`, as one list. */
export const networks = z.array(z.string()).transform((texts, context) => {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', prefix, ...rest] = text.split('/');
    const version = isIP(address);
    const most = version === 4 ? 32 : 128;
    const length = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : most + 1;
    if (version === 0 || rest.length > 0 || length > most) {
      context.addIssue({ code: 'custom', message: 'expected addresses or networks such as 10.0.0.0/8' });
      return z.NEVER;
    }
    list.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
});

/** What a stranger may do to the web listener, and who stands in front of it. Times in seconds. */
export interface WebSettings {
  /** Names besides the public one by which it may be called. */
  readonly hosts: readonly string[];
  /** Until a request's headers are here. */
  readonly headersWithin: number;
  /** Until all of it is. */
  readonly requestWithin: number;
  /** In which nothing moves on a connection: a reader that does not read, too. */
  readonly idle: number;
  readonly connections: number;
  /** From one address that is no proxy of ours (of IPv6: one /64). */
  readonly connectionsPerAddress: number;
  /** Steps of signing in that one address may take in a minute. */
  readonly signInsPerMinute: number;
}

export const webShape = z
  .strictObject({
    hosts: z
      .array(z.string().regex(/^[A-Za-z0-9._-]{1,253}$/, 'expected a host name without a port'))
      .default([]),
    headers_within: duration.prefault('10s'),
    request_within: duration.prefault('30s'),
    idle: duration.prefault('60s'),
    connections: count.default(2000),
    connections_per_address: count.default(200),
    sign_ins_per_minute: count.default(120),
  })
  .transform(
    (given): WebSettings => ({
      hosts: given.hosts,
      headersWithin: given.headers_within,
      requestWithin: given.request_within,
      idle: given.idle,
      connections: given.connections,
      connectionsPerAddress: given.connections_per_address,
      signInsPerMinute: given.sign_ins_per_minute,
    }),
  );

/** How often one person may ask in one engagement; changing a request counts as asking. */
export interface AskingPace {
  readonly perMinute: number;
  readonly perHour: number;
}

export const askingShape = z
  .strictObject({ per_minute: count.default(20), per_hour: count.default(120) })
  .transform((given): AskingPace => ({ perMinute: given.per_minute, perHour: given.per_hour }));

/** What holds where `sallyport.yaml` says nothing. */
export const standardLimits = () => ({ web: webShape.parse({}), asking: askingShape.parse({}) });
