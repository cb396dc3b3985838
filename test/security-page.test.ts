import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(`${ROOT}/SECURITY.md`, 'utf8');

/** Rows of the tables of attacks: what, where it is refused, and what shows it. */
const rows = [...page.matchAll(/^\| attack \|.*\n\| ---.*\n((?:\|.*\n)+)/gm)]
  .flatMap(([, body]) => body!.trimEnd().split('\n'))
  .map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  );

const paths = (cell: string): string[] =>
  [...cell.matchAll(/`([\w-]+(?:\/[\w.-]+)+)`/g)].map(match => match[1]!);

const stands = (path: string, roots: readonly string[], endings: readonly string[]): boolean =>
  roots.some(root => endings.some(ending => existsSync(`${ROOT}/${root}${path}${ending}`)));

describe('SECURITY.md', () => {
  it('names attacks', () => {
    expect(rows.length).toBeGreaterThan(60);
    for (const row of rows) expect(row, row[0]).toHaveLength(3);
  });

  it.each(rows.map(([attack, refused, shown]) => [attack!, refused!, shown!]))(
    '%s: what refuses it and what shows it are there',
    (_, refused, shown) => {
      for (const path of paths(refused)) {
        expect(
          stands(path, ['src/', 'recorder/', 'recorder/protocols/', 'drizzle/', ''], ['', '.ts', '.tsx']),
          path,
        ).toBe(true);
      }
      expect(paths(shown).length, `no test is named: ${shown}`).toBeGreaterThan(0);
      for (const path of paths(shown))
        expect(stands(path, ['test/', ''], ['', '.test.ts', '.test.tsx']), path).toBe(true);
    },
  );
});
