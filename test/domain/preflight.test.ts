import { describe, expect, it } from 'vitest';
import { cellsCovering } from '../../src/domain/cell.ts';
import type { Member, Person } from '../../src/domain/person.ts';
import { type Check, cellsAsked, decisionChecks, squadsOf, type Window } from '../../src/domain/preflight.ts';
import { peopleChecks } from '../../src/domain/preflight-people.ts';
import { type NotTried, targetChecks } from '../../src/domain/preflight-target.ts';
import type { ProbeOrder, ProbeReport, SshProbe } from '../../src/domain/probe.ts';
import type { Target } from '../../src/domain/target.ts';
import {
  type Bend,
  carl,
  db,
  engagement,
  ida,
  ivan,
  member,
  NOON,
  nina,
  olga,
  oskar,
  row,
} from './fixture.ts';

const HOUR = 3_600_000;
const NOW = NOON - 2 * HOUR;

/** Somebody who signed in so many hours ago. */
const seen = (who: Member, hours = 1, change: Partial<Person> = {}): Window['people'][number] => ({
  member: who,
  person: {
    id: `p_${who.handle}`,
    issuer: `https://${who.party}.example`,
    subject: who.handle,
    name: who.handle,
    email: who.email,
    boundEmail: who.email,
    verifiedEmail: who.email,
    groups: who.groups,
    claims: {},
    authenticatedAt: new Date(NOW - hours * HOUR),
    signedInAt: new Date(NOW - hours * HOUR),
    signedOutAt: null,
    ...change,
  },
});
const EVERYBODY = [olga, oskar, nina, ida, ivan, carl].map(who => seen(who));

const windowOf = (bend: Bend = {}, change: Partial<Window> = {}): Window => ({
  engagement: engagement(bend),
  asker: olga,
  people: EVERYBODY,
  lockedOut: false,
  at: NOON,
  now: NOW,
  activity: null,
  as: null,
  seconds: null,
  ticket: null,
  severity: null,
  signInWithin: 12 * 3600,
  each: 50,
  channelsTo: () => ['chat'],
  ...change,
  members: (change.people ?? EVERYBODY).map(({ member: who }) => who),
  seenIn: squadsOf(engagement(bend), change.people ?? EVERYBODY),
});

const said = (checks: readonly Check[], kind: Check['check']) =>
  checks
    .filter(({ check }) => check === kind)
    .map(({ subject, ok, detail }) => `${subject} ${ok}: ${detail}`);

