import { answerUnder, type Cell, findCell, matches } from '../../domain/cell.ts';
import { whenText } from '../../domain/explanation.ts';
import { type Activity, ANSWER_WITHIN, type Exception } from '../../domain/matrix.ts';
import type { Target } from '../../domain/target.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, listed, placeOf } from './lines.ts';
import { written } from './rest.ts';
import { PROTOCOLS, rowPath, type Side, same } from './side.ts';
import { whenAgreed } from './terms-text.ts';

/** By cell, the targets on which somebody comes under its terms for whom they did not hold. */
export type Entered = Map<string, Set<string>>;

/** On which terms that is, besides those of the rows: exceptions, rules, who answers else, what the targets are. */
export function additionFacts(before: Side, after: Side, entered: Entered): Fact[] {
  return [
    ...[...entered].flatMap(([id, targets]) => {
      const cell = findCell(after.engagement, id)!;
      const isNew = findCell(before.engagement, id) === null;
      return [...exceptionFacts(after, cell, targets), ...(isNew ? rowFact(cell) : [])];
    }),
    ...targetFacts(before, after, new Set([...entered.values()].flatMap(targets => [...targets]))),
  ];
}

/** What each exception of a cell makes of its terms, on the targets that it can apply to. */
function exceptionFacts({ engagement }: Side, cell: Cell, targets: ReadonlySet<string>): Fact[] {
  const { id, activity } = cell;
  return (activity.exceptions ?? []).flatMap((exception, at, all): Fact[] => {
    const { name, when } = exception;
    const on = [...targets].filter(
      target => !when.target || matches(when.target, engagement.targets.targets[target]!.labels),
    );
    if (on.length === 0) return [];
    const earlier = all.slice(0, at).map(one => `"${one.name}"`);
    const applies = `${earlier.length === 0 ? 'applies' : `applies and not ${earlier.join(' or ')}`}`;
    const words = `where exception "${name}" (${whenText(when)}) ${applies}: ${exceptionTerms(activity, exception)}`;
    const place = [...rowPath(id), 'exceptions'];
    return [
      {
        kind: 'gains',
        topic: 'exception',
        weight: 90,
        cells: [id],
        targets: on,
        when: `exception "${name}" (${whenText(when)}) applies`,
        after: exception,
        paths: [pointer(...place, name), pointer(...place, '#order')],
        say: scope => `${placeOf(scope)}, ${words}`,
      },
    ];
  });
}

function exceptionTerms(activity: Activity, exception: Exception): string {
  const { answer, coApprove } = answerUnder(activity, exception);
  const review = exception.review_within ?? activity.review_within;
  return [
    answer === 'pre-approved' ? 'given at once' : `given ${whenAgreed([activity.A, ...coApprove])}`,
    `up to ${exception.for ?? activity.for ?? 'no time'}`,
    (exception.ticket ?? activity.ticket) === 'required' ? 'with a ticket' : 'without a ticket',
    ...(review === undefined ? [] : [`with a review within ${review}`]),
  ].join(', ');
}

/** What a new row says besides of who answers, who is told and what has to be done. */
function rowFact({ id, activity }: Cell): Fact[] {
  const row = rowPath(id);
  const said = (key: keyof Activity, words: string): { key: keyof Activity; words: string }[] =>
    activity[key] === undefined ? [] : [{ key, words }];
  const names = (key: 'C' | 'I' | 'escalate' | 'co_approve') => listed(activity[key] ?? []);
  const items = (key: 'takeover' | 'handback') =>
    `${key} asks ${listed((activity[key] ?? []).map(item => `"${item}"`))}`;
  const parts = [
    ...(activity.answer === 'pre-approved'
      ? [
          ...said('A', `${activity.A} answers where somebody is asked (A)`),
          ...said('co_approve', `${names('co_approve')} must agree as well there`),
        ]
      : []),
    { key: 'A2' as const, words: `${activity.A2 ?? 'nobody'} answers in the place of A (A2)` },
    {
      key: 'answer_within' as const,
      words: `each has ${activity.answer_within ?? ANSWER_WITHIN} to answer`,
    },
    ...said('escalate', `${names('escalate')} told when nobody answers`),
    ...said('C', `${names('C')} consulted before`),
    ...said('I', `${names('I')} informed after`),
    ...said('sign_in_within', `a sign-in within ${activity.sign_in_within}`),
    ...said('review_within', `a review within ${activity.review_within}`),
    ...said('record', 'what is typed is recorded as well'),
    ...said('takeover', items('takeover')),
    ...said('handback', items('handback')),
  ];
  return [
    {
      kind: 'answers',
      topic: 'approver',
      weight: 58,
      cells: [id],
      after: Object.fromEntries(parts.map(({ key }) => [key, activity[key] ?? null])),
      paths: parts.map(({ key }) => pointer(...row, key)),
      say: scope => `${placeOf(scope)}: ${parts.map(({ words }) => words).join('; ')}`,
    },
  ];
}

/** What stands behind the names of targets that are new or carry other labels, and which rules bind there. */
function targetFacts(before: Side, after: Side, names: ReadonlySet<string>): Fact[] {
  const earlier = before.engagement.targets.targets;
  return [...names].flatMap((name): Fact[] => {
    const was = Object.hasOwn(earlier, name) ? earlier[name]! : null;
    const is = after.engagement.targets.targets[name]!;
    if (was && same(was.labels, is.labels)) return [];
    const labels = `labels ${written(is.labels)}`;
    const ends = PROTOCOLS.filter(protocol => is[protocol] !== undefined);
    const words = was
      ? `now with ${labels}`
      : `new, ${[...ends.map(protocol => `${protocol} ${written(is[protocol])}`), labels].join(', ')}`;
    const path = ['targets', 'targets', name];
    return [
      {
        kind: 'gains',
        topic: 'address',
        weight: 70,
        targets: [name],
        before: was?.labels,
        after: was
          ? is.labels
          : { ...Object.fromEntries(ends.map(one => [one, is[one]])), labels: is.labels },
        paths: was ? [] : ['labels', ...ends].map(key => pointer(...path, key)),
        say: scope => `${listed(scope.targets)}: ${words}`,
      },
      ...ruleFact(after, name, is),
    ];
  });
}

function ruleFact({ engagement }: Side, name: string, target: Target): Fact[] {
  const rules = engagement.matrix.rules ?? [];
  if (rules.length === 0) return [];
  const binding = rules.filter(({ when }) => !when?.target || matches(when.target, target.labels));
  const others = rules.filter(rule => !binding.includes(rule));
  const rulesOf = (some: typeof rules) =>
    `${some.length > 1 ? 'rules' : 'rule'} ${listed(some.map(rule => `"${rule.name}"`))}`;
  const words = [
    ...(binding.length > 0 ? [`${rulesOf(binding)} can bind`] : []),
    ...(others.length > 0 ? [`${rulesOf(others)} never ${others.length > 1 ? 'bind' : 'binds'}`] : []),
  ].join('; ');
  return [
    {
      kind: 'gains',
      topic: 'rule',
      weight: 69,
      targets: [name],
      after: { bind: binding.map(rule => rule.name), never: others.map(rule => rule.name) },
      paths: [],
      say: scope => `on ${listed(scope.targets)}: ${words}`,
    },
  ];
}
