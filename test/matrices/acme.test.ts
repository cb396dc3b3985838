import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkAction } from '../../src/cli/matrix/check.ts';
import { type Asked, explainAction } from '../../src/cli/matrix/explain.ts';
import { testAction } from '../../src/cli/matrix/test.ts';
import { readEngagement } from '../../src/matrices/read.ts';
import { testEngagement } from '../../src/matrices/test.ts';

const ACME = 'policies/acme';
const NOW = Date.parse('2026-11-24T15:00:00Z');
const common = { policies: './policies', now: NOW };
const room = mkdtempSync(join(tmpdir(), 'sallyport-acme-'));
afterAll(() => rmSync(room, { recursive: true }));

function copy(file: string, from: string | RegExp, to: string): string {
  const folder = mkdtempSync(join(room, 'c-'));
  cpSync(ACME, folder, { recursive: true });
  const text = readFileSync(join(folder, file), 'utf8');
  expect(text).toMatch(from);
  writeFileSync(join(folder, file), text.replace(from, to));
  return folder;
}

const findings = (folder: string, at?: string) => {
  const said = checkAction(folder, { ...common, at, json: true });
  return {
    code: said.code,
    found: JSON.parse(said.out).findings as {
      code: string;
      where: string;
      severity: string;
      subject: string;
    }[],
  };
};

describe('the expectations of the example', () => {
  const reading = readEngagement(ACME);
  if (!reading.ok || !reading.expectations) throw new Error('the example does not load');
  it.each(testEngagement(reading.engagement, reading.expectations, NOW))('$name', ({ differences }) => {
    expect(differences).toEqual([]);
  });
});

