import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Activity, Service } from '../../src/domain/matrix.ts';
import type { Target } from '../../src/domain/target.ts';
import { isWithin } from '../../src/matrices/diff/size.ts';
import { comparable, diffEngagements } from '../../src/matrices/diff.ts';
import { db, engagement, everybody, row } from '../domain/fixture.ts';

const calendars = { always: { weekly: 'Mon-Sun 00:00-24:00' }, day: { weekly: 'Mon-Fri 08:00-18:00' } };
const rules = [
  { name: 'two', when: { target: { environment: 'prod' } }, require: { parties: 'differ' as const } },
];

/** What a new cell may say otherwise than `row`: by name, each leaf that decides something. */
const CELLS: Readonly<Record<string, readonly Partial<Activity>[]>> = {
  R: [{ R: ['msp/night'] }, { R: ['msp/ops', 'client/it'] }],
  A: [{ A: 'client/chief' }, { A: 'client/empty' }],
  A2: [{ A2: 'client/it' }, { A2: 'client/empty' }],
  gives: [
    { gives: { ssh: ['reader'] } },
    { gives: { ssh: { logins: ['root'], forward: true } } },
    { gives: { ssh: { logins: ['root'], agent: true } } },
  ],
  for: [{ for: '1h' }, { for: '30d' }],
  answer: [{ answer: 'pre-approved' }],
  ticket: [{ ticket: 'required' }],
  answer_within: [{ answer_within: '1m' }, { answer_within: '9h' }],
  review_within: [{ review_within: '1h' }, { review_within: '9h' }],
  sign_in_within: [{ sign_in_within: '1h' }],
  record: [{ record: 'input' }],
  when: [{ when: { during: 'day' } }, { when: { severity: ['sev1'] } }],
  co_approve: [{ co_approve: ['client/chief'] }],
  escalate: [{ escalate: ['client/chief'] }, { escalate: ['client/it'] }],
  told: [{ C: ['client/chief'] }, { I: ['client/chief'] }, { C: ['client/it'] }],
  lists: [{ handback: ['All is well'] }, { takeover: ['All is well'] }],
  exceptions: [
    { answer: 'pre-approved' as const },
    { answer: 'pre-approved' as const, for: '30d' },
    { ticket: 'required' as const },
    { co_approve: ['client/chief'] },
    { answer: 'pre-approved' as const, review_within: '5h' },
  ].flatMap(terms =>
    [{ during: 'always' }, { severity: 'sev1' }, { target: { environment: 'prod' } }].map(when => ({
      exceptions: [{ name: 'routine', when, ...terms }],
    })),
  ),
};

const TARGETS: readonly Partial<Target>[] = [
  { labels: { service: 'data', environment: 'test' } },
  { labels: { service: 'data', environment: 'prod', site: 'newark' } },
  { ssh: { address: '10.0.0.9:22', trust: 'ca' } },
  { ssh: { address: '10.0.0.1:22', trust: 'key' } },
  { postgres: { address: '10.0.0.1:5432', database: 'records' } },
  { postgres: { address: '10.0.0.1:5432', database: 'payroll' } },
];

const cell = fc
  .tuple(...Object.values(CELLS).map(all => fc.option(fc.constantFrom(...all), { freq: 2 })))
  .map((parts): Activity => Object.assign({}, row, ...parts.map(part => part ?? {})));
const target = fc.option(fc.constantFrom(...TARGETS)).map((part): Target => ({ ...db, ...(part ?? {}) }));

const told = (before: ReturnType<typeof engagement>, after: ReturnType<typeof engagement>) =>
  diffEngagements(before, after, everybody).lines.map(({ kind, sentence }) => `${kind}: ${sentence}`);

const service = (activity: Activity, more: Partial<Service> = {}): Service => ({
  targets: { service: 'data' },
  activities: { fix: activity },
  ...more,
});
const world = (services: Record<string, Service>, targets: Record<string, Target> = { db }) =>
  engagement({ matrix: { calendars, rules, services }, targets });

/** Each way to add something: what was there, and what there is with it. */
const WAYS: Readonly<Record<string, (activity: Activity, added: Target) => ReturnType<typeof world>[]>> = {
  'a new cell': activity => [
    world({ data: service(row) }),
    world({ data: { ...service(row), activities: { fix: row, verify: activity } } }),
  ],
  'a new service': activity => [
    world({ old: service(row) }),
    world({ old: service(row), data: service(activity) }),
  ],
  'a new target': (_, added) => [
    world({ data: service(row) }),
    world({ data: service(row) }, { db, other: added }),
  ],
  'a new cell on a new target': (activity, added) => [
    world({ old: service(row) }),
    world({ old: service(row), data: service(activity) }, { db, other: added }),
  ],
};

describe('what is new', () => {
  it.each(Object.entries(WAYS))('%s is told otherwise whenever it decides otherwise', (_, way) => {
    fc.assert(
      fc.property(cell, cell, target, target, (one, other, here, there) => {
        const [before, after] = way(one, here) as [never, ReturnType<typeof world>];
        const [, another] = way(other, there) as [never, ReturnType<typeof world>];
        const alike = JSON.stringify(told(before, after)) === JSON.stringify(told(before, another));
        expect(alike).toBe(after.digest === another.digest);
      }),
      { numRuns: 60 },
    );
  });

  it.each(Object.entries(CELLS))('a new cell shows each %s', (_, variants) => {
    const seen = [{}, ...variants].map(variant => {
      const [before, after] = WAYS['a new cell']!({ ...row, ...variant }, db) as [never, never];
      return told(before, after).join('\n');
    });
    expect(new Set(seen).size).toBe(variants.length + 1);
  });

  it('a pre-approved exception of a new cell is said first, with how long it gives', () => {
    const exceptions = [
      { name: 'routine', when: { during: 'always' }, answer: 'pre-approved' as const, for: '30d' },
    ];
    const [before, after] = WAYS['a new cell']!({ ...row, exceptions }, db) as [never, never];
    expect(told(before, after)[0]).toBe(
      'gains: data/verify on db, where exception "routine" (during: always) applies: given at once, up to 30d, without a ticket',
    );
  });

  it('every target gained is named, and stands in short beside it', () => {
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`host${at}`, structuredClone(db)]),
    );
    const [line] = diffEngagements(
      world({ data: service(row) }),
      world({ data: service(row) }, { db, ...many }),
      everybody,
    ).lines;
    for (const name of Object.keys(many)) expect(line!.sentence).toMatch(new RegExp(`\\b${name}\\b`));
    expect(line!.short).toContain('24 more');
  });
});

describe('how much is compared', () => {
  const fleet = world(
    { data: service(row) },
    Object.fromEntries([...'abcde'].map(name => [name, structuredClone(db)])),
  );

  it('counts the ways in and the rules looked at', () => {
    expect([isWithin(fleet, 10), isWithin(fleet, 9)]).toEqual([true, false]);
    expect(comparable(fleet, fleet)).toBe(true);
  });
});
