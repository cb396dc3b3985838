import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A package as the lock file pins it. */
export interface Package {
  /** Where it is installed, `node_modules/…`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** SHA-512 of what the registry serves, hex. */
  readonly sha512: string;
  /** `excluded`: for building and testing only, never with the product. */
  readonly scope: 'required' | 'optional' | 'excluded';
  /** An SPDX identifier or expression; null: it names none. */
  readonly licence: string | null;
  readonly installScript: boolean;
  /** The packages that it finds when it names its dependencies; their paths. */
  readonly uses: readonly string[];
}

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export const readLock = (): { readonly packages: Readonly<Record<string, Locked>> } =>
  JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));

export const readManifest = (folder = '') =>
  JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));

/** Everything that an installation may hold on any platform, in the order of its paths. */
export function readPackages(): Package[] {
  const { packages } = readLock();
  const found = (from: string, name: string): string[] => {
    for (let at = from; ; at = dirname(at)) {
      const path = join(at === '.' ? '' : at, 'node_modules', name);
      if (packages[path]) return [path];
      if (at === '.' || at === '') return [];
    }
  };
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, locked]) => ({
      path,
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: locked.version,
      sha512: Buffer.from(locked.integrity?.replace(/^sha512-/, '') ?? '', 'base64').toString('hex'),
      scope: locked.dev ? 'excluded' : locked.optional || locked.devOptional ? 'optional' : 'required',
      licence: licenceOf(path, locked),
      installScript: locked.hasInstallScript === true,
      uses: Object.keys({
        ...locked.dependencies,
        ...locked.optionalDependencies,
        ...locked.peerDependencies,
      })
        .flatMap(name => found(path, name))
        .sort(),
    }));
}

/** What the product itself names, as paths. */
export function namedByUs(): string[] {
  const { dependencies, optionalDependencies } = readManifest();
  return Object.keys({ ...dependencies, ...optionalDependencies })
    .map(name => `node_modules/${name}`)
    .sort();
}

/** npm writes the field `license` into the lock; the older `licenses` stands in the package alone. */
function licenceOf(path: string, { license }: Locked): string | null {
  if (license) return license;
  if (!existsSync(join(ROOT, path, 'package.json'))) return null;
  const { licenses } = readManifest(path) as { licenses?: { type: string }[] };
  return licenses?.map(({ type }) => type).join(' OR ') ?? null;
}
