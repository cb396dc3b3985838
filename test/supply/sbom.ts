import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { BUNDLED, BUNDLER } from './bundled.ts';
import { namedByUs, type Package, readManifest, readPackages } from './packages.ts';

/**
 * The CycloneDX 1.6 bill of materials, made from the lock file, so that it is the same on every machine: no time, no
 * random number, and every platform's packages. `scope` says what goes with the product.
 */
export function billOfMaterials() {
  const { name, version, license } = readManifest();
  const packages = readPackages();
  const refs = new Map(packages.map(one => [one.path, one.path.replaceAll('node_modules/', '')]));
  const components = packages.map(one => ({
    type: 'library',
    'bom-ref': refs.get(one.path)!,
    ...named(one),
    version: one.version,
    scope: one.scope,
    hashes: [{ alg: 'SHA-512', content: one.sha512 }],
    licenses: licensesOf(one.licence),
    purl: purlOf(one.name, one.version),
    components: one.path === BUNDLER ? bundled(refs.get(one.path)!) : undefined,
  }));
  const dependencies = [
    { ref: name, dependsOn: namedByUs().map(path => refs.get(path)!) },
    ...packages.map(one => ({ ref: refs.get(one.path)!, dependsOn: one.uses.map(path => refs.get(path)!) })),
  ];
  const hash = createHash('sha256')
    .update(JSON.stringify([version, components, dependencies]))
    .digest('hex');
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    // The same content has the same number (RFC 9562, section 5.8).
    serialNumber: `urn:uuid:${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`,
    version: 1,
    metadata: {
      lifecycles: [{ phase: 'pre-build' }],
      component: {
        type: 'application',
        'bom-ref': name,
        name,
        version,
        licenses: licensesOf(license),
        purl: purlOf(name, version),
      },
    },
    components,
    dependencies,
  };
}

/** A scope is the group in CycloneDX. */
function named({ name }: Package) {
  const [group, rest] = name.split('/');
  return rest === undefined ? { name } : { group, name: rest };
}

const licensesOf = (licence: string | null) =>
  licence === null
    ? []
    : / (OR|AND|WITH) /.test(licence)
      ? [{ expression: licence }]
      : [{ license: { id: licence } }];

const purlOf = (name: string, version: string): string =>
  `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;

const bundled = (within: string) =>
  BUNDLED.map(({ name, version, licence }) => ({
    type: 'library',
    'bom-ref': `${within}/${name}`,
    name,
    version,
    licenses: licensesOf(licence),
    purl: `pkg:generic/${name}@${version}`,
  }));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(billOfMaterials(), null, 2)}\n`);
}
