import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CHECKS } from '../../src/matrices/check/table.ts';
import { checkEngagement, type Finding } from '../../src/matrices/check.ts';
import { problemText } from '../../src/matrices/problem.ts';
import { readEngagement } from '../../src/matrices/read.ts';

const ACME = 'policies/acme';
const NOW = Date.parse('2026-11-24T15:00:00Z');
const room = mkdtempSync(join(tmpdir(), 'sallyport-check-'));
afterAll(() => rmSync(room, { recursive: true }));

const M = 'matrix.yaml';
const T = 'targets.yaml';
const E = 'expectations.yaml';
type Change = [file: string, from: string | RegExp, to: string];

function changed(changes: readonly Change[]): string {
  const folder = mkdtempSync(join(room, 'c-'));
  cpSync(ACME, folder, { recursive: true });
  for (const [file, from, to] of changes) {
    const text = readFileSync(join(folder, file), 'utf8');
    if (typeof from === 'string' ? !text.includes(from) : !from.test(text)) {
      throw new Error(`nothing to change: ${from}`);
    }
    writeFileSync(join(folder, file), text.replace(from, to));
  }
  return folder;
}

function check(folder: string, at = NOW): Finding[] {
  const reading = readEngagement(folder, { anyFolder: true });
  if (!reading.ok) throw new Error(reading.problems.map(problemText).join('\n'));
  return checkEngagement(reading, at);
}

/** `matrix.yaml:45:7` of the first place at which a text stands in a folder's file. */
function placeOf(folder: string, file: string, text: string): string {
  const before = readFileSync(join(folder, file), 'utf8').split(text);
  expect(before.length, `${file} has no ${text}`).toBeGreaterThan(1);
  const lines = before[0]!.split('\n');
  return `${file}:${lines.length}:${lines.at(-1)!.length + 1}`;
}

const told = (folder: string, { file, line, column }: Finding): string =>
  `${file.replace(`${folder}/`, '')}:${line}:${column}`;

/** People instead of the group of a squad. */
const people = (squad: string, ...names: string[]): Change => [
  M,
  new RegExp(`( ${squad}: +)\\{[^}]*\\}`),
  `$1{ people: [${names.map(name => `${name}@acme.example`).join(', ')}] }`,
];
/** Another line in `backups/restore`. */
const restore = (line: string): Change => [
  M,
  '        ticket: required\n',
  `        ticket: required\n        ${line}\n`,
];
const exceptions = (...rows: string[]): Change => [
  M,
  /exceptions:\n(.*\n)*?\n/,
  `exceptions:\n${rows.map(row => `          - ${row}\n`).join('')}\n`,
];
const calendar = (line: string): Change => [M, 'calendars:\n', `calendars:\n  ${line}\n`];
const rule = (row: string): Change => [M, 'rules:', `rules:\n  - ${row}\n#`];

interface Fault {
  readonly name: string;
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly changes: readonly Change[];
  /** Where it is told: the file, and the text that stands there. */
  readonly place: readonly [file: string, text: string];
  /** Part of what is said. */
  readonly says: string;
  /** Almost the same, and nothing wrong with it. */
  readonly near: readonly Change[];
}

const SOLO = people('it', 'dana');
const PAIR = people('it', 'dana', 'ravi');

