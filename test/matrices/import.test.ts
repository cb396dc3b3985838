import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Import, importAction } from '../../src/cli/matrix/import.ts';
import { checkEngagement } from '../../src/matrices/check.ts';
import { placeInSheet } from '../../src/matrices/draft.ts';
import { type ImportOptions, importGrid } from '../../src/matrices/import.ts';
import { problemText } from '../../src/matrices/problem.ts';
import { readEngagement } from '../../src/matrices/read.ts';
import { columnName, lettersOf, readSpreadsheet } from '../../src/matrices/spreadsheet.ts';

const room = mkdtempSync(join(tmpdir(), 'sallyport-import-'));
afterAll(() => rmSync(room, { recursive: true }));

const PLAIN: ImportOptions = { names: { msp: 'Northwind', client: 'Acme' }, roles: new Map() };

/** What was placed and what was not, as short lines. */
function read(sheet: string | Uint8Array, options: Partial<ImportOptions> = {}) {
  const found = readSpreadsheet(typeof sheet === 'string' ? Buffer.from(sheet) : sheet);
  if ('why' in found) return { why: found.why };
  const imported = importGrid(found.grid, { ...PLAIN, ...options });
  if ('why' in imported) return { why: imported.why };
  return {
    tasks: imported.services.flatMap(({ name, tasks }) =>
      tasks.map(task =>
        [
          `${name}/${task.name}`,
          `R ${task.R.join(' ')}`,
          `A ${task.A}`,
          ...(task.A2 === null ? [] : [`A2 ${task.A2}`]),
          ...(task.C.length > 0 ? [`C ${task.C.join(' ')}`] : []),
          ...(task.I.length > 0 ? [`I ${task.I.join(' ')}`] : []),
        ].join(', '),
      ),
    ),
    lost: imported.unplaced.map(one => `${placeInSheet(one)}: ${one.what} — ${one.why}`),
    remarks: imported.remarks,
  };
}

const RESTORE = 'backups/restore, R msp/noc, A client/it, C client/legal, I msp/account-manager';
const placed = { tasks: [RESTORE], lost: [], remarks: [] };

