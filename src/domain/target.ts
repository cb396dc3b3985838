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
