import { cellsCovering } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';

/** So many ways in, each a squad by a cell on a target, can be compared in seconds. */
export const MOST_WAYS = 500_000;

/**
 * Whether two versions are small enough to be compared while somebody waits. A caller that is handed versions by
 * others asks before `diffEngagements`, and refuses what is too large to review: `too-large-to-review`.
 */
export const comparable = (before: Engagement, after: Engagement): boolean =>
  [before, after].every(engagement => isWithin(engagement, MOST_WAYS));

/** It stops looking where there are more. */
export function isWithin(engagement: Engagement, most: number): boolean {
  let ways = 0;
  for (const name of Object.keys(engagement.targets.targets)) {
    for (const { activity } of cellsCovering(engagement, name)) {
      // Exceptions and rules are looked at for each of them.
      ways += activity.R.length + (activity.exceptions?.length ?? 0);
      if (ways > most) return false;
    }
  }
  return ways + rulesLookedAt(engagement) <= most;
}

/** Every rule is looked at for every target. */
const rulesLookedAt = ({ matrix: { rules = [] }, targets: { targets } }: Engagement): number =>
  rules.length * Object.keys(targets).length;
