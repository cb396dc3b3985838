import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/domain/decision.ts';
import type { Engagement } from '../../src/domain/engagement.ts';
import type { Activity, Matrix } from '../../src/domain/matrix.ts';
import type { Member } from '../../src/domain/person.ts';
import type { Decision, Question } from '../../src/domain/question.ts';
import { isInSquad } from '../../src/domain/squad.ts';
import type { Target } from '../../src/domain/target.ts';
import { type AccessLine, diffEngagements } from '../../src/matrices/diff.ts';
import { engagement, NOON } from '../domain/fixture.ts';

/** Small worlds, two of which are often alike but for one thing. */
const squad = fc.constantFrom('msp/ops', 'msp/night', 'client/it', 'client/chief', 'client/empty');
const squads = fc.uniqueArray(squad, { minLength: 1, maxLength: 3 });
const during = fc.constantFrom('day', 'late', ['day', 'late'], 'freeze');
const when = fc.oneof(
  fc.record({ during }),
  fc.constantFrom({ severity: ['sev1'] }, { severity: 'sev2' }, { target: { environment: 'prod' } }),
);
const length = fc.constantFrom('30m', '1h', '4h');
const answer = fc.constantFrom('needs-approval' as const, 'pre-approved' as const);
const ticket = fc.constantFrom('required' as const, 'optional' as const);

const exception = fc.record(
  { name: fc.constantFrom('x', 'y'), when, for: length, answer, ticket, co_approve: squads },
  { requiredKeys: ['name', 'when'] },
);

/** What a row may say besides: few things at once, so that not everything is refused for several reasons. */
const besides = fc.record({
  A2: squad,
  answer,
  ticket,
  when,
  co_approve: squads,
  record: fc.constant('input' as const),
  sign_in_within: length,
  label: fc.constantFrom('one', 'other'),
  exceptions: fc.uniqueArray(exception, { maxLength: 2, selector: ({ name }) => name }),
});

const activity: fc.Arbitrary<Activity> = fc
  .record({
    R: squads,
    A: squad,
    ssh: fc.oneof(
      fc.constantFrom(['root'], ['reader', 'root']),
      fc.record({ logins: fc.constantFrom(['root'], ['reader']), forward: fc.boolean() }),
    ),
    limit: length,
    all: besides,
    said: fc.subarray(
      ['A2', 'answer', 'ticket', 'when', 'co_approve', 'record', 'sign_in_within', 'label', 'exceptions'],
      { maxLength: 3 },
    ),
  })
  .map(({ R, A, ssh, limit, all, said }) => ({
    R,
    A,
    gives: { ssh },
    for: limit,
    ...Object.fromEntries(Object.entries(all).filter(([key]) => said.includes(key))),
  }));

