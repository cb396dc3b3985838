import { z } from 'zod';
import type { Inventory } from '../domain/target.ts';
import { labels, name, quoted, says, strict, text, url } from './forms.ts';

const address = z
  .string(says('host:port'))
  .refine(value => isHostPort(value), 'expected host:port, such as 10.0.0.5:22 or [::1]:22')
  .meta({ pattern: '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$' });

/** `host:port`, an IPv6 host in brackets; no scheme, user or path. */
function isHostPort(value: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 65_535;
}

const hostKey = z
  .string(says('a host key, such as ssh-ed25519 AAAA…'))
  .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]{16,}={0,2}$/, 'expected a host key, such as ssh-ed25519 AAAA…');

const target = strict({
  label: text.describe('What people call it.').exactOptional(),
  labels: labels.describe('What ties it to services and rules: a text, or a list of which each counts.'),
  ssh: strict({
    address: address.describe('Where its sshd listens, host:port.'),
    trust: z
      .enum(['ca', 'key'], says('ca or key'))
      .describe("ca: its sshd trusts the tenant's CA. key: it cannot trust one."),
    host_key: z
      .union([hostKey, z.array(hostKey).min(1)], says('a host key or a list of them'))
      .describe('The host keys that it may show, as in a known_hosts line without the names.')
      .exactOptional(),
  })
    .describe('How it is reached over SSH.')
    .exactOptional(),
  postgres: strict({
    address: address.describe('Where the server listens, host:port.'),
    database: quoted.describe('The database on it.'),
  })
    .describe('How it is reached as a PostgreSQL database.')
    .exactOptional(),
  web: strict({ address: url('an http or https URL').describe('The URL of its console.') })
    .describe('How its web console is reached.')
    .exactOptional(),
}).describe('One thing to reach: a host, a console, a database.');

export const inventorySchema: z.ZodType<Inventory> = strict({
  targets: z
    .record(name, target, says('targets by name'))
    .describe('Everything that can be reached, by its short name.'),
});