describe('what the matrix would answer then', () => {
  const cases: readonly [string, Bend, Partial<Window>, string[]][] = [
    [
      'everybody of R with the same answer is one row',
      {},
      {},
      ['data/fix on db true: olga, oskar: must ask'],
    ],
    [
      'without a ticket it says to have one, and not that the answer is no',
      { row: { ticket: 'required' } },
      {},
      ['data/fix on db true: olga, oskar: must ask'],
    ],
    [
      'a squad that nobody was seen in is judged as its members will be',
      {},
      { people: [seen(ida)], asker: ida },
      ['data/fix on db true: somebody of msp/ops: must ask'],
    ],
    [
      'longer than the cell allows',
      {},
      { seconds: 3 * 3600 },
      ['data/fix on db false: olga, oskar: duration-too-long: 3h was asked; data/fix allows 2h at most'],
    ],
    [
      'an exception that holds says how long',
      {
        row: { exceptions: [{ name: 'short', when: { during: 'day' }, for: '1h', answer: 'pre-approved' }] },
      },
      {},
      ['data/fix on db true: olga, oskar: pre-approved, by exception "short"'],
    ],
    [
      'a window that ends within',
      { row: { when: { during: 'day' } } },
      { at: NOON + 5 * HOUR },
      ['data/fix on db true: olga, oskar: must ask; its window ends 2026-11-24 18:00 Europe/Berlin'],
    ],
    [
      'outside of it',
      { row: { when: { during: 'day' } } },
      { at: NOON + 8 * HOUR },
      [
        'data/fix on db false: olga, oskar: outside-window: data/fix is open when during: day; it would start 2026-11-24 20:00 Europe/Berlin',
      ],
    ],
    [
      'a login that nothing gives',
      {},
      { as: { protocol: 'ssh', role: 'toor' } },
      ['db false: not-given: ssh toor was asked; data/fix gives ssh root'],
    ],
    [
      'an activity that does not cover it',
      {},
      { activity: 'data/other' },
      ['db false: no-cell: the matrix has no activity "data/other"'],
    ],
    [
      'each person of R who would get another answer',
      { row: { R: ['client/it', 'msp/ops'], A: 'client/it' } },
      {},
      [
        'data/fix on db true: olga, oskar: must ask',
        'data/fix on db true: ida: must ask',
        'data/fix on db true: ivan: must ask',
      ],
    ],
  ];
  it.each(cases)('%s', (_, bend, change, expected) => {
    expect(said(decisionChecks(windowOf(bend, change), 'db').checks, 'decision')).toEqual(expected);
  });

  it('is about the cells of whoever asks: those they are R of, else those they answer for or oversee', () => {
    const activities = {
      fix: row,
      look: { ...row, R: ['msp/night'], A: 'client/chief', A2: 'client/empty' },
    };
    const cells = (asker: Member) =>
      cellsAsked(windowOf({ activities }, { asker }), null, 'db').map(({ id }) => id);
    expect([olga, nina, carl].map(cells)).toEqual([['data/fix'], ['data/look'], ['data/fix', 'data/look']]);
    expect(cells(member('stranger', 'client'))).toEqual([]);
  });
});

describe('who could say yes', () => {
  const owner = (bend: Bend, change: Partial<Window>) =>
    said(decisionChecks(windowOf(bend, change), 'db').checks, 'owner');

  it.each<[string, Bend, Partial<Window>, string]>([
    ['the ladder', {}, {}, 'data/fix on db true: ivan, ida at once; carl after 10m'],
    [
      'nobody who was ever seen, though the matrix names some',
      {},
      { people: [seen(olga)] },
      'data/fix on db false: nobody of client/it or client/chief who may answer has ever signed in',
    ],
  ])('%s', (_, bend, change, expected) => {
    expect(owner(bend, change)).toEqual([expected]);
  });

  it('needs another person for each place', () => {
    const bend: Bend = { row: { A: 'client/it', co_approve: ['client/it'] } };
    expect(owner(bend, {})).toEqual([
      'data/fix on db true: ivan, ida at once; carl after 10m; one of client/it besides',
    ]);
    // Ivan is named, so the matrix counts on him; nobody has seen him.
    const alone = { people: [seen(olga), seen(ida)] };
    expect(owner({ row: { A: 'client/it', A2: 'client/empty', co_approve: ['client/it'] } }, alone)).toEqual([
      'data/fix on db false: too few who have ever signed in: client/it and client/it must be different people',
    ]);
  });

  it('hears of it only by a channel that is there', () => {
    const channelsTo = (names: readonly string[]) => (names.includes('client/it') ? ['chat'] : []);
    expect(said(decisionChecks(windowOf({}, { channelsTo }), 'db').checks, 'channel')).toEqual([
      'client/it true: told by chat',
      'client/chief false: no channel of this installation reaches it: nobody hears of a request',
    ]);
  });
});

