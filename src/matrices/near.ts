import { calendarsOf, timeAt } from '../domain/calendar.ts';
import { type Cell, cellsCovering, listOf } from '../domain/cell.ts';
import { decide } from '../domain/decision.ts';
import { formatDuration, parseDuration } from '../domain/duration.ts';
import type { Engagement } from '../domain/engagement.ts';
import { rolesGiven } from '../domain/gives.ts';
import { firstOpening } from '../domain/opening.ts';
import type { Member } from '../domain/person.ts';
import type { Protocol } from '../domain/protocol.ts';
import type { Decision, Question } from '../domain/question.ts';
import { answerersOf, isInSquad } from '../domain/squad.ts';
import { findTarget, type Target } from '../domain/target.ts';

/** A cell on the target of a refused question: why it says no, and what the same person could ask of it instead. */
export interface NearMiss {
  readonly cell: string;
  readonly label: string | null;
  /** Everything that is in the way, in the matrix's own words. */
  readonly why: readonly string[];
  /** Who may ask there, where the asker may not. */
  readonly askers: readonly { readonly squad: string; readonly people: readonly string[] }[];
  readonly instead: Instead | null;
}

/** A question that would not be refused. */
export interface Instead {
  readonly question: Question;
  readonly decision: Decision;
  /** How it differs from what was asked: `for 2h`, `with a ticket`. */
  readonly changes: readonly string[];
}

/** What stands for the number of a ticket that somebody still has to open. */
export const SOME_TICKET = 'TICKET';

/** The cells on a target that give something there; those that the asker could use come first, the nearest of them. */
export function nearMisses(
  engagement: Engagement,
  question: Question,
  people: readonly Member[],
): NearMiss[] {
  const target = findTarget(engagement.targets, question.target);
  if (!target) return [];
  return cellsCovering(engagement, question.target)
    .filter(cell => accessOf(cell, target).length > 0)
    .map(cell => missOf(engagement, question, people, cell, target))
    .sort((one, other) => distanceOf(one) - distanceOf(other));
}

const distanceOf = ({ instead, askers }: NearMiss): number =>
  instead ? instead.changes.length : askers.length === 0 ? 10 : 20;

function missOf(
  engagement: Engagement,
  question: Question,
  people: readonly Member[],
  cell: Cell,
  target: Target,
): NearMiss {
  const asked = { ...question, activity: cell.id };
  const { activity } = cell;
  const responsible = activity.R.some(squad => isInSquad(engagement, squad, question.asker));
  const { explanation } = decide(engagement, asked, { people, lockedOut: false });
  return {
    cell: cell.id,
    label: activity.label ?? null,
    why: explanation.filter(line => line.includes(': ')).map(withoutCode),
    askers: responsible
      ? []
      : activity.R.map(squad => ({
          squad,
          people: answerersOf(engagement, squad, people).map(({ handle }) => handle),
        })),
    instead: responsible ? mended(engagement, asked, people, cell, target) : null,
  };
}

const withoutCode = (line: string): string => line.replace(/^[a-z-]+: /, '');

const PROTOCOLS: readonly Protocol[] = ['ssh', 'postgres', 'web'];

const accessOf = ({ activity }: Cell, target: Target): { protocol: Protocol; role: string }[] =>
  PROTOCOLS.filter(protocol => target[protocol]).flatMap(protocol =>
    rolesGiven(activity, protocol).map(role => ({ protocol, role })),
  );

/** Changes a question, one refusal after the other, until it is refused no more; `null` where no change helps. */
function mended(
  engagement: Engagement,
  asked: Question,
  people: readonly Member[],
  cell: Cell,
  target: Target,
): Instead | null {
  let question = asked;
  // Each refusal is mended at most once, so it ends.
  for (let step = 0; step < 5; step += 1) {
    const decision = decide(engagement, question, { people, lockedOut: false });
    if (decision.decision !== 'refused')
      return { question, decision, changes: changesOf(engagement, asked, question) };
    const next = mendedOnce(engagement, question, decision, cell, target);
    if (!next) return null;
    question = next;
  }
  return null;
}

function mendedOnce(
  engagement: Engagement,
  question: Question,
  { code, exception }: Decision,
  cell: Cell,
  target: Target,
): Question | null {
  switch (code) {
    case 'not-given': {
      const access = accessOf(cell, target);
      const found = access.find(({ protocol }) => protocol === question.protocol) ?? access[0];
      return found ? { ...question, ...found } : null;
    }
    case 'outside-window':
      return opened(engagement, question, cell);
    case 'duration-too-long': {
      const chosen = cell.activity.exceptions?.find(({ name }) => name === exception) ?? null;
      const seconds = parseDuration(chosen?.for ?? cell.activity.for ?? '');
      return seconds === null ? null : { ...question, seconds };
    }
    case 'ticket-required':
      return { ...question, ticket: SOME_TICKET };
    default:
      return null;
  }
}

/** The same when the cell is next open, and with a severity that it is open for. */
function opened(engagement: Engagement, question: Question, { activity: { when } }: Cell): Question | null {
  const { calendars = {}, timezone } = engagement.matrix;
  const [first = null] = listOf(when?.severity);
  const severities = listOf(when?.severity);
  const severity =
    when?.severity === undefined || (question.severity && severities.includes(question.severity))
      ? question.severity
      : first;
  const known = calendarsOf(calendars, timezone);
  const during = listOf(when?.during).flatMap(name => known.get(name) ?? []);
  const at = when?.during === undefined ? question.at : firstOpening([during], question.at);
  return at === null || (at === question.at && severity === question.severity)
    ? null
    : { ...question, at, severity };
}

function changesOf({ matrix }: Engagement, asked: Question, question: Question): string[] {
  return [
    ...(asked.protocol === question.protocol && asked.role === question.role
      ? []
      : [`as ${question.protocol} ${question.role}`]),
    ...(asked.seconds === question.seconds ? [] : [`for ${formatDuration(question.seconds)}`]),
    ...(asked.ticket === question.ticket ? [] : ['with a ticket']),
    ...(asked.severity === question.severity ? [] : [`as ${question.severity}`]),
    ...(asked.at === question.at ? [] : [`from ${timeAt(question.at, matrix.timezone)}`]),
  ];
}
