import { type Cell, exceptionFor, holds, rulesFor } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/decision.ts';
import { parseDuration } from '../../domain/duration.ts';
import { partiesDiffer } from '../../domain/ladder.ts';
import type { Answer } from '../../domain/matrix.ts';
import type { Target } from '../../domain/target.ts';
import type { Situation } from './situations.ts';

/** What a cell asks and allows on a target in one situation, whoever asks. */
export interface Standing {
  /** Whether a grant may start. */
  readonly open: boolean;
  readonly exception: string | null;
  readonly rules: readonly string[];
  /** Seconds; 0 where the cell gives nothing. */
  readonly limit: number;
  readonly answer: Answer;
  readonly coApprove: readonly string[];
  readonly ticket: boolean;
  /** Nobody of the asker's party may answer. */
  readonly differ: boolean;
  readonly recorded: boolean;
  /** What is typed is recorded too. */
  readonly typed: boolean;
  /** Seconds until a review is due; `null`: none is. */
  readonly review: number | null;
  /** Seconds since the sign-in that are let pass; `null`: any. */
  readonly signIn: number | null;
}

export function standingAt(
  engagement: Engagement,
  cell: Cell,
  target: Target,
  { severity, at }: Situation,
): Standing {
  const { activity } = cell;
  // The name of the target and the asker play no part in it.
  const question = { severity, at } as Parameters<typeof exceptionFor>[2];
  const exception = exceptionFor(engagement, cell, question, target)?.exception ?? null;
  const rules = rulesFor(engagement, question, target);
  const answer =
    exception?.answer ??
    (exception?.co_approve?.length ? 'needs-approval' : (activity.answer ?? 'needs-approval'));
  const seconds = (text: string | undefined): number | null =>
    text === undefined ? null : parseDuration(text);
  return {
    open: holds(engagement, activity.when, question, target) !== null,
    exception: exception?.name ?? null,
    rules: rules.map(({ name }) => name),
    limit: seconds(exception?.for ?? activity.for) ?? 0,
    answer,
    coApprove:
      answer === 'pre-approved' ? [] : [...new Set(exception?.co_approve ?? activity.co_approve ?? [])],
    ticket:
      (exception?.ticket ?? activity.ticket) === 'required' ||
      rules.some(({ require }) => require.ticket === 'required'),
    differ: partiesDiffer(rules),
    recorded: rules.some(({ require }) => require.record === 'always'),
    typed: activity.record === 'input',
    review: seconds(exception?.review_within ?? activity.review_within),
    signIn: seconds(activity.sign_in_within),
  };
}
