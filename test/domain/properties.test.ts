import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellsOf } from '../../src/domain/cell.ts';
import { type Decision, decide, placesOf } from '../../src/domain/decision.ts';
import type { Engagement } from '../../src/domain/engagement.ts';
import type { Matrix } from '../../src/domain/matrix.ts';
import { meantBy } from '../../src/domain/meant.ts';
import type { Member } from '../../src/domain/person.ts';
import { isInSquad, samePerson } from '../../src/domain/squad.ts';
import { engagementOf } from '../../src/matrices/read.ts';
import { GROUPS, person, type Situation, SQUADS, situations, worldOf } from './worlds.ts';

const LONG = 99_999;

/** Three hundred questions, twelve in each of 25 worlds, after what is to be prepared for each world. */
function everywhere<Prepared>(
  prepare: (world: Engagement, dice: readonly number[]) => Prepared,
  check: (situation: Situation, prepared: Prepared) => void,
): void {
  const dice = fc.array(fc.nat(), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(situations(12), dice, ({ world, asked }, thrown) => {
      const prepared = prepare(world, thrown);
      for (const one of asked) check({ world, ...one }, prepared);
    }),
    { numRuns: 25 },
  );
}

const nothing = () => null;

/** Everybody whom a decision asks or names as an answerer, by handle. */
const askedBy = ({ approvers, ladder }: Decision): string[] => [
  ...approvers,
  ...ladder.flatMap(rung => rung.people),
];

/** How much a decision gives: nothing, a yes after others said theirs, a yes at once. */
const RANK = { refused: 0, 'needs-approval': 1, 'pre-approved': 2 } as const;

/** The people of this place in any order, and with nothing else changed. */
const shuffled = <T>(from: readonly T[], dice: readonly number[]): T[] =>
  from
    .map((one, at) => ({ one, key: dice[at] ?? 0 }))
    .sort((left, right) => left.key - right.key)
    .map(({ one }) => one);

