import { cellsCovering } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';

/**
 * So much can be compared in seconds: of every cell on every target that it covers, its squads, its exceptions and the
 * rules.
 */
export const MOST_WAYS = 500_000;

/**
 * Whether two versions are small enough to be compared while somebody waits. A caller that is handed versions by
 * others asks before `diffEngagements`, and refuses what is too large to review: `too-large-to-review`.
 */
export const comparable = (before: Engagement, after: Engagement): boolean =>
  [before, after].every(engagement => isWithin(engagement, MOST_WAYS));

/** It stops looking where there are more. */
export function isWithin(engagement: Engagement, most: number): boolean {
  const rules = engagement.matrix.rules?.length ?? 0;
  let ways = 0;
  for (const name of Object.keys(engagement.targets.targets)) {
    for (const { activity } of cellsCovering(engagement, name)) {
      ways += activity.R.length + (activity.exceptions?.length ?? 0) + rules;
      if (ways > most) return false;
    }
  }
  return ways <= most;
}
