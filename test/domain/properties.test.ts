import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type Engagement, placesOf, type Question } from '../../src/domain/decision.ts';
import type { Activity } from '../../src/domain/matrix.ts';
import type { Member } from '../../src/domain/person.ts';
import { isInSquad } from '../../src/domain/squad.ts';
import { engagement, NOON } from './fixture.ts';

/** Small worlds in which names collide as often as they can. */
const squad = fc.constantFrom('msp/ops', 'msp/night', 'client/it', 'client/chief', 'client/empty');
const squads = fc.uniqueArray(squad, { minLength: 1, maxLength: 3 });
const groups = fc.subarray(['ops', 'night', 'it', 'nobody']);
const email = fc.constantFrom(null, 'ivan@client.example', 'Carl@Client.example', 'x@example.org');
const person: fc.Arbitrary<Member> = fc.record({
  handle: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  party: fc.constantFrom('msp' as const, 'client' as const),
  email,
  groups,
});
const people = fc.uniqueArray(person, { selector: member => member.handle, maxLength: 5 });
const roles = fc.uniqueArray(fc.constantFrom('root', 'reader'), { minLength: 1 });

const activity: fc.Arbitrary<Activity> = fc.record(
  {
    R: squads,
    A: squad,
    A2: squad,
    gives: fc.record({ ssh: roles }),
    for: fc.constantFrom('1h', '2h'),
    answer: fc.constantFrom('needs-approval' as const, 'pre-approved' as const),
    ticket: fc.constantFrom('required' as const, 'optional' as const),
    when: fc.constantFrom({ during: 'day' }, { severity: ['sev1'] }),
    co_approve: squads,
    exceptions: fc.array(
      fc.record(
        {
          name: fc.constant('x'),
          when: fc.constantFrom({ during: 'day' }, { severity: ['sev1'] }),
          for: fc.constantFrom('30m', '4h'),
          answer: fc.constantFrom('needs-approval' as const, 'pre-approved' as const),
          co_approve: squads,
        },
        { requiredKeys: ['name', 'when'] },
      ),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ['R', 'A', 'gives', 'for'] },
);

const activities = fc.dictionary(fc.constantFrom('fix', 'look', 'move'), activity, { minKeys: 1 });
const rules = fc.subarray([
  { name: 'apart', require: { parties: 'differ' as const } },
  { name: 'why', when: { severity: 'sev1' }, require: { ticket: 'required' as const } },
]);
const world = fc.record({ activities, rules }).map(bend => engagement(bend));

const question = (asker: Member): fc.Arbitrary<Question> =>
  fc.record({
    asker: fc.constant(asker),
    target: fc.constantFrom('db', 'bare', 'none'),
    activity: fc.constantFrom(null, 'data/fix', 'data/look', 'data/move'),
    protocol: fc.constant('ssh' as const),
    role: fc.constantFrom('root', 'reader', 'other'),
    seconds: fc.constantFrom(60, 3600, 7200, 99_999),
    ticket: fc.constantFrom(null, 'T-1'),
    severity: fc.constantFrom(null, 'sev1'),
    at: fc.constantFrom(NOON, NOON + 43_200_000),
  });

const situation = fc
  .record({ world, people, asker: person, lockedOut: fc.boolean() })
  .chain(given => question(given.asker).map(asked => ({ ...given, asked })));

const RUNS = { numRuns: 2_000 };

describe('whatever the files say', () => {
  it('nobody approves their own request', () => {
    fc.assert(
      fc.property(situation, ({ world, people, asker, lockedOut, asked }) => {
        const decision = decide(world, asked, { people: [...people, asker], lockedOut });
        const named = [...decision.approvers, ...decision.ladder.flatMap(rung => rung.people)];
        expect(named).not.toContain(asker.handle);
        if (asker.email)
          expect(named.map(name => name.toLowerCase())).not.toContain(asker.email.toLowerCase());
        expect(placesOf(world, decision, asked, asker, 99_999)).toEqual([]);
      }),
      RUNS,
    );
  });

  it('a party only speaks for its own squads, whatever groups and emails it gives', () => {
    const anything = fc.record({
      handle: fc.string(),
      party: fc.constantFrom('msp' as const, 'client' as const),
      email: fc.option(fc.oneof(email, fc.string())).map(value => value ?? null),
      groups: fc.array(fc.oneof(fc.constantFrom('ops', 'night', 'it', 'nobody'), fc.string())),
    });
    fc.assert(
      fc.property(world, anything, fc.oneof(squad, fc.string()), (given, someone, name) => {
        if (!name.startsWith(`${someone.party}/`)) expect(isInSquad(given, name, someone)).toBe(false);
      }),
      RUNS,
    );
    fc.assert(
      fc.property(situation, ({ world, people, asked }) => {
        const responsible = { ...asked, asker: { ...asked.asker, party: 'client' as const } };
        const decision = decide(world, responsible, { people, lockedOut: false });
        if (decision.decision === 'refused') return;
        const cell = world.matrix.services.data?.activities[decision.cell!.split('/')[1]!];
        expect(cell?.R.some(name => name.startsWith('client/'))).toBe(true);
      }),
      RUNS,
    );
  });

  it('two parties that must differ do, in every place', () => {
    fc.assert(
      fc.property(situation, person, ({ world, people, asked }, somebody) => {
        if (!world.matrix.rules?.some(rule => rule.require.parties)) return;
        const decision = decide(world, asked, { people, lockedOut: false });
        if (somebody.party === asked.asker.party) {
          expect(placesOf(world, decision, asked, somebody, 99_999)).toEqual([]);
        }
      }),
      RUNS,
    );
  });

  it('with nobody left to answer the answer is no', () => {
    fc.assert(
      fc.property(situation, ({ world, people, lockedOut, asked }) => {
        const decision = decide(world, asked, { people, lockedOut });
        if (decision.decision === 'needs-approval') expect(decision.approvers.length).toBeGreaterThan(0);
        if (lockedOut && asked.asker.party === 'msp') expect(decision.code).toBe('locked-out');
        expect(decision.decision === 'refused').toBe(decision.code !== null);
      }),
      RUNS,
    );
  });

  /** With several cells to choose from, fewer leave one: that is a choice made, not access won. */
  it('a cell less never turns a no into a yes', () => {
    fc.assert(
      fc.property(situation, fc.constantFrom('fix', 'look', 'move'), ({ world, people, asked }, gone) => {
        const circumstances = { people, lockedOut: false };
        const before = decide(world, asked, circumstances);
        if (before.decision !== 'refused' || before.code === 'activity-needed') return;
        const after = decide(without(world, gone), asked, circumstances);
        expect(after.decision).toBe('refused');
      }),
      RUNS,
    );
  });

  it('the same input gives the same bytes', () => {
    fc.assert(
      fc.property(situation, ({ world, people, lockedOut, asked }) => {
        const bytes = (engagement: Engagement, known: Member[]) =>
          JSON.stringify(decide(engagement, asked, { people: known, lockedOut }));
        expect(bytes(structuredClone(world), [...people])).toBe(bytes(world, people));
        expect(bytes(world, [...people].reverse())).toBe(bytes(world, people));
      }),
      RUNS,
    );
  });
});

function without(world: Engagement, gone: string): Engagement {
  const { rules = [], services } = world.matrix;
  const left = Object.entries(services.data!.activities).filter(([name]) => name !== gone);
  return engagement({ rules: [...rules], activities: Object.fromEntries(left) });
}