describe('matrix check', () => {
  it('finds the one gap of the example', () => {
    const { code, found } = findings(ACME);
    expect(code).toBe(1);
    expect(found[0]).toMatchObject({
      code: 'uncovered-target',
      severity: 'error',
      where: 'policies/acme/targets.yaml:16:3',
    });
    expect(found.map(finding => `${finding.severity} ${finding.code} ${finding.subject}`)).toEqual([
      'error uncovered-target legacy01',
      'warning two-owners backups/restore incident-response/contain incident-response/forensics',
      'warning regulated-transfer backups/restore',
      'warning regulated-transfer incident-response/triage',
      'warning regulated-transfer incident-response/contain',
      'warning regulated-transfer incident-response/forensics',
      'warning unused-calendar business',
    ]);
  });

  it('says yes when nothing is open', () => {
    const folder = copy(
      'targets.yaml',
      '    labels: { environment: prod, site: newark }',
      '    labels: { service: backups, environment: prod }',
    );
    expect(checkAction(folder, common)).toMatchObject({ code: 0, err: '' });
  });

  it('finds a cell without a secondary', () => {
    const folder = copy('matrix.yaml', / {8}A2: client\/ciso {2}.*\n/, '');
    const { code, found } = findings(folder);
    expect(code).toBe(1);
    expect(found[1]).toMatchObject({ code: 'no-secondary', where: `${folder}/matrix.yaml:45:7` });
  });

  it('warns of a review that is overdue, by the clock it is given', () => {
    const folder = copy(
      'targets.yaml',
      '    labels: { environment: prod, site: newark }',
      '    labels: { service: backups }',
    );
    const overdue = (at: string) => {
      const { code, found } = findings(folder, at);
      expect(code).toBe(0);
      return found.filter(finding => finding.code === 'review-overdue');
    };
    expect(overdue('2027-02-20T23:59')).toEqual([]);
    expect(overdue('2027-02-21T00:00')).toMatchObject([{ severity: 'warning' }]);
  });

  it('says what is wrong with a broken file and exits 2', () => {
    const folder = copy('matrix.yaml', 'A: client/it', 'A: client/itt');
    const said = checkAction(folder, common);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect(said.err).toContain(`${folder}/matrix.yaml:48:12 unknown squad "client/itt"`);
    expect(said.err).toContain('did you mean "client/it"?');
    const asJson = checkAction(folder, { ...common, json: true });
    expect(asJson.code).toBe(2);
    expect(JSON.parse(asJson.out).problems[0]).toMatchObject({ line: 48, column: 12, nearest: 'client/it' });
  });

  it('exits 2 for a folder without a matrix, a tenant that is not there and a time that is none', () => {
    expect(checkAction(join(room, 'nowhere'), common).code).toBe(2);
    expect(checkAction(undefined, { ...common, tenant: 'nobody' }).code).toBe(2);
    expect(checkAction(ACME, { ...common, at: 'soon' }).code).toBe(2);
  });

  it('fits 80 columns', () => {
    for (const line of checkAction(ACME, common).out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('matrix test', () => {
  it('holds for the example', () => {
    const said = testAction(undefined, { ...common, tenant: 'acme' });
    expect(said.code).toBe(0);
    expect(said.out).toContain('15 expectations held, 0 failed.');
  });

  it('shows what was expected, what was answered and why', () => {
    const folder = copy('matrix.yaml', 'for: 2h  ', 'for: 4h  ');
    const said = testAction(folder, common);
    expect(said.code).toBe(1);
    expect(said.out).toContain('FAIL  longer than the cell allows');
    expect(said.out).toContain('- expected refused');
    expect(said.out).toContain('+ answered needs-approval');
    expect(said.out).toContain('backups/restore allows 4h');
    const { results } = JSON.parse(testAction(folder, { ...common, json: true }).out);
    expect(results.find((result: { ok: boolean }) => !result.ok).differences).toEqual([
      { key: 'decision', expected: 'refused', actual: 'needs-approval' },
      { key: 'code', expected: 'duration-too-long', actual: null },
    ]);
  });

  it('tells who is missing and who is not expected, where, and sums it up', () => {
    const folder = copy('matrix.yaml', 'secondary: ravi@acme.example', 'secondary: rory@acme.example');
    const said = testAction(folder, { ...common, only: 'patching inside' });
    expect(said.code).toBe(1);
    expect(said.out.replaceAll(folder, 'acme').split('\n').slice(1).join('\n')).toMatchInlineSnapshot(`
      "  FAIL  patching inside its window
              acme/expectations.yaml:48
              approvers
                  dana
                  ravi
                + rory@acme.example
              because
                endpoints/patch covers app01: service: line-of-business
                R msp/noc: noah may ask
                gives ssh root
                for 2h: endpoints/patch allows 4h
                open now: during: patch-window
                A client/it (dana, rory@acme.example, ravi) at once, A2 client/ciso
                  (chris, robin@acme.example) after 30m may answer
                ends 2026-11-29 05:00 America/New_York at the latest, with its window

      - was expected and is not so, + is answered and was not expected.
      0 expectations held, 1 failed, 14 left out by --only.
      "
    `);
    for (const line of said.out.replaceAll(folder, 'acme').split('\n')) {
      expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  it('tells rungs and missing lines one by one, and none where there is nothing', () => {
    const folder = copy(
      'expectations.yaml',
      /decision: needs-approval\n {4}approvers: \[dana, ravi\]\n {2}- name: longer/,
      [
        'decision: needs-approval',
        '    ladder: [{ squad: client/ciso, people: [chris], after: 0s }, { squad: client/it, people: [dana, ravi], after: 0s }]',
        '    explanation: ["backups/restore allows 2h", "backups/restore allows 3h"]',
        '    informed: []',
        '    exception: "year-end freeze"',
        '  - name: longer',
      ].join('\n'),
    );
    const { out } = testAction(folder, { ...common, only: 'the backup engineer asks the accountable owner' });
    expect(out.slice(out.indexOf('        ladder'), out.indexOf('        because'))).toMatchInlineSnapshot(`
      "        ladder
                  client/it (dana, ravi) at once
                - client/ciso (chris) at once
                + client/ciso (chris, robin@acme.example) after 15m
              explanation
                - no line says "backups/restore allows 3h"
              informed
                + msp/account
              exception
                - expected year-end freeze
                + answered none
      "
    `);
  });

  it('runs those that --only names, the whole name before a part of one', () => {
    const run = (only: string) => testAction(ACME, { ...common, only });
    expect(run('A TICKET').out).toContain('2 expectations held, 0 failed, 13 left out by --only.');
    expect(run('a ticket is required').out).toContain('1 expectation held, 0 failed, 14 left out');
    const none = run('a ticket is requird');
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toMatch(/^sallyport: [^\n]+Did you mean "a ticket is required"\?\n$/);
    expect(JSON.parse(testAction(ACME, { ...common, only: 'triage', json: true }).out)).toMatchObject({
      passed: 1,
      failed: 0,
      results: [{ tenant: 'acme', name: 'triage may start at once', ok: true, differences: [] }],
    });
  });

  it('writes JUnit XML that holds what failed', () => {
    const folder = copy('matrix.yaml', 'for: 2h  ', 'for: 4h  ');
    const file = join(folder, 'junit.xml');
    const text = readFileSync(join(folder, 'expectations.yaml'), 'utf8');
    writeFileSync(
      join(folder, 'expectations.yaml'),
      text.replace('longer than the cell allows', '"a <name> & \\"\\e[31m"'),
    );
    const said = testAction(folder, { ...common, junit: file });
    expect(said.code).toBe(1);
    const xml = readFileSync(file, 'utf8');
    expect(xml).toContain('<testsuite name="acme" tests="15" failures="1">');
    expect(xml).toContain('name="a &lt;name&gt; &amp; &quot;‹U+001B›[31m" file=');
    expect(xml).toContain('<failure message="not as expected: decision, code">');
    expect(xml).toContain('backups/restore allows 4h');
    // Nothing is left open, and no text brings a mark of its own.
    const open: string[] = [];
    for (const [, end, name, alone] of xml.matchAll(
      /<(\/?)([a-z]+)(?: [a-z]+="[^"<&]*(?:&[a-z]+;[^"<&]*)*")*(\/?)>/g,
    )) {
      if (end) expect(open.pop()).toBe(name);
      else if (!alone) open.push(name!);
    }
    expect(open).toEqual([]);
    expect(xml.match(/</g)).toHaveLength(xml.match(/<\/?[a-z?]/g)!.length);
    expect(testAction(folder, { ...common, junit: join(folder, 'nowhere', 'junit.xml') }).err).toMatch(
      /^sallyport: --junit .*ENOENT[^\n]*\n$/,
    );
  });

  it('compares whatever an expectation says of a decision', () => {
    const folder = copy(
      'expectations.yaml',
      /decision: needs-approval\n {4}approvers: \[dana, ravi\]\n {2}- name: longer/,
      [
        'decision: needs-approval',
        '    approvers: [ravi, dana]',
        '    cell: backups/restore',
        '    ladder: [{ squad: client/it, people: [dana, ravi], after: 0s }, { squad: client/ciso, people: [chris, robin@acme.example], after: 15m }]',
        '    consulted: [client/app-owner]',
        '    explanation: ["backups/restore allows 2h"]',
        '    ends_by: null',
        '    exception: "year-end freeze"',
        '  - name: longer',
      ].join('\n'),
    );
    const { results } = JSON.parse(testAction(folder, { ...common, json: true }).out);
    expect(results[0].differences).toEqual([{ key: 'exception', expected: 'year-end freeze', actual: null }]);
  });
});

describe('matrix explain', () => {
  const maya: Asked = { ...common, who: 'maya', target: 'db01', ssh: 'root', for: '1h' };

  it('answers in the words of the matrix, with the lines that decided', () => {
    const said = explainAction(ACME, {
      ...maya,
      activity: 'backups/restore',
      ticket: 'INC-7',
      at: '2026-12-20T10:00',
    });
    expect(said.code).toBe(0);
    expect(said.out).toMatchInlineSnapshot(`
      "maya (Northwind MSP) asks for ssh root on db01 for backups/restore for 1h from
      2026-12-20 10:00 America/New_York with ticket INC-7.

      needs-approval
        backups/restore (Restore from backup) covers db01: service: backups
        R msp/backup-ops: maya may ask
        gives ssh root
        for 1h: backups/restore allows 2h
        exception "year-end freeze" applies: during: year-end
        rule "regulated production has two parties" requires parties: differ, ticket:
          required, record: always
        ticket INC-7, asked for by backups/restore
        A client/it (dana, ravi) at once, A2 client/ciso (chris, robin@acme.example)
          after 15m may answer
        co_approve: client/ciso, one person each besides the approver

        Asked      client/it: dana, ravi (at once)
        Then       client/ciso: chris, robin@acme.example (after 15m)
        And        client/ciso
        Escalates  client/legal, msp/account
        Consulted  client/app-owner
        Informed   msp/account
        Obliged    record, ticket

        policies/acme/matrix.yaml
           37  year-end:      { from: 2026-12-18T00:00, to: 2027-01-04T06:00 }
           42  targets: { service: backups }
           45  restore:
           47  R: [msp/backup-ops]
           48  A: client/it
           49  A2: client/ciso                 # secondary owner: answers when A does not
           52  gives: { ssh: [root, backup], postgres: [restore_operator] }
           53  for: 2h                         # longest grant
           56  ticket: required
           63  - name: year-end freeze
           65  co_approve: [client/ciso]   # A and the CISO both
          109  - name: regulated production has two parties
        policies/acme/targets.yaml
            3  db01:
            5  labels: { service: backups, environment: prod, regulated: [hipaa], si…

        version 2026.11, digest 2637ccb0e26b
      "
    `);
  });

  it('exits 1 for a no', () => {
    const said = explainAction(ACME, { ...maya, target: 'legacy01', json: true });
    expect(said.code).toBe(1);
    expect(JSON.parse(said.out)).toMatchObject({ decision: 'refused', code: 'no-cell' });
  });

  it.each<[string, Partial<Asked>]>([
    ['a person nobody named', { who: 'maja' }],
    ['a duration that is none', { for: 'long' }],
    ['a time that is none', { at: 'noon' }],
    ['two protocols', { web: 'admin' }],
  ])('exits 2 for %s', (_, changes) => {
    const said = explainAction(ACME, { ...maya, ...changes });
    expect(said.code).toBe(2);
    expect(said.err.trim().split('\n')).toHaveLength(1);
  });
});