describe('whatever the files say', () => {
  it('nobody approves their own request', () => {
    everywhere(nothing, ({ world, people, lockedOut, question }) => {
      const { asker } = question;
      const decision = decide(world, question, { people, lockedOut });
      for (const handle of askedBy(decision)) {
        const somebody = people.find(one => one.handle === handle) ?? { handle, email: handle };
        expect(samePerson(asker, somebody)).toBe(false);
      }
      expect(placesOf(world, decision, question, asker, LONG)).toEqual([]);
      // Nor under another name of theirs: who has their email is them.
      if (asker.email === null) return;
      const twin: Member = { ...asker, handle: 'twin', email: asker.email.toUpperCase() };
      expect(placesOf(world, decision, question, twin, LONG)).toEqual([]);
    });
  });

  it('whoever is asked may answer, and nobody else', () => {
    everywhere(nothing, ({ world, people, lockedOut, question }) => {
      const decision = decide(world, question, { people, lockedOut });
      if (decision.decision !== 'needs-approval') return;
      const asked = askedBy(decision);
      for (const somebody of people) {
        const mayApprove = placesOf(world, decision, question, somebody, LONG).includes('approver');
        expect(mayApprove).toBe(asked.includes(somebody.handle));
      }
    });
  });

  it("a party's IdP speaks for its own squads alone, whatever groups and emails it gives", () => {
    const anything = fc.record({
      handle: fc.string(),
      party: fc.constantFrom('msp' as const, 'client' as const),
      email: fc.oneof(
        person.map(one => one.email),
        fc.string(),
      ),
      groups: fc.array(fc.oneof(fc.constantFrom('ops', 'night', 'it', 'law', 'nobody'), fc.string())),
    });
    fc.assert(
      fc.property(anything, fc.oneof(fc.constantFrom(...SQUADS), fc.string()), (one, name) => {
        const given = worldOf({ services: {} });
        if (!name.startsWith(`${one.party}/`)) expect(isInSquad(given, name, one)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    everywhere(nothing, ({ world, people, question }) => {
      for (const party of ['msp', 'client'] as const) {
        const asker = { ...question.asker, party };
        const decision = decide(world, { ...question, asker }, { people, lockedOut: false });
        const cell = cellsOf(world).find(({ id }) => id === decision.cell);
        if (decision.decision === 'refused') continue;
        expect(cell!.activity.R.some(name => name.startsWith(`${party}/`))).toBe(true);
      }
    });
  });

  it('where two parties must differ they do, in every place', () => {
    const apart = { name: 'apart', require: { parties: 'differ' as const } };
    everywhere(
      ({ matrix: { services, rules = [] } }) => worldOf({ services, rules: [...rules, apart] }),
      ({ people, question }, strict) => {
        const decision = decide(strict, question, { people, lockedOut: false });
        for (const somebody of people) {
          if (somebody.party !== question.asker.party) continue;
          expect(askedBy(decision)).not.toContain(somebody.handle);
          expect(placesOf(strict, decision, question, somebody, LONG)).toEqual([]);
        }
      },
    );
  });

  it('with nobody left to answer the answer is no', () => {
    everywhere(nothing, ({ world, people, lockedOut, question }) => {
      const decision = decide(world, question, { people, lockedOut });
      expect(decision.decision === 'refused').toBe(decision.code !== null);
      if (decision.decision !== 'needs-approval') return;
      expect(decision.approvers.length).toBeGreaterThan(0);
      for (const squad of decision.co_approve) {
        const known = people.some(one =>
          placesOf(world, decision, question, one, LONG).includes(`co:${squad}`),
        );
        expect(known || expectedIn(world, squad, people)).toBe(true);
      }
    });
  });

  it('an MSP that is locked out gets nothing, and the client the same as before', () => {
    everywhere(nothing, ({ world, people, question }) => {
      const decision = decide(world, question, { people, lockedOut: true });
      if (question.asker.party === 'msp') {
        expect(decision.code).toBe('locked-out');
        expect(askedBy(decision)).toEqual([]);
      } else {
        expect(decision).toEqual(decide(world, question, { people, lockedOut: false }));
      }
    });
  });

  it('rules only ever restrict', () => {
    everywhere(
      ({ matrix: { services, rules = [] } }) =>
        rules.map((_, left) => worldOf({ services, rules: rules.filter((_, at) => at !== left) })),
      ({ world, people, lockedOut, question }, withFewer) => {
        const ruled = decide(world, question, { people, lockedOut });
        for (const fewer of withFewer) {
          const free = decide(fewer, question, { people, lockedOut });
          expect(RANK[ruled.decision]).toBeLessThanOrEqual(RANK[free.decision]);
          expect(askedBy(free)).toEqual(expect.arrayContaining(askedBy(ruled)));
        }
      },
    );
  });
});

/**
 * Removing a cell never adds access. Named, an activity is decided by its own cell alone, so another one gone changes
 * nothing, and it gone is a no. Unnamed, the question is which cell was meant: one of several that fit gone may leave
 * one, which then decides exactly as it does where it is named.
 */
describe('a cell less', () => {
  const withOneGone = (world: Engagement, [dice]: readonly number[]) => {
    const cells = cellsOf(world);
    const gone = cells[dice! % cells.length]!.id;
    return { gone, fewer: without(world, gone), first: cells[0]!.id };
  };

  it('changes nothing for a question that names another one', () => {
    everywhere(withOneGone, ({ world, people, question }, { gone, fewer, first }) => {
      const asked = { ...question, activity: question.activity ?? first };
      const before = decide(world, asked, { people, lockedOut: false });
      const after = decide(fewer, asked, { people, lockedOut: false });
      if (asked.activity === gone) expect([after.decision, after.code]).toEqual(['refused', 'no-cell']);
      else expect({ ...after, matrix: null }).toEqual({ ...before, matrix: null });
    });
  });

  it('lets nobody in who could not have said which they meant', () => {
    everywhere(withOneGone, ({ world, people, question }, { gone, fewer }) => {
      const asked = { ...question, activity: null };
      const circumstances = { people, lockedOut: false };
      const before = decide(world, asked, circumstances);
      const after = decide(fewer, asked, circumstances);
      if (after.decision === 'refused') return;
      expect(after.cell).not.toBe(gone);
      const named = decide(world, { ...asked, activity: after.cell }, circumstances);
      expect({ ...after, matrix: null }).toEqual({ ...named, matrix: null });
      if (before.decision === 'refused') expect(before.code).toBe('activity-needed');
    });
  });
});

const newcomer = ([first, second]: readonly number[]): Member => ({
  handle: 'new',
  party: first! % 2 === 0 ? 'msp' : 'client',
  email: 'new@example.org',
  groups: GROUPS.filter((_, at) => ((second! >> at) & 1) === 1),
});

describe('a person more', () => {
  const somebody = (_: Engagement, dice: readonly number[]) => newcomer(dice);

  it('who is in nothing that a cell names changes nothing', () => {
    everywhere(somebody, ({ world, people, lockedOut, question }, one) => {
      // Of a group that no squad has, and with an email that none names.
      const more: Member = { ...one, groups: ['other'] };
      const before = decide(world, question, { people, lockedOut });
      expect(decide(world, question, { people: [...people, more], lockedOut })).toEqual(before);
      expect(decide(world, question, { people: [more, ...people], lockedOut })).toEqual(before);
    });
  });

  it('who is in squads of other letters than R, A, A2 and co_approve changes nothing', () => {
    everywhere(somebody, ({ world, people, lockedOut, question }, more) => {
      const before = decide(world, question, { people, lockedOut });
      const cell = cellsOf(world).find(({ id }) => id === before.cell);
      if (!cell) return;
      const { R, A, A2, co_approve = [], exceptions = [] } = cell.activity;
      const squads = [R, A, A2 ?? [], co_approve, ...exceptions.map(one => one.co_approve ?? [])].flat();
      if (squads.some(squad => isInSquad(world, squad, more))) return;
      expect(decide(world, question, { people: [...people, more], lockedOut })).toEqual(before);
    });
  });

  it('whom a decision does not look for changes nothing: a broker need not load them', () => {
    everywhere(nothing, ({ world, people, lockedOut, question }) => {
      const meant = meantBy(world, question);
      const found = people.filter(({ party, email, groups }) =>
        meant.some(
          one =>
            one.issuer === world.matrix.parties[party].issuer &&
            (groups.some(group => one.groups.includes(group)) ||
              (email !== null && one.emails.includes(email.toLowerCase()))),
        ),
      );
      expect(decide(world, question, { people: found, lockedOut })).toEqual(
        decide(world, question, { people, lockedOut }),
      );
    });
  });

  it('who asks gets nothing by being known', () => {
    everywhere(nothing, ({ world, people, lockedOut, question }) => {
      const stranger = { ...question.asker, handle: 'z', email: null };
      const asked = { ...question, asker: stranger };
      const others = people.filter(({ handle }) => handle !== 'z');
      const before = decide(world, asked, { people: others, lockedOut });
      expect(decide(world, asked, { people: [...others, stranger], lockedOut })).toEqual(before);
    });
  });
});

describe('the same input', () => {
  it('gives the same bytes, in whichever order the people and the keys of the files come', () => {
    everywhere(
      ({ matrix, targets }, dice) => ({
        dice,
        again: engagementOf(structuredClone(matrix), structuredClone(targets)),
        turned: engagementOf(reordered(structuredClone(matrix), dice), structuredClone(targets)),
      }),
      ({ world, people, lockedOut, question }, { dice, again, turned }) => {
        const bytes = (given: Engagement, known: readonly Member[]) =>
          JSON.stringify(decide(given, question, { people: known, lockedOut }));
        const expected = bytes(world, people);
        expect(bytes(world, people)).toBe(expected);
        expect(bytes(world, shuffled(people, dice))).toBe(expected);
        // A frozen list is indexed, another is looked through.
        expect(bytes(world, Object.freeze(shuffled(people, dice)))).toBe(expected);
        expect(bytes(world, Object.freeze([...people]))).toBe(expected);
        expect(bytes(again, people)).toBe(expected);
        // The order of a file's keys is no part of its digest. Cells that are not named are listed as the file has them.
        if (question.activity !== null) expect(bytes(turned, people)).toBe(expected);
      },
    );
  });
});

/** Whether somebody whom a squad names has not been seen yet. */
const expectedIn = ({ matrix }: Engagement, name: string, people: readonly Member[]): boolean => {
  const [party, squad] = name.split('/') as ['msp' | 'client', string];
  const { primary, secondary, people: listed = [] } = matrix.parties[party].squads[squad]!;
  return [primary, secondary, ...listed].some(
    email =>
      email !== undefined &&
      !people.some(one => one.party === party && one.email?.toLowerCase() === email.toLowerCase()),
  );
};

/** The world without one cell; a service that has no other stays, empty. */
function without(given: Engagement, gone: string): Engagement {
  const { services, rules = [] } = given.matrix;
  const left = Object.entries(services).map(([name, service]) => [
    name,
    {
      ...service,
      activities: Object.fromEntries(
        Object.entries(service.activities).filter(([activity]) => `${name}/${activity}` !== gone),
      ),
    },
  ]);
  return worldOf({ services: Object.fromEntries(left), rules });
}

/** The same document with the keys of its cells, services and squads in another order. */
function reordered(matrix: Matrix, dice: readonly number[]): Matrix {
  const turned = <T extends object>(from: T): T =>
    Object.fromEntries(shuffled(Object.entries(from), dice)) as T;
  const services = Object.entries(matrix.services).map(([name, service]) => [
    name,
    turned({
      ...service,
      activities: turned(
        Object.fromEntries(Object.entries(service.activities).map(([key, row]) => [key, turned(row)])),
      ),
    }),
  ]);
  const { msp, client } = matrix.parties;
  return turned({
    ...matrix,
    services: turned(Object.fromEntries(services) as Matrix['services']),
    parties: turned({
      msp: turned({ ...msp, squads: turned(msp.squads) }),
      client: turned({ ...client, squads: turned(client.squads) }),
    }),
  });
}
