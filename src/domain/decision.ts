import { agree, type Terms } from './agreement.ts';
import { type Cell, findCell, holds, holdsNow } from './cell.ts';
import type { Plan } from './clause.ts';
import type { Engagement } from './engagement.ts';
import * as say from './explanation.ts';
import { answerersUnder } from './ladder.ts';
import type { Rule } from './matrix.ts';
import type { Circumstances, Decision, Question } from './question.ts';
import { type Reach, reachOf, rulesOn } from './reach.ts';
import { REFUSAL_CODES } from './refusal.ts';
import { isMember } from './squad.ts';
import type { Target } from './target.ts';

export type { Engagement } from './engagement.ts';
export { placesOf } from './ladder.ts';
export { ownersOf } from './owners.ts';
export type { Circumstances, Decision, Question, Rung } from './question.ts';

/**
 * Answers one question from the matrix, the inventory and the circumstances, and from nothing else: the same input
 * gives the same bytes. Never throws for an engagement that was read soundly; what it does not know, it refuses.
 */
export function decide(engagement: Engagement, question: Question, circumstances: Circumstances): Decision {
  const reach = reachOf(engagement, question.target);
  const refusals: say.Refusal[] =
    circumstances.lockedOut && question.asker.party === 'msp' ? [say.lockedOut(engagement)] : [];
  const plan = reach && choosePlan(engagement, question, reach, refusals);
  if (!plan) {
    if (!reach) refusals.push(say.noCell(engagement, question, null, null));
    return refuse(engagement, refusals, null, null);
  }
  const terms = termsOf(engagement, question, circumstances, plan, reach);
  addRefusals(refusals, engagement, question, terms, reach.target);
  const { cell, exception } = terms.clause;
  if (refusals.length > 0) return refuse(engagement, refusals, cell.id, exception?.name ?? null);
  return agree(engagement, question, terms);
}

/**
 * The cell that was named, if it covers the target; else the only one that does, has the asker in R and gives
 * what is asked. Where no login is named, whatever the asker is R of counts, so that the answer can list it.
 * `null`: none, and the refusals say why.
 */
function choosePlan(
  engagement: Engagement,
  question: Question,
  { target, plans }: Reach,
  refusals: say.Refusal[],
): Plan | null {
  const { activity, protocol, role, asker } = question;
  const named = activity === null ? undefined : plans.get(activity);
  if (named) return named;
  if (activity !== null || plans.size === 0) {
    const other = activity === null ? null : findCell(engagement, activity);
    refusals.push(say.noCell(engagement, question, target, other));
    return null;
  }
  const covering = [...plans.values()];
  const own = covering.filter(plan => plan.responsible.some(squad => isMember(squad, asker)));
  const giving = (some: readonly Plan[]) =>
    protocol === null ? some : some.filter(plan => role !== null && plan.gives[protocol].has(role));
  const fitting = giving(own);
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length > 1) refusals.push(say.activityNeeded(question, fitting.map(cellOf)));
  else {
    if (own.length === 0) refusals.push(say.notResponsible(question, covering.map(cellOf)));
    if (giving(covering).length === 0 || own.length > 0) {
      refusals.push(say.notGiven(question, (own.length > 0 ? own : covering).map(cellOf)));
    }
  }
  return null;
}

const cellOf = ({ cell }: Plan): Cell => cell;

function termsOf(
  engagement: Engagement,
  question: Question,
  { people }: Circumstances,
  plan: Plan,
  reach: Reach,
): Terms {
  const { exceptions, plain, when } = plan;
  let clause = plain;
  let ends: number | null = null;
  for (const exception of exceptions) {
    const held = holds(engagement, exception.when, question, reach.target);
    if (!held) continue;
    clause = exception.clause;
    // What an exception lets through unasked lasts no longer than it does.
    if (clause.exception?.answer === 'pre-approved') ends = held.ends;
    break;
  }
  const rules = rulesOn(engagement, reach, question);
  // Its cells cover the target, so what their `when` says of targets holds.
  const own = holdsNow(engagement, when, question);
  if (own && own.ends !== null) ends = Math.min(own.ends, ends ?? own.ends);
  return {
    plan,
    clause,
    rules,
    responsible: plan.responsible.filter(squad => isMember(squad, question.asker)),
    answerers: answerersUnder(engagement, clause, question, people, rules),
    ticketFor: clause.ticketFor ?? ticketRule(rules),
    open: own !== null,
    ends,
  };
}

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
  const { plan, clause, responsible, answerers, ticketFor, open } = terms;
  const { cell, limit } = clause;
  const { protocol, role } = question;
  if (responsible.length === 0) refusals.push(say.notResponsible(question, [cell]));
  const given = protocol !== null && role !== null && plan.gives[protocol].has(role);
  if (!given) refusals.push(say.notGiven(question, [cell]));
  else if (!target[protocol]) refusals.push(say.notOffered(question));
  if (!open) refusals.push(say.outsideWindow(engagement, question, cell));
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
