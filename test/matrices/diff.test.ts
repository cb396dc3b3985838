import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Member } from '../../src/domain/person.ts';
import { type AccessLine, diffEngagements } from '../../src/matrices/diff.ts';
import { problemText } from '../../src/matrices/problem.ts';
import { readTexts } from '../../src/matrices/read.ts';
import { peopleOf } from '../../src/matrices/test.ts';
import { db, engagement, everybody, row } from '../domain/fixture.ts';

const text = (name: string) => readFileSync(`policies/acme/${name}.yaml`, 'utf8');
const ACME = { matrix: text('matrix'), targets: text('targets'), expectations: text('expectations') };

function engagementOf(texts: typeof ACME) {
  const reading = readTexts('acme', texts);
  if (!reading.ok) throw new Error(reading.problems.map(problemText).join('\n'));
  return reading;
}

const acme = engagementOf(ACME);
const people: Member[] = peopleOf(acme.expectations!);

type File = 'matrix' | 'targets';
const M: File = 'matrix';
const T: File = 'targets';

function changed(file: File, from: string | RegExp, to: string) {
  expect(ACME[file]).toMatch(from);
  return engagementOf({ ...ACME, [file]: ACME[file].replace(from, to) }).engagement;
}

const said = (lines: readonly AccessLine[]) => lines.map(({ kind, sentence }) => `${kind}: ${sentence}`);

