import { fileURLToPath } from 'node:url';
import { BUNDLED, BUNDLER } from './bundled.ts';
import { type Package, readPackages } from './packages.ts';

/** Licences that ask for their notice and no more: fit to go with an Apache-2.0 program. */
const PERMISSIVE = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ICU',
  'ISC',
  'MIT',
  'OpenSSL',
  'PostgreSQL',
  'Unlicense',
  'Zlib',
];
/** Files under it stay under it: allowed for tools that never go with the product. */
const FOR_TOOLS = ['MPL-2.0'];

/** Whether a licence may be had; of several that are offered, one is enough. */
export const allowed = (licence: string | null, scope: Package['scope']): boolean =>
  (licence ?? '')
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some(one => PERMISSIVE.includes(one) || (scope === 'excluded' && FOR_TOOLS.includes(one)));

/** `THIRD-PARTY.md`: what goes with the product, by licence. */
export function thirdParties(): string {
  const lines = [
    ...readPackages()
      .filter(({ scope }) => scope !== 'excluded')
      .map(({ name, version, licence, path }) => ({
        licence: licence ?? 'none named',
        line: `${name} ${version}`,
        path,
      })),
    ...BUNDLED.map(({ name, version, licence }) => ({
      licence,
      line: `${name} ${version}, inside of ${BUNDLER.replace('node_modules/', '')}`,
      path: '',
    })),
  ];
  const licences = [...new Set(lines.map(({ licence }) => licence))].sort();
  const sections = licences.map(licence => {
    const of = new Set(lines.filter(one => one.licence === licence).map(({ line }) => line));
    return [`## ${licence}`, '', ...[...of].sort().map(line => `- ${line}`), ''].join('\n');
  });
  return [
    '# Third parties',
    '',
    'What an installation of Sallyport may hold besides its own code, by licence, on any platform; each package brings',
    'the text of its licence. Tools for building and testing are not in it; the bill of materials (`npm run -s sbom`)',
    'has them too, marked as excluded. Written by `npm run -s licences`; a test holds it to the lock file.',
    '',
    ...sections,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(thirdParties());
