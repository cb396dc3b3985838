import { agree, type Terms } from './agreement.ts';
import {
  type Cell,
  cellsCovering,
  exceptionFor,
  findCell,
  findCovering,
  givesRole,
  holds,
  rulesOn,
} from './cell.ts';
import { clauseOf } from './clause.ts';
import type { Engagement } from './engagement.ts';
import * as say from './explanation.ts';
import { answerersUnder } from './ladder.ts';
import type { Rule } from './matrix.ts';
import type { Member } from './person.ts';
import type { Circumstances, Decision, Question } from './question.ts';
import { REFUSAL_CODES } from './refusal.ts';
import { isInSquad } from './squad.ts';
import { findTarget, type Target } from './target.ts';

export type { Engagement } from './engagement.ts';
export { placesOf } from './ladder.ts';
export { ownersOf } from './owners.ts';
export type { Circumstances, Decision, Question, Rung } from './question.ts';

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
  addRefusals(refusals, engagement, question, terms, target);
  const { cell, exception } = terms.clause;
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
  if (question.activity !== null) {
    const cell = findCovering(engagement, question.target, question.activity);
    if (cell) return { cell };
    const other = findCell(engagement, question.activity);
    return { refusals: [say.noCell(engagement, question, target, other)] };
  }
  const covering = cellsCovering(engagement, question.target);
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
  const held = exceptionFor(engagement, cell, question, target);
  const clause = clauseOf(cell, held?.exception ?? null);
  const rules = rulesOn(engagement, question);
  const own = holds(engagement, cell.activity.when, question, target);
  // What an exception lets through unasked lasts no longer than the exception does.
  const further = held?.exception.answer === 'pre-approved' ? held.ends : null;
  const ends = Math.min(own?.ends ?? NEVER, further ?? NEVER);
  return {
    clause,
    rules,
    responsible: cell.activity.R.filter(squad => isInSquad(engagement, squad, question.asker)),
    answerers: answerersUnder(engagement, clause, question, people, rules),
    ticketFor: clause.ticketFor ?? ticketRule(rules),
    window: own && { ends: ends === NEVER ? null : ends },
  };
}

const NEVER = Number.POSITIVE_INFINITY;

function ticketRule(rules: readonly Rule[]): string | null {
  for (const { name, require } of rules) if (require.ticket === 'required') return `rule "${name}"`;
  return null;
}

function addRefusals(
  refusals: say.Refusal[],
  engagement: Engagement,
  question: Question,
  terms: Terms,
  target: Target,
): void {
  const { clause, responsible, answerers, ticketFor, window } = terms;
  const { cell, limit } = clause;
  if (responsible.length === 0) refusals.push(say.notResponsible(question, [cell]));
  if (!givesRole(cell, question)) refusals.push(say.notGiven(question, [cell]));
  else if (question.protocol && !target[question.protocol]) refusals.push(say.notOffered(question));
  if (!window) refusals.push(say.outsideWindow(engagement, question, cell));
  // Written so that a length that is no number is too long as well.
  if (limit !== null && !(question.seconds >= 1 && question.seconds <= limit.seconds)) {
    refusals.push(say.tooLong(question, limit.text, limit.source));
  }
  if (ticketFor !== null && !question.ticket?.trim()) refusals.push(say.ticketMissing(ticketFor));
  if (clause.answer === 'needs-approval') {
    for (const squad of answerers.empty) refusals.push(say.nobodyLeft(squad));
    if (answerers.empty.length === 0 && !answerers.enough) refusals.push(say.tooFew(clause.coApprove));
  }
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
