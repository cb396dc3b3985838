import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSource, type Source } from './source.ts';

/** What `matrix init` writes, one folder a template, and the rows that a matrix may build on, one file a version. */
export const TEMPLATES = fileURLToPath(new URL('../../templates/', import.meta.url));

/** How places in a library's file are told: as the product's own folder has it, wherever it is installed. */
const FOLDER = 'templates/library';

let shipped: readonly string[] | null = null;
const opened = new Map<string, { text: string; source: Source }>();

/** The libraries that this product carries, `hipaa@1`, each name's versions in their order. */
export function libraryNames(): readonly string[] {
  shipped ??= readdirSync(`${TEMPLATES}library`)
    .flatMap(file => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : []))
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  return shipped;
}

/**
 * A library by its name and version. The name only ever chooses among those that are shipped: it is no path, whoever
 * sent it.
 */
export function findLibrary(name: string): { readonly text: string; readonly source: Source } | null {
  if (!libraryNames().includes(name)) return null;
  const known = opened.get(name);
  if (known) return known;
  const text = readFileSync(`${TEMPLATES}library/${name}.yaml`, 'utf8');
  const { source, problems } = parseSource(`${FOLDER}/${name}.yaml`, text);
  if (!source || problems.length > 0) throw new Error(`the library ${name} that is shipped does not parse`);
  opened.set(name, { text, source });
  return { text, source };
}
