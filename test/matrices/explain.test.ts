import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Asked, explainAction } from '../../src/cli/matrix/explain.ts';

const ACME = 'policies/acme';
/** A Tuesday morning in New York. */
const common = { policies: './policies', now: Date.parse('2026-11-24T15:00:00Z') };
const maya: Asked = { ...common, who: 'maya', target: 'db01', ssh: 'root', for: '1h' };
const room = mkdtempSync(join(tmpdir(), 'sallyport-explain-'));
afterAll(() => rmSync(room, { recursive: true }));

const explained = (asked: Partial<Asked>, folder = ACME) => explainAction(folder, { ...maya, ...asked });
const answered = (asked: Partial<Asked>, folder = ACME) =>
  JSON.parse(explained({ ...asked, json: true }, folder).out);

describe('a no', () => {
  it('comes with what could be asked instead, the other cells and the lines in the way', () => {
    const said = explained({ activity: 'backups/restore', for: '3h' });
    expect(said.code).toBe(1);
    expect(said.out).toMatchInlineSnapshot(`
      "maya (Northwind MSP) asks for ssh root on db01 for backups/restore for 3h from
      2026-11-24 10:00 America/New_York.

      refused: duration-too-long
        duration-too-long: 3h was asked; backups/restore allows 2h at most
        ticket-required: backups/restore asks for a ticket

        maya could ask instead
          backups/restore for 2h, with a ticket: needs-approval
            sallyport request db01.acme --activity backups/restore --ssh root \\
              --for 2h --ticket TICKET --reason "WHY"

        Other cells on db01
          incident-response/triage: for msp/security (sam)
          incident-response/contain: for msp/security (sam)
          incident-response/forensics: for msp/security (sam)

        policies/acme/matrix.yaml
           45  restore:
           53  for: 2h                         # longest grant
           56  ticket: required
        policies/acme/targets.yaml
            3  db01:

        version 2026.11, digest 2637ccb0e26b
      "
    `);
    for (const line of said.out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  const INSTEAD: [string, Partial<Asked>, [cell: string, changes: string[], decision: string][]][] = [
    ['too long', { for: '3h', ticket: 'INC-7' }, [['backups/restore', ['for 2h'], 'needs-approval']]],
    [
      'too long for the exception',
      { for: '2h', ticket: 'INC-7', severity: 'sev1' },
      [['backups/restore', ['for 1h'], 'pre-approved']],
    ],
    ['no ticket', {}, [['backups/restore', ['with a ticket'], 'needs-approval']]],
    [
      'another login and no ticket',
      { activity: 'backups/restore', ssh: 'postgres' },
      [['backups/restore', ['as ssh root', 'with a ticket'], 'needs-approval']],
    ],
    [
      'a protocol that the cell gives otherwise',
      { activity: 'backups/restore', ssh: undefined, postgres: 'reader', ticket: 'INC-7' },
      [['backups/restore', ['as postgres restore_operator'], 'needs-approval']],
    ],
    [
      'outside the window',
      { who: 'noah', target: 'app01' },
      [['endpoints/patch', ['from 2026-11-29 01:00 America/New_York'], 'needs-approval']],
    ],
    [
      'several cells, the nearest first',
      { who: 'sam', ticket: 'INC-7' },
      [
        ['incident-response/contain', [], 'needs-approval'],
        ['incident-response/forensics', [], 'needs-approval'],
        ['incident-response/triage', ['as ssh readonly'], 'pre-approved'],
      ],
    ],
    ['nothing of theirs', { who: 'noah' }, []],
    ['a target nobody owns', { target: 'legacy01' }, []],
  ];
  it.each(INSTEAD)('%s', (_, asked, expected) => {
    const { decision, near } = answered(asked);
    expect(decision).toBe('refused');
    const possible = near.filter(({ instead }: { instead: unknown }) => instead !== null);
    expect(
      possible.map(
        ({ cell, instead }: { cell: string; instead: { changes: string[]; decision: string } }) => [
          cell,
          instead.changes,
          instead.decision,
        ],
      ),
    ).toEqual(expected);
  });

  it('says who may ask where the asker may not', () => {
    const { near } = answered({ who: 'noah' });
    expect(near[0]).toMatchObject({
      cell: 'backups/restore',
      askers: [{ squad: 'msp/backup-ops', people: ['maya'] }],
      instead: null,
    });
  });

  it('names the target that was probably meant', () => {
    expect(explained({ target: 'db1' }).out).toContain('Did you mean the target db01?');
  });
});

describe('the lines that decided', () => {
  const LINES: [string, Partial<Asked>, string[]][] = [
    [
      'too long',
      { for: '3h', ticket: 'T-1' },
      ['restore:', 'for: 2h                         # longest grant', 'db01:'],
    ],
    [
      'not in R',
      { who: 'noah', activity: 'backups/restore', ticket: 'T-1' },
      ['restore:', 'R: [msp/backup-ops]', 'db01:'],
    ],
    [
      'a shut window, and its calendar',
      { who: 'noah', target: 'app01' },
      [
        'patch-window:  { weekly: "Sun 01:00-05:00" }',
        'patch:',
        'when: { during: patch-window }  # outside it the answer is no',
        'app01:',
      ],
    ],
    [
      'a ticket that a rule asks for',
      { who: 'sam', activity: 'incident-response/contain' },
      [
        'contain:     { label: Authorise containment,    R: [msp/security], A: client/ciso, A2: client/it, C: [client/legal], I: [msp/account], gives: { ssh: [root] }, for: 4h, answer_within: 10m, escalate: [client/legal] }',
        '- name: regulated production has two parties',
        'db01:',
      ],
    ],
    [
      'labels that no service selects',
      { target: 'legacy01' },
      [
        'legacy01:',
        'labels: { environment: prod, site: newark }        # no service: a gray zone that `matrix check` must report',
      ],
    ],
    [
      "an exception's own limit",
      { for: '2h', ticket: 'T-1', severity: 'sev1' },
      ['restore:', '- name: emergency restore', 'for: 1h', 'db01:'],
    ],
  ];
  it.each(LINES)('%s', (_, asked, expected) => {
    const { lines } = answered(asked);
    expect(lines.map(({ text }: { text: string }) => text)).toEqual(expected);
  });

  it('of a yes: everything that it rests on', () => {
    const { lines } = answered({ ticket: 'INC-9', severity: 'sev1' });
    expect(lines.map(({ line, text }: { line: number; text: string }) => `${line} ${text}`)).toEqual(
      expect.arrayContaining([
        '47 R: [msp/backup-ops]',
        '52 gives: { ssh: [root, backup], postgres: [restore_operator] }',
        '58 - name: emergency restore',
        '60 answer: pre-approved        # act now, tell everybody, review afterwards',
        '109 - name: regulated production has two parties',
      ]),
    );
  });
});

describe('who asks', () => {
  it('may be somebody whom no expectation names', () => {
    const folder = mkdtempSync(join(room, 'f-'));
    cpSync(ACME, folder, { recursive: true });
    rmSync(join(folder, 'expectations.yaml'));
    const somebody = { who: undefined, party: 'msp', group: ['soc'], activity: 'incident-response/triage' };
    const said = answered({ ...somebody, ssh: 'readonly', ticket: 'T-1' }, folder);
    expect(said).toMatchObject({ decision: 'pre-approved', cell: 'incident-response/triage' });
    expect(explained({ who: 'maya' }, folder).err).toContain('no expectations.yaml to know them from');
  });

  it('may be known by an email that the matrix names', () => {
    const chris = {
      who: undefined,
      party: 'client',
      email: 'Robin@acme.example',
      target: 'fw01',
      ssh: undefined,
    };
    const { explanation } = answered({ ...chris, web: 'admin', ticket: 'T-1' });
    expect(explanation[0]).toContain('Robin@acme.example (client) is in no R on fw01');
  });

  it.each<[string, Partial<Asked>, string]>([
    ['nobody', { who: undefined }, 'Say who asks'],
    ['a party that is none', { party: 'vendor' }, 'expected msp or client'],
    ['one who is there, described again', { party: 'msp' }, 'has one already'],
  ])('is not %s', (_, asked, message) => {
    const said = explained(asked);
    expect([said.code, said.err.trim().split('\n').length]).toEqual([2, 1]);
    expect(said.err).toContain(message);
  });
});
