import fc from 'fast-check';
import { cellsCovering, cellsOf } from '../../src/domain/cell.ts';
import type { Engagement } from '../../src/domain/engagement.ts';
import { rolesGiven } from '../../src/domain/gives.ts';
import type { Activity, Exception, Matrix, Rule, Service, When } from '../../src/domain/matrix.ts';
import type { Party } from '../../src/domain/party.ts';
import type { Member } from '../../src/domain/person.ts';
import type { Question } from '../../src/domain/question.ts';
import { findSquad, isInSquad } from '../../src/domain/squad.ts';
import type { Target } from '../../src/domain/target.ts';
import { engagementOf } from '../../src/matrices/read.ts';

/** Small worlds in which names collide as often as they can, with everything in them that a matrix may say. */

const PARTIES = {
  msp: {
    name: 'Provider',
    issuer: 'https://msp.example',
    squads: {
      ops: { group: 'ops', primary: 'olga@msp.example' },
      night: { group: 'night' },
      desk: { people: ['Olga@msp.example', 'shared@example.org'] },
    },
  },
  client: {
    name: 'Client',
    issuer: 'https://client.example',
    squads: {
      it: { group: 'it', primary: 'ivan@client.example', secondary: 'shared@example.org' },
      chief: { people: ['carl@client.example', 'Ivan@client.example'], primary: 'carl@client.example' },
      // The MSP's group of this name is none of theirs.
      legal: { group: 'ops' },
      both: { group: 'law', people: ['lena@client.example'] },
      empty: { group: 'nobody' },
    },
  },
} as const;

export const SQUADS = Object.entries(PARTIES).flatMap(([party, { squads }]) =>
  Object.keys(squads).map(squad => `${party}/${squad}`),
);
export const GROUPS = ['ops', 'night', 'it', 'law'];
const EMAILS = [
  'olga@msp.example',
  'IVAN@client.example',
  'Carl@client.example',
  'shared@example.org',
  'Shared@Example.org',
  'lena@client.example',
  'else@example.org',
];

const CALENDARS = {
  day: { weekly: 'Mon-Fri 08:00-18:00' },
  nights: { weekly: 'Fri-Sat 22:00-02:00, Sun 01:00-05:00' },
  freeze: { from: '2026-12-18T00:00', to: '2027-01-04T06:00' },
  holidays: { dates: ['2026-11-25', '2026-12-25'] },
  working: { weekly: 'Mon-Fri 08:00-18:00', except: ['holidays', 'freeze'] },
  quiet: { except: ['day'] },
} as const satisfies Matrix['calendars'];

const TARGETS: Readonly<Record<string, Target>> = {
  db: {
    labels: { service: 'data', environment: 'prod', regulated: ['hipaa', 'nydfs'] },
    ssh: { address: '10.0.0.1:22', trust: 'ca' },
    postgres: { address: '10.0.0.1:5432', database: 'records' },
  },
  app: {
    labels: { service: ['data', 'edge'], environment: 'test' },
    ssh: { address: '10.0.0.2:22', trust: 'ca' },
    web: { address: 'https://10.0.0.2' },
  },
  gate: { labels: { service: 'edge', environment: 'prod' }, web: { address: 'https://10.0.0.3' } },
  bare: { labels: {} },
};

const squad = fc.constantFrom(...SQUADS);
const squads = fc.uniqueArray(squad, { minLength: 1, maxLength: 3 });
const oneOrMany = (...values: string[]) =>
  fc.oneof(fc.constantFrom(...values), fc.subarray(values, { minLength: 1 }));
const during = oneOrMany(...Object.keys(CALENDARS));
const severity = oneOrMany('sev1', 'sev2');
const selector = fc.constantFrom(
  { environment: 'prod' },
  { environment: ['prod', 'test'], service: 'data' },
  { regulated: 'hipaa' },
);
const when: fc.Arbitrary<When> = fc.oneof(
  fc.record({ during }),
  fc.record({ severity }),
  fc.record({ target: selector }),
  fc.record({ severity, during }),
  fc.record({ severity, during, target: selector }, { requiredKeys: ['target'] }),
);
const roles = fc.subarray(['root', 'reader'], { minLength: 1 });
const length = fc.constantFrom('30m', '1h', '2h', '1h30m');
const answer = fc.constantFrom('needs-approval' as const, 'pre-approved' as const);
const ticket = fc.constantFrom('required' as const, 'optional' as const);
const some = <T, K extends keyof T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }, requiredKeys: K[]) =>
  fc.record(model, { requiredKeys });

