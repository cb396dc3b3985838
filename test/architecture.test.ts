import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const files = ['src', 'recorder'].flatMap(folder =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => join(folder, name)),
);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Every import and re-export of our own files, with whether it is gone at run time. */
const imports: Import[] = files.flatMap(from => {
  const source = readFileSync(join(ROOT, from), 'utf8');
  return [...source.matchAll(/^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'(\.[^']+)';/gms)].map(match => ({
    from,
    to: relative(ROOT, normalize(join(ROOT, dirname(from), match[2]!))),
    typeOnly: match[1] !== undefined,
  }));
});

const broken = (rule: (edge: Import) => boolean): string[] =>
  imports.filter(rule).map(edge => `${edge.from} -> ${edge.to}`);

const isIn = (path: string, ...folders: string[]) => folders.some(folder => path.startsWith(`${folder}/`));

describe('data walks one way', () => {
  it('the rules are pure: domain imports domain alone', () => {
    expect(broken(({ from, to }) => isIn(from, 'src/domain') && !isIn(to, 'src/domain'))).toEqual([]);
  });

  it('domain touches nothing outside: no node module but crypto', () => {
    const outside = files
      .filter(file => isIn(file, 'src/domain'))
      .flatMap(file =>
        [...readFileSync(join(ROOT, file), 'utf8').matchAll(/from '(node:[^']+)'/g)].map(
          m => `${file} ${m[1]}`,
        ),
      )
      .filter(found => !found.endsWith('node:crypto'));
    expect(outside).toEqual([]);
  });

  it('elevation knows domain, itself, and contracts as types', () => {
    const wrong = broken(
      ({ from, to, typeOnly }) =>
        isIn(from, 'src/elevation') &&
        !isIn(to, 'src/domain', 'src/elevation') &&
        !(typeOnly && to.endsWith('/contract.ts')),
    );
    expect(wrong).toEqual([]);
  });

  it('the recorder knows of src only domain, and its own door', () => {
    expect(
      broken(({ from, to }) => isIn(from, 'recorder') && isIn(to, 'src') && !isIn(to, 'src/domain')),
    ).toEqual([]);
  });

  it('src knows of the recorder its door, as types, and its main', () => {
    const wrong = broken(
      ({ from, to, typeOnly }) =>
        isIn(from, 'src') &&
        isIn(to, 'recorder') &&
        !(to === 'recorder/control-plane.ts' && typeOnly) &&
        !(from === 'src/main.ts' && to === 'recorder/main.ts'),
    );
    expect(wrong).toEqual([]);
  });

  it('only main picks kinds', () => {
    const wrong = broken(
      ({ from, to }) => to.endsWith('/kinds.ts') && !['src/main.ts', 'recorder/main.ts'].includes(from),
    );
    expect(wrong).toEqual([]);
  });

  it('main is imported by the command line and the demo alone', () => {
    const wrong = broken(({ from, to }) => to === 'src/main.ts' && !isIn(from, 'src/cli', 'src/demo'));
    expect(wrong).toEqual([]);
  });

  it('the verifier trusts nothing of the writer', () => {
    const reached = new Set<string>(['src/audit/verify.ts']);
    for (const file of reached) {
      for (const { from, to, typeOnly } of imports) if (from === file && !typeOnly) reached.add(to);
    }
    expect([...reached].filter(file => !isIn(file, 'src/audit'))).toEqual([]);
  });

  it('in no circle, not even of types', () => {
    const onward = new Map(files.map(file => [file, imports.filter(({ from }) => from === file)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      if (done.has(file) || path.includes(file)) return;
      for (const { to } of onward.get(file) ?? []) walk(to, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(circles).toEqual([]);
  });

  it('the environment is read in one place', () => {
    const readers = files.filter(file => /process\.env\b/.test(readFileSync(join(ROOT, file), 'utf8')));
    expect(readers).toEqual(['src/configuration.ts']);
  });

  it('only commit and sign-in write what an elevation writes', () => {
    const writers = files.filter(file =>
      /\.(insert|update)\((requests|approvals|grants|sessions|outbox)\)/.test(
        readFileSync(join(ROOT, file), 'utf8'),
      ),
    );
    expect(writers.sort()).toEqual(['src/schedule/outbox.ts', 'src/store/commit.ts']);
  });
});

describe('names', () => {
  it('no file is a drawer for anything', () => {
    const drawers = files.filter(file =>
      /(^|\/)(utils?|helpers?|common|misc|shared|managers?|services?)(\/|\.tsx?$)/.test(file),
    );
    expect(drawers).toEqual([]);
  });

  it('no file has grown past the second idea', () => {
    const long = files.filter(file => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 400);
    expect(long).toEqual([]);
  });
});
