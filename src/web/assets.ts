import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build, version } from 'esbuild';
import { STYLE as SWIMLANE } from '../matrices/swimlane/paint.ts';

/** Styles, the icon and the islands. Addresses carry a hash, so that a browser asks for each version once. */

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ISLANDS = join(HERE, 'islands');
const STYLE = ['base', 'signs', 'forms', 'cards', 'matrix', 'media'].map(name =>
  join(HERE, 'style', `${name}.css`),
);
const resolve = createRequire(import.meta.url).resolve;

interface Source {
  readonly type: string;
  /** What its version is the hash of. */
  readonly seed: () => Buffer | string;
  readonly body: () => Promise<Buffer>;
}

const file = (type: string, path: string): Source => ({
  type,
  seed: () => readFileSync(path),
  body: async () => readFileSync(path),
});

/** Written in parts, sent as one. */
const joined = (type: string, paths: readonly string[]): Source => {
  const whole = () => Buffer.concat(paths.map(path => readFileSync(path)));
  return { type, seed: whole, body: async () => whole() };
};

const island = (name: string): Source => ({
  type: 'text/javascript; charset=utf-8',
  seed: islandsSeed,
  body: async () => (await bundles()).get(name)!,
});

const sources: Readonly<Record<string, Source>> = {
  'pico.css': file('text/css; charset=utf-8', resolve('@picocss/pico/css/pico.zinc.min.css')),
  'style.css': joined('text/css; charset=utf-8', STYLE),
  'player.css': file('text/css; charset=utf-8', resolve('asciinema-player/dist/bundle/asciinema-player.css')),
  'swimlane.css': {
    type: 'text/css; charset=utf-8',
    seed: () => SWIMLANE,
    body: async () => Buffer.from(SWIMLANE),
  },
  'icon.svg': file('image/svg+xml', join(HERE, 'icon.svg')),
  'page.js': island('page'),
  'player.js': island('player'),
};

export type AssetName =
  | 'pico.css'
  | 'style.css'
  | 'player.css'
  | 'swimlane.css'
  | 'icon.svg'
  | 'page.js'
  | 'player.js';

const versions = new Map<string, string>();

function versionOf(name: string): string {
  const known = versions.get(name);
  if (known) return known;
  const hash = createHash('sha256').update(sources[name]!.seed()).digest('hex').slice(0, 16);
  versions.set(name, hash);
  return hash;
}

/** The address of an asset as it is now. */
export const assetUrl = (name: AssetName): string => `/assets/${name}?v=${versionOf(name)}`;

export interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly brotli: Buffer;
  readonly version: string;
}

const ready = new Map<string, Promise<Asset>>();

/** `null`: there is none of that name. */
export async function assetOf(name: string): Promise<Asset | null> {
  if (!Object.hasOwn(sources, name)) return null;
  const known = ready.get(name);
  if (known) return known;
  const made = make(name);
  ready.set(name, made);
  // A failure is not remembered: the next reader tries again.
  made.catch(() => ready.delete(name));
  return made;
}

async function make(name: string): Promise<Asset> {
  const { type, body } = sources[name]!;
  const plain = await body();
  return { type, plain, brotli: brotliCompressSync(plain), version: versionOf(name) };
}

/** An island is what its sources, the player and the bundler make of it. */
function islandsSeed(): string {
  const own = [
    ...readdirSync(ISLANDS)
      .sort()
      .map(name => join(ISLANDS, name)),
    join(HERE, 'time-words.ts'),
  ];
  const player = createHash('sha256')
    .update(readFileSync(resolve('asciinema-player')))
    .digest('hex');
  return [version, player, ...own.map(path => readFileSync(path, 'utf8'))].join('\0');
}

let bundled: Promise<Map<string, Buffer>> | null = null;

/** Both islands, made in memory when the first of them is asked for. */
function bundles(): Promise<Map<string, Buffer>> {
  bundled ??= build({
    entryPoints: { page: join(ISLANDS, 'page.ts'), player: join(ISLANDS, 'player.ts') },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    outdir: '/',
    logLevel: 'silent',
    legalComments: 'none',
  }).then(({ outputFiles }) => {
    const named = (end: string) => Buffer.from(outputFiles.find(one => one.path.endsWith(end))!.contents);
    return new Map([
      ['page', named('page.js')],
      ['player', named('player.js')],
    ]);
  });
  bundled.catch(() => {
    bundled = null;
  });
  return bundled;
}
