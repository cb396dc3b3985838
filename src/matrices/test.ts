import { isDeepStrictEqual } from 'node:util';
import { parseMoment } from '../domain/calendar.ts';
import { type Decision, decide, type Engagement, type Question } from '../domain/decision.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Member } from '../domain/person.ts';
import type { Protocol } from '../domain/request.ts';
import type { Expectation, Expectations } from './read.ts';

/** One expectation beside what the matrix really answers. Without differences it holds. */
export interface Outcome {
  readonly name: string;
  readonly differences: readonly {
    readonly key: string;
    readonly expected: unknown;
    readonly actual: unknown;
  }[];
  readonly decision: Decision;
}

/** The people of expectations, under the names that they have there. */
export const peopleOf = ({ people }: Expectations): Member[] =>
  Object.entries(people).map(([handle, { party, email, groups }]) => ({
    handle,
    party,
    email: email ?? null,
    groups: groups ?? [],
  }));

const PROTOCOLS: readonly Protocol[] = ['ssh', 'postgres', 'web'];

/**
 * What an `ask` asks. `now` (epoch milliseconds) is its start where it says no `at`.
 *
 * @throws RangeError for a person, time or duration that reading the file would not have let through
 */
export function questionOf(
  engagement: Engagement,
  people: readonly Member[],
  ask: Expectation['ask'],
  now: number,
): Question {
  const asker = people.find(({ handle }) => handle === ask.who);
  const at = ask.at === undefined ? now : parseMoment(ask.at, engagement.matrix.timezone);
  const seconds = parseDuration(ask.for);
  if (!asker || at === null || seconds === null)
    throw new RangeError('an ask without a person, time or duration');
  const protocol = PROTOCOLS.find(name => ask[name] !== undefined) ?? null;
  return {
    asker,
    target: ask.target,
    activity: ask.activity ?? null,
    protocol,
    role: protocol && (ask[protocol] ?? null),
    seconds,
    ticket: ask.ticket ?? null,
    severity: ask.severity ?? null,
    at,
  };
}

/** Runs every expectation against the matrix. */
export function testEngagement(engagement: Engagement, expectations: Expectations, now: number): Outcome[] {
  const people = peopleOf(expectations);
  return expectations.expect.map(expectation => {
    const question = questionOf(engagement, people, expectation.ask, now);
    const decision = decide(engagement, question, { people, lockedOut: false });
    return {
      name: expectation.name,
      differences: differencesOf(engagement, expectation, decision),
      decision,
    };
  });
}

/** Lists whose order means nothing. */
const SETS: readonly string[] = [
  'approvers',
  'co_approve',
  'escalate',
  'consulted',
  'informed',
  'obligations',
];

function differencesOf(
  engagement: Engagement,
  { name: _, ask: __, ...expected }: Expectation,
  decision: Decision,
): Outcome['differences'] {
  return Object.entries(expected).flatMap(([key, value]) => {
    const wanted =
      key === 'ends_by' && typeof value === 'string' ? parseMoment(value, engagement.matrix.timezone) : value;
    const actual = decision[key as keyof Decision];
    return agrees(key, wanted, actual) ? [] : [{ key, expected: value, actual }];
  });
}

function agrees(key: string, expected: unknown, actual: unknown): boolean {
  if (SETS.includes(key)) return isDeepStrictEqual(sorted(expected), sorted(actual));
  // An expectation quotes what it cares about; the other lines may change.
  if (key === 'explanation') {
    return (expected as string[]).every(part => (actual as string[]).some(line => line.includes(part)));
  }
  return isDeepStrictEqual(expected, actual);
}

const sorted = (list: unknown): string[] => [...new Set(list as string[])].sort();
