import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { changesOf } from '../../src/matrices/changes.ts';
import { jsonSchemaOf } from '../../src/matrices/json-schema.ts';
import { findLibrary, libraryNames } from '../../src/matrices/library.ts';
import { placeText, problemText } from '../../src/matrices/problem.ts';
import { digestOfVersion, readTexts } from '../../src/matrices/read.ts';
import { changedPart, shownMatrix } from '../../src/matrices/show.ts';

const TARGETS = readFileSync('templates/smb/targets.yaml', 'utf8');
const squads = (...names: string[]) => names.map(name => `${name}: { group: ${name} }`).join(', ');
const HEAD = `matrix: smb
version: "1"
timezone: UTC
parties:
  msp: { name: Northwind, issuer: "https://msp.example", squads: { ${squads('noc', 'soc', 'backup-ops', 'service-desk', 'engineers', 'account')} } }
  client: { name: Acme, issuer: "https://acme.example", squads: { ${squads('it', 'security', 'leadership', 'app-owners', 'legal', 'audit')} } }
governance: { sign: [client/security, msp/account], lockout: [client/security], auditors: [client/audit] }
`;

/** These rows on top of the library, or below another line than `extends: smb@1`; they begin in line 9. */
const onTop = (rows: string, line = 'extends: smb@1') => `${HEAD}${line}\n${rows}`;

const reading = (rows: string, line?: string) =>
  readTexts('smb', { matrix: onTop(rows, line), targets: TARGETS, expectations: null });

function sound(rows: string) {
  const read = reading(rows);
  if (!read.ok) throw new Error(read.problems.map(problemText).join('\n'));
  return read;
}

const problems = (rows: string, line?: string): string[] => {
  const read = reading(rows, line);
  return read.ok ? [] : read.problems.map(problemText);
};

const changes = (rows: string): string[] =>
  changesOf(sound(rows).engagement.matrix)!.map(change => `${change.what} ${changedPart(change)}`);

const library = () =>
  structuredClone(findLibrary('smb@1')!.source.value) as ReturnType<typeof sound>['engagement']['matrix'];

describe('own rows on top of a library', () => {
  const { services } = library();
  const restore = services.backups!.activities.restore!;
  const cases: [string, string, string[], (matrix: ReturnType<typeof library>) => unknown, unknown][] = [
    ['nothing of its own', '', [], m => m.services, services],
    [
      'one key of a row',
      'services: { backups: { activities: { restore: { for: 4h } } } }',
      ['changed backups/restore: for'],
      m => m.services.backups!.activities.restore,
      { ...restore, for: '4h' },
    ],
    [
      'the same as the library says',
      'services: { backups: { activities: { restore: { for: 2h } } } }',
      [],
      m => m.services,
      services,
    ],
    [
      'a list is one statement',
      'services: { backups: { activities: { restore: { C: [client/legal] } } } }',
      ['changed backups/restore: C'],
      m => m.services.backups!.activities.restore!.C,
      ['client/legal'],
    ],
    [
      'what is given is one statement: nothing stays that the own line does not show',
      'services: { backups: { activities: { restore: { gives: { postgres: [backup] } } } } }',
      ['changed backups/restore: gives'],
      m => m.services.backups!.activities.restore!.gives,
      { postgres: ['backup'] },
    ],
    [
      'a selector is one statement',
      'services: { backups: { targets: { app: veeam } } }',
      ['changed service backups: targets'],
      m => m.services.backups!.targets,
      { app: 'veeam' },
    ],
    [
      'a row is taken out by a word',
      'services: { backups: { activities: { test-restore: none } } }',
      ['removed backups/test-restore'],
      m => Object.keys(m.services.backups!.activities),
      ['operate', 'restore'],
    ],
    [
      'a row is taken out by nothing',
      'services: { backups: { activities: { test-restore: } } }',
      ['removed backups/test-restore'],
      m => Object.keys(m.services.backups!.activities),
      ['operate', 'restore'],
    ],
    [
      'a service is taken out',
      'services: { network: none }',
      ['removed service network'],
      m => m.services.network,
      undefined,
    ],
    [
      'a key is taken out',
      'services: { patching: { activities: { deploy: { when: none } } } }',
      ['removed patching/deploy: when'],
      m => 'when' in m.services.patching!.activities.deploy!,
      false,
    ],
    [
      'a service of its own',
      'services: { printers: { targets: { service: printers }, activities: {} } }',
      ['added service printers'],
      m => Object.keys(m.services).at(-1),
      'printers',
    ],
    [
      'a calendar is replaced as a whole',
      'calendars: { patch-window: { weekly: "Sat 22:00-24:00" } }',
      ['changed calendar patch-window'],
      m => m.calendars!['patch-window'],
      { weekly: 'Sat 22:00-24:00' },
    ],
    [
      "a rule of its own drops none of the library's",
      'rules: [{ name: tickets, require: { ticket: required } }]',
      ['added rule "tickets"'],
      m => m.rules!.map(({ name }) => name),
      ['production is recorded', 'tickets'],
    ],
    [
      'a rule is changed by its name',
      'rules: [{ name: production is recorded, require: { record: always } }]',
      ['changed rule "production is recorded"'],
      m => m.rules,
      [{ name: 'production is recorded', require: { record: 'always' } }],
    ],
    [
      'a rule is taken out by its name',
      'rules: [{ name: production is recorded, require: none }]',
      ['removed rule "production is recorded"'],
      m => m.rules,
      [],
    ],
  ];

  it.each(cases)('%s', (_, rows, changed, look, wanted) => {
    const { matrix } = sound(rows).engagement;
    expect(look(matrix)).toEqual(wanted);
    expect(changes(rows)).toEqual(changed);
  });

  it('leaves the library as it is for the next one, and freezes nothing of it', () => {
    const before = JSON.stringify(library());
    sound('services: { backups: { activities: { restore: { for: 4h } } } }');
    expect(JSON.stringify(library())).toBe(before);
    expect(Object.isFrozen(findLibrary('smb@1')!.source.value)).toBe(false);
  });
});