const exception: fc.Arbitrary<Exception> = some(
  { name: fc.constantFrom('x', 'y'), when, for: length, ticket, answer, co_approve: squads },
  ['name', 'when'],
);

const gives: fc.Arbitrary<NonNullable<Activity['gives']>> = fc.oneof(
  fc.record({ ssh: roles }),
  fc.record({ ssh: fc.record({ logins: roles, exec: fc.boolean() }), web: roles }),
  fc.record({ postgres: roles, ssh: roles }),
);

/** A cell that gives something says how long; one that gives nothing is a duty. */
const activity: fc.Arbitrary<Activity> = fc
  .tuple(
    some(
      {
        R: squads,
        A: squad,
        A2: squad,
        gives,
        for: length,
        answer,
        ticket,
        when,
        co_approve: squads,
        exceptions: fc.array(exception, { maxLength: 3 }),
        C: squads,
        I: squads,
        escalate: squads,
      },
      ['R', 'A', 'gives', 'for'],
    ),
    fc.integer({ min: 0, max: 9 }),
  )
  .map(([{ gives, for: longest, when, ...row }, dice]) => ({
    ...row,
    ...(dice > 0 ? { gives: gives!, for: longest! } : {}),
    ...(dice > 6 && when ? { when } : {}),
  }));

const rule: fc.Arbitrary<Rule> = some(
  {
    name: fc.constantFrom('apart', 'why'),
    when,
    require: fc.constantFrom<Rule['require']>(
      { parties: 'differ' },
      { ticket: 'required' },
      { record: 'always' },
      { parties: 'differ', ticket: 'required' },
    ),
  },
  ['name', 'require'],
) as fc.Arbitrary<Rule>;

const service = (targets: Service['targets']): fc.Arbitrary<Service> =>
  fc.dictionary(fc.constantFrom('fix', 'look', 'move'), activity, { minKeys: 1 }).map(activities => ({
    targets,
    activities,
  }));

const services: fc.Arbitrary<Matrix['services']> = some(
  {
    data: service({ service: 'data' }),
    edge: service({ service: 'edge', environment: ['prod', 'test'] }),
    secure: service({ regulated: ['hipaa', 'pci'] }),
  },
  ['data'],
) as fc.Arbitrary<Matrix['services']>;

const world: fc.Arbitrary<Engagement> = fc
  .record({ services, rules: fc.array(rule, { maxLength: 3 }) })
  .map(given => worldOf(given));

/** The world with these services and rules. */
export function worldOf(given: Pick<Matrix, 'services' | 'rules'>): Engagement {
  const matrix: Matrix = {
    matrix: 'tiny',
    version: '1',
    timezone: 'Europe/Berlin',
    parties: PARTIES,
    governance: { sign: ['client/chief', 'msp/ops'], lockout: ['client/chief'], auditors: ['client/it'] },
    calendars: CALENDARS,
    services: given.services,
    ...(given.rules ? { rules: given.rules } : {}),
  };
  return engagementOf(structuredClone(matrix), structuredClone({ targets: TARGETS }));
}

const party = fc.constantFrom<Party>('msp', 'client');

export const person: fc.Arbitrary<Member> = fc.record({
  handle: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  party,
  email: fc.option(fc.constantFrom(...EMAILS)),
  groups: fc.subarray(GROUPS),
});

/**
 * People as a broker knows them: handles are unique, and within a party emails are. Across the parties an email may be
 * the same person's.
 */
const people: fc.Arbitrary<readonly Member[]> = fc
  .uniqueArray(person, { selector: ({ handle }) => handle, minLength: 2, maxLength: 6 })
  .map(all =>
    all.filter(
      ({ party, email }, at) =>
        email === null ||
        all.findIndex(
          other => other.party === party && other.email?.toLowerCase() === email.toLowerCase(),
        ) === at,
    ),
  );

