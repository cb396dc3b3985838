import { type Cell, exceptionFor, holds, rulesFor } from './cell.ts';
import type { Engagement } from './engagement.ts';
import { whenText } from './explanation.ts';
import { rolesGiven } from './gives.ts';
import type { Answer } from './matrix.ts';
import type { Member } from './person.ts';
import { answerersOf } from './squad.ts';
import { findTarget } from './target.ts';

/** How a cell stands at one moment for whoever looks at a target, before it is known who asks; served as it is. */
export interface Standing {
  /** Who of A is asked first, else of A2; null where nobody can be. */
  primary: string | null;
  answer: Answer;
  /** The exception that holds. */
  exception: string | null;
  co_approve: string[];
  open: boolean;
  /** What must hold for it to be open; null where it always is. */
  open_when: string | null;
  /** When the window that is open shuts, epoch milliseconds; null where none does. */
  open_until: number | null;
  /** The command that asks, for the first login that it gives here; null where it gives none. */
  ask: string | null;
}

export function standingOf(
  engagement: Engagement,
  { id, activity }: Cell,
  targetName: string,
  people: readonly Member[],
  moment: { readonly at: number; readonly severity: string | null },
): Standing {
  const target = findTarget(engagement.targets, targetName)!;
  const held = exceptionFor(engagement, { activity }, moment, target);
  const exception = held?.exception ?? null;
  const answer =
    exception?.answer ??
    (exception?.co_approve?.length ? 'needs-approval' : (activity.answer ?? 'needs-approval'));
  const window = holds(engagement, activity.when, moment, target);
  const ends = [window?.ends, exception?.answer === 'pre-approved' ? held?.ends : null].filter(
    end => end != null,
  );
  const asked = [activity.A, ...(activity.A2 ? [activity.A2] : [])].flatMap(squad =>
    answerersOf(engagement, squad, people),
  );
  const ticket =
    (exception?.ticket ?? activity.ticket) === 'required' ||
    rulesFor(engagement, moment, target).some(({ require }) => require.ticket === 'required');
  const [login] = (['ssh', 'postgres', 'web'] as const).flatMap(protocol =>
    target[protocol] ? rolesGiven(activity, protocol).map(role => `--${protocol} ${role}`) : [],
  );
  return {
    primary: asked[0]?.handle ?? null,
    answer,
    exception: exception?.name ?? null,
    co_approve:
      answer === 'pre-approved' ? [] : [...new Set(exception?.co_approve ?? activity.co_approve ?? [])],
    open: window !== null,
    open_when: activity.when === undefined ? null : whenText(activity.when),
    open_until: ends.length > 0 ? Math.min(...ends) : null,
    ask:
      login === undefined
        ? null
        : [
            `sallyport request ${targetName}.${engagement.tenant} --activity ${id} ${login}`,
            `--for ${exception?.for ?? activity.for}`,
            ...(ticket ? ['--ticket TICKET'] : []),
            ...(moment.severity === null ? [] : [`--severity ${moment.severity}`]),
            '--reason "WHY"',
          ].join(' '),
  };
}