/** A change of Acme's files, and all that is said of it: `there`, and of the way back. */
const CHANGES: [string, File, string | RegExp, string, string[], string[]][] = [
  [
    'a longer grant',
    M,
    'for: 2h  ',
    'for: 4h  ',
    ['easier: backups/restore on db01: longest grant 4h, was 2h'],
    ['harder: backups/restore on db01: longest grant 2h, was 4h'],
  ],
  [
    'a label that gives access',
    T,
    '{ environment: prod, site: newark }',
    '{ service: backups, environment: prod, site: newark }',
    [
      'gains: backups/restore on legacy01, where exception "emergency restore" (severity: sev1) applies: given at once, up to 1h, with a ticket, with a review within 24h',
      'gains: backups/restore on legacy01, where exception "year-end freeze" (during: year-end) applies and not "emergency restore": given when client/it and client/ciso agree, up to 2h, with a ticket',
      'gains: msp/backup-ops (maya) gains ssh root and ssh backup on legacy01 by backups/restore, up to 2h, when client/it agrees, with a ticket: its labels now fit',
      'gains: legacy01: now with labels { service: backups, environment: prod, site: newark }',
      'gains: on legacy01: rule "regulated production has two parties" never binds',
    ],
    [
      'loses: msp/backup-ops (maya) loses ssh root and ssh backup on legacy01 by backups/restore: its labels no longer fit',
    ],
  ],
  [
    'another squad in R',
    M,
    'R: [msp/noc]\n',
    'R: [msp/noc, msp/security]\n',
    [
      'gains: msp/security (sam) gains ssh root on app01 by endpoints/patch, up to 4h, when client/it agrees, only during: patch-window: endpoints/patch now names msp/security in R',
    ],
    [
      'loses: msp/security (sam) loses ssh root on app01 by endpoints/patch: endpoints/patch no longer names msp/security in R',
    ],
  ],
  [
    'a login less',
    M,
    'ssh: [root, backup]',
    'ssh: [root]',
    [
      'loses: msp/backup-ops (maya) loses ssh backup on db01 by backups/restore: backups/restore no longer gives it',
    ],
    [
      'gains: msp/backup-ops (maya) gains ssh backup on db01 by backups/restore, up to 2h, when client/it agrees, with a ticket: backups/restore now gives it',
    ],
  ],
  [
    'what a login may do, said at length',
    M,
    'ssh: [root, backup]',
    'ssh: { logins: [root, backup], transfer: true, forward: true }',
    [
      'gains: msp/backup-ops (maya) may now forward ports as ssh root and ssh backup on db01 by backups/restore',
      'loses: msp/backup-ops (maya) may no longer run commands as ssh root and ssh backup on db01 by backups/restore',
      'other: backups/restore, gives, ssh: { logins: [root, backup], transfer: true, forward: true }, was [root, backup]',
    ],
    [],
  ],
  [
    'two new hosts',
    T,
    '  fw01:\n',
    '  db02: &db\n    labels: { service: backups }\n    ssh: { address: 10.0.0.2:22, trust: ca }\n  db03: *db\n  fw01:\n',
    [
      'gains: backups/restore on db02 and db03, where exception "emergency restore" (severity: sev1) applies: given at once, up to 1h, with a ticket, with a review within 24h',
      'gains: backups/restore on db02 and db03, where exception "year-end freeze" (during: year-end) applies and not "emergency restore": given when client/it and client/ciso agree, up to 2h, with a ticket',
      'gains: msp/backup-ops (maya) gains ssh root and ssh backup on db02 and db03 by backups/restore, up to 2h, when client/it agrees, with a ticket: new in the inventory',
      'gains: db02 and db03: new, ssh { address: 10.0.0.2:22, trust: ca }, labels { service: backups }',
      'gains: on db02 and db03: rule "regulated production has two parties" never binds',
    ],
    [],
  ],
  [
    'a service that selects more',
    M,
    'targets: { service: line-of-business }',
    'targets: { site: newark }',
    [
      'gains: msp/noc (noah) gains ssh root on db01 and legacy01 by endpoints/patch, up to 4h, when client/it agrees, only during: patch-window: endpoints/patch now selects it',
    ],
    [
      'loses: msp/noc (noah) loses ssh root on db01 and legacy01 by endpoints/patch: endpoints/patch no longer selects it',
    ],
  ],
  [
    'another that answers',
    M,
    'A: client/it\n        A2: client/ciso                 #',
    'A: client/ciso\n        A2: client/it #',
    [
      'answers: backups/restore: client/ciso (chris and robin@acme.example) answers (A), was client/it (dana and ravi)',
      'answers: backups/restore: client/it (dana and ravi) answers in its place (A2), was client/ciso (chris and robin@acme.example)',
    ],
    [],
  ],
  [
    'more time to answer',
    M,
    'answer_within: 15m',
    'answer_within: 20m',
    ['answers: backups/restore: each has 20m to answer, was 15m'],
    ['answers: backups/restore: each has 15m to answer, was 20m'],
  ],
  [
    'a second yes',
    M,
    'answer_within: 15m',
    'answer_within: 15m\n        co_approve: [client/ciso]',
    ['harder: backups/restore on db01: client/ciso must agree as well'],
    ['easier: backups/restore on db01: client/ciso need not agree as well any more'],
  ],
  [
    'a second yes that nobody can give',
    M,
    'answer_within: 15m',
    'answer_within: 15m\n        co_approve: [client/legal]',
    [
      'harder: backups/restore on db01: client/legal must agree as well',
      'harder: backups/restore on db01: nobody is left who can agree to requests of people of the MSP',
    ],
    [
      'easier: backups/restore on db01: client/legal need not agree as well any more',
      'easier: backups/restore on db01: somebody can now agree to requests of people of the MSP; nobody could',
    ],
  ],
  [
    'asked before instead of told',
    M,
    'answer: pre-approved, review_within: 72h',
    'review_within: 72h',
    ['harder: incident-response/triage on db01: somebody has to agree first, was given at once'],
    ['easier: incident-response/triage on db01: is given at once, nobody has to agree any more'],
  ],
  [
    'a rule less',
    M,
    /rules: [\s\S]*$/,
    '',
    [
      `easier: backups/restore, incident-response/contain and incident-response/forensics on db01: people of the asker's own party may agree (rule "regulated production has two parties")`,
      'easier: incident-response/triage, incident-response/contain and incident-response/forensics on db01: no ticket is needed any more (rule "regulated production has two parties")',
      'easier: backups/restore, incident-response/triage, incident-response/contain and incident-response/forensics on db01: sessions need not be recorded any more (rule "regulated production has two parties")',
    ],
    [
      `harder: backups/restore, incident-response/contain and incident-response/forensics on db01: nobody of the asker's own party may agree (rule "regulated production has two parties")`,
      'harder: incident-response/triage, incident-response/contain and incident-response/forensics on db01: a ticket is required (rule "regulated production has two parties")',
      'harder: backups/restore, incident-response/triage, incident-response/contain and incident-response/forensics on db01: sessions must be recorded (rule "regulated production has two parties")',
    ],
  ],
  [
    'a ticket that a rule asks for anyhow',
    M,
    '        ticket: required\n        exceptions',
    '        exceptions',
    ['other: backups/restore, ticket is gone: required'],
    ['other: backups/restore, ticket is new: required'],
  ],
  [
    'an exception less',
    M,
    / {10}- name: emergency[\s\S]*?24h\n/,
    '',
    [
      'easier: backups/restore on db01, where exception "emergency restore" (severity: sev1) applied: longest grant 2h, was 1h',
      'easier: backups/restore on db01, where exception "emergency restore" (severity: sev1) applied: a review afterwards not needed, was within 24h',
      'harder: backups/restore on db01, where exception "emergency restore" (severity: sev1) applied: somebody has to agree first, was given at once',
    ],
    [
      'easier: backups/restore on db01, where exception "emergency restore" (severity: sev1) applies: is given at once, nobody has to agree any more',
      'harder: backups/restore on db01, where exception "emergency restore" (severity: sev1) applies: longest grant 1h, was 2h',
      'harder: backups/restore on db01, where exception "emergency restore" (severity: sev1) applies: a review afterwards within 24h, was not needed',
    ],
  ],
  [
    "an exception's own limit",
    M,
    '            for: 1h\n',
    '            for: 2h\n',
    [
      'easier: backups/restore on db01, where exception "emergency restore" (severity: sev1) applies: longest grant 2h, was 1h',
    ],
    [
      'harder: backups/restore on db01, where exception "emergency restore" (severity: sev1) applies: longest grant 1h, was 2h',
    ],
  ],
  [
    'a window that moves',
    M,
    'Sun 01:00-05:00',
    'Sun 02:00-06:00, Mon-Tue 22:00-02:00',
    [
      'easier: endpoints/patch on app01: open at more times: patch-window also Mon-Tue 22:00-02:00, Sun 05:00-06:00',
      'harder: endpoints/patch on app01: shut at more times: patch-window no longer Sun 01:00-02:00',
    ],
    [],
  ],
  [
    'a window that a freeze takes hours out of',
    M,
    '{ weekly: "Sun 01:00-05:00" }',
    '{ weekly: "Sun 01:00-05:00", except: [year-end] }',
    ['harder: endpoints/patch on app01: shut at more times: patch-window shut during year-end'],
    ['easier: endpoints/patch on app01: open at more times: patch-window also during year-end'],
  ],
  [
    'no window any more',
    M,
    / {8}when: \{ during: patch.*\n/,
    '',
    ['easier: endpoints/patch on app01: open at more times: open always, was only during: patch-window'],
    ['harder: endpoints/patch on app01: shut at more times: open only during: patch-window, was always'],
  ],
  [
    'a shorter freeze',
    M,
    '2027-01-04',
    '2027-01-02',
    [
      'easier: backups/restore on db01, where exception "year-end freeze" (during: year-end) applied: client/ciso need not agree as well any more (year-end until 2027-01-02T06:00, was 2027-01-04T06:00)',
    ],
    [
      'harder: backups/restore on db01, where exception "year-end freeze" (during: year-end) applies: client/ciso must agree as well (year-end until 2027-01-04T06:00, was 2027-01-02T06:00)',
    ],
  ],
  [
    'a calendar that nothing uses',
    M,
    'Mon-Fri 08:00-18:00',
    'Mon-Fri 08:00-17:00',
    ['other: the calendar business is open no longer Mon-Fri 17:00-18:00'],
    ['other: the calendar business is open also Mon-Fri 17:00-18:00'],
  ],
  [
    'another group for a squad of R',
    M,
    'group: noc',
    'group: soc',
    [
      'gains: group soc (sam) comes into msp/noc: gains ssh root on app01 by endpoints/patch; web admin on fw01 by network/change-rule',
      'loses: group noc (noah) leaves msp/noc: loses ssh root on app01 by endpoints/patch; web admin on fw01 by network/change-rule',
    ],
    [],
  ],
  [
    'other named people',
    M,
    'people: [chris@acme.example, robin@acme.example]',
    'people: [chris@acme.example, dana@acme.example]',
    [
      'gains: dana comes into client/ciso, which may sign versions and shut the MSP out',
      'answers: dana comes into client/ciso, which answers for backups/restore, endpoints/patch, network/change-rule, incident-response/triage, incident-response/contain, incident-response/communicate, incident-response/forensics and incident-response/document',
      'answers: robin@acme.example leaves client/ciso, which answers for backups/restore, endpoints/patch, network/change-rule, incident-response/triage, incident-response/contain, incident-response/communicate, incident-response/forensics and incident-response/document',
      'loses: robin@acme.example leaves client/ciso, which may sign versions and shut the MSP out',
    ],
    [],
  ],
  [
    'another who is asked first',
    M,
    'primary: dana@acme.example, secondary: ravi@acme.example',
    'primary: ravi@acme.example, secondary: dana@acme.example',
    [
      'answers: client/it asks ravi@acme.example first, was dana@acme.example',
      'answers: client/it asks dana@acme.example second, was ravi@acme.example',
    ],
    [],
  ],
  [
    'another issuer',
    M,
    '127.0.0.1:4001',
    '127.0.0.1:4009',
    [
      'gains: whoever signs in at http://127.0.0.1:4009 speaks for Northwind MSP (msp), in all its squads',
      'loses: whoever signs in at http://127.0.0.1:4001 no longer speaks for Northwind MSP (msp)',
    ],
    [],
  ],
  [
    'a claim that is required',
    M,
    'issuer: http://127.0.0.1:4001\n',
    'issuer: http://127.0.0.1:4001\n    claims: { hd: northwind.example }\n',
    ['loses: people of http://127.0.0.1:4001 speak for Northwind MSP (msp) only with hd: northwind.example'],
    [
      'gains: people of http://127.0.0.1:4001 speak for Northwind MSP (msp) also without hd: northwind.example',
    ],
  ],
  [
    'another who signs',
    M,
    '[client/ciso, msp/account]',
    '[client/legal, msp/account]',
    [
      'gains: client/legal may now sign new versions',
      'loses: client/ciso (chris) may no longer sign new versions',
    ],
    [],
  ],
  [
    'another who lifts a lockout',
    M,
    '[client/ciso, client/it] ',
    '[client/it, client/ciso] ',
    [
      'gains: client/it (dana and ravi) may now lift a lockout',
      'loses: client/ciso (chris) may no longer lift a lockout',
    ],
    [],
  ],
  [
    'another auditor',
    M,
    'auditors: [client/audit]',
    'auditors: [client/audit, msp/account]',
    ['gains: msp/account may now replay and export'],
    ['loses: msp/account may no longer replay and export'],
  ],
  [
    'observing instead of deciding',
    M,
    'version:',
    'mode: observe\nversion:',
    ['harder: the matrix only observes: what would be is recorded, and nothing is opened any more'],
    ['easier: the matrix opens what it gives, and no longer only records what would be'],
  ],
  [
    'another host behind a name',
    T,
    '127.0.0.1:2201',
    '10.9.9.9:22',
    ['gains: whoever may reach db01 by ssh now reaches 10.9.9.9:22, was 127.0.0.1:2201'],
    ['gains: whoever may reach db01 by ssh now reaches 127.0.0.1:2201, was 10.9.9.9:22'],
  ],
  [
    'a host key',
    T,
    'trust: ca }',
    'trust: ca, host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ }',
    ['other: db01 is believed when it shows ssh-ed25519 …I1NTE5AAAAIJ, was none'],
    [],
  ],
  [
    'how a host is entered',
    T,
    'trust: ca }',
    'trust: key }',
    ['other: db01 is entered by a key that expires by itself, was by certificate'],
    ['other: db01 is entered by certificate, was by a key that expires by itself'],
  ],
  [
    'who is told',
    M,
    'C: [client/app-owner]',
    'C: [client/legal]',
    [
      'other: backups/restore: client/legal now consulted before; client/app-owner no longer consulted before',
    ],
    [],
  ],
  [
    'a checklist',
    M,
    '          - Monitoring is green\n',
    '          - The owner knows\n',
    [
      'easier: endpoints/patch: handback no longer asks "Monitoring is green"',
      'harder: endpoints/patch: handback now asks "The owner knows"',
    ],
    [],
  ],
  [
    'what is recorded, and how fresh a sign-in must be',
    M,
    'answer_within: 15m',
    'answer_within: 15m\n        record: input\n        sign_in_within: 1h',
    [
      'harder: backups/restore on db01: what is typed is recorded as well',
      'harder: backups/restore on db01: a sign-in within 1h, was not needed',
    ],
    [
      'easier: backups/restore on db01: what is typed is recorded no longer',
      'easier: backups/restore on db01: a sign-in not needed, was within 1h',
    ],
  ],
  [
    'words',
    M,
    'label: Restore from backup',
    'label: Restore',
    ['other: backups/restore, label: Restore, was Restore from backup'],
    ['other: backups/restore, label: Restore from backup, was Restore'],
  ],
  [
    'a squad that nothing names',
    M,
    '      legal:     { group: legal }',
    '      legal:     { group: legal }\n      board:     { group: board }',
    ['other: client/board is a new squad: group board'],
    ['other: client/board is no longer a squad: group board'],
  ],
];

describe('a change of the example', () => {
  it.each(CHANGES)('%s', (_, file, from, to, there, back) => {
    const after = changed(file, from, to);
    expect(said(diffEngagements(acme.engagement, after, people).lines)).toEqual(there);
    if (back.length > 0) expect(said(diffEngagements(after, acme.engagement, people).lines)).toEqual(back);
  });
});

describe('the same change in many places', () => {
  const names = Array.from({ length: 8 }, (_, at) => `s${at}`);
  const world = (weekly: string) =>
    engagement({
      matrix: {
        calendars: { day: { weekly } },
        services: Object.fromEntries(
          names.map(name => [
            name,
            { targets: { service: name }, activities: { fix: { ...row, when: { during: 'day' } } } },
          ]),
        ),
      },
      targets: Object.fromEntries(names.map(name => [`${name}-db`, { ...db, labels: { service: name } }])),
    });

  it('is one line, which lists all of them for programs', () => {
    const { lines } = diffEngagements(world('Mon 08:00-09:00'), world('Mon 08:00-10:00'), everybody);
    expect(said(lines)).toEqual([
      'easier: s0/fix on s0-db, s1/fix on s1-db, s2/fix on s2-db, s3/fix on s3-db, s4/fix on s4-db, s5/fix on s5-db, s6/fix on s6-db, s7/fix on s7-db: open at more times: day also Mon 09:00-10:00',
    ]);
    expect(lines[0]).toMatchObject({
      cells: names.map(name => `${name}/fix`),
      targets: names.map(name => `${name}-db`),
      short:
        's0/fix, s1/fix, s2/fix, s3/fix, s4/fix, s5/fix, 2 more: open at more times: day also Mon 09:00-10:00',
      paths: ['/matrix/calendars/day/weekly'],
    });
  });
});