describe('what cannot be', () => {
  const known = 'a library with its version, one of hipaa@1, nydfs@1, smb@1';
  const cases: [string, string, string | undefined, string[]][] = [
    [
      'a library without its version',
      '',
      'extends: hipaa',
      [`matrix.yaml:8:10 unknown library "hipaa" — expected ${known}, did you mean "hipaa@1"?`],
    ],
    [
      'a slip',
      '',
      'extends: hippa@1',
      [`matrix.yaml:8:10 unknown library "hippa@1" — expected ${known}, did you mean "hipaa@1"?`],
    ],
    [
      'a version that is not shipped',
      '',
      'extends: smb@7',
      [`matrix.yaml:8:10 unknown library "smb@7" — expected ${known}, did you mean "smb@1"?`],
    ],
    [
      'a path',
      '',
      'extends: ../../policies/acme/matrix',
      [`matrix.yaml:8:10 unknown library "../../policies/acme/matrix" — expected ${known}`],
    ],
    [
      'a path to a library',
      '',
      'extends: ./smb@1',
      [`matrix.yaml:8:10 unknown library "./smb@1" — expected ${known}, did you mean "smb@1"?`],
    ],
    [
      'a name that objects have',
      '',
      'extends: toString',
      [`matrix.yaml:8:10 unknown library "toString" — expected ${known}`],
    ],
    [
      'several',
      'services: {}',
      'extends: [smb@1, hipaa@1]',
      ['matrix.yaml:8:10 "extends" is a list — expected a library with its version, such as hipaa@1'],
    ],
    [
      'nothing',
      'services: {}',
      'extends:',
      ['matrix.yaml:8:1 "extends" is empty — expected a library with its version, such as hipaa@1'],
    ],
    [
      'a service that is not there taken out',
      'services: { backup: none }',
      undefined,
      [
        expect.stringMatching(
          /^matrix.yaml:9:13 smb@1 has no "backup" that could be taken out — expected one of monitoring, backups, .*, did you mean "backups"\?$/,
        ),
      ] as unknown as string[],
    ],
    [
      'a rule that is not there taken out',
      'rules: [{ name: production is recordet, require: none }]',
      undefined,
      [
        'matrix.yaml:9:9 smb@1 has no "production is recordet" that could be taken out — expected one of production is recorded, did you mean "production is recorded"?',
      ],
    ],
    [
      'a key left empty is a slip, not a removal: it might have held people back',
      'services: { patching: { activities: { deploy: { when: } } } }',
      undefined,
      ['matrix.yaml:9:49 "when" is empty — expected keys and values'],
    ],
    [
      'a whole block taken out',
      'services: none',
      undefined,
      ['matrix.yaml:9:11 "services" is "none" — expected services by name'],
    ],
    [
      'a row without its A, told in the own file',
      'services: { backups: { activities: { restore: { A: none } } } }',
      undefined,
      ['matrix.yaml:9:52 "A" is missing — expected exactly one squad, such as client/it'],
    ],
    [
      'a name with a meaning to JavaScript',
      'services: { __proto__: { targets: { a: b } } }',
      undefined,
      [expect.stringContaining('matrix.yaml:9:13 the name "__proto__" is reserved')] as unknown as string[],
    ],
  ];

  it.each(cases)('%s', (_, rows, line, told) => {
    expect(problems(rows, line)).toEqual(told);
  });

  it('tells what stands in the library there, after what stands in the own file', () => {
    const rows = 'services: { backups: { activities: { restore: { R: [msp/nocc] } } } }';
    const without = onTop(rows).replace('soc: { group: soc }, ', '');
    const read = readTexts('smb', { matrix: without, targets: TARGETS, expectations: null });
    const told = read.ok ? [] : read.problems.map(problemText);
    expect(told[0]).toBe(
      'matrix.yaml:9:53 unknown squad "msp/nocc" — expected a squad of the matrix, did you mean "msp/noc"?',
    );
    const line = readFileSync('templates/library/smb@1.yaml', 'utf8')
      .split('\n')
      .findIndex(text => text.includes('R: [msp/soc]'));
    expect(told[1]).toBe(
      `templates/library/smb@1.yaml:${line + 1}:13 unknown squad "msp/soc" — expected a squad of the matrix, did you mean "msp/noc"?`,
    );
    expect(told.slice(1).every(text => text.startsWith('templates/library/smb@1.yaml:'))).toBe(true);
  });

  it('survives any rows, and any depth of them', () => {
    const name = fc.constantFrom(
      'services',
      'backups',
      'activities',
      'restore',
      'rules',
      'calendars',
      'none',
      'x',
      'require',
      'name',
    );
    const anything = fc.letrec(tie => ({
      any: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom(null, 'none', 1, true, '', []),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(name, tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('services', 'rules', 'calendars'), anything), rows => {
        const read = reading(Object.keys(rows).length > 0 ? stringify(rows) : '');
        if (!read.ok) return read.problems.every(problem => problemText(problem).includes(' '));
        return changesOf(read.engagement.matrix) !== null;
      }),
      { numRuns: 60 },
    );
    const deep = `services: ${'{ a: '.repeat(60)}b${' }'.repeat(60)}`;
    expect(problems(deep)).toEqual([expect.stringContaining('is nested too deeply')]);
  });
});

describe('places', () => {
  const read = sound(
    'services: { backups: { activities: { restore: { for: 4h } } } }\nrules: [{ name: ours, require: { ticket: required } }]',
  );
  const cell = ['services', 'backups', 'activities', 'restore'];
  const at = (path: (string | number)[], key?: 'key') =>
    placeText(read.locate('matrix', path, key)).replace(/:\d+$/, '');
  const line = (text: string) =>
    `templates/library/smb@1.yaml:${
      readFileSync('templates/library/smb@1.yaml', 'utf8')
        .split('\n')
        .findIndex(found => found.includes(text)) + 1
    }`;

  it.each([
    ['the own key', [...cell, 'for'], 'matrix.yaml:9'],
    ['the row that has one', cell, 'matrix.yaml:9'],
    ['a key of the library in it', [...cell, 'exceptions', 0], line('- name: emergency restore')],
    ['a row of the library', ['services', 'network', 'activities', 'change-rule'], line('change-rule:')],
    ['a key that is nowhere', [...cell, 'rollback'], 'matrix.yaml:9'],
    ["the library's rule", ['rules', 0], line('- name: production is recorded')],
    ['the own rule', ['rules', 1], 'matrix.yaml:10'],
    ['what a library has no part in', ['governance', 'sign', 0], 'matrix.yaml:7'],
  ])('of %s', (_, path, place) => {
    expect(at(path as (string | number)[], 'key')).toBe(place);
  });
});

describe('the digest', () => {
  it('is over the resolved matrix, with `extends` as it is written', () => {
    const { engagement } = sound('services: { network: none }');
    expect(engagement.matrix.extends).toBe('smb@1');
    const { network: _, ...services } = library().services;
    const own = parse(onTop('')) as object;
    expect(engagement.digest).toBe(
      digestOfVersion(
        { ...own, calendars: library().calendars, services, rules: library().rules },
        parse(TARGETS),
      ),
    );
  });

  it('moves with any change, of the own rows or of the library', () => {
    const digests = [
      '',
      'services: { network: none }',
      'rules: [{ name: a, require: { ticket: required } }]',
    ].map(rows => sound(rows).engagement.digest);
    expect(new Set(digests).size).toBe(3);
  });
});

describe('shown', () => {
  const rows = `services:
  backups: { activities: { restore: { for: 4h, ticket: none }, test-restore: none } }
  printers: { targets: { service: printers }, activities: {} }
rules: [{ name: ours, require: { ticket: required } }]`;
  const { matrix } = sound(rows).engagement;
  const text = shownMatrix(matrix, changesOf(matrix)!);

  it('stands alone: read again it is the same matrix, without the library', () => {
    const { extends: _, ...alone } = matrix;
    expect(parse(text)).toEqual(alone);
    const again = readTexts('smb', { matrix: text, targets: TARGETS, expectations: null });
    expect(again.ok && again.engagement.matrix).toEqual(alone);
  });

  it('says at each part how it differs', () => {
    expect(text).toContain('        # smb@1: 2h\n        for: 4h\n');
    expect(text).toContain('        # not here, smb@1 has it: ticket\n');
    expect(text).toContain('      # not here, smb@1 has it: test-restore\n');
    expect(text).toMatch(/# not in smb@1\n {2}printers:/);
    expect(text).toMatch(/# not in smb@1\n {2}- name: ours/);
    expect(text.match(/#/g)).toHaveLength(6);
  });
});

describe('what an editor underlines', () => {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false });
  const validate = ajv.compile(JSON.parse(jsonSchemaOf('matrix')));
  const underlined = (text: string) =>
    validate(parse(text)) ? [] : [...new Set((validate.errors ?? []).map(error => error.instancePath))];

  it.each([
    ['rows of the library alone', ''],
    ['one key of a row', 'services: { backups: { activities: { restore: { gives: { web: [x] } } } } }'],
    ['a row taken out', 'services: { backups: { activities: { restore: none, run: } }, network: none }'],
    [
      'a key taken out',
      'services: { backups: { targets: { a: b }, activities: { restore: { when: none } } } }',
    ],
    ['a rule taken out', 'rules: [{ name: a, require: none }]'],
  ])('is nothing in %s', (_, rows) => {
    expect(underlined(onTop(rows))).toEqual([]);
  });

  it.each([
    [
      'a slip in a key',
      'services: { backups: { activities: { restore: { fro: 4h } } } }',
      '/services/backups/activities/restore',
    ],
    [
      'a slip in a value',
      'services: { backups: { activities: { restore: { for: long } } } }',
      '/services/backups/activities/restore/for',
    ],
    ['all rows taken out', 'services: none', '/services'],
  ])('is %s', (_, rows, path) => {
    expect(underlined(onTop(rows))).toContain(path);
  });

  it.each([
    'services: { a: none }',
    'services: { a: { targets: { b: c }, activities: { d: { A: client/it } } } }',
    '',
  ])('without a library, a part of a row is one that misses the rest: %s', rows => {
    expect(underlined(`${HEAD}${rows}`)).not.toEqual([]);
  });
});

describe('the libraries that are shipped', () => {
  it('are the files there, no more', () => {
    expect(libraryNames()).toEqual(
      readdirSync('templates/library')
        .map(file => file.replace('.yaml', ''))
        .sort(),
    );
  });

  it.each(libraryNames())('%s holds rows, calendars and rules, and nothing of a tenant', name => {
    expect(Object.keys(findLibrary(name)!.source.value as object)).toEqual([
      'calendars',
      'services',
      'rules',
    ]);
  });
});