describe('a sheet', () => {
  const rows = (delimiter: string, end = '\n') =>
    [
      ['Service', 'Task', 'NOC', 'Account manager', 'IT', 'Legal'],
      ['Backups', 'Restore', 'R', 'I', 'A', 'C'],
    ]
      .map(row => row.join(delimiter))
      .join(end);

  const cases: [string, string | Uint8Array, Partial<ImportOptions>, ReturnType<typeof read>][] = [
    ['with commas', rows(','), {}, placed],
    ['with semicolons', rows(';'), {}, placed],
    ['with tabs', rows('\t'), {}, placed],
    ['with lines as Windows ends them', rows(',', '\r\n'), {}, placed],
    ['with lines as old Macs ended them', rows(',', '\r'), {}, placed],
    ['with a byte order mark', `\ufeff${rows(',')}`, {}, placed],
    ['as Excel’s Unicode text', Buffer.from(`\ufeff${rows('\t')}`, 'utf16le'), {}, placed],
    ['that says its delimiter', `sep=|\n${rows('|')}`, {}, placed],
    [
      'in Windows’ own letters',
      Buffer.from(rows(';').replace('Restore', 'Général'), 'latin1'),
      {},
      { ...placed, tasks: [RESTORE.replace('/restore', '/general')] },
    ],
    [
      'with quoted fields that hold delimiters, quotes and lines',
      'Service,Task,NOC,IT,Notes\nBackups,"Restore, ""all""\nof it",R,A,"a,b"\n',
      {},
      { tasks: ['backups/restore-all-of-it, R msp/noc, A client/it'], lost: [], remarks: [] },
    ],
    [
      'with a title, a side over several columns, and empty columns and rows',
      ',,,,,,\nRACI of Acme and Northwind,,,,,,\n,,,Northwind,,,Acme\n,Task,,Engineers,Managers,,Managers\n,,,,,,\n,Backups,,,,,\n,Restore,,R,I,,A\n,,,,,,\n',
      {},
      {
        tasks: ['backups/restore, R msp/engineers, A client/managers, I msp/managers'],
        lost: [],
        remarks: [],
      },
    ],
    [
      'with sections as rows',
      'Task,NOC,IT\nBackups,,\nRestore,R,A\nRun,R,A\nNetwork,,\nRules,R,A\n',
      {},
      {
        tasks: [
          'backups/restore, R msp/noc, A client/it',
          'backups/run, R msp/noc, A client/it',
          'network/rules, R msp/noc, A client/it',
        ],
        lost: [],
        remarks: [],
      },
    ],
    [
      'with merged cells: the service once, the task over two rows',
      'Area,Task,NOC,IT,Legal\nBackups,Restore,R,A,\n,,,,I\n,Run,R,A,\nNetwork,Rules,R,A,C\n',
      {},
      {
        tasks: [
          'backups/restore, R msp/noc, A client/it, I client/legal',
          'backups/run, R msp/noc, A client/it',
          'network/rules, R msp/noc, A client/it, C client/legal',
        ],
        lost: [],
        remarks: ['Row 3 names no task: its letters were taken for those of row 2.'],
      },
    ],
    [
      'that repeats its headings on each page, and ends in a legend',
      'Task,NOC,IT\nRestore,R,A\nTask,NOC,IT\nRun,R,A\n\nR,Responsible,\nA = Accountable,,\n',
      {},
      {
        tasks: ['tasks/restore, R msp/noc, A client/it', 'tasks/run, R msp/noc, A client/it'],
        lost: [],
        remarks: ['2 rows were taken for the legend.'],
      },
    ],
    [
      'with a service in two blocks, and two tasks of one name',
      'Service,Task,NOC,IT\nBackups,Run,R,A\nNetwork,Rules,R,A\nBackups,Run,R,A\n',
      {},
      {
        tasks: [
          'backups/run, R msp/noc, A client/it',
          'backups/run-2, R msp/noc, A client/it',
          'network/rules, R msp/noc, A client/it',
        ],
        lost: [],
        remarks: [],
      },
    ],
    [
      'in letters that the names of a matrix do not have, and names that JavaScript has',
      'サービス,作業,NOC,IT\nバックアップ,復元,R,A\nconstructor,__proto__,R,A\n',
      {},
      {
        tasks: ['service-1/task-2, R msp/noc, A client/it', 'constructor-2/proto, R msp/noc, A client/it'],
        lost: [],
        remarks: [],
      },
    ],
    [
      'whose letters are written in every way',
      'Task,NOC,SOC,IT,CISO,Legal,Account manager\nOne,r,"R, C",A/R,i,-,N/A\nTwo,Responsible,✓,Accountable,Consulted,informed,S\nThree,R*,,(A),A2,C & I,\n',
      {},
      {
        tasks: [
          'tasks/one, R msp/noc msp/soc client/it, A client/it, C msp/soc, I client/ciso',
          'tasks/two, R msp/noc msp/soc, A client/it, C client/ciso msp/account-manager, I client/legal',
          'tasks/three, R msp/noc, A client/it, A2 client/ciso, C client/legal, I client/legal',
        ],
        lost: [],
        remarks: [
          'A tick was read as R.',
          'S (support) was read as C, heard before: make it R where they log in themselves.',
        ],
      },
    ],
    [
      'that says who is on which side by the user’s word alone',
      'Task,Ops,Boss\nRun,R,A\n',
      {
        roles: new Map([
          ['ops', 'msp/noc'],
          ['Boss', 'client/it'],
        ]),
      },
      { tasks: ['tasks/run, R msp/noc, A client/it'], lost: [], remarks: [] },
    ],
    [
      'two columns of which are one squad, by the user’s word',
      'Task,Ops,NOC,IT\nRun,R,R,A\n',
      {
        roles: new Map([
          ['Ops', 'msp/noc-team'],
          ['NOC', 'msp/noc-team'],
        ]),
      },
      { tasks: ['tasks/run, R msp/noc-team, A client/it'], lost: [], remarks: [] },
    ],
    [
      'one heading of which stands on both sides',
      ',Northwind,,Acme\nTask,Lead,NOC,Lead\nRun,I,R,A\n',
      { roles: new Map([['Acme Lead', 'client/it-lead']]) },
      { tasks: ['tasks/run, R msp/noc, A client/it-lead, I msp/lead'], lost: [], remarks: [] },
    ],
    [
      'with what no matrix can hold',
      'Task,NOC,IT,CISO,Friends,\nTwo owners,R,A,A,,\nNo owner,R,C,,,\nNobody works,,A,I,,\nA stranger,R,,,A,\nA letter,R,A,X,,\nNot in a word,R,A,maybe,,\n,R,A,,,\nAn orphan,,,,,\nLost,R,A,I,,R\n',
      {},
      {
        tasks: [
          'tasks/a-letter, R msp/noc, A client/it',
          'tasks/not-in-a-word, R msp/noc, A client/it',
          'an-orphan/lost, R msp/noc, A client/it, I client/ciso',
        ],
        lost: [
          'column E: Friends — whose is it? Say --role "Friends=client/…" or "…=msp/…"',
          'column F:  — it holds letters and has no heading',
          'row 2: Two owners — client/it and client/ciso are both A, and exactly one can be',
          'row 3: No owner — nobody is accountable (A)',
          'row 4: Nobody works — nobody is responsible (R)',
          'row 5: A stranger — nobody is accountable (A); not counted: A in column E',
          'row 6, column D: X — none of R, A, C, I (CISO)',
          'row 7, column D: maybe — none of R, A, C, I (CISO)',
        ],
        remarks: ['Row 8 names no task: its letters were taken for those of row 7.'],
      },
    ],
    [
      'with headings that nothing stands under',
      'Task,NOC,IT\nRestore,R,A\nPrepared by Dana,,\n',
      {},
      {
        tasks: ['tasks/restore, R msp/noc, A client/it'],
        lost: [
          'row 3: Prepared by Dana — it has no letters: a heading without tasks, or a task that is nobody’s',
        ],
        remarks: [],
      },
    ],
    [
      'whose first tasks have letters of their own kind',
      'Task,NOC,IT dept\nFirewall,X,?\nPatches,pending,tbd\nBackup,R,A\n',
      {},
      {
        tasks: ['tasks/backup, R msp/noc, A client/it-dept'],
        lost: [
          'row 2, column B: X — none of R, A, C, I (NOC)',
          'row 2, column C: ? — none of R, A, C, I (IT dept)',
          'row 2: Firewall — nobody is accountable (A)',
          'row 3, column B: pending — none of R, A, C, I (NOC)',
          'row 3, column C: tbd — none of R, A, C, I (IT dept)',
          'row 3: Patches — nobody is accountable (A)',
        ],
        remarks: [],
      },
    ],
    [
      'with German letters in its first task',
      'Aufgabe;MSP Technik;Client IT\nServer patchen;D;V\nBackup;R;A\n',
      {},
      {
        tasks: ['tasks/backup, R msp/technik, A client/it'],
        lost: [
          'row 2, column B: D — none of R, A, C, I (MSP Technik)',
          'row 2, column C: V — none of R, A, C, I (Client IT)',
          'row 2: Server patchen — nobody is accountable (A)',
        ],
        remarks: [],
      },
    ],
    [
      'with a title, a legend and other lines above the headings',
      'RACI\nR,Responsible\nVersion,1.2,Date,2026-01-01\nTask,NOC,IT,CISO\nRun,R,A,I\n',
      {},
      {
        tasks: ['tasks/run, R msp/noc, A client/it, I client/ciso'],
        lost: ['row 3: Version | 1.2 | Date | 2026-01-01 — it stands above the headings, which are in row 4'],
        remarks: ['1 row was taken for the legend.'],
      },
    ],
    [
      'with a side over each column',
      ',Northwind,Acme\nTask,Leads,Leads\nRun,R,A\n',
      {},
      { tasks: ['tasks/run, R msp/leads, A client/leads'], lost: [], remarks: [] },
    ],
    [
      'with roles of two characters and an empty corner',
      ',IT,L1\nRun,A,R\n',
      {},
      { tasks: ['tasks/run, R msp/l1, A client/it'], lost: [], remarks: [] },
    ],
    [
      'with roles of two characters that nobody knows',
      'Task,PM,QA\nFirewall,X,Y\nRun,R,A\n',
      {},
      {
        tasks: [],
        lost: [
          'column B: PM — whose is it? Say --role "PM=client/…" or "…=msp/…"',
          'column C: QA — whose is it? Say --role "QA=client/…" or "…=msp/…"',
          'row 2, column B: X — none of R, A, C, I (PM)',
          'row 2, column C: Y — none of R, A, C, I (QA)',
          'row 2: Firewall — nobody is accountable (A)',
          'row 3: Run — nobody is accountable (A); not counted: R in column B, A in column C',
        ],
        remarks: [],
      },
    ],
    [
      'with tasks and no headings',
      'Firewall,X,?\nBackup,R,A\n',
      {},
      { why: 'no row above row 2 names the roles' },
    ],
    [
      'with people who may be anybody’s',
      'Task,NOC,IT,IT Vendor,Suppliers,Third-party support,IT consultant,Northwind vendor\nRun,R,A,,C,,,I\nStop,R,A,C,,I,I,\n',
      {},
      {
        tasks: ['tasks/run, R msp/noc, A client/it, I msp/vendor', 'tasks/stop, R msp/noc, A client/it'],
        lost: ['D: IT Vendor', 'E: Suppliers', 'F: Third-party support', 'G: IT consultant'].map(text => {
          const heading = text.slice(3);
          return `column ${text} — whose is it? Say --role "${heading}=client/…" or "…=msp/…"`;
        }),
        remarks: [],
      },
    ],
    [
      'that is turned around',
      'Task,R,A,C,I\nRestore,NOC,IT,Legal,CISO\n',
      {},
      {
        why: expect.stringMatching(
          /^row 1 heads the columns by R, A, C and I; put the roles/,
        ) as unknown as string,
      },
    ],
    ['without headings', 'Restore,R,A\n', {}, { why: 'no row above row 1 names the roles' }],
    [
      'that is another table',
      'Name,Price\nApples,3\n',
      {},
      { why: 'no row of it holds a task and letters of R, A, C, I' },
    ],
    ['that is empty', '', {}, { why: 'no row of it holds a task and letters of R, A, C, I' }],
    [
      'that is a workbook',
      Buffer.from('PK\u0003\u0004…'),
      {},
      { why: 'it is a workbook; save the sheet as CSV' },
    ],
    ['that is no text', Buffer.from([0, 1, 2, 3]), {}, { why: 'it is no text' }],
    ['that is too large', Buffer.alloc(1_048_577, 'a'), {}, { why: 'it has 1048577 bytes; 1048576 at most' }],
    ['with too many rows', 'a,b\n'.repeat(5_001), {}, { why: 'it has more than 5000 rows' }],
    ['with too many columns', ','.repeat(300), {}, { why: 'it has more than 200 columns' }],
  ];

  it.each(cases)('%s', (_, sheet, options, wanted) => {
    expect(read(sheet, options)).toEqual(wanted);
  });
});

