import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { canonicalize } from 'json-canonicalize';
import type { z } from 'zod';
import type { Engagement } from '../domain/decision.ts';
import type { Matrix } from '../domain/matrix.ts';
import type { VersionTexts } from '../domain/proposal.ts';
import type { Inventory } from '../domain/target.ts';
import { type Expectations, expectationsSchema } from './expectations-schema.ts';
import { extended } from './extend.ts';
import { firstOf, inOrder, MOST_PROBLEMS, type Place, type Problem, placeText } from './problem.ts';
import { expectationReferences, matrixReferences } from './references.ts';
import { matrixSchema } from './schema.ts';
import { openSource, type Path, parseSource, type Source, shapeProblems } from './source.ts';
import { inventorySchema } from './targets-schema.ts';

export type { VersionTexts } from '../domain/proposal.ts';
export type { Expectation, Expectations } from './expectations-schema.ts';

/** What a tenant's folder holds, or everything that is wrong with it. */
export type Reading =
  | {
      readonly ok: true;
      readonly folder: string;
      readonly engagement: Engagement;
      /** `null` when the folder has no expectations. */
      readonly expectations: Expectations | null;
      readonly texts: VersionTexts;
      /** Where a part of a file stands. `key`: where its key does. */
      readonly locate: (file: 'matrix' | 'targets' | 'expectations', path: Path, key?: 'key') => Place;
    }
  | { readonly ok: false; readonly folder: string; readonly problems: readonly Problem[] };

/**
 * Reads `matrix.yaml`, `targets.yaml` and, if there, `expectations.yaml` of one tenant. Every problem of all three
 * is told at once; nothing is thrown for a bad file.
 *
 * @param options.anyFolder the folder may be called otherwise than the tenant, as a copy under review is
 */
export function readEngagement(folder: string, options: { readonly anyFolder?: boolean } = {}): Reading {
  const expectations = join(folder, 'expectations.yaml');
  return readOpened(
    folder,
    {
      matrix: openSource(join(folder, 'matrix.yaml')),
      targets: openSource(join(folder, 'targets.yaml')),
      expectations: existsSync(expectations) ? openSource(expectations) : null,
    },
    options.anyFolder ? null : basename(resolve(folder)),
  );
}

/** The same as `readEngagement`, of texts that came without a folder. The tenant must be called `tenant`. */
export function readTexts(tenant: string, texts: VersionTexts): Reading {
  return readOpened(
    tenant,
    {
      matrix: parseSource('matrix.yaml', texts.matrix),
      targets: parseSource('targets.yaml', texts.targets),
      expectations: texts.expectations === null ? null : parseSource('expectations.yaml', texts.expectations),
    },
    tenant,
  );
}

type Opened = ReturnType<typeof openSource>;

function readOpened(
  folder: string,
  opened: { matrix: Opened; targets: Opened; expectations: Opened | null },
  called: string | null,
): Reading {
  const { targets, expectations } = opened;
  const matrix = onItsLibrary(opened.matrix);
  const problems = [
    ...settled(matrix, matrixSchema, source => matrixReferences(source, called)),
    ...settled(targets, inventorySchema, () => []),
    ...(expectations
      ? settled(expectations, expectationsSchema, source =>
          matrix.source ? expectationReferences(source, matrix.source.value) : [],
        )
      : []),
  ];
  if (problems.length > 0 || !matrix.source || !targets.source) return { ok: false, folder, problems };
  const sources = {
    matrix: matrix.source,
    targets: targets.source,
    expectations: expectations?.source ?? null,
  };
  return {
    ok: true,
    folder,
    engagement: engagementOf(matrix.source.value as Matrix, targets.source.value as Inventory),
    expectations: (sources.expectations?.value as Expectations | undefined) ?? null,
    texts: {
      matrix: sources.matrix.text,
      targets: sources.targets.text,
      expectations: sources.expectations?.text ?? null,
    },
    locate: (name, path, key) => {
      const source = sources[name];
      if (!source) return { file: join(folder, 'expectations.yaml'), line: 1, column: 1 };
      return key ? source.whereKey(path) : source.where(path);
    },
  };
}

function onItsLibrary({ source: own, problems }: Opened): Opened {
  if (!own) return { source: own, problems };
  const { source, problems: more } = extended(own);
  return { source, problems: [...problems, ...more] };
}

/**
 * A file's problems in the order of its lines, the first of them where there are many; where two name one place, what
 * the references say is the clearer.
 */
function settled(
  opened: { source: Source | null; problems: readonly Problem[] },
  schema: z.ZodType,
  references: (source: Source) => Problem[],
): Problem[] {
  const { source } = opened;
  if (!source) return firstOf(opened.problems);
  const problems = [...opened.problems, ...references(source)];
  const told = new Set(problems.map(placeText));
  for (const problem of shapeProblems(source, schema)) {
    if (problems.length > MOST_PROBLEMS) break;
    if (!told.has(placeText(problem))) problems.push(problem);
  }
  // What stands in a library comes after what stands in the own file.
  const [own, library] = [true, false].map(here =>
    problems.filter(({ file }) => (file === source.file) === here).sort(inOrder),
  );
  return firstOf([...own!, ...library!]);
}

/** An engagement of two documents that were found sound, now or when they were stored. It is frozen. */
export function engagementOf(matrix: Matrix, targets: Inventory): Engagement {
  return freeze({ tenant: matrix.matrix, digest: digestOfVersion(matrix, targets), matrix, targets });
}

/**
 * Names a version: SHA-256, lowercase hex, of the RFC 8785 form of `{"matrix": …, "targets": …}`. Both values are
 * the whole documents of their files as YAML 1.2 core parses them, with no defaults filled in; so the inventory
 * stands at `targets.targets`, as it does in its file.
 */
export const digestOfVersion = (matrix: unknown, targets: unknown): string =>
  createHash('sha256').update(canonicalize({ matrix, targets })).digest('hex');

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inside of Object.values(value)) freeze(inside);
  }
  return value;
}

/** The folders of tenants in a folder: those that hold a `matrix.yaml`, by name. A tenant's own folder is itself. */
export function tenantFolders(folder: string): string[] {
  if (existsSync(join(folder, 'matrix.yaml'))) return [folder];
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory() || entry.isSymbolicLink())
    .map(entry => join(folder, entry.name))
    .filter(inside => existsSync(join(inside, 'matrix.yaml')))
    .sort();
}
