import { dateAt } from '../domain/calendar.ts';
import { cellsCovering, cellsOf } from '../domain/cell.ts';
import type { Engagement } from '../domain/decision.ts';
import { selectorText } from '../domain/explanation.ts';
import { nearestOf, type Place } from './problem.ts';
import type { Reading } from './read.ts';

/** A gray zone of a sound matrix. `code` is stable; an `error` is a gap, a `warning` only wants attention. */
export interface Finding extends Place {
  readonly code: FindingCode;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What would mend it. */
  readonly mend: string;
}

type Sound = Extract<Reading, { ok: true }>;

/** Every check by its code, in the order in which findings are told. Another check is another row. */
const CHECKS = {
  'uncovered-target': uncoveredTargets,
  'no-secondary': missingSecondaries,
  'review-overdue': overdueReview,
} as const satisfies Record<string, (reading: Sound, at: number) => Omit<Finding, 'code'>[]>;

export type FindingCode = keyof typeof CHECKS;

/** What is gray in a matrix at a moment (epoch milliseconds): the calendar makes some findings. */
export function checkEngagement(reading: Sound, at: number): Finding[] {
  return (Object.keys(CHECKS) as FindingCode[]).flatMap(code =>
    CHECKS[code](reading, at).map(finding => ({ code, ...finding })),
  );
}

function uncoveredTargets({ engagement, locate }: Sound): Omit<Finding, 'code'>[] {
  return Object.entries(engagement.targets.targets)
    .filter(([name]) => cellsCovering(engagement, name).length === 0)
    .map(([name, { labels }]) => ({
      ...locate('targets', ['targets', name], 'key'),
      severity: 'error',
      message: `no service covers ${name} (${selectorText(labels)}): nobody owns it, nobody may ask for it`,
      mend: mendLabels(engagement, labels),
    }));
}

/** The label that some service selects by and that this target lacks or misspells. */
function mendLabels(
  engagement: Engagement,
  labels: Engagement['targets']['targets'][string]['labels'],
): string {
  const selectors = Object.values(engagement.matrix.services).map(service => service.targets);
  for (const selector of selectors) {
    for (const [key, wanted] of Object.entries(selector)) {
      const has = Object.hasOwn(labels, key) ? labels[key] : undefined;
      const near = typeof has === 'string' ? nearestOf(has, [wanted].flat() as string[]) : null;
      if (near !== null) return `did you mean ${key}: ${near}? Else select it by a service`;
    }
  }
  const example = selectors[0] ? `, such as ${selectorText(selectors[0])}` : '';
  return `give it a label that a service selects${example}, or add a service for it`;
}

function missingSecondaries({ engagement, locate }: Sound): Omit<Finding, 'code'>[] {
  return cellsOf(engagement)
    .filter(({ activity }) => activity.A2 === undefined || activity.A2 === activity.A)
    .map(({ id, activity }) => ({
      ...locate('matrix', ['services', ...serviceAndActivity(id)], 'key'),
      severity: 'error',
      message: `${id} has no secondary: when ${activity.A} does not answer, nobody can`,
      mend: 'add A2 with another squad',
    }));
}

const serviceAndActivity = (id: string): string[] => {
  const [service, activity] = id.split('/');
  return [service!, 'activities', activity!];
};

function overdueReview({ engagement, locate }: Sound, at: number): Omit<Finding, 'code'>[] {
  const { review_by, timezone, change } = engagement.matrix;
  // Both are dates written alike, so their texts compare as their days do.
  if (review_by === undefined || dateAt(at, timezone) <= review_by) return [];
  return [
    {
      ...locate('matrix', ['review_by'], 'key'),
      severity: 'warning',
      message: `the review was due on ${review_by}`,
      mend: `review it with both parties and set review_by anew${change ? ` (last change: ${change})` : ''}`,
    },
  ];
}
