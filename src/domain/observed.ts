import type { Engagement } from './engagement.ts';
import type { Decision } from './question.ts';

/** Whether the version in force only observes: all is decided and recorded as if, and nothing is opened. */
export const observes = ({ matrix }: Pick<Engagement, 'matrix'>): boolean => matrix.mode === 'observe';

/** What observing means to whoever would have got something. */
export const NOTHING_OPENED = 'Nothing was opened: use the access that you have.';

/** What would have come of a request under `enforce`; `name` says people as the reader knows them. */
export function wouldHave(
  { decision, ladder, co_approve }: Pick<Decision, 'decision' | 'ladder' | 'co_approve'>,
  name: (handle: string) => string = handle => handle,
): string {
  if (decision === 'refused') return 'this would have been refused';
  if (decision === 'pre-approved') return 'this would have been opened at once, and nobody asked';
  const [first] = ladder;
  const asked = first ? `${first.squad}: ${first.people.map(name).join(', ')}` : 'nobody';
  const besides = co_approve.length > 0 ? `, and one of ${co_approve.join(' and of ')} besides` : '';
  return `this would have asked ${asked}${besides}`;
}
