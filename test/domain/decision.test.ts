import { describe, expect, it } from 'vitest';
import { decide, ownersOf, placesOf, type Question } from '../../src/domain/decision.ts';
import type { Activity } from '../../src/domain/matrix.ts';
import type { RefusalCode } from '../../src/domain/refusal.ts';
import { inAnySquad, isInSquad } from '../../src/domain/squad.ts';
import { findTarget } from '../../src/domain/target.ts';
import {
  ask,
  type Bend,
  carl,
  db,
  engagement,
  everybody,
  ida,
  ivan,
  member,
  NOON,
  nina,
  olga,
  oskar,
  question,
  row,
} from './fixture.ts';

const differ: Bend['rules'] = [{ name: 'two parties', require: { parties: 'differ' } }];
const two: Bend = { activities: { fix: row, restart: row } };
const SUNDAY = Date.parse('2026-11-22T11:00:00Z');

describe('each refusal', () => {
  const cases: [string, RefusalCode, Bend, Partial<Question>, { lockedOut?: boolean }?][] = [
    ['the client has shut the MSP out', 'locked-out', {}, {}, { lockedOut: true }],
    ['a target nobody ever entered', 'no-cell', {}, { target: 'nowhere' }],
    ['a target named like a property of objects', 'no-cell', {}, { target: 'constructor' }],
    ['a target named like a prototype', 'no-cell', {}, { target: '__proto__' }],
    ['a target without a service', 'no-cell', {}, { target: 'bare', activity: null }],
    ['an activity that is not there', 'no-cell', {}, { activity: 'data/other' }],
    ['an activity of another target', 'no-cell', {}, { target: 'bare' }],
    [
      'a cell that its own `when` keeps off the target',
      'no-cell',
      { row: { when: { target: { environment: 'test' } } } },
      {},
    ],
    ['two activities fit', 'activity-needed', two, { activity: null }],
    ['no squad of R', 'not-responsible', {}, { asker: nina }],
    ['no squad of R, no activity named', 'not-responsible', {}, { asker: nina, activity: null }],
    [
      'a group of that name at the other party',
      'not-responsible',
      {},
      { asker: member('mallory', 'client', ['ops']) },
    ],
    ['another login', 'not-given', {}, { role: 'admin' }],
    ['another login, no activity named', 'not-given', {}, { role: 'admin', activity: null }],
    ['another protocol', 'not-given', {}, { protocol: 'postgres' }],
    ['no login named', 'not-given', {}, { protocol: null, role: null, activity: null }],
    [
      'a cell that gives nothing',
      'not-given',
      { activities: { fix: { R: ['msp/ops'], A: 'client/it' } } },
      {},
    ],
    [
      'a protocol that the target does not speak',
      'not-given',
      { row: { gives: { web: ['root'] } } },
      { protocol: 'web' },
    ],
    ['the window is shut', 'outside-window', { row: { when: { during: 'day' } } }, { at: SUNDAY }],
    ['the cell is for one severity', 'outside-window', { row: { when: { severity: ['sev1'] } } }, {}],
    ['longer than the cell gives', 'duration-too-long', {}, { seconds: 7201 }],
    ['a length that is no number', 'duration-too-long', {}, { seconds: Number.NaN }],
    ['no ticket', 'ticket-required', { row: { ticket: 'required' } }, {}],
    ['a ticket of blanks', 'ticket-required', { row: { ticket: 'required' } }, { ticket: '  ' }],
    [
      'a rule wants the ticket that an exception does not',
      'ticket-required',
      {
        row: { exceptions: [{ name: 'x', when: { severity: 'sev1' }, ticket: 'optional' }] },
        rules: [{ name: 'r', require: { ticket: 'required' } }],
      },
      { severity: 'sev1' },
    ],
    [
      'nobody is in A',
      'no-approver',
      { activities: { fix: { ...row, A: 'client/empty', A2: 'client/empty' } } },
      {},
    ],
    [
      'only the asker is in A',
      'no-approver',
      { activities: { fix: { ...row, A: 'msp/night', R: ['msp/night'], A2: 'msp/night' } } },
      { asker: nina },
    ],
    [
      'A is of the asking side and may not be',
      'no-approver',
      { row: { A: 'msp/night', A2: 'msp/ops' }, rules: differ },
      {},
    ],
    ['a co-approving squad is empty', 'no-approver', { row: { co_approve: ['client/empty'] } }, {}],
    [
      'the one co-approver is the one approver',
      'no-approver',
      {
        activities: { fix: { ...row, A: 'client/chief', A2: 'client/chief', co_approve: ['client/chief'] } },
      },
      {},
    ],
    [
      'the co-approver is of the asking side and may not be',
      'no-approver',
      { row: { co_approve: ['msp/night'] }, rules: differ },
      {},
    ],
  ];
  it.each(cases)('%s: %s', (_, code, bend, changes, circumstances) => {
    const decision = ask(bend, changes, circumstances);
    expect(decision).toMatchObject({ decision: 'refused', code, approvers: [], ladder: [], obligations: [] });
    expect(decision.explanation.some(line => line.startsWith(`${code}: `))).toBe(true);
  });

  it('tells all that hold, the first as the code', () => {
    const bend = { row: { ticket: 'required' as const, when: { during: 'day' } } };
    const decision = ask(bend, { asker: nina, role: 'x', seconds: 99_999, at: SUNDAY }, { lockedOut: true });
    expect(decision.code).toBe('locked-out');
    expect(decision.explanation.map(line => line.split(':')[0])).toEqual([
      'locked-out',
      'not-responsible',
      'not-given',
      'outside-window',
      'duration-too-long',
      'ticket-required',
    ]);
  });

  it('lists the activities to choose from', () => {
    expect(ask(two, { activity: null }).explanation[0]).toContain('data/fix, data/restart');
  });
});

