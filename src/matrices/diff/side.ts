import { isDeepStrictEqual } from 'node:util';
import { holds } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import { rolesGiven } from '../../domain/gives.ts';
import type { Activity, When } from '../../domain/matrix.ts';
import { once } from '../../domain/once.ts';
import type { Member } from '../../domain/person.ts';
import type { Protocol } from '../../domain/protocol.ts';
import { type Answerer, answerersOf, isInSquad } from '../../domain/squad.ts';
import type { Target } from '../../domain/target.ts';
import { memo } from './memo.ts';
import type { Situation } from './situations.ts';

/** One of the two versions that are compared, with what is asked of it more than once. */
export interface Side {
  readonly engagement: Engagement;
  readonly people: readonly Member[];
  /** Handles of those known who are in a squad. */
  members(squad: string): readonly string[];
  /** Those who would be asked, also when they are not yet known. */
  answerers(squad: string): readonly Answerer[];
  /** Whether a `when` holds, as decisions look at it. */
  holds(when: When | undefined, situation: Situation, target: Target): boolean;
}

export function sideOf(engagement: Engagement, known: readonly Member[]): Side {
  // Frozen, it is sorted once.
  const people = Object.freeze([...known]);
  // Looking at calendars is what takes time, and few moments are looked at.
  const open = memo(key => {
    const [during, at] = JSON.parse(key) as [string, number];
    return holds(engagement, { during }, { severity: null, at }, { labels: {} }) !== null;
  });
  return {
    engagement,
    people,
    members: memo(squad =>
      people.filter(member => isInSquad(engagement, squad, member)).map(({ handle }) => handle),
    ),
    answerers: memo(squad => answerersOf(engagement, squad, people)),
    holds(when, situation, target) {
      const { during, ...rest } = when ?? {};
      return (
        (during === undefined || open(JSON.stringify([during, situation.at]))) &&
        holds(engagement, rest, situation, target) !== null
      );
    },
  };
}

export const PROTOCOLS: readonly Protocol[] = ['ssh', 'postgres', 'web'];

/** `ssh root` for every way a cell lets people into a target. */
export const accessOf = (activity: Activity, target: Target): readonly string[] =>
  accessBy(activity)(reachOf(target));

/** The protocols by which a target is reached. */
export const reachOf = once((target: Target): string =>
  PROTOCOLS.filter(protocol => target[protocol] !== undefined).join(' '),
);

const accessBy = once((activity: Activity) =>
  memo(reach =>
    PROTOCOLS.filter(protocol => reach.split(' ').includes(protocol)).flatMap(protocol =>
      rolesGiven(activity, protocol).map(role => `${protocol} ${role}`),
    ),
  ),
);

export const same = (one: unknown, other: unknown): boolean =>
  one === other || isDeepStrictEqual(one ?? null, other ?? null);

/** What is in the first list and not in the second. */
export const without = (list: readonly string[] = [], others: readonly string[] = []): string[] =>
  list.filter(item => !others.includes(item));

/** The path of a cell's row. */
export const rowPath = (cell: string): [string, string, string, string, string] => {
  const [service, activity] = cell.split('/') as [string, string];
  return ['matrix', 'services', service, 'activities', activity];
};
