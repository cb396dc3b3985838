import { timeAt } from '../domain/calendar.ts';
import { type Cell, cellsCovering, findCell, listOf } from '../domain/cell.ts';
import type { Decision, Engagement, Question } from '../domain/decision.ts';
import { formatDuration } from '../domain/duration.ts';
import { inOrder, type Place } from './problem.ts';
import type { Reading } from './read.ts';
import type { Path } from './source.ts';

type Sound = Extract<Reading, { ok: true }>;

/** A line of the files that had a part in a decision. */
export interface DecidingLine extends Place {
  /** The line itself, without its indent; `null` where it is not at hand. */
  readonly text: string | null;
}

type Named = readonly ['matrix' | 'targets', Path];

/**
 * The lines that decided, in their order: for a yes what it rests on, for a no what stands in its way.
 *
 * @param read the lines of a file, `null` for one that cannot be read
 */
export function decidingLines(
  sound: Sound,
  question: Question,
  decision: Decision,
  read: (file: string) => readonly string[] | null,
): DecidingLine[] {
  const places = new Map<string, Place>();
  for (const [file, path] of decidingPaths(sound.engagement, question, decision)) {
    const place = sound.locate(file, path, 'key');
    const key = `${place.file}:${place.line}`;
    if (!places.has(key)) places.set(key, place);
  }
  const files = [...new Set([...places.values()].map(({ file }) => file))];
  return files.flatMap(file => {
    const lines = read(file);
    return [...places.values()]
      .filter(place => place.file === file)
      .sort(inOrder)
      .map(place => ({ ...place, text: lines?.[place.line - 1]?.trim() ?? null }));
  });
}

function decidingPaths(engagement: Engagement, question: Question, decision: Decision): Named[] {
  const codes = new Set(decision.explanation.map(line => /^([a-z-]+): /.exec(line)?.[1]));
  const given = decision.decision !== 'refused';
  const said = (...some: string[]) => given || some.some(code => codes.has(code));
  const cell = findCell(engagement, decision.cell ?? question.activity ?? '');
  const { rules = [] } = engagement.matrix;
  const target: Path = ['targets', question.target];
  return [
    ...(cell
      ? cellPaths(engagement, cell, question, decision, said)
      : cellsCovering(engagement, question.target).flatMap(({ id }) => lookedAt(id, said))),
    ...rules.flatMap(({ name }, at): Named[] =>
      decision.explanation.some(line => line.includes(`rule "${name}"`)) ? [['matrix', ['rules', at]]] : [],
    ),
    ...(Object.hasOwn(engagement.targets.targets, question.target)
      ? ([
          ['targets', target],
          ...(said('no-cell') ? [['targets', [...target, 'labels']] as const] : []),
        ] as Named[])
      : []),
  ];
}

/** Of a cell that was only looked at, what kept it from being the one. */
function lookedAt(id: string, said: (...codes: string[]) => boolean): Named[] {
  const [service, name] = id.split('/') as [string, string];
  const row: Path = ['services', service, 'activities', name];
  return [
    ...(said('activity-needed') ? [['matrix', row] as const] : []),
    ...(said('not-responsible') ? [['matrix', [...row, 'R']] as const] : []),
    ...(said('not-given') ? [['matrix', [...row, 'gives']] as const] : []),
  ];
}

function cellPaths(
  engagement: Engagement,
  { id, activity }: Cell,
  question: Question,
  decision: Decision,
  said: (...codes: string[]) => boolean,
): Named[] {
  const [service, name] = id.split('/') as [string, string];
  const row: Path = ['services', service, 'activities', name];
  const index = (activity.exceptions ?? []).findIndex(one => one.name === decision.exception);
  const exception = activity.exceptions?.[index];
  const from = (key: 'for' | 'ticket' | 'co_approve' | 'answer'): Path =>
    exception?.[key] === undefined ? [...row, key] : [...row, 'exceptions', index, key];
  const whens = [...(said('outside-window') ? [activity.when] : []), ...(exception ? [exception.when] : [])];
  const paths: Path[] = [
    ...(said('no-cell') ? [['services', service, 'targets']] : []),
    row,
    ...(said('not-responsible') ? [[...row, 'R']] : []),
    ...(said('no-approver')
      ? [[...row, 'A'], [...row, 'A2'], from('co_approve'), ...(said() ? [from('answer')] : [])]
      : []),
    ...(said('not-given')
      ? [question.protocol ? [...row, 'gives', question.protocol] : [...row, 'gives']]
      : []),
    ...(said('duration-too-long') ? [from('for')] : []),
    ...(said('ticket-required') ? [from('ticket')] : []),
    ...(said('outside-window') ? [[...row, 'when']] : []),
    ...(exception ? [[...row, 'exceptions', index]] : []),
    ...whens.flatMap(when => listOf(when?.during).map(calendar => ['calendars', calendar])),
  ];
  return paths.filter(path => isThere(engagement.matrix, path)).map(path => ['matrix', path] as const);
}

const isThere = (document: unknown, path: Path): boolean =>
  path.reduce<unknown>(
    (inside, key) => (inside as Record<PropertyKey, unknown> | undefined)?.[key],
    document,
  ) !== undefined;

/** The question in one sentence. */
export function questionText({ matrix }: Engagement, question: Question): string {
  const { asker, protocol, role, target, activity, seconds, at, ticket, severity } = question;
  return [
    `${asker.handle} (${matrix.parties[asker.party].name}) asks for`,
    protocol ? `${protocol} ${role} on ${target}` : target,
    ...(activity === null ? [] : [`for ${activity}`]),
    `for ${formatDuration(seconds)} from ${timeAt(at, matrix.timezone)}`,
    ...(ticket === null ? [] : [`with ticket ${ticket}`]),
    ...(severity === null ? [] : [`as ${severity}`]),
  ].join(' ');
}

/** What follows from a yes, as rows of a name and a text; empty for a no. */
export function consequences(decision: Decision): [string, string][] {
  const rows: [string, readonly string[]][] = [
    ...decision.ladder.map(({ squad, people, after }, rung): [string, string[]] => {
      const when = after === '0s' ? 'at once' : `after ${after}`;
      const title = decision.decision === 'pre-approved' ? 'Told' : rung === 0 ? 'Asked' : 'Then';
      return [
        title,
        [`${squad}: ${people.join(', ')} (${decision.decision === 'pre-approved' ? 'at once' : when})`],
      ];
    }),
    ['And', decision.co_approve],
    ['Escalates', decision.decision === 'needs-approval' ? decision.escalate : []],
    ['Consulted', decision.consulted],
    ['Informed', decision.informed],
    ['Obliged', decision.obligations],
  ];
  return rows.filter(([, texts]) => texts.length > 0).map(([name, texts]) => [name, texts.join(', ')]);
}
