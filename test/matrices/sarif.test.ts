import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { default as Ajv } from 'ajv-draft-04';
import { afterAll, describe, expect, it } from 'vitest';
import { checkAction } from '../../src/cli/matrix/check.ts';

const ACME = 'policies/acme';
const common = { policies: './policies', now: Date.parse('2026-11-24T15:00:00Z') };
const room = mkdtempSync(join(tmpdir(), 'sallyport-sarif-'));
afterAll(() => rmSync(room, { recursive: true }));

// The schema is of draft 4, and one of its patterns is none under the u flag.
const require = createRequire(import.meta.url);
const ajv = new Ajv.default({ allErrors: true, strict: false, validateFormats: false, unicodeRegExp: false });
const valid = ajv.compile(require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'));

interface Result {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: readonly {
    readonly physicalLocation: {
      readonly artifactLocation: { readonly uri: string; readonly uriBaseId?: string };
      readonly region: { readonly startLine: number; readonly startColumn: number };
    };
  }[];
  readonly partialFingerprints: Readonly<Record<string, string>>;
}

function copy(change: (text: string) => string = text => text, file = 'matrix.yaml'): string {
  const folder = mkdtempSync(join(room, 'c-'));
  cpSync(ACME, folder, { recursive: true });
  writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
  return folder;
}

/** What `--sarif` says, found to be SARIF. */
function sarif(folder: string, from = folder) {
  const { code, out, err } = checkAction(folder, { ...common, sarif: resolve(from) });
  const log = JSON.parse(out);
  valid(log);
  expect(valid.errors ?? []).toEqual([]);
  const [run] = log.runs;
  return { code, err, out, run, results: run.results as Result[] };
}

const prints = (results: readonly Result[]) =>
  results.map(({ ruleId, partialFingerprints }) => [ruleId, partialFingerprints.primaryLocationLineHash]);

describe('matrix check --sarif', () => {
  it('is held against a schema that holds', () => {
    const { out } = sarif(ACME, '.');
    for (const [from, to] of [
      ['"ruleId"', '"rule"'],
      ['"2.1.0"', '"2.0.0"'],
      ['"startLine": 16', '"startLine": 0'],
      ['"level": "error"', '"level": "gap"'],
    ] as const) {
      expect(out).toContain(from);
      expect(valid(JSON.parse(out.replace(from, to)))).toBe(false);
    }
  });

  it('names each finding, its rule and its place, relative to the working folder', () => {
    const { code, results, run } = sarif(ACME, '.');
    expect(code).toBe(1);
    const [gap, ...warnings] = results;
    expect(gap).toMatchObject({
      ruleId: 'uncovered-target',
      level: 'error',
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'policies/acme/targets.yaml', uriBaseId: '%SRCROOT%' },
            region: { startLine: 16, startColumn: 3 },
          },
        },
      ],
    });
    expect(warnings.map(({ level }) => level)).toEqual(warnings.map(() => 'warning'));
    const { rules } = run.tool.driver;
    for (const { ruleId, ruleIndex } of results) expect(rules[ruleIndex].id).toBe(ruleId);
    expect(run.invocations).toEqual([{ executionSuccessful: true, exitCode: 1 }]);
  });

  it('says the whole address of a file that lies elsewhere, and escapes what is no part of one', () => {
    const folder = copy();
    expect(sarif(folder, 'docs').results[0]!.locations[0]!.physicalLocation.artifactLocation).toEqual({
      uri: pathToFileURL(join(folder, 'targets.yaml')).href,
    });
    const odd = join(folder, 'a b#c');
    cpSync(ACME, odd, { recursive: true });
    expect(sarif(odd, folder).results[0]!.locations[0]!.physicalLocation.artifactLocation.uri).toBe(
      'a%20b%23c/targets.yaml',
    );
  });

  it('keeps the identity of a finding while lines and words around it move', () => {
    const before = sarif(copy());
    const after = sarif(
      copy(text =>
        `# one more line\n${text}`
          .replace('  backups:\n', '  # and another\n  backups:\n')
          .replace('Report and compliance', 'Report'),
      ),
    );
    expect(prints(after.results)).toEqual(prints(before.results));
    expect(after.out).not.toBe(before.out);
    const all = prints(before.results).map(([, print]) => print);
    expect(new Set(all).size).toBe(all.length);
    const renamed = sarif(copy(text => text.replace('legacy01:', 'legacy02:'), 'targets.yaml'));
    expect(prints(renamed.results)[0]).not.toEqual(prints(before.results)[0]);
    expect(prints(renamed.results).slice(1)).toEqual(prints(before.results).slice(1));
  });

  it('gives the same bytes for the same files', () => {
    const folder = copy();
    expect(sarif(folder).out).toBe(sarif(folder).out);
  });

  it('has no result where nothing is gray', () => {
    const folder = copy(text => text.replace(/^ {2}legacy01:[\s\S]*/m, ''), 'targets.yaml');
    const { code, results } = sarif(folder);
    expect(code).toBe(0);
    expect(results.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it.each<[string, (text: string) => string, string]>([
    [
      'an unknown squad',
      text => text.replace('A: client/it\n', 'A: client/itt\n'),
      'Did you mean "client/it"?',
    ],
    ['no YAML', text => text.replace('parties:', 'parties: ['), 'are not allowed'],
    ['one slip twice', text => text.replaceAll('[client/legal]', '[client/leagl]'), 'client/legal'],
  ])('tells %s as a result too, and exits 2', (_, change, says) => {
    const { code, results, run, err } = sarif(copy(change));
    expect(code).toBe(2);
    expect(new Set(results.map(({ ruleId, level }) => `${ruleId} ${level}`))).toEqual(
      new Set(['unsound-file error']),
    );
    expect(results[0]!.message.text).toContain(says);
    expect(results[0]!.locations[0]!.physicalLocation.artifactLocation.uri).toBe('matrix.yaml');
    expect(run.invocations).toEqual([{ executionSuccessful: false, exitCode: 2 }]);
    const all = prints(results).map(([, print]) => print);
    expect(new Set(all).size).toBe(all.length);
    expect(err.trimEnd().split('\n').at(-1)).toMatch(/^sallyport: \d+ problems? in these files/);
  });
});
