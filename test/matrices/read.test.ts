import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { problemText } from '../../src/matrices/problem.ts';
import { digestOfVersion, engagementOf, readEngagement, tenantFolders } from '../../src/matrices/read.ts';

const ACME = 'policies/acme';
const room = mkdtempSync(join(tmpdir(), 'sallyport-matrices-'));
afterAll(() => rmSync(room, { recursive: true }));

let copies = 0;
/** A copy of Acme's folder with one file changed. */
function copy(file: string, change: (text: string) => string | Buffer): string {
  copies += 1;
  const folder = join(room, String(copies), 'acme');
  cpSync(ACME, folder, { recursive: true });
  writeFileSync(join(folder, file), change(readFileSync(join(folder, file), 'utf8')));
  return folder;
}

/** The problems as people read them, with the folder taken off. */
function problems(folder: string): string[] {
  const reading = readEngagement(folder);
  return reading.ok ? [] : reading.problems.map(problem => problemText(problem).replace(`${folder}/`, ''));
}

const swap = (from: string | RegExp, to: string) => (text: string) => {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`nothing to change: ${from}`);
  return changed;
};

describe('broken files, each class once', () => {
  const M = 'matrix.yaml';
  const T = 'targets.yaml';
  const E = 'expectations.yaml';
  const cases: [string, string, ReturnType<typeof swap>, string][] = [
    [
      'an unknown key',
      M,
      swap('ticket: required\n        exceptions', 'tickte: required\n        exceptions'),
      'matrix.yaml:56:9 unknown key "tickte" — expected one of label, R, A, ',
    ],
    [
      'its nearest name',
      M,
      swap('ticket: required\n        exceptions', 'tickte: required\n        exceptions'),
      'did you mean "ticket"?',
    ],
    [
      'an unknown squad',
      M,
      swap('R: [msp/backup-ops]', 'R: [msp/backup-op]'),
      'matrix.yaml:47:13 unknown squad "msp/backup-op" — expected a squad of the matrix, did you mean "msp/backup-ops"?',
    ],
    [
      'a squad that nothing is near',
      M,
      swap('R: [msp/backup-ops]', 'R: [client/zebra-crossing]'),
      'matrix.yaml:47:13 unknown squad "client/zebra-crossing" — expected a squad of the matrix',
    ],
    [
      'two squads in A',
      M,
      swap('A: client/it\n', 'A: [client/it, client/ciso]\n'),
      'matrix.yaml:48:12 "A" is a list — expected exactly one squad, such as client/it',
    ],
    [
      'a second A',
      M,
      swap('A: client/it\n', 'A: client/it\n        A: client/ciso\n'),
      'matrix.yaml:49:9 "A" stands here a second time — expected each key once',
    ],
    [
      'no A',
      M,
      swap('        A: client/it\n', ''),
      'matrix.yaml:45:7 "A" is missing — expected exactly one squad, such as client/it',
    ],
    [
      'a calendar that does not parse',
      M,
      swap('Sun 01:00-05:00', 'Sun 1-5'),
      'matrix.yaml:36:28 calendar "patch-window" does not parse: "Sun 1-5" — expected windows such as',
    ],
    [
      'a date that is none',
      M,
      swap('2026-12-18T00:00', '2026-12-32T00:00'),
      'matrix.yaml:37:26 calendar "year-end" does not parse: "2026-12-32T00:00" — expected a time such as 2026-12-18T00:00',
    ],
    [
      'a range the wrong way round',
      M,
      swap('2027-01-04T06:00', '2026-01-04T06:00'),
      'matrix.yaml:37:48 calendar "year-end" ends before it begins — expected a time after `from`',
    ],
    [
      'an unknown calendar',
      M,
      swap('during: year-end', 'during: yearend'),
      'unknown calendar "yearend" — expected a calendar of the matrix, did you mean "year-end"?',
    ],
    ['a duration that is none', M, swap('for: 2h ', 'for: two '), '"for" is "two'],
    [
      'access without a limit',
      M,
      swap(/ {8}for: 2h .*\n/, ''),
      'expected `for`, the longest grant, beside `gives`',
    ],
    [
      'a right that is none, in the long form',
      M,
      swap('ssh: [root, backup],', 'ssh: { logins: [root], exce: true },'),
      'unknown key "exce" — expected one of logins, exec, forward, transfer, agent, did you mean "exec"?',
    ],
    [
      'a login with a colon, in the short form',
      M,
      swap('ssh: [root, backup],', 'ssh: ["root:x"],'),
      'item 1 of ssh is "root:x" — expected a login or role without @ + : / ,',
    ],
    [
      'logins that are neither form',
      M,
      swap('ssh: [root, backup],', 'ssh: root,'),
      '"ssh" is "root" — expected a list of logins, such as [root], or { logins: [root], exec: true }',
    ],
    [
      'a calendar that excepts what is not there',
      M,
      swap('"Sun 01:00-05:00"', '"Sun 01:00-05:00", except: [yearend]'),
      'matrix.yaml:36:56 unknown calendar "yearend" — expected a calendar of the matrix, did you mean "year-end"?',
    ],
    [
      'a calendar that excepts itself',
      M,
      swap('"Sun 01:00-05:00"', '"Sun 01:00-05:00", except: [patch-window]'),
      'a circle: patch-window except patch-window — expected calendars that do not come back to it',
    ],
    [
      'calendars that except each other',
      M,
      swap(
        /business: .*\n.*patch-window: .*\n/,
        'business: { except: [patch-window] }\n  patch-window: { except: [business] }\n',
      ),
      'matrix.yaml:35:23 a circle: business except patch-window except business',
    ],
    [
      'exceptions of exceptions without end',
      M,
      swap(
        /business: .*\n.*patch-window: .*\n/,
        'business: { except: [patch-window] }\n  patch-window: { except: [a] }\n  a: { except: [b] }\n  b: { weekly: "Mon 01:00-02:00" }\n',
      ),
      'business except patch-window except a except b: nobody can read that — expected at most 2 steps of `except`',
    ],
    [
      'a whole day that is none',
      M,
      swap('weekly: "Sun 01:00-05:00"', 'dates: [2026-12-25, 2026-02-30]'),
      'item 2 of dates is "2026-02-30" — expected a date such as 2027-02-20',
    ],
    [
      'an unknown time zone',
      M,
      swap('America/New_York', 'America/Newyork'),
      'matrix.yaml:8:11 "timezone" is "America/Newyork" — expected a time zone such as America/New_York',
    ],
    [
      'a number where text belongs',
      M,
      swap('"2026.11"', '2026.11'),
      'matrix.yaml:5:10 "version" is the number 2026.11 — expected text; put it in quotes',
    ],
    [
      'a choice misspelt',
      M,
      swap('answer: pre-approved ', 'answer: pre-aproved '),
      'did you mean "pre-approved"?',
    ],
    [
      'pre-approved with co-approvers',
      M,
      swap('answer: pre-approved  ', 'co_approve: [client/it]\n            answer: pre-approved  '),
      'expected no co_approve where the answer is pre-approved',
    ],
    [
      'one issuer for both parties',
      M,
      swap('127.0.0.1:4002', '127.0.0.1:4001'),
      'matrix.yaml:21:13 both parties have this issuer and nothing tells them apart',
    ],
    [
      'a primary outside the squad',
      M,
      swap('primary: chris@acme.example', 'primary: cris@acme.example'),
      '"cris@acme.example" is not among the people of client/ciso — expected one of them, did you mean "chris@acme.example"?',
    ],
    [
      'the MSP may lock out',
      M,
      swap('lockout:  [client/ciso, client/it]', 'lockout:  [client/ciso, msp/noc]'),
      'msp/noc would be shut out itself — expected a squad of the client',
    ],
    [
      'one party signs alone',
      M,
      swap('sign:     [client/ciso, msp/account]', 'sign:     [client/ciso]'),
      'nobody signs for the msp — expected a squad of each party',
    ],
    [
      'another tenant',
      M,
      swap('matrix: acme', 'matrix: other'),
      'matrix.yaml:4:9 the matrix is called "other" and its folder "acme" — expected "acme"',
    ],
    [
      'the name of the log that belongs to no tenant',
      M,
      swap('matrix: acme', 'matrix: instance'),
      'no tenant can be called "instance"',
    ],
    [
      'a name that is none',
      M,
      swap('  backups:\n', '  Backups!:\n'),
      '"Backups!" is no name — expected a name of lower-case letters',
    ],
    [
      'a prototype as a name',
      M,
      swap('calendars:\n', 'calendars:\n  __proto__: { weekly: "Mon 08:00-09:00" }\n'),
      'matrix.yaml:35:3 the name "__proto__" is reserved — expected another name',
    ],
    [
      'a prototype as a label',
      T,
      swap('site: newark }\n    ssh', 'site: newark, constructor: x }\n    ssh'),
      'the name "constructor" is reserved',
    ],
    ['no YAML', M, swap('matrix: acme', 'matrix: [acme'), 'matrix.yaml:5:'],
    ['an empty file', T, () => '', 'targets.yaml:1:1 "the file" is empty — expected keys and values'],
    [
      'a list where names belong',
      T,
      () => 'targets: [db01]\n',
      'targets.yaml:1:10 "targets" is a list — expected targets by name',
    ],
    [
      'an address without a port',
      T,
      swap('127.0.0.1:2201', '127.0.0.1'),
      'targets.yaml:6:21 "address" is "127.0.0.1" — expected host:port',
    ],
    [
      'a trust that is none',
      T,
      swap('trust: ca', 'trust: cas'),
      'targets.yaml:6:44 "trust" is "cas" — expected ca or key, did you mean "ca"?',
    ],
    [
      'bytes that are no UTF-8',
      T,
      (() => Buffer.from([0x74, 0xff, 0xfe])) as never,
      'targets.yaml:1:1 is not UTF-8 — expected UTF-8 text',
    ],
    ['more than a mebibyte', T, () => `# ${'x'.repeat(1_048_576)}\n`, 'expected at most 1048576'],
    [
      'a character that no database keeps, escaped',
      M,
      swap(/^version:.*$/m, 'version: "1\\0"'),
      'matrix.yaml:5:10 the text holds the character U+0000 — expected text without it',
    ],
    [
      'the same in a key',
      T,
      swap('db01:', '"db\\u000001":'),
      'targets.yaml:3:3 the text holds the character U+0000 — expected text without it',
    ],
    [
      'the same as it is',
      T,
      swap('label: Patient', 'label: Pat\0ient'),
      'targets.yaml:4:12 the text holds the character U+0000',
    ],
    [
      'nesting without an end',
      T,
      () => '['.repeat(200_000),
      'targets.yaml:1:42 is nested too deeply — expected at most 40 levels',
    ],
    [
      'aliases that multiply',
      T,
      () => bomb(),
      'targets.yaml:1:1 aliases expand to too much — expected few aliases',
    ],
    [
      'two documents',
      T,
      text => `${text}\n---\na: 1\n`,
      'targets.yaml:21:1 a second document begins — expected one document',
    ],
    [
      'an unknown person',
      E,
      swap('who: maya', 'who: maja'),
      'unknown person "maja" — expected one of `people`, did you mean "maya"?',
    ],
    [
      'an unknown code',
      E,
      swap('code: no-cell', 'code: no-cel'),
      '"code" is "no-cel" — expected one of locked-out',
    ],
    [
      'a time that is none',
      E,
      swap('2026-11-24T10:00', '2026-11-24'),
      '"2026-11-24" is no time — expected a time such as',
    ],
  ];
  it.each(cases)('%s (%s)', (_, file, change, expected) => {
    const found = problems(copy(file, change));
    expect(found.join('\n')).toContain(expected);
    for (const line of found) expect(line).toMatch(/^\w+\.yaml:\d+:\d+ \S/);
  });

  it('tells everything of all files at once, in the order of the lines', () => {
    const folder = copy('matrix.yaml', text =>
      swap(
        'R: [msp/noc]',
        'R: [msp/nock]',
      )(swap('Sun 01:00-05:00', 'never')(swap('review_by', 'reviewed_by')(text))),
    );
    writeFileSync(join(folder, 'targets.yaml'), 'targets: { db01: { labels: {}, shh: {} } }\n');
    expect(problems(folder).map(line => line.split(' ')[0])).toEqual([
      'matrix.yaml:7:1',
      'matrix.yaml:36:28',
      'matrix.yaml:72:13',
      'targets.yaml:1:32',
    ]);
  });

  it('says that a file is not there', () => {
    const folder = join(room, 'none', 'acme');
    mkdirSync(folder, { recursive: true });
    expect(problems(folder)).toEqual([
      'matrix.yaml:1:1 cannot be read (ENOENT) — expected a readable file',
      'targets.yaml:1:1 cannot be read (ENOENT) — expected a readable file',
    ]);
  });
});