const FAULTS: readonly Fault[] = [
  {
    name: 'a target with a label misspelt',
    code: 'uncovered-target',
    severity: 'error',
    changes: [[T, 'labels: { service: network,', 'labels: { service: netwrk,']],
    place: [T, 'fw01:'],
    says: 'no service covers fw01 (service: netwrk',
    near: [[T, 'labels: { service: network,', 'labels: { service: [network, other],']],
  },
  {
    name: 'one login in two cells, and one squad may ask in both',
    code: 'two-owners',
    severity: 'error',
    changes: [[M, 'R: [msp/backup-ops]', 'R: [msp/backup-ops, msp/security]']],
    place: [M, 'gives: { ssh: [root] }, for: 4h, answer_within: 10m'],
    says: 'msp/security may ask in either and so chooses who answers',
    near: [
      [M, 'gives: { ssh: [root, backup]', 'gives: { ssh: [backup]'],
      [M, 'R: [msp/backup-ops]', 'R: [msp/backup-ops, msp/security]'],
    ],
  },
  {
    name: 'one login in two cells, each for its own squad',
    code: 'two-owners',
    severity: 'warning',
    changes: [],
    place: [M, 'gives: { ssh: [root] }, for: 4h, answer_within: 10m'],
    says: 'ssh root on db01 is given by backups/restore (A client/it) and by incident-response/contain and incident-response/forensics (A client/ciso)',
    near: [
      [
        M,
        'A: client/ciso, A2: client/it, C: [client/legal], I: [msp/account], gives',
        'A: client/it, A2: client/ciso, C: [client/legal], I: [msp/account], gives',
      ],
      [
        M,
        'A: client/ciso, A2: client/legal, I: [client/legal], gives',
        'A: client/it, A2: client/legal, I: [client/legal], gives',
      ],
    ],
  },
  {
    name: 'one login in two cells that are never open at one severity',
    code: 'two-owners',
    severity: 'warning',
    changes: [
      restore('when: { severity: [sev1, sev2] }'),
      [M, 'for: 4h, answer_within: 10m', 'for: 4h, when: { severity: sev1 }, answer_within: 10m'],
      [M, 'for: 8h, answer_within: 30m', 'for: 8h, when: { severity: sev3 }, answer_within: 30m'],
    ],
    place: [M, 'gives: { ssh: [root] }, for: 4h, when'],
    says: 'by backups/restore (A client/it) and by incident-response/contain (A client/ciso)',
    near: [
      restore('when: { severity: [sev4, sev2] }'),
      [M, 'for: 4h, answer_within: 10m', 'for: 4h, when: { severity: sev1 }, answer_within: 10m'],
      [M, 'for: 8h, answer_within: 30m', 'for: 8h, when: { severity: sev3 }, answer_within: 30m'],
    ],
  },
  {
    name: 'transfers on a regulated target by the short form',
    code: 'regulated-transfer',
    severity: 'warning',
    changes: [],
    place: [M, 'ssh: [readonly] }'],
    says: 'incident-response/triage gives ssh readonly on db01',
    near: [
      [M, 'ssh: [readonly] }', 'ssh: { logins: [readonly], exec: true } }'],
      [M, 'ssh: [root, backup]', 'ssh: { logins: [root, backup], transfer: true }'],
      [
        M,
        'gives: { ssh: [root] }, for: 4h, answer_within: 10m',
        'gives: { ssh: { logins: [root] } }, for: 4h, answer_within: 10m',
      ],
      [M, 'gives: { ssh: [root] }, for: 8h', 'gives: { ssh: { logins: [root] } }, for: 8h'],
    ],
  },
  {
    name: 'a cell on labels that no target has',
    code: 'covers-nothing',
    severity: 'warning',
    changes: [restore('when: { target: { site: boston } }')],
    place: [M, 'restore:\n'],
    says: 'none has service: backups, site: boston',
    near: [restore('when: { target: { site: [boston, newark] } }')],
  },
  {
    name: 'a cell that lets nobody in anywhere, though a duty beside it is none the worse',
    code: 'covers-nothing',
    severity: 'warning',
    changes: [[T, 'regulated: [hipaa]', 'regulated: [hipa]']],
    place: [M, 'contain:     {'],
    says: 'incident-response/contain covers no target: none has regulated: hipaa or nydfs',
    near: [
      [T, 'regulated: [hipaa]', 'regulated: [hipa]'],
      [M, 'gives: { ssh: [root] }, for: 4h, answer_within: 10m', 'answer_within: 10m'],
    ],
  },
  {
    name: 'a protocol that no target of the cell has',
    code: 'gives-nowhere',
    severity: 'warning',
    changes: [[M, 'gives: { web: [admin] }', 'gives: { web: [admin], postgres: [dba] }']],
    place: [M, 'postgres: [dba]'],
    says: 'network/change-rule gives postgres dba',
    near: [
      [T, '    web: {', '    ssh: { address: "127.0.0.1:2204", trust: key }\n    web: {'],
      [M, 'gives: { web: [admin] }', 'gives: { web: [admin], ssh: [dba] }'],
    ],
  },
  {
    name: 'no A2',
    code: 'no-secondary',
    severity: 'error',
    changes: [[M, / {8}A2: client\/ciso {2}.*\n/, '']],
    place: [M, 'restore:\n'],
    says: 'backups/restore has no secondary',
    near: [[M, / {8}A2: client\/ciso {2}.*\n/, '        A2: client/legal\n']],
  },
  {
    name: 'A2 is A',
    code: 'no-secondary',
    severity: 'error',
    changes: [[M, /A2: client\/ciso {2}/, 'A2: client/it ']],
    place: [M, 'restore:\n'],
    says: 'in A and in A2',
    near: [],
  },
  {
    name: 'A2 has the people of A',
    code: 'no-secondary',
    severity: 'error',
    changes: [SOLO, people('ciso', 'DANA')],
    place: [M, 'restore:\n'],
    says: 'nobody in A2 who is not in A: client/ciso is DANA@acme.example',
    near: [SOLO, people('ciso', 'dana', 'chris')],
  },
  {
    name: 'R that is not staffed',
    code: 'r-without-people',
    severity: 'error',
    changes: [people('backup-ops')],
    place: [M, 'R: [msp/backup-ops]'],
    says: 'msp/backup-ops names no people',
    near: [people('backup-ops', 'maya')],
  },
  {
    name: 'R by a group that none of the people has',
    code: 'r-without-people',
    severity: 'warning',
    changes: [[M, 'backup-ops: { group: backup-ops }', 'backup-ops: { group: backup-op }']],
    place: [M, 'R: [msp/backup-ops]'],
    says: 'no file knows anybody in R of backups/restore (group backup-op)',
    // Without expectations the files know nobody of any group: that says nothing.
    near: [
      [M, 'backup-ops: { group: backup-ops }', 'backup-ops: { group: backup-op }'],
      [E, /[\s\S]*/, 'people: {}\nexpect: []\n'],
    ],
  },
  {
    name: 'A that is not staffed',
    code: 'a-without-people',
    severity: 'error',
    changes: [people('ciso')],
    place: [M, 'A: client/ciso,  A2: client/it'],
    says: 'client/ciso names no people, so every request waits for client/it',
    near: [people('ciso', 'chris')],
  },
  {
    name: 'R and A are one person',
    code: 'asks-itself',
    severity: 'error',
    changes: [SOLO, [M, 'R: [msp/noc, client/it]', 'R: [client/it]']],
    place: [M, 'A: client/it\n        A2: client/ciso\n        C: [msp/security]'],
    says: 'dana@acme.example alone is R and A of network/change-rule',
    near: [PAIR, [M, 'R: [msp/noc, client/it]', 'R: [client/it]']],
  },
  {
    name: 'R and A are a group of which the files know one person',
    code: 'asks-itself',
    severity: 'warning',
    changes: [
      [M, ', secondary: ravi@acme.example', ''],
      [E, 'email: ravi@acme.example,  groups: [it-admins]', 'email: ravi@acme.example,  groups: []'],
      [M, 'R: [msp/noc, client/it]', 'R: [client/it]'],
    ],
    place: [M, 'A: client/it\n        A2: client/ciso\n        C: [msp/security]'],
    says: 'the files know one person of it, dana@acme.example',
    near: [[M, 'R: [msp/noc, client/it]', 'R: [client/it]']],
  },
  {
    name: 'a co-approver who is all there is of A and A2',
    code: 'too-few-people',
    severity: 'error',
    changes: [SOLO, people('ciso', 'dana'), restore('co_approve: [client/ciso]')],
    place: [M, 'restore:\n'],
    says: 'needs different people as the approver and client/ciso; there is only dana@acme.example',
    near: [
      SOLO,
      people('ciso', 'chris'),
      [
        M,
        'C: [client/app-owner]\n        I: [msp/account]\n',
        'co_approve: [client/legal]\n        I: [msp/account]\n',
      ],
    ],
  },
  {
    name: 'a co-approver who is all there is of A',
    code: 'too-few-people',
    severity: 'warning',
    changes: [SOLO, people('legal', 'Dana'), restore('co_approve: [client/legal]')],
    place: [M, 'restore:\n'],
    says: 'so every request waits for client/ciso',
    near: [PAIR, people('legal', 'dana'), restore('co_approve: [client/legal]')],
  },
  {
    name: 'an exception whose co-approver is nobody',
    code: 'too-few-people',
    severity: 'error',
    changes: [people('legal'), PAIR, [M, 'co_approve: [client/ciso]', 'co_approve: [client/legal]']],
    place: [M, 'name: year-end freeze'],
    says: 'needs different people as the approver and client/legal',
    near: [people('legal', 'lee'), PAIR, [M, 'co_approve: [client/ciso]', 'co_approve: [client/legal]']],
  },
  {
    name: 'somebody of R without whom the places cannot be filled',
    code: 'too-few-people',
    severity: 'warning',
    changes: [
      PAIR,
      people('legal', 'lee'),
      [M, 'R: [msp/noc, client/it]', 'R: [msp/noc, client/it, client/legal]'],
      [M, 'C: [msp/security]', 'co_approve: [client/legal]'],
    ],
    place: [M, 'change-rule:\n'],
    says: 'what lee@acme.example asks for nobody is left to answer',
    near: [PAIR, people('legal', 'lee'), [M, 'C: [msp/security]', 'co_approve: [client/legal]']],
  },
  {
    name: 'one person signs for a party',
    code: 'one-signer',
    severity: 'warning',
    changes: [people('account', 'alex')],
    place: [M, 'sign: '],
    says: 'alex@acme.example alone can sign for Northwind MSP',
    near: [people('account', 'alex', 'blake')],
  },
  {
    name: 'one person lifts a lockout',
    code: 'one-signer',
    severity: 'warning',
    changes: [people('ciso', 'chris'), [M, 'sign:     [client/ciso,', 'sign:     [client/it,']],
    place: [M, 'lockout: '],
    says: 'chris@acme.example alone can lift a lockout',
    near: [
      people('ciso', 'chris'),
      [M, 'sign:     [client/ciso,', 'sign:     [client/it,'],
      [M, 'lockout:  [client/ciso, client/it]', 'lockout:  [client/it, client/ciso]'],
    ],
  },
  {
    name: 'nobody signs for a party',
    code: 'one-signer',
    severity: 'error',
    changes: [people('account')],
    place: [M, 'sign: '],
    says: 'nobody can sign for Northwind MSP: msp/account has nobody',
    near: [],
  },
  {
    name: 'a rule that wants two parties, on a cell of one',
    code: 'rule-unsatisfiable',
    severity: 'error',
    changes: [[M, 'R: [msp/backup-ops]', 'R: [client/app-owner]']],
    place: [M, 'restore:\n'],
    says: 'what Acme Health asks for under backups/restore must be answered by client/it and client/ciso, of the same party',
    near: [
      [M, 'R: [msp/backup-ops]', 'R: [client/app-owner]'],
      [M, '        A2: client/ciso                 #', '        A2: msp/account                 #'],
    ],
  },
  {
    name: 'the same, where the cell asks nobody',
    code: 'rule-unsatisfiable',
    severity: 'warning',
    changes: [[M, 'R: [msp/backup-ops]', 'R: [client/app-owner]'], restore('answer: pre-approved')],
    place: [M, 'name: year-end freeze'],
    says: 'under backups/restore, exception "year-end freeze"',
    near: [
      [
        M,
        'R: [msp/security], A: client/ciso,  A2: client/it,   I: [client/it]',
        'R: [client/legal], A: client/ciso,  A2: client/it,   I: [client/it]',
      ],
    ],
  },
  {
    name: 'a rule that wants two parties at times',
    code: 'rule-unsatisfiable',
    severity: 'warning',
    changes: [
      [M, 'R: [msp/noc, client/it]', 'R: [client/it]'],
      rule('{ name: two at year-end, when: { during: year-end }, require: { parties: differ } }'),
    ],
    place: [M, 'change-rule:\n'],
    says: 'rule "two at year-end" wants two parties on fw01, when during: year-end',
    near: [
      [M, 'R: [msp/noc, client/it]', 'R: [client/it]'],
      rule('{ name: two at year-end, when: { during: year-end }, require: { ticket: required } }'),
    ],
  },
  {
    name: 'a co-approver of the asking party under such a rule',
    code: 'rule-unsatisfiable',
    severity: 'error',
    changes: [restore('co_approve: [msp/noc]')],
    place: [M, 'restore:\n'],
    says: 'must be answered by msp/noc, of the same party',
    near: [restore('co_approve: [client/legal]')],
  },
  {
    name: 'the MSP answers itself',
    code: 'own-side-answers',
    severity: 'warning',
    changes: [
      [
        M,
        'A: client/it\n        A2: client/ciso\n        I: [client/app-owner]',
        'A: msp/account\n        A2: msp/security\n        I: [client/app-owner]',
      ],
    ],
    place: [M, 'A: msp/account'],
    says: 'Northwind MSP asks and Northwind MSP answers in endpoints/patch',
    near: [
      [
        M,
        'A: client/it\n        A2: client/ciso\n        I: [client/app-owner]',
        'A: msp/account\n        A2: msp/security\n        co_approve: [client/it]',
      ],
    ],
  },
  {
    name: 'the client answers itself and the MSP hears nothing of it',
    code: 'own-side-answers',
    severity: 'warning',
    changes: [[M, 'R: [msp/noc]', 'R: [client/app-owner]']],
    place: [M, 'A: client/it\n        A2: client/ciso\n        I: [client/app-owner]'],
    says: 'nobody of Northwind MSP hears of it',
    near: [[M, 'R: [msp/noc, client/it]', 'R: [client/it]']],
  },
  {
    name: 'a rule on labels that no covered target has',
    code: 'rule-never-binds',
    severity: 'warning',
    changes: [
      [
        M,
        'environment: prod, regulated: [hipaa, nydfs]',
        'environment: production, regulated: [hipaa, nydfs]',
      ],
    ],
    place: [M, 'name: regulated production has two parties'],
    says: 'no target that a cell covers has environment: production',
    near: [
      [
        M,
        'environment: prod, regulated: [hipaa, nydfs]',
        'environment: [production, prod], regulated: [hipaa, nydfs]',
      ],
    ],
  },
  {
    name: 'an exception behind a wider one',
    code: 'exception-never-applies',
    severity: 'error',
    changes: [
      exceptions(
        '{ name: urgent, when: { severity: [sev1, sev2] }, for: 1h }',
        '{ name: emergency, when: { severity: sev1, during: year-end }, for: 30m }',
      ),
    ],
    place: [M, '{ name: emergency'],
    says: '"urgent" before it applies whenever it would',
    near: [
      exceptions(
        '{ name: emergency, when: { severity: sev1, during: year-end }, for: 30m }',
        '{ name: urgent, when: { severity: [sev1, sev2] }, for: 1h }',
      ),
    ],
  },
  {
    name: 'an exception whose every case one of two earlier ones takes',
    code: 'exception-never-applies',
    severity: 'error',
    changes: [
      exceptions(
        '{ name: one, when: { severity: sev1 }, for: 1h }',
        '{ name: two, when: { severity: sev2 }, for: 1h }',
        '{ name: both, when: { severity: [sev2, sev1], target: { site: newark } }, for: 1h }',
      ),
    ],
    place: [M, '{ name: both'],
    says: '"two" and "one" before it apply whenever it would',
    near: [
      exceptions(
        '{ name: one, when: { severity: sev1 }, for: 1h }',
        '{ name: two, when: { severity: sev2, target: { site: boston } }, for: 1h }',
        '{ name: both, when: { severity: [sev2, sev1], target: { site: newark } }, for: 1h }',
      ),
      // Else the second would be one that never applies.
      [
        T,
        '    labels: { environment: prod, site: newark }',
        '    labels: { service: backups, site: boston }',
      ],
    ],
  },
  {
    name: 'an exception on labels that no target of the cell has',
    code: 'exception-never-applies',
    severity: 'warning',
    changes: [exceptions('{ name: boston, when: { target: { site: boston } }, for: 1h }')],
    place: [M, '{ name: boston'],
    says: 'no target of the cell has site: boston',
    near: [exceptions('{ name: newark, when: { target: { site: newark } }, for: 1h }')],
  },
  {
    name: 'an exception in hours at which the cell is shut',
    code: 'exception-never-applies',
    severity: 'error',
    changes: [
      [
        M,
        'handback:  ',
        'exceptions: [{ name: by day, when: { during: business }, for: 1h }]\n        handback:  ',
      ],
    ],
    place: [M, '{ name: by day'],
    says: "business and the cell's patch-window are never open together",
    near: [
      calendar('early: { weekly: "Sun 04:59-09:00" }'),
      [
        M,
        'handback:  ',
        'exceptions: [{ name: by day, when: { during: [business, early] }, for: 1h }]\n        handback:  ',
      ],
    ],
  },
  {
    name: 'an exception at severities at which the cell is shut',
    code: 'exception-never-applies',
    severity: 'error',
    changes: [restore('when: { severity: [sev2, sev3] }')],
    place: [M, 'name: emergency restore'],
    says: 'it is for sev1, the cell is open at sev2 or sev3 alone',
    near: [restore('when: { severity: [sev2, sev1] }')],
  },
  {
    name: 'an exception whose calendar is over',
    code: 'exception-never-applies',
    severity: 'warning',
    changes: [
      [
        M,
        '{ from: 2026-12-18T00:00, to: 2027-01-04T06:00 }',
        '{ from: 2025-12-18T00:00, to: 2026-01-04T06:00 }',
      ],
    ],
    place: [M, 'name: year-end freeze'],
    says: 'year-end never opens again',
    near: [
      [
        M,
        '{ from: 2026-12-18T00:00, to: 2027-01-04T06:00 }',
        '{ from: 2025-12-18T00:00, to: 2026-11-24T10:01 }',
      ],
    ],
  },
  {
    name: 'a calendar that is over',
    code: 'calendar-never-opens',
    severity: 'warning',
    changes: [
      [
        M,
        '{ from: 2026-12-18T00:00, to: 2027-01-04T06:00 }',
        '{ from: 2025-12-18T00:00, to: 2026-01-04T06:00 }',
      ],
    ],
    place: [M, 'year-end:      {'],
    says: 'it ended 2026-01-04 06:00 America/New_York; exception "year-end freeze" of backups/restore names it',
    near: [
      [
        M,
        '{ from: 2026-12-18T00:00, to: 2027-01-04T06:00 }',
        '{ from: 2025-12-18T00:00, to: 2026-11-24T10:01 }',
      ],
    ],
  },
  {
    name: 'weekly windows outside the range',
    code: 'calendar-never-opens',
    severity: 'error',
    changes: [calendar('drill: { weekly: "Sat 10:00-12:00", from: 2026-12-07T00:00, to: 2026-12-12T10:00 }')],
    place: [M, 'drill:'],
    says: 'its windows, dates and range never meet',
    near: [calendar('drill: { weekly: "Sat 10:00-12:00", from: 2026-12-07T00:00, to: 2026-12-12T10:01 }')],
  },
  {
    name: 'a window that lies in the hour which the clocks skip',
    code: 'calendar-never-opens',
    severity: 'error',
    changes: [calendar('jump: { weekly: "Sun 02:10-02:50", dates: [2027-03-14] }')],
    place: [M, 'jump:'],
    says: 'never opens',
    near: [calendar('jump: { weekly: "Sun 02:10-03:10", dates: [2027-03-14] }')],
  },
  {
    name: 'a calendar that its exceptions take whole',
    code: 'calendar-never-opens',
    severity: 'error',
    changes: [calendar('nights: { weekly: "Sun 01:00-05:00", except: [patch-window] }')],
    place: [M, 'nights:'],
    says: 'what it excepts takes all of it',
    near: [calendar('nights: { weekly: "Sun 01:00-05:01", except: [patch-window] }')],
  },
  {
    name: 'a calendar that nothing names',
    code: 'unused-calendar',
    severity: 'warning',
    changes: [],
    place: [M, 'business:'],
    says: 'nothing names the calendar business',
    near: [[M, 'during: patch-window }', 'during: [patch-window, business] }']],
  },
  {
    name: 'a squad that nothing names',
    code: 'unused-squad',
    severity: 'warning',
    changes: [[M, 'noc:        {', 'network:    { group: network }\n      noc:        {']],
    place: [M, 'network:    {'],
    says: 'nothing names the squad msp/network; whoever is in it may still read the log',
    near: [
      [M, 'noc:        {', 'network:    { group: network }\n      noc:        {'],
      [M, 'C: [msp/security]', 'C: [msp/network]'],
    ],
  },
];

describe('each class of fault, once', () => {
  it.each(FAULTS)('$code: $name', ({ code, severity, changes, place, says }) => {
    const folder = changed(changes);
    const found = check(folder).filter(finding => finding.code === code);
    const [file, text] = place;
    expect(found.map(finding => [told(folder, finding), finding.severity])).toContainEqual([
      placeOf(folder, file, text),
      severity,
    ]);
    const one = found.find(finding => told(folder, finding) === placeOf(folder, file, text))!;
    expect(one.message).toContain(says);
    expect(one.mend).not.toMatch(/^$|\.$/);
  });

  it.each(FAULTS.filter(({ near }) => near.length > 0))('not $code: almost $name', fault => {
    const folder = changed(fault.near);
    const subject = check(changed(fault.changes)).find(
      ({ code, message }) => code === fault.code && message.includes(fault.says),
    )!.subject;
    const found = check(folder).filter(finding => finding.code === fault.code && finding.subject === subject);
    expect(found).toEqual([]);
  });

  it('has a case for every check', () => {
    const cases = new Set(FAULTS.map(({ code }) => code));
    expect(CHECKS.map(({ code }) => code).filter(code => !cases.has(code))).toEqual(['review-overdue']);
  });
});