describe('a yes', () => {
  it('asks the primary first, then the others, then A2', () => {
    const decision = ask();
    expect(decision.decision).toBe('needs-approval');
    expect(decision.approvers).toEqual(['ivan', 'ida']);
    expect(decision.ladder).toEqual([
      { squad: 'client/it', people: ['ivan', 'ida'], after: '0s' },
      { squad: 'client/chief', people: ['carl'], after: '10m' },
    ]);
    expect(decision.answer_seconds).toBe(1200);
  });

  it('uses the one activity that gives what is asked', () => {
    const bend = { activities: { fix: row, look: { ...row, gives: { ssh: ['reader'] } } } };
    expect(ask(bend, { activity: null, role: 'reader' }).cell).toBe('data/look');
  });

  it('is not for the client what a lockout is for the MSP', () => {
    const bend = { row: { R: ['client/it'] } };
    expect(ask(bend, { asker: ida }, { lockedOut: true }).decision).toBe('needs-approval');
  });

  it('moves the next rung up when one is empty', () => {
    const { ladder, answer_seconds } = ask({ row: { A: 'client/empty' } });
    expect(ladder).toEqual([{ squad: 'client/chief', people: ['carl'], after: '0s' }]);
    expect(answer_seconds).toBe(600);
  });

  it('waits an hour a rung where the cell does not say', () => {
    const { answer_within: _, ...bare } = row;
    expect(ask({ activities: { fix: bare } }).answer_seconds).toBe(7200);
  });

  it('leaves the asker out, also under the email the matrix expects', () => {
    const bend = { row: { R: ['client/it'] } };
    expect(ask(bend, { asker: ivan }).ladder[0]?.people).toEqual(['ida']);
    const asker = member('other', 'client', ['it'], 'IVAN@client.example');
    expect(ask(bend, { asker }, { people: [] } as object).ladder[0]?.squad).toBe('client/chief');
  });

  it('expects those whom the matrix names before they ever signed in', () => {
    expect(ask({}, {}, { people: [olga] } as object).ladder.map(rung => rung.people)).toEqual([
      ['ivan@client.example'],
      ['carl@client.example'],
    ]);
  });

  it('does not count a named person whose IdP no longer gives the group', () => {
    const gone = member('ivan', 'client', [], 'Ivan@Client.example');
    expect(ask({}, {}, { people: [olga, ida, gone] } as object).approvers).toEqual(['ida']);
  });

  it('does not take an email from the other party for the one expected', () => {
    const liar = member('liar', 'msp', [], 'carl@client.example');
    const decision = ask({}, {}, { people: [olga, ida, liar] } as object);
    expect(decision.ladder[1]?.people).toEqual(['carl@client.example']);
  });

  it('lets the asking side be pre-approved though two parties must differ', () => {
    expect(ask({ row: { answer: 'pre-approved' }, rules: differ }).decision).toBe('pre-approved');
  });

  it('needs nobody when pre-approved, and still says who is told', () => {
    const decision = ask({ row: { answer: 'pre-approved', review_within: '24h' } });
    expect(decision).toMatchObject({ approvers: [], answer_seconds: 0, obligations: ['review within 24h'] });
    expect(decision.ladder).toHaveLength(2);
    expect(ask({ row: { answer: 'pre-approved', A: 'client/empty', A2: 'client/empty' } }).decision).toBe(
      'pre-approved',
    );
  });

  it('takes distinct people for all places when a clever choice leaves them', () => {
    // Ida or Ivan may approve, Carl is the only chief: he must be kept for that place.
    expect(ask({ row: { co_approve: ['client/chief', 'client/it'] } }).decision).toBe('needs-approval');
    expect(
      ask({ row: { co_approve: ['client/chief', 'client/it'] } }, {}, { people: [olga, carl] } as object)
        .code,
    ).toBe('no-approver');
  });

  it('names what goes with it', () => {
    const bend: Bend = {
      row: {
        ticket: 'required',
        record: 'input',
        handback: ['tell them'],
        takeover: ['look'],
        sign_in_within: '1h',
      },
      rules: [{ name: 'r', require: { record: 'always' } }],
    };
    expect(ask(bend, { ticket: 'T-1' }).obligations).toEqual([
      'record',
      'record input',
      'ticket',
      'sign-in within 1h',
      'takeover: look',
      'handback: tell them',
    ]);
  });

  it('says which controls the cell answers to', () => {
    const { explanation } = ask({ row: { controls: ['HIPAA 164.312(a)(1)', 'NYDFS 500.7'] } });
    expect(explanation.at(-1)).toBe('answers to HIPAA 164.312(a)(1), NYDFS 500.7');
  });
});