describe('people', () => {
  const rows = (bend: Bend, change: Partial<Window>) => {
    const window = windowOf(bend, change);
    return peopleChecks(window, cellsCovering(window.engagement, 'db'), []);
  };
  const ivanOut = { ...ivan, groups: [] };

  it.each<[string, Bend, Window['people'], string, boolean | null, RegExp]>([
    ['signed in today', {}, EVERYBODY, 'olga', true, /^signed in 1h ago, in msp\/ops$/],
    [
      'too long ago, and nobody else could act',
      {},
      [seen(olga, 13)],
      'olga',
      false,
      /sessions want .* last 12h$/,
    ],
    [
      'too long ago, and another could',
      {},
      [seen(olga), seen(oskar, 13)],
      'oskar',
      null,
      /others of the squad/,
    ],
    ['too long ago, and it is whoever asks', {}, [seen(olga, 13), seen(oskar)], 'olga', false, /last 12h$/],
    [
      'too long ago for the cell',
      { row: { sign_in_within: '30m' } },
      [seen(olga)],
      'olga',
      false,
      /last 30m$/,
    ],
    [
      'signed out since',
      {},
      [seen(olga, 1, { signedOutAt: new Date(NOW) })],
      'olga',
      false,
      /signed out since$/,
    ],
    ['named, and never there', {}, [seen(olga)], 'carl@client.example', false, /^never signed in/],
    [
      'named, and without the group',
      {},
      [seen(olga), seen(ivanOut)],
      'ivan@client.example',
      false,
      /without the group it/,
    ],
    [
      'an owner of last month',
      {},
      [seen(carl, 24 * 40)],
      'carl',
      null,
      /whether they still can is not known$/,
    ],
    ['an owner of last week', {}, [seen(carl, 24 * 7)], 'carl', true, /^signed in 7d ago/],
  ])('%s', (_, bend, people, subject, ok, detail) => {
    const found = rows(bend, { people }).filter(each => each.check === 'person' && each.subject === subject);
    expect(found).toMatchObject([{ ok, detail: expect.stringMatching(detail) }]);
  });

  it('who will have to sign in once more is told when', () => {
    const later = rows({}, { at: NOON + 48 * HOUR }).find(({ subject }) => subject === 'olga');
    expect(later).toMatchObject({ ok: true, mend: 'sign in again after 2026-11-26 00:00 Europe/Berlin' });
  });

  it('of a squad that nobody was seen in, or of which nobody is ready', () => {
    expect(said(rows({}, { people: [seen(ida)] }), 'squad')).toEqual([
      'msp/ops false: nobody was ever seen in it: R of data/fix',
      'client/it true: 1 person seen: answers for data/fix',
      'client/chief false: nobody was ever seen in it: answers for data/fix',
    ]);
    expect(said(rows({}, { people: [seen(olga, 20), seen(oskar, 30)] }), 'squad')[0]).toBe(
      'msp/ops false: none of 2 people signed in within 12h: R of data/fix',
    );
  });
});

