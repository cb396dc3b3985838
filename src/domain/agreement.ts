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
  /** `null`: the window is shut. */
  readonly window: { readonly ends: number | null } | null;
}

const NOBODY: readonly string[] = Object.freeze([]);

/** The yes to a question that nothing refuses. */
export function agree(engagement: Engagement, question: Question, terms: Terms): Decision {
  const { clause, answerers, window } = terms;
  const { rungs } = answerers;
  const waits = clause.answer === 'needs-approval';
  const ends = window?.ends ?? null;
  return {
    decision: clause.answer,
    code: null,
    tenant: engagement.tenant,
    matrix: engagement.digest,
    cell: clause.cell.id,
    exception: clause.exception?.name ?? null,
    approvers: waits && rungs.length > 0 ? rungs[0]!.staff.handles : NOBODY,
    co_approve: clause.coApprove,
    ladder: answerers.ladder,
    escalate: clause.escalate,
    consulted: clause.consulted,
    informed: clause.informed,
    obligations: obligationsOf(terms),
    explanation: explain(engagement, question, terms, ends),
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
  lines.push(...clause.obligations.record);
  if (ticketFor !== null) lines.push('ticket');
  lines.push(...clause.obligations.others);
  return lines;
}

/** The lines that decided it. */
function explain(engagement: Engagement, question: Question, terms: Terms, ends: number | null): string[] {
  const { plan, clause, rules, responsible, answerers, ticketFor } = terms;
  const { limit, says } = clause;
  const { asker, target, protocol, role, seconds, ticket } = question;
  const lines = [
    says.covers + target + says.selected,
    `R ${responsible.map(({ name }) => name).join(', ')}: ${asker.handle} may ask`,
    `gives ${(protocol && role && plan.gives[protocol].get(role)) || 'nothing'}`,
    `for ${formatDuration(seconds)}: ${limit?.source} allows ${limit?.text}`,
    ...says.when,
  ];
  for (const rule of rules) lines.push(ruleText(rule));
  if (ticketFor && ticket) lines.push(`ticket ${ticket}, asked for by ${ticketFor}`);
  lines.push(clause.answer === 'pre-approved' ? says.preApproved : answerers.text, ...says.coApprove);
  if (ends !== null) {
    lines.push(`ends ${timeAt(ends, engagement.matrix.timezone)} at the latest, with its window`);
  }
  lines.push(...says.controls);
  return lines;
}