describe('exceptions, rules and windows', () => {
  const exceptions: Activity['exceptions'] = [
    { name: 'hot', when: { severity: ['sev1', 'sev2'] }, answer: 'pre-approved', for: '30m' },
    { name: 'hotter', when: { severity: 'sev1' }, for: '9h' },
  ];

  it('takes the first whose `when` holds, and what it says binds', () => {
    expect(ask({ row: { exceptions } }, { severity: 'sev1' })).toMatchObject({
      code: 'duration-too-long',
      exception: 'hot',
    });
    expect(ask({ row: { exceptions } }, { severity: 'sev1', seconds: 60 })).toMatchObject({
      decision: 'pre-approved',
      exception: 'hot',
    });
    expect(ask({ row: { exceptions } }, { severity: 'sev3' }).exception).toBeNull();
  });

  it('asks its co-approvers even where the cell asks nobody', () => {
    const bend: Bend = {
      row: {
        answer: 'pre-approved',
        exceptions: [{ name: 'freeze', when: { during: 'day' }, co_approve: ['client/chief'] }],
      },
    };
    expect(ask(bend)).toMatchObject({ decision: 'needs-approval', co_approve: ['client/chief'] });
    expect(ask(bend, { at: SUNDAY }).decision).toBe('pre-approved');
  });

  it('ends with the window of the cell', () => {
    const end = Date.parse('2026-11-24T17:00:00Z');
    expect(ask({ row: { when: { during: ['day'] } } }).ends_by).toBe(end);
    expect(ask().ends_by).toBeNull();
  });

  it('ends with the exception that let it through unasked, not with one that adds a yes', () => {
    const during = { when: { during: 'day' } };
    const end = Date.parse('2026-11-24T17:00:00Z');
    expect(ask({ row: { exceptions: [{ name: 'x', ...during, answer: 'pre-approved' }] } }).ends_by).toBe(
      end,
    );
    expect(
      ask({ row: { exceptions: [{ name: 'x', ...during, co_approve: ['client/chief'] }] } }).ends_by,
    ).toBeNull();
  });

  it('binds a rule only where its `when` holds', () => {
    const rules: Bend['rules'] = [
      { name: 'r', when: { target: { environment: ['prod', 'stage'] } }, require: { ticket: 'required' } },
    ];
    expect(ask({ rules }).code).toBe('ticket-required');
    const targets = { db: { ...db, labels: { ...db.labels, environment: 'test' } } };
    expect(ask({ rules, targets }).decision).toBe('needs-approval');
  });
});

