import type { Protocol } from './protocol.ts';

/** What labels a target carries: a text, or several of which each counts. */
export type Labels = Readonly<Record<string, string | readonly string[]>>;

/** Something to reach. Its labels tie it to services, so they are authority as much as the matrix is. */
export interface Target {
  readonly label?: string;
  readonly labels: Labels;
  readonly ssh?: {
    /** `host:port`. */
    readonly address: string;
    /** `ca`: its sshd trusts the tenant's CA; `key`: it cannot, and gets a key that expires by itself. */
    readonly trust: 'ca' | 'key';
    /** `ssh-ed25519 AAAA…`, as in a known_hosts line without the names. */
    readonly host_key?: string | readonly string[];
  };
  readonly postgres?: {
    /** `host:port`. */
    readonly address: string;
    readonly database: string;
  };
  readonly web?: {
    /** An `http:` or `https:` URL. */
    readonly address: string;
  };
}

/** The document of `targets.yaml`. */
export interface Inventory {
  readonly targets: Readonly<Record<string, Target>>;
}

/** The target of this name. `constructor` and its like name no target unless the inventory says so. */
export function findTarget(inventory: Inventory, name: string): Target | null {
  return Object.hasOwn(inventory.targets, name) ? inventory.targets[name]! : null;
}

/** `host:port` or `[v6]:port`; `port` where none is said. */
export function splitAddress(address: string, port = 22): { host: string; port: number } {
  // An IPv6 address alone, as alerts write it.
  if (/^[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*$/i.test(address)) return { host: address, port };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(address);
  return match ? { host: (match[1] ?? match[2])!, port: Number(match[3] ?? port) } : { host: address, port };
}

/** Where a target is reached by a protocol; null where it is not. `tls`: spoken from the first byte. */
export function placeOf(
  target: Target,
  protocol: Protocol,
): { readonly host: string; readonly port: number; readonly tls: boolean } | null {
  const address = target[protocol]?.address;
  if (address === undefined) return null;
  if (protocol !== 'web') {
    return { ...splitAddress(address, protocol === 'ssh' ? 22 : 5432), tls: false };
  }
  const { hostname, port, protocol: scheme } = new URL(address);
  const tls = scheme === 'https:';
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (tls ? 443 : 80)), tls };
}

/** Every protocol's place of a target that is at this address: a host or an IP address, with or without a port. */
export function isAt(target: Target, address: string): boolean {
  const { host, port } = splitAddress(address, 0);
  const wanted = canonical(host);
  return (['ssh', 'postgres', 'web'] as const).some(protocol => {
    const place = placeOf(target, protocol);
    return place !== null && canonical(place.host) === wanted && (port === 0 || port === place.port);
  });
}

/** One way to write a host: lower case, IP addresses in their shortest form (WHATWG URL, host parsing). */
function canonical(host: string): string {
  const written = host.includes(':') ? `[${host}]` : host;
  return URL.canParse(`http://${written}`) ? new URL(`http://${written}`).hostname.replace(/\.$/, '') : host;
}
