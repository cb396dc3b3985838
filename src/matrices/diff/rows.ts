import { type Cell, cellsOf, findCell } from '../../domain/cell.ts';
import { type Activity, ANSWER_WITHIN } from '../../domain/matrix.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, type Kind, listed, type Topic, withPeople } from './lines.ts';
import { rowPath, type Side, same, without } from './side.ts';

/** What a cell's row says otherwise than before of who answers, who is told and what has to be done. */
export function rowFacts(before: Side, after: Side): Fact[] {
  return cellsOf(after.engagement).flatMap(cell => {
    const old = findCell(before.engagement, cell.id);
    if (!old || same(old.activity, cell.activity)) return [];
    return [
      ...answererFacts(before, after, old.activity, cell),
      ...TOLD.flatMap(([key, words]) => toldFacts(after, old.activity, cell, key, words)),
      ...(['takeover', 'handback'] as const).flatMap(key => checklistFacts(old.activity, cell, key)),
    ];
  });
}

function answererFacts(before: Side, after: Side, was: Activity, { id, activity: is }: Cell): Fact[] {
  const named = (side: Side, squad: string | undefined) =>
    squad === undefined
      ? 'nobody'
      : withPeople(
          [squad],
          side.answerers(squad).map(({ handle }) => handle),
        );
  const fact = (key: 'A' | 'A2' | 'answer_within', weight: number, sentence: string): Fact[] =>
    same(was[key], is[key])
      ? []
      : [
          {
            kind: 'answers',
            topic: 'approver',
            weight,
            cells: [id],
            squads: key === 'answer_within' ? [] : [is[key] ?? ''].filter(squad => squad !== ''),
            before: was[key],
            after: is[key],
            paths: [pointer(...rowPath(id), key)],
            say: () => `${id}: ${sentence}`,
          },
        ];
  const times = [is, was].map(row => row.answer_within ?? ANSWER_WITHIN);
  return [
    ...fact('A', 60, `${named(after, is.A)} answers (A), was ${named(before, was.A)}`),
    ...fact('A2', 55, `${named(after, is.A2)} answers in its place (A2), was ${named(before, was.A2)}`),
    ...fact('answer_within', 50, `each has ${times[0]} to answer, was ${times[1]}`),
  ];
}

const TOLD = [
  ['C', 'consulted before'],
  ['I', 'informed after'],
  ['escalate', 'told when nobody answers'],
] as const;

function toldFacts(
  after: Side,
  was: Activity,
  { id, activity: is }: Cell,
  key: (typeof TOLD)[number][0],
  words: string,
): Fact[] {
  const [more, less] = [without(is[key], was[key]), without(was[key], is[key])];
  if (more.length + less.length === 0) return [];
  const people = [...new Set(more.flatMap(squad => after.members(squad)))];
  return [
    {
      kind: 'other',
      topic: 'told',
      weight: 40,
      cells: [id],
      squads: [...more, ...less],
      before: was[key],
      after: is[key],
      paths: [pointer(...rowPath(id), key)],
      say: () =>
        `${id}: ${[
          ...(more.length > 0 ? [`${withPeople(more, people)} now ${words}`] : []),
          ...(less.length > 0 ? [`${listed(less)} no longer ${words}`] : []),
        ].join('; ')}`,
    },
  ];
}

function checklistFacts(was: Activity, { id, activity: is }: Cell, key: 'takeover' | 'handback'): Fact[] {
  const [more, less] = [without(is[key], was[key]), without(was[key], is[key])];
  const fact = (kind: Kind, items: readonly string[], words: string): Fact[] =>
    items.length === 0
      ? []
      : [
          {
            kind,
            topic: 'checklist' satisfies Topic,
            weight: 45,
            cells: [id],
            before: was[key],
            after: is[key],
            paths: [pointer(...rowPath(id), key)],
            say: () => `${id}: ${key} ${words} ${listed(items.map(item => `"${item}"`))}`,
          },
        ];
  return [...fact('easier', less, 'no longer asks'), ...fact('harder', more, 'now asks')];
}
