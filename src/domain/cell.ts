import { type Calendar, calendarsOf, openAt } from './calendar.ts';
import type { Engagement } from './engagement.ts';
import { rolesGiven } from './gives.ts';
import type { Activity, Exception, Rule, Selector, Service, When } from './matrix.ts';
import type { Question } from './question.ts';
import { findTarget, type Labels, type Target } from './target.ts';

/** Where R, A, C and I are written: `backups/restore`. */
export interface Cell {
  readonly id: string;
  readonly service: Service;
  readonly activity: Activity;
}

interface Index {
  readonly cells: ReadonlyMap<string, Cell>;
  readonly calendars: ReadonlyMap<string, Calendar>;
  readonly covering: Map<string, readonly Cell[]>;
}

// An engagement is frozen when it is read, so what follows from it alone is worked out once.
const indexes = new WeakMap<Engagement, Index>();

function indexOf(engagement: Engagement): Index {
  const known = indexes.get(engagement);
  if (known) return known;
  const { services, calendars = {}, timezone } = engagement.matrix;
  const index: Index = {
    cells: new Map(
      Object.entries(services).flatMap(([name, service]) =>
        Object.entries(service.activities).map(([activity, row]): [string, Cell] => {
          const id = `${name}/${activity}`;
          return [id, { id, service, activity: row }];
        }),
      ),
    ),
    calendars: calendarsOf(calendars, timezone),
    covering: new Map(),
  };
  indexes.set(engagement, index);
  return index;
}

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

export function matches(selector: Selector, labels: Labels): boolean {
  return Object.entries(selector).every(([key, wanted]) => {
    const has = Object.hasOwn(labels, key) ? listOf(labels[key]) : [];
    return listOf(wanted).some(value => has.includes(value));
  });
}

/** In the matrix's order. */
export const cellsOf = (engagement: Engagement): Cell[] => [...indexOf(engagement).cells.values()];

export const findCell = (engagement: Engagement, id: string): Cell | null =>
  indexOf(engagement).cells.get(id) ?? null;

/** The cells whose service, and whose own `when.target`, select a target; none for a name that nothing has. */
export function cellsCovering(engagement: Engagement, target: string): readonly Cell[] {
  const found = findTarget(engagement.targets, target);
  if (!found) return [];
  const { covering } = indexOf(engagement);
  const known = covering.get(target);
  if (known) return known;
  const cells = cellsOf(engagement).filter(cell => covers(cell, found));
  covering.set(target, cells);
  return cells;
}

const covers = ({ service, activity }: Cell, target: Target): boolean =>
  matches(service.targets, target.labels) && matches(activity.when?.target ?? {}, target.labels);

/** Whether a cell lets people in as `role` over `protocol`. */
export const givesRole = (
  { activity }: Cell,
  { protocol, role }: Pick<Question, 'protocol' | 'role'>,
): boolean => protocol !== null && role !== null && rolesGiven(activity, protocol).includes(role);

/**
 * Whether a `when` holds for a question about this target, judged at the question's start. `ends` is when its
 * calendar shuts, epoch milliseconds; `null` where it names none, or one that never shuts.
 */
export function holds(
  engagement: Engagement,
  when: When | undefined,
  question: Pick<Question, 'severity' | 'at'>,
  target: Target,
): { ends: number | null } | null {
  if (!when) return { ends: null };
  if (when.target && !matches(when.target, target.labels)) return null;
  if (when.severity !== undefined) {
    if (question.severity === null || !listOf(when.severity).includes(question.severity)) return null;
  }
  if (when.during === undefined) return { ends: null };
  const { calendars } = indexOf(engagement);
  const open = openAt(
    listOf(when.during).flatMap(name => calendars.get(name) ?? []),
    question.at,
  );
  return open && { ends: open.end };
}

/** The first exception whose `when` holds. */
export function exceptionFor(
  engagement: Engagement,
  { activity }: Cell,
  question: Question,
  target: Target,
): { exception: Exception; ends: number | null } | null {
  for (const exception of activity.exceptions ?? []) {
    const held = holds(engagement, exception.when, question, target);
    if (held) return { exception, ends: held.ends };
  }
  return null;
}

export const rulesFor = (
  engagement: Engagement,
  question: Pick<Question, 'severity' | 'at'>,
  target: Target,
): Rule[] => (engagement.matrix.rules ?? []).filter(rule => holds(engagement, rule.when, question, target));