/** Each line refers ten times to the one before. */
function bomb(): string {
  const lines = ['a0: &a0 [x]'];
  for (let at = 1; at < 9; at += 1)
    lines.push(
      `a${at}: &a${at} [${Array(10)
        .fill(`*a${at - 1}`)
        .join(', ')}]`,
    );
  return `${lines.join('\n')}\n`;
}

describe('a sound folder', () => {
  const reading = readEngagement(ACME);
  if (!reading.ok) throw new Error(reading.problems.map(problemText).join('\n'));

  it('is named by the hash of both documents as they stand', () => {
    const [matrix, targets] = ['matrix', 'targets'].map(name =>
      parse(readFileSync(`${ACME}/${name}.yaml`, 'utf8')),
    );
    expect(reading.engagement.digest).toBe(digestOfVersion(matrix, targets));
    // RFC 8785 by hand: keys in order, no spaces, integers and plain text only in this file.
    const plain = (value: unknown): string =>
      Array.isArray(value)
        ? `[${value.map(plain).join(',')}]`
        : typeof value === 'object' && value !== null
          ? `{${Object.entries(value)
              .sort(([one], [other]) => (one < other ? -1 : 1))
              .map(([key, inside]) => `${JSON.stringify(key)}:${plain(inside)}`)
              .join(',')}}`
          : JSON.stringify(value);
    const expected = createHash('sha256').update(plain({ matrix, targets })).digest('hex');
    expect(reading.engagement.digest).toBe(expected);
  });

  it('is the same again from what a store kept of it', () => {
    const { matrix, targets } = JSON.parse(JSON.stringify(reading.engagement));
    expect(engagementOf(matrix, targets)).toEqual(reading.engagement);
  });

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(reading.engagement.matrix.services.backups?.activities.restore?.R)).toBe(true);
  });

  it('may stand in a folder of another name while it is reviewed', () => {
    const folder = join(room, 'review');
    cpSync(ACME, folder, { recursive: true });
    expect(readEngagement(folder).ok).toBe(false);
    expect(readEngagement(folder, { anyFolder: true }).ok).toBe(true);
  });

  it('is found among the folders of tenants', () => {
    expect(tenantFolders('policies')).toContain(ACME);
    expect(tenantFolders(ACME)).toEqual([ACME]);
    expect(tenantFolders(join(room, 'nowhere'))).toEqual([]);
  });
});