const rule = fc.record(
  {
    name: fc.constantFrom('p', 'q'),
    when,
    require: fc.record(
      { parties: fc.constant('differ' as const), ticket: fc.constant('required' as const) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['name', 'require'] },
);

const target: fc.Arbitrary<Target> = fc.record({
  labels: fc.record({
    service: fc.constantFrom('data', 'data', 'data', 'other'),
    environment: fc.constantFrom('prod', 'test'),
  }),
  ssh: fc.record({
    address: fc.constantFrom('10.0.0.1:22', '10.0.0.2:22'),
    trust: fc.constant('ca' as const),
  }),
});

const parts = {
  activities: fc.dictionary(fc.constantFrom('fix', 'look'), activity, { minKeys: 1 }),
  targets: fc.dictionary(fc.constantFrom('db', 'app'), target, { minKeys: 1 }),
  rules: fc.uniqueArray(rule, { maxLength: 2, selector: ({ name }) => name }),
  timezone: fc.constantFrom('Europe/Berlin', 'Asia/Tokyo'),
  calendars: fc.record({
    day: fc.record({ weekly: fc.constantFrom('Mon-Fri 08:00-18:00', 'Tue 10:00-20:00', 'Sat 22:00-02:00') }),
    late: fc.record({ weekly: fc.constantFrom('Mon-Sun 20:00-08:00', 'Tue 18:00-24:00') }),
    freeze: fc.constantFrom(
      { from: '2026-11-20T00:00', to: '2026-11-24T15:00' },
      { dates: ['2026-11-24'] },
      { weekly: 'Tue-Wed 00:00-24:00', except: ['day'] },
    ),
  }),
  ops: fc.constantFrom('ops', 'night', 'it'),
  it: fc.constantFrom({ group: 'it' }, { group: 'ops' }, { people: ['ivan@client.example'] }),
};
type Parts = { [K in keyof typeof parts]: (typeof parts)[K] extends fc.Arbitrary<infer T> ? T : never };
const world = fc.record(parts) as fc.Arbitrary<Parts>;

function built({ activities, targets, rules, timezone, calendars, ops, it }: Parts): Engagement {
  const { parties } = engagement().matrix;
  const matrix: Partial<Matrix> = {
    timezone,
    calendars,
    parties: {
      msp: { ...parties.msp, squads: { ...parties.msp.squads, ops: { group: ops } } },
      client: { ...parties.client, squads: { ...parties.client.squads, it } },
    },
  };
  return engagement({ activities, targets, rules, matrix });
}

/** Another world, or the same with some of its parts another's. */
const two = fc
  .record({ one: world, other: world, taken: fc.subarray(Object.keys(parts)) })
  .map(({ one, other, taken }) => {
    const mixed = Object.fromEntries(
      Object.keys(parts).map(key => [key, (taken.includes(key) ? other : one)[key as keyof Parts]]),
    );
    return { before: built(one), after: built(mixed as unknown as Parts) };
  });

const person: fc.Arbitrary<Member> = fc.record({
  handle: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  party: fc.constantFrom('msp' as const, 'client' as const),
  email: fc.constantFrom(null, 'ivan@client.example', 'Carl@Client.example', 'x@example.org'),
  groups: fc.subarray(['ops', 'night', 'it'], { minLength: 1 }),
});
const people = fc.uniqueArray(person, { selector: member => member.handle, minLength: 3, maxLength: 6 });

const asked = fc.record({
  who: fc.nat(10),
  target: fc.constantFrom('db', 'app'),
  activity: fc.constantFrom(null, 'data/fix', 'data/look'),
  protocol: fc.constant('ssh' as const),
  role: fc.constantFrom('root', 'reader'),
  seconds: fc.constantFrom(60, 3600, 7200),
  ticket: fc.constantFrom(null, 'T-1'),
  severity: fc.constantFrom(null, 'sev1', 'sev2'),
  at: fc.integer({ min: 0, max: 14 * 24 * 4 }).map(quarters => NOON + quarters * 900_000),
});
const questions = fc.array(asked, { minLength: 20, maxLength: 20 });

describe('whatever two versions say', () => {
  it('the same twice is no difference, and two digests always are one', () => {
    fc.assert(
      fc.property(two, people, ({ before, after }, known) => {
        expect(diffEngagements(before, structuredClone(before), known).lines).toEqual([]);
        const { lines } = diffEngagements(before, after, known);
        expect(lines.length > 0).toBe(before.digest !== after.digest);
        expect(JSON.parse(JSON.stringify(lines))).toEqual(lines);
      }),
      { numRuns: 150 },
    );
  });

  it('what is refused before and not after is told as gained or easier, and the other way round', () => {
    let turned = 0;
    fc.assert(
      fc.property(two, people, questions, ({ before, after }, known, all) => {
        const circumstances = { people: known, lockedOut: false };
        for (const { who, ...question } of all) {
          const full = { ...question, asker: known[who % known.length]! };
          const [was, is] = [before, after].map(world => decide(world, full, circumstances)) as [
            Decision,
            Decision,
          ];
          if ((was.decision === 'refused') === (is.decision === 'refused')) continue;
          // To say which of several cells was meant is a choice, and nothing that a version gives.
          if ([was, is].some(({ code }) => code === 'activity-needed')) continue;
          turned += 1;
          const { lines } = diffEngagements(before, after, known);
          const [world, cell, kinds] =
            was.decision === 'refused'
              ? [after, is.cell!, ['gains', 'easier'] as const]
              : [before, was.cell!, ['loses', 'harder'] as const];
          const told = lines.some(
            line => kinds.some(kind => kind === line.kind) && names(line, world, cell, full),
          );
          expect(told, JSON.stringify([full, was, is, lines], null, 1)).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
    expect(turned).toBeGreaterThan(100);
  });
});

/** Whether a line is about this cell on the question's target, for a squad that the asker is in. */
const names = (
  { cells, targets, squads }: AccessLine,
  world: Engagement,
  cell: string,
  { target, asker }: Question,
) => cells.includes(cell) && targets.includes(target) && squads.some(name => isInSquad(world, name, asker));