describe('letters', () => {
  it.each([
    ['RACI', ['R', 'A', 'C', 'I']],
    ['a, r', ['A', 'R']],
    ['R and A', ['R', 'A']],
    ['R(1)', ['R']],
    ['✔\ufe0f', ['tick']],
    ['Ｒ', ['R']],
    ['none', []],
    ['RR', null],
    ['X', null],
    ['Rx', null],
    ['constructor', null],
    ['R A Q', null],
  ])('%s', (cell, letters) => {
    expect(lettersOf(cell)).toEqual(letters);
  });

  it('columns go by the names that spreadsheet programs give them', () => {
    expect([0, 25, 26, 51, 52, 701, 702].map(columnName)).toEqual(['A', 'Z', 'AA', 'AZ', 'BA', 'ZZ', 'AAA']);
  });
});

describe('matrix import', () => {
  const run = (text: string | Uint8Array, options: Partial<Import> = {}) => {
    const file = join(room, 'raci.csv');
    writeFileSync(file, text);
    return importAction(file, {
      policies: room,
      now: Date.UTC(2026, 10, 24),
      timezone: 'America/New_York',
      ...options,
    });
  };
  const good = 'Service,Task,NOC,IT,CISO,How often\nBackups,Restore,R,A,A2,weekly\nBackups,Run,R,A,A2,\n';

  it('writes a draft that loads and gives nobody anything yet', () => {
    const output = join(room, 'acme');
    const { code, out } = run(good, { output });
    expect(code).toBe(0);
    expect(out).toContain(`2 tasks in 1 service: wrote ${output}.\nRow 1 was taken for the headings.\n`);
    expect(readdirSync(output).sort()).toEqual(['matrix.yaml', 'targets.yaml']);
    const reading = readEngagement(output);
    if (!reading.ok) throw new Error(reading.problems.map(problemText).join('\n'));
    const { services, review_by } = reading.engagement.matrix;
    expect(review_by).toBe('2027-02-23');
    expect(services.backups!.activities).toEqual({
      restore: { label: 'Restore', R: ['msp/noc'], A: 'client/it', A2: 'client/ciso' },
      run: { label: 'Run', R: ['msp/noc'], A: 'client/it', A2: 'client/ciso' },
    });
    expect(
      checkEngagement(reading, Date.UTC(2026, 10, 24)).filter(({ severity }) => severity === 'error'),
    ).toEqual([]);
    expect(readFileSync(join(output, 'matrix.yaml'), 'utf8')).toContain(
      '# row 2\n      # How often: weekly\n      restore:',
    );
    expect(run(good, { output }).err).toMatch(/is there already/);
  });

  it('says no when something has no place, and writes the rest with what it left out', () => {
    const output = join(room, 'partly');
    const { code, out } = run(`${good}Backups,Ask,R,A,A,\n`, { output });
    expect(code).toBe(1);
    const line = 'row 4: "Ask": client/it and client/ciso are both A, and exactly one can be';
    expect(out.replaceAll(/\s+/g, ' ')).toContain(line);
    expect(readFileSync(join(output, 'matrix.yaml'), 'utf8')).toContain(`#   ${line}`);
    expect(out.split('\n').filter(text => text.length > 80 && !text.includes(room))).toEqual([]);
  });

  it('writes nothing when it is only asked, or when one side has no column', () => {
    expect(run(good, { output: join(room, 'asked'), dryRun: true }).code).toBe(0);
    const alone = run('Task,CISO,IT\nPolicy,A,R\n', { output: join(room, 'asked') });
    expect([alone.code, alone.out]).toEqual([1, expect.stringContaining('No column stands for the msp')]);
    expect(existsSync(join(room, 'asked'))).toBe(false);
  });

  it('for a script', () => {
    const { code, out } = run('Task,NOC,IT,Bob\nRun,R,A,I\n', {
      output: join(room, 'script'),
      json: true,
      dryRun: true,
    });
    expect([code, JSON.parse(out)]).toEqual([
      1,
      {
        tenant: 'script',
        folder: null,
        heading: 1,
        placed: 1,
        services: [{ name: 'tasks', tasks: [{ name: 'run', row: 2 }] }],
        roles: [
          { column: 'B', heading: 'NOC', squad: 'msp/noc' },
          { column: 'C', heading: 'IT', squad: 'client/it' },
          { column: 'D', heading: 'Bob', squad: null },
        ],
        unplaced: [
          { row: null, column: 'D', what: 'Bob', why: 'whose is it? Say --role "Bob=client/…" or "…=msp/…"' },
        ],
        remarks: [],
      },
    ]);
  });

  it.each([
    [
      'a role that no column has',
      { role: ['Boss=client/it'] },
      /no column is headed so; there is NOC, IT, CISO/,
    ],
    ['a role whose end is a heading', { role: ['Credit=client/it'] }, /no column is headed so/],
    ['a role with a slip', { role: ['NOCC=msp/noc'] }, /Did you mean NOC\?/],
    ['a role without a side', { role: ['NOC=noc'] }, /expected HEADING=msp\/NAME/],
    ['a role with a name that is none', { role: ['NOC=msp/../x'] }, /expected HEADING=msp\/NAME/],
    ['a tenant that is none', { tenant: '../x' }, /no tenant's name/],
  ])('%s is a wrong call', (_, options, why) => {
    const { code, err } = run(good, { output: join(room, 'wrong'), ...options });
    expect([code, err]).toEqual([2, expect.stringMatching(why)]);
    expect(existsSync(join(room, 'wrong'))).toBe(false);
  });

  it('a file that is not there is a wrong call', () => {
    expect(importAction(join(room, 'none.csv'), { policies: room, now: 0, output: join(room, 'x') })).toEqual(
      {
        code: 2,
        out: '',
        err: `sallyport: ${join(room, 'none.csv')}: it cannot be read (ENOENT).\n`,
      },
    );
  });

  it('makes of any sheet either a draft that loads or an answer why not, with nothing hidden in it', () => {
    const cell = fc.oneof(
      fc.constantFrom(
        'R',
        'A',
        'C',
        'I',
        '',
        'A/R',
        'Task',
        'NOC',
        'IT',
        'none: x',
        '- a',
        '# b',
        '*a',
        '"',
        "'",
        '\u202e',
        'a\nb',
        '{{',
        '__proto__',
        'null',
        '1',
      ),
      fc.string({ maxLength: 12, unit: 'grapheme' }),
    );
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell, cell), { maxLength: 8 }), rows => {
        const sheet = [['Area', 'Task', 'NOC', 'IT'], ['x', 'y', 'R', 'A'], ...rows]
          .map(row => row.map(quoted).join(','))
          .join('\n');
        const { code, out, err } = run(sheet, { output: join(room, 'any'), dryRun: true });
        // A draft of it that does not load would be told by its line in matrix.yaml.
        expect(err).toMatch(code === 2 ? /raci\.csv: (row \d+|no row)/ : /^$/);
        expect(out).not.toMatch(/[\u202e\u0000-\u0009\u000b-\u001f]/);
      }),
      { numRuns: 60 },
    );
  });
});
