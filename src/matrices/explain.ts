import { timeAt } from '../domain/calendar.ts';
import { findCell } from '../domain/cell.ts';
import type { Decision, Engagement, Question } from '../domain/decision.ts';
import { formatDuration } from '../domain/duration.ts';
import { type Place, placeText } from './problem.ts';
import type { Reading } from './read.ts';

type Sound = Extract<Reading, { ok: true }>;

/** The lines of the files that decided: the cell, its exception, the rules that bound, the target. */
export function decidingPlaces(
  { engagement, locate }: Sound,
  question: Question,
  decision: Decision,
): string[] {
  const places: [string, Place][] = [];
  const cell = decision.cell === null ? null : findCell(engagement, decision.cell);
  if (cell && decision.cell) {
    const [service, activity] = decision.cell.split('/') as [string, string];
    const path = ['services', service, 'activities', activity];
    places.push([decision.cell, locate('matrix', path, 'key')]);
    const at = (cell.activity.exceptions ?? []).findIndex(({ name }) => name === decision.exception);
    if (at >= 0)
      places.push([`exception "${decision.exception}"`, locate('matrix', [...path, 'exceptions', at])]);
  }
  for (const [at, { name }] of (engagement.matrix.rules ?? []).entries()) {
    if (decision.explanation.some(line => line.includes(`rule "${name}"`))) {
      places.push([`rule "${name}"`, locate('matrix', ['rules', at])]);
    }
  }
  if (Object.hasOwn(engagement.targets.targets, question.target)) {
    places.push([question.target, locate('targets', ['targets', question.target], 'key')]);
  }
  return places.map(([what, place]) => `${what}  ${placeText(place)}`);
}

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