const START = Date.parse('2026-11-20T00:00:00Z');

const PROTOCOLS = ['ssh', 'postgres', 'web'] as const;

/** Throws of dice: which of whatever there is. */
const throws = fc.record({
  cell: fc.nat(),
  target: fc.nat(),
  squad: fc.nat(),
  asker: fc.nat(),
  login: fc.nat(),
  seconds: fc.constantFrom(60, 1_800, 1_800, 3_600),
  severity: fc.constantFrom(null, null, 'sev1', 'sev2', 'sev9'),
  // Any minute of nine weeks, the freeze and both holidays among them.
  at: fc.integer({ min: 0, max: 9 * 7 * 1_440 }).map(minutes => START + minutes * 60_000),
  named: fc.nat(4).map(dice => dice > 0),
  stranger: person,
});

type Dice = typeof throws extends fc.Arbitrary<infer Thrown> ? Thrown : never;

/** What may be wrong with a question; mostly nothing is. */
const slip: fc.Arbitrary<Partial<Question>> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record({ target: fc.constantFrom('db', 'app', 'gate', 'bare', 'none') }),
      fc.record({ activity: fc.constantFrom('data/fix', 'edge/look', 'secure/move', 'data/none', 'x') }),
      fc.record({ protocol: fc.constantFrom(null, ...PROTOCOLS) }),
      fc.record({ role: fc.constantFrom(null, 'root', 'reader', 'other') }),
      fc.record({ seconds: fc.constantFrom(0, 1_801, 5_400, 7_200, 99_999) }),
      fc.record({ ticket: fc.constantFrom(null, '', ' ') }),
      fc.record({ asker: person.map(member => ({ ...member, handle: 'z' })) }),
    ),
  },
);

const pick = <T>(from: readonly T[], dice: number): T | undefined => from[dice % from.length];

/** Somebody whom nobody has seen yet, as a member of this squad. */
function newcomer(given: Engagement, name: string, stranger: Member): Member {
  const { party, squad } = findSquad(given, name)!;
  const named = squad.group === undefined && squad.people?.[0] ? { email: squad.people[0] } : {};
  return { ...stranger, handle: 'z', party, groups: squad.group ? [squad.group] : [], ...named };
}

/** A question somebody could mean: by one of a cell's R, for what it gives, where it is. Then the slip. */
function meant(given: Engagement, people: readonly Member[], dice: Dice, bend: Partial<Question>): Question {
  const cell = pick(cellsOf(given), dice.cell)!;
  const covered = Object.keys(TARGETS).filter(target => cellsCovering(given, target).includes(cell));
  const target = pick(covered, dice.target) ?? 'db';
  const squad = pick(cell.activity.R, dice.squad)!;
  const logins = PROTOCOLS.filter(protocol => TARGETS[target]![protocol]).flatMap(protocol =>
    rolesGiven(cell.activity, protocol).map(role => ({ protocol, role })),
  );
  const { protocol, role } = pick(logins, dice.login) ?? { protocol: 'ssh' as const, role: 'root' };
  return {
    asker:
      pick(
        people.filter(one => isInSquad(given, squad, one)),
        dice.asker,
      ) ?? newcomer(given, squad, dice.stranger),
    target,
    activity: dice.named ? cell.id : null,
    protocol,
    role,
    seconds: dice.seconds,
    ticket: 'T-1',
    severity: dice.severity,
    at: dice.at,
    ...bend,
  };
}

export interface Situation {
  readonly world: Engagement;
  readonly people: readonly Member[];
  readonly lockedOut: boolean;
  readonly question: Question;
}

/** A world and what was asked in it, so many times. */
export const situations = (count: number) =>
  fc
    .record({
      world,
      asked: fc.array(
        fc.record({
          people,
          dice: throws,
          bend: slip,
          lockedOut: fc.nat(9).map(dice => dice === 0),
        }),
        { minLength: count, maxLength: count },
      ),
    })
    .map(({ world, asked }) => ({
      world,
      asked: asked.map(({ people, dice, bend, lockedOut }) => ({
        people,
        lockedOut,
        question: meant(world, people, dice, bend),
      })),
    }));