describe('places', () => {
  const places = (
    bend: Bend,
    person: Parameters<typeof placesOf>[3],
    elapsed: number,
    changes: Partial<Question> = {},
  ) => {
    const asked = question(changes);
    const bent = engagement(bend);
    const decision = decide(bent, asked, { people: everybody, lockedOut: false });
    return placesOf(bent, decision, asked, person, elapsed);
  };

  it('gives A its place at once and A2 its own from its rung on', () => {
    expect(places({}, ida, 0)).toEqual(['approver']);
    expect(places({}, carl, 599)).toEqual([]);
    expect(places({}, carl, 600)).toEqual(['approver']);
    expect(places({ row: { A: 'client/empty' } }, carl, 0)).toEqual(['approver']);
  });

  it('gives co-approvers theirs at once', () => {
    expect(places({ row: { co_approve: ['client/chief'] } }, carl, 0)).toEqual(['co:client/chief']);
    expect(places({ row: { co_approve: ['client/chief'] } }, carl, 600)).toEqual([
      'approver',
      'co:client/chief',
    ]);
  });

  it('gives none to the asker, to strangers, to the asking side under a rule, or when nobody is asked', () => {
    expect(places({ row: { R: ['client/it'] } }, ida, 0, { asker: ida })).toEqual([]);
    expect(places({}, nina, 9999)).toEqual([]);
    expect(places({ row: { A: 'msp/night' } }, nina, 0)).toEqual(['approver']);
    expect(places({ row: { A: 'msp/night' }, rules: differ }, nina, 0)).toEqual([]);
    expect(places({ row: { answer: 'pre-approved' } }, ida, 0)).toEqual([]);
  });
});

describe('squads, targets and owners', () => {
  it('never crosses the parties, whatever a name or a group says', () => {
    const bent = engagement();
    expect(isInSquad(bent, 'client/it', member('x', 'msp', ['it'], 'ivan@client.example'))).toBe(false);
    expect(isInSquad(bent, 'client/chief', member('x', 'client', [], 'CARL@client.example'))).toBe(true);
    for (const name of ['', 'it', 'client/constructor', 'client/it/x', '__proto__/it', 'constructor/name']) {
      expect(isInSquad(bent, name, ida)).toBe(false);
    }
    expect(inAnySquad(bent, oskar)).toBe(true);
    expect(inAnySquad(bent, member('x', 'client', ['ops']))).toBe(false);
  });

  it('finds only what the inventory itself has', () => {
    expect(findTarget({ targets: { db } }, 'db')).toBe(db);
    expect(findTarget({ targets: { db } }, 'toString')).toBeNull();
  });

  it('tells who is R, A, A2, C and I of a target', () => {
    const bent = engagement({
      row: {
        ...{ C: ['msp/night'], runbook: 'https://wiki.example/fix' },
        ...{ takeover: ['read the log'], handback: ['tell them'], controls: ['HIPAA 164.312(a)(1)'] },
      },
    });
    expect(ownersOf(bent, 'db', everybody)).toEqual([
      {
        cell: 'data/fix',
        label: null,
        R: [{ squad: 'msp/ops', people: ['olga', 'oskar'] }],
        A: { squad: 'client/it', people: ['ivan', 'ida'] },
        A2: { squad: 'client/chief', people: ['carl'] },
        C: [{ squad: 'msp/night', people: ['nina'] }],
        I: [],
        escalate: [],
        runbook: 'https://wiki.example/fix',
        rollback: null,
        takeover: ['read the log'],
        handback: ['tell them'],
        controls: ['HIPAA 164.312(a)(1)'],
      },
    ]);
    expect(ownersOf(bent, 'bare')).toEqual([]);
  });

  it('judges a start in the future by the clock of that moment', () => {
    expect(ask({ row: { when: { during: 'day' } } }, { at: NOON + 7 * 3_600_000 }).code).toBe(
      'outside-window',
    );
  });
});