describe('what a try of a target says', () => {
  const shown = { type: 'ssh-ed25519', fingerprint: 'SHA256:abc', line: 'ssh-ed25519 AAAA' };
  const letIn = { login: 'root', outcome: 'let-in', ms: 80, why: null } as const;
  const well: SshProbe = {
    software: 'OpenSSH_9.2p1',
    shown,
    hostKey: 'pinned',
    entries: [letIn],
    arrivals: { tried: 3, answered: 3, turnedAway: null },
  };
  const order: ProbeOrder = {
    preflight: 'pf_1',
    tenant: 'tiny',
    target: 'db',
    protocol: 'ssh',
    host: '10.0.0.1',
    port: 22,
    tls: false,
    hostKeys: [],
    logins: ['root'],
  };
  const report = (ssh: Partial<SshProbe> = {}): ProbeReport => ({
    reached: { ms: 3 },
    from: '10.0.0.9',
    tls: null,
    ssh: { ...well, ...ssh },
  });
  const verdicts = (found: ProbeReport | NotTried, target: Target = db, change: Partial<ProbeOrder> = {}) =>
    targetChecks({ order: { ...order, ...change }, target, uncertified: null, found }).map(
      ({ check, ok }) => `${check} ${ok}`,
    );
  const refused = { ...letIn, outcome: 'refused' } as const;
  const key: Target = { labels: {}, ssh: { address: '10.0.0.1:22', trust: 'key' } };

  it.each<[string, ProbeReport | NotTried, string[]]>([
    ['well', report(), ['target true', 'host-key true', 'ca true', 'sshd true', 'clock true']],
    ['down', { reached: { why: 'ECONNREFUSED' }, from: null, tls: null, ssh: null }, ['target false']],
    ['not tried', { notTried: 'there was no time left' }, ['target null']],
    [
      'of another key',
      report({ hostKey: 'other', entries: [] }),
      ['target true', 'host-key false', 'ca null', 'sshd true', 'clock null'],
    ],
    [
      'of no pinned key',
      report({ hostKey: 'unusable', entries: [] }),
      ['target true', 'host-key false', 'ca null', 'sshd true', 'clock null'],
    ],
    [
      'without our CA',
      report({ entries: [refused] }),
      ['target true', 'host-key true', 'ca false', 'sshd true', 'clock null'],
    ],
    [
      'with one principal of two',
      report({ entries: [letIn, { ...refused, login: 'backup' }] }),
      ['target true', 'host-key true', 'ca true', 'ca false', 'sshd true', 'clock true'],
    ],
    [
      'too narrow',
      report({ arrivals: { tried: 3, answered: 1, turnedAway: 'too-many' } }),
      ['target true', 'host-key true', 'ca true', 'sshd false', 'clock true'],
    ],
    [
      'that keeps us out',
      report({ arrivals: { tried: 3, answered: 0, turnedAway: 'penalty' } }),
      ['target true', 'host-key true', 'ca true', 'sshd false', 'clock true'],
    ],
  ])('one that is %s', (_, found, expected) => {
    expect(verdicts(found)).toEqual(expected);
  });

  it('says of a host without a CA what cannot be tried yet', () => {
    expect(verdicts(report({ entries: [] }), key)).toEqual([
      'target true',
      'host-key true',
      'ca null',
      'sshd true',
      'clock null',
    ]);
  });

  it.each([
    ['OpenSSH_9.2p1', null],
    ['OpenSSH_9.8p1', 'PerSourcePenaltyExemptList 10.0.0.9 keeps users who fail from locking everybody out'],
    ['OpenSSH_10.0', 'PerSourcePenaltyExemptList 10.0.0.9 keeps users who fail from locking everybody out'],
    ['dropbear_2022.83', null],
  ])('%s is minded for its penalties: %s', (software, mend) => {
    const rows = targetChecks({ order, target: db, uncertified: null, found: report({ software }) });
    expect(rows.find(({ check }) => check === 'sshd')!.mend).toBe(mend);
  });

  it('one for which no certificate is signed says why', () => {
    const found = report({ entries: [] });
    const rows = targetChecks({
      order: { ...order, logins: [] },
      target: db,
      uncertified: 'so it is',
      found,
    });
    expect(rows.filter(({ ok }) => ok === null).map(({ check, detail }) => `${check}: ${detail}`)).toEqual([
      'ca: not tried: so it is',
      expect.stringMatching(/^clock: /),
    ]);
  });

  it('a database or a console is reached, and no more', () => {
    const web = { protocol: 'web', host: '10.0.0.1', port: 443, tls: true } as const;
    const reached = (tls: ProbeReport['tls']): ProbeReport => ({
      reached: { ms: 1 },
      from: null,
      tls,
      ssh: null,
    });
    expect(verdicts(reached('spoken'), db, web)).toEqual(['target true']);
    expect(verdicts(reached('failed'), db, web)).toEqual(['target false']);
    expect(
      targetChecks({
        order: { ...order, ...web },
        target: db,
        uncertified: null,
        found: reached('spoken'),
      })[0],
    ).toMatchObject({
      subject: 'db web',
      detail: '10.0.0.1:443 answers in 1 ms, TLS too; only that was tried',
    });
  });
});
