import { timeAt } from './calendar.ts';
import type { Clause, Plan } from './clause.ts';
import { formatDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { ruleText } from './explanation.ts';
import type { Answerers } from './ladder.ts';
import type { Rule } from './matrix.ts';
import type { Decision, Question } from './question.ts';
import type { KnownSquad } from './squad.ts';

/** A clause with what rules, people and calendars make of it for one question. */
export interface Terms {
  readonly plan: Plan;
  readonly clause: Clause;
  readonly rules: readonly Rule[];
  /** The squads of R that the asker is in. */
  readonly responsible: readonly KnownSquad[];
  readonly answerers: Answerers;
  /** What asks for a ticket. */
  readonly ticketFor: string | null;
  /** Its window; what ends with it or with its exception ends at `ends`. */
  readonly open: boolean;
  readonly ends: number | null;
}

const NOBODY: readonly string[] = Object.freeze([]);

/** The yes to a question that nothing refuses. */
export function agree(engagement: Engagement, question: Question, terms: Terms): Decision {
  const { clause, answerers, ends } = terms;
  const waits = clause.answer === 'needs-approval';
  return {
    decision: clause.answer,
    code: null,
    tenant: engagement.tenant,
    matrix: engagement.digest,
    cell: clause.cell.id,
    exception: clause.exception?.name ?? null,
    approvers: waits ? answerers.first : NOBODY,
    co_approve: clause.coApprove,
    ladder: answerers.ladder,
    escalate: clause.escalate,
    consulted: clause.consulted,
    informed: clause.informed,
    obligations: obligationsOf(terms),
    explanation: explain(engagement, question, terms),
    ends_by: ends,
    answer_seconds: waits ? answerers.seconds : 0,
  };
}

/** What goes with the yes, in short lines. */
function obligationsOf({ clause, rules, ticketFor }: Terms): string[] {
  const lines: string[] = [];
  for (const { require } of rules) {
    if (require.record === 'always' && lines.length === 0) lines.push('record');
  }
  for (const line of clause.recorded) lines.push(line);
  if (ticketFor !== null) lines.push('ticket');
  for (const line of clause.obligations) lines.push(line);
  return lines;
}

/** The lines that decided it. */
function explain(engagement: Engagement, question: Question, terms: Terms): string[] {
  const { plan, clause, rules, responsible, answerers, ticketFor, ends } = terms;
  const { limit, says } = clause;
  const { asker, target, protocol, role, seconds, ticket } = question;
  const named = responsible.length === 1 ? responsible[0]!.name : responsible.map(one => one.name).join(', ');
  const lines = [
    says.covers + target + says.selected,
    `R ${named}: ${asker.handle} may ask`,
    (protocol && role && plan.gives[protocol].get(role)) || 'gives nothing',
    `for ${formatDuration(seconds)}${limit?.says ?? ''}`,
  ];
  for (const line of says.when) lines.push(line);
  for (const rule of rules) lines.push(ruleText(rule));
  if (ticketFor && ticket) lines.push(`ticket ${ticket}, asked for by ${ticketFor}`);
  lines.push(clause.answer === 'pre-approved' ? says.preApproved : answerers.text);
  for (const line of says.coApprove) lines.push(line);
  if (ends !== null) {
    lines.push(`ends ${timeAt(ends, engagement.matrix.timezone)} at the latest, with its window`);
  }
  for (const line of says.controls) lines.push(line);
  return lines;
}
