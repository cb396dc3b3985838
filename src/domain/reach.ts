import { type Cell, cellsCovering, holdsNow, matches } from './cell.ts';
import { type Plan, planOf } from './clause.ts';
import type { Engagement } from './engagement.ts';
import type { Rule } from './matrix.ts';
import { once } from './once.ts';
import type { Question } from './question.ts';
import { findTarget, type Target } from './target.ts';

/** A target with what the matrix says of it, whoever asks and when: all that a decision has to look up by name. */
export interface Reach {
  readonly target: Target;
  /** The cells that cover it, by their ids. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** Those that mean it, or any target. */
  readonly rules: readonly Rule[];
}

const known = once((_: Engagement) => ({
  reaches: new Map<string, Reach>(),
  plans: new Map<Cell, Plan>(),
  clauses: 0,
}));

/** `null` for a name that the inventory does not have. */
export function reachOf(engagement: Engagement, name: string): Reach | null {
  const { reaches } = known(engagement);
  const found = reaches.get(name);
  if (found) return found;
  const target = findTarget(engagement.targets, name);
  if (!target) return null;
  const plans = new Map(cellsCovering(engagement, name).map(cell => [cell.id, planFor(engagement, cell)]));
  const rules = (engagement.matrix.rules ?? []).filter(
    ({ when }) => !when?.target || matches(when.target, target.labels),
  );
  const reach = { target, plans, rules };
  reaches.set(name, reach);
  return reach;
}

function planFor(engagement: Engagement, cell: Cell): Plan {
  const memory = known(engagement);
  const found = memory.plans.get(cell);
  if (found) return found;
  const plan = planOf(engagement, cell, () => memory.clauses++);
  memory.plans.set(cell, plan);
  return plan;
}

/** The rules that bind a question about a target. */
export function rulesOn(
  engagement: Engagement,
  { rules }: Reach,
  question: Pick<Question, 'severity' | 'at'>,
): readonly Rule[] {
  return rules.filter(({ when }) => holdsNow(engagement, when, question));
}
