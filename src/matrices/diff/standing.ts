import { answerUnder, type Cell } from '../../domain/cell.ts';
import { parseDuration } from '../../domain/duration.ts';
import { partiesDiffer } from '../../domain/ladder.ts';
import type { Answer, When } from '../../domain/matrix.ts';
import type { Target } from '../../domain/target.ts';
import type { Side } from './side.ts';
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

export function standingAt(side: Side, cell: Cell, target: Target, situation: Situation): Standing {
  const { activity } = cell;
  const holds = (when: When | undefined) => side.holds(when, situation, target);
  const exception = activity.exceptions?.find(({ when }) => holds(when)) ?? null;
  const rules = (side.engagement.matrix.rules ?? []).filter(({ when }) => holds(when));
  const { answer, coApprove } = answerUnder(activity, exception);
  const seconds = (text: string | undefined): number | null =>
    text === undefined ? null : parseDuration(text);
  return {
    open: holds(activity.when),
    exception: exception?.name ?? null,
    rules: rules.map(({ name }) => name),
    limit: seconds(exception?.for ?? activity.for) ?? 0,
    answer,
    coApprove,
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
