import {
  answerUnder,
  type Cell,
  cellsCovering,
  exceptionFor,
  findCell,
  givesRole,
  holds,
  rulesFor,
} from './cell.ts';
import { formatDuration, parseDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import * as say from './explanation.ts';
import { type Answerers, answerersFor } from './ladder.ts';
import type { Activity, Answer, Exception, Rule } from './matrix.ts';
import { once } from './once.ts';
import type { Member } from './person.ts';
import type { Circumstances, Decision, Question } from './question.ts';
import { REFUSAL_CODES } from './refusal.ts';
import { isInSquad } from './squad.ts';
import { findTarget, type Target } from './target.ts';

export type { Engagement } from './engagement.ts';
export { placesOf } from './ladder.ts';
export { ownersOf } from './owners.ts';
export type { Circumstances, Decision, Question, Rung } from './question.ts';

/** A cell with what an exception and the rules make of it for one question. */
interface Terms {
  readonly cell: Cell;
  readonly target: Target;
  readonly exception: Exception | null;
  readonly rules: readonly Rule[];
  readonly answer: Answer;
  readonly coApprove: readonly string[];
  readonly answerers: Answerers;
  /** `null`: the window is shut. */
  readonly window: { ends: number | null } | null;
}

/**
 * Answers one question from the matrix, the inventory and the circumstances, and from nothing else: the same input
 * gives the same bytes. Never throws for an engagement that was read soundly; what it does not know, it refuses.
 */
export function decide(engagement: Engagement, question: Question, circumstances: Circumstances): Decision {
  const target = findTarget(engagement.targets, question.target);
  const refusals: say.Refusal[] =
    circumstances.lockedOut && question.asker.party === 'msp' ? [say.lockedOut(engagement)] : [];
  const chosen = chooseCell(engagement, question, target);
  if (!target || !('cell' in chosen)) {
    return refuse(engagement, [...refusals, ...('cell' in chosen ? [] : chosen.refusals)], null, null);
  }
  const terms = termsOf(engagement, question, circumstances, chosen.cell, target);
  refusals.push(...refusalsOf(engagement, question, terms));
  const { cell, exception } = terms;
  if (refusals.length > 0) return refuse(engagement, refusals, cell.id, exception?.name ?? null);
  return agree(engagement, question, terms);
}

/**
 * The cell that was named, if it covers the target; else the only one that does, has the asker in R and gives
 * what is asked. Where no login is named, whatever the asker is R of counts, so that the answer can list it.
 */
function chooseCell(
  engagement: Engagement,
  question: Question,
  target: Target | null,
): { cell: Cell } | { refusals: say.Refusal[] } {
  const covering = cellsCovering(engagement, question.target);
  if (question.activity !== null) {
    const cell = findCell(engagement, question.activity);
    return cell && covering.includes(cell)
      ? { cell }
      : { refusals: [say.noCell(engagement, question, target, cell)] };
  }
  if (covering.length === 0) return { refusals: [say.noCell(engagement, question, target, null)] };
  const own = covering.filter(cell => isResponsible(engagement, cell, question.asker));
  const giving = (cells: readonly Cell[]) =>
    question.protocol === null ? cells : cells.filter(cell => givesRole(cell, question));
  const fitting = giving(own);
  if (fitting.length === 1) return { cell: fitting[0]! };
  if (fitting.length > 1) return { refusals: [say.activityNeeded(question, fitting)] };
  const refusals: say.Refusal[] = [];
  if (own.length === 0) refusals.push(say.notResponsible(question, covering));
  if (giving(covering).length === 0 || own.length > 0) {
    refusals.push(say.notGiven(question, own.length > 0 ? own : covering));
  }
  return { refusals };
}

const isResponsible = (engagement: Engagement, { activity }: Cell, asker: Member): boolean =>
  activity.R.some(squad => isInSquad(engagement, squad, asker));

function termsOf(
  engagement: Engagement,
  question: Question,
  { people }: Circumstances,
  cell: Cell,
  target: Target,
): Terms {
  const { activity } = cell;
  const held = exceptionFor(engagement, cell, question, target);
  const exception = held?.exception ?? null;
  const rules = rulesFor(engagement, question, target);
  const { answer, coApprove } = answerUnder(activity, exception);
  const own = holds(engagement, activity.when, question, target);
  // What an exception lets through unasked lasts no longer than the exception does.
  const ends = [own?.ends, exception?.answer === 'pre-approved' ? held?.ends : null].filter(
    end => end != null,
  );
  return {
    cell,
    target,
    exception,
    rules,
    answer,
    coApprove,
    answerers: answerersFor(engagement, cell, question, people, rules, coApprove),
    window: own && { ends: ends.length > 0 ? Math.min(...ends) : null },
  };
}

/** What decides a ticket or a limit: the exception where it speaks of it, else the cell. */
const sourceOf = ({ cell, exception }: Terms, key: 'for' | 'ticket'): string =>
  exception?.[key] === undefined ? cell.id : say.exceptionName(exception);

function ticketAskedBy(terms: Terms): string | null {
  const rule = terms.rules.find(({ require }) => require.ticket === 'required');
  const { exception, cell } = terms;
  if ((exception?.ticket ?? cell.activity.ticket) === 'required') return sourceOf(terms, 'ticket');
  return rule ? `rule "${rule.name}"` : null;
}

const limitOf = ({ cell, exception }: Terms): string | undefined => exception?.for ?? cell.activity.for;

/** Of a cell or an exception that says how long. */
const secondsFor = once((row: Pick<Activity, 'for'>): number => parseDuration(row.for!)!);

function refusalsOf(engagement: Engagement, question: Question, terms: Terms): say.Refusal[] {
  const { cell, exception, target, answerers, answer, coApprove, window } = terms;
  const refusals: say.Refusal[] = [];
  if (!isResponsible(engagement, cell, question.asker)) refusals.push(say.notResponsible(question, [cell]));
  if (!givesRole(cell, question)) refusals.push(say.notGiven(question, [cell]));
  else if (question.protocol && !target[question.protocol]) refusals.push(say.notOffered(question));
  if (!window) refusals.push(say.outsideWindow(engagement, question, cell));
  const limit = limitOf(terms);
  // Written so that a length that is no number is too long as well.
  if (
    limit !== undefined &&
    !(
      question.seconds >= 1 &&
      question.seconds <= secondsFor(exception?.for === undefined ? cell.activity : exception)
    )
  ) {
    refusals.push(say.tooLong(question, limit, sourceOf(terms, 'for')));
  }
  const ticketFor = ticketAskedBy(terms);
  if (ticketFor !== null && !question.ticket?.trim()) refusals.push(say.ticketMissing(ticketFor));
  if (answer === 'needs-approval') {
    refusals.push(...answerers.empty.map(say.nobodyLeft));
    if (answerers.empty.length === 0 && !answerers.enough) refusals.push(say.tooFew(coApprove));
  }
  return refusals;
}

function refuse(
  engagement: Engagement,
  refusals: readonly say.Refusal[],
  cell: string | null,
  exception: string | null,
): Decision {
  return {
    decision: 'refused',
    code: REFUSAL_CODES.find(code => refusals.some(refusal => refusal.code === code)) ?? 'no-cell',
    tenant: engagement.tenant,
    matrix: engagement.digest,
    cell,
    exception,
    approvers: [],
    co_approve: [],
    ladder: [],
    escalate: [],
    consulted: [],
    informed: [],
    obligations: [],
    explanation: refusals.map(refusal => refusal.line),
    ends_by: null,
    answer_seconds: 0,
  };
}

function agree(engagement: Engagement, question: Question, terms: Terms): Decision {
  const { cell, exception, answer, coApprove, answerers, window } = terms;
  const { activity } = cell;
  const waits = answer === 'needs-approval';
  return {
    decision: answer,
    code: null,
    tenant: engagement.tenant,
    matrix: engagement.digest,
    cell: cell.id,
    exception: exception?.name ?? null,
    approvers: waits ? [...(answerers.rungs[0]?.staff.handles ?? [])] : [],
    co_approve: [...coApprove],
    ladder: answerers.rungs.map(({ squad, staff, after }) => ({ squad, people: [...staff.handles], after })),
    escalate: [...(activity.escalate ?? [])],
    consulted: [...(activity.C ?? [])],
    informed: [...(activity.I ?? [])],
    obligations: obligationsOf(terms),
    explanation: say.agreement(engagement, question, {
      ...terms,
      limit: limitOf(terms)!,
      limitSource: sourceOf(terms, 'for'),
      ticketFor: ticketAskedBy(terms),
      responsible: activity.R.filter(squad => isInSquad(engagement, squad, question.asker)),
      rungs: answerers.rungs,
      ends: window?.ends ?? null,
    }),
    ends_by: window?.ends ?? null,
    answer_seconds: waits ? answerers.seconds : 0,
  };
}

/** What goes with the yes, in short lines. */
function obligationsOf(terms: Terms): string[] {
  const { cell, exception, rules } = terms;
  const { record, handback = [], takeover = [], sign_in_within } = cell.activity;
  const review = exception?.review_within ?? cell.activity.review_within;
  return [
    ...(rules.some(({ require }) => require.record === 'always') ? ['record'] : []),
    ...(record === 'input' ? ['record input'] : []),
    ...(ticketAskedBy(terms) === null ? [] : ['ticket']),
    ...(sign_in_within === undefined
      ? []
      : [`sign-in within ${formatDuration(parseDuration(sign_in_within)!)}`]),
    ...(review === undefined ? [] : [`review within ${review}`]),
    ...takeover.map(item => `takeover: ${item}`),
    ...handback.map(item => `handback: ${item}`),
  ];
}
