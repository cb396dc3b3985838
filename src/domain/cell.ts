import { type Calendar, calendarsOf, openAt } from './calendar.ts';
import type { Engagement } from './engagement.ts';
import { rolesGiven } from './gives.ts';
import type { Activity, Answer, Exception, Rule, Selector, Service, When } from './matrix.ts';
import { once } from './once.ts';
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
  readonly candidates: Candidates;
}

/** The cells that a target may meet, by one label that their service selects by; the others need no look. */
interface Candidates {
  /** By `key\0value`. */
  readonly byLabel: ReadonlyMap<string, readonly Cell[]>;
  /** Those whose service selects by nothing. */
  readonly always: readonly Cell[];
  readonly order: ReadonlyMap<Cell, number>;
}

// An engagement is frozen when it is read, so what follows from it alone is worked out once.
const indexes = new WeakMap<Engagement, Index>();

function indexOf(engagement: Engagement): Index {
  const known = indexes.get(engagement);
  if (known) return known;
  const { services, calendars = {}, timezone } = engagement.matrix;
  const cells = new Map(
    Object.entries(services).flatMap(([name, service]) =>
      Object.entries(service.activities).map(([activity, row]): [string, Cell] => {
        const id = `${name}/${activity}`;
        return [id, { id, service, activity: row }];
      }),
    ),
  );
  const index: Index = {
    cells,
    calendars: calendarsOf(calendars, timezone),
    covering: new Map(),
    candidates: candidatesOf(services, [...cells.values()]),
  };
  indexes.set(engagement, index);
  return index;
}

const labelOf = (key: string, value: string): string => `${key}\0${value}`;

function candidatesOf(services: Engagement['matrix']['services'], cells: readonly Cell[]): Candidates {
  const values = new Map<string, Set<string>>();
  for (const { targets } of Object.values(services)) {
    for (const [key, wanted] of Object.entries(targets)) {
      const known = values.get(key) ?? new Set();
      for (const value of listOf(wanted)) known.add(value);
      values.set(key, known);
    }
  }
  const byLabel = new Map<string, Cell[]>();
  const always: Cell[] = [];
  for (const cell of cells) {
    // The label that tells most services apart: what all of them select by would sort nothing out.
    const [chosen] = Object.entries(cell.service.targets).sort(
      ([one], [other]) => values.get(other)!.size - values.get(one)!.size,
    );
    if (!chosen) always.push(cell);
    else {
      for (const value of new Set(listOf(chosen[1]))) {
        const label = labelOf(chosen[0], value);
        const known = byLabel.get(label);
        if (known) known.push(cell);
        else byLabel.set(label, [cell]);
      }
    }
  }
  return { byLabel, always, order: new Map(cells.map((cell, at) => [cell, at])) };
}

/** The cells that may cover what carries these labels, in the matrix's order. */
function candidatesFor({ byLabel, always, order }: Candidates, labels: Labels): Cell[] {
  const found = new Set(always);
  for (const [key, has] of Object.entries(labels)) {
    for (const value of listOf(has))
      for (const cell of byLabel.get(labelOf(key, value)) ?? []) found.add(cell);
  }
  return [...found].sort((one, other) => order.get(one)! - order.get(other)!);
}

/** The values of what may be written as one text or as a list. */
export const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

/** A selector's keys, each with the values of which one must be there. */
const wantedBy = once((selector: Selector) =>
  Object.entries(selector).map(([key, wanted]) => ({ key, wanted: listOf(wanted) })),
);

export function matches(selector: Selector, labels: Labels): boolean {
  for (const { key, wanted } of wantedBy(selector)) {
    if (!Object.hasOwn(labels, key) || !sharesOne(wanted, labels[key]!)) return false;
  }
  return true;
}

const sharesOne = (wanted: readonly string[], has: string | readonly string[]): boolean =>
  typeof has === 'string' ? wanted.includes(has) : wanted.some(value => has.includes(value));

/** In the matrix's order. */
export const cellsOf = (engagement: Engagement): Cell[] => [...indexOf(engagement).cells.values()];

export const findCell = (engagement: Engagement, id: string): Cell | null =>
  indexOf(engagement).cells.get(id) ?? null;

/** The cells whose service, and whose own `when.target`, select a target; none for a name that nothing has. */
export function cellsCovering(engagement: Engagement, target: string): readonly Cell[] {
  const { covering, candidates } = indexOf(engagement);
  const known = covering.get(target);
  if (known) return known;
  const found = findTarget(engagement.targets, target);
  if (!found) return [];
  const cells = candidatesFor(candidates, found.labels).filter(cell => covers(cell, found));
  covering.set(target, cells);
  return cells;
}

const covers = ({ service, activity }: Cell, target: Target): boolean =>
  matches(service.targets, target.labels) &&
  (activity.when?.target === undefined || matches(activity.when.target, target.labels));

/** Whether a cell lets people in as `role` over `protocol`. */
export const givesRole = (
  { activity }: Cell,
  { protocol, role }: Pick<Question, 'protocol' | 'role'>,
): boolean => protocol !== null && role !== null && rolesGiven(activity, protocol).includes(role);

/**
 * Whether a `when` holds for a question about this target, judged at the question's start. `ends` is when its
 * calendar shuts, epoch milliseconds; `null` where it names none, or one that never shuts.
 */
export const holds = (
  engagement: Engagement,
  when: When | undefined,
  question: Pick<Question, 'severity' | 'at'>,
  target: Pick<Target, 'labels'>,
): { ends: number | null } | null =>
  when?.target && !matches(when.target, target.labels) ? null : holdsNow(engagement, when, question);

const ALWAYS = { ends: null };

/** The same, where the target is one that it means. */
export function holdsNow(
  engagement: Engagement,
  when: When | undefined,
  { severity, at }: Pick<Question, 'severity' | 'at'>,
): { ends: number | null } | null {
  if (!when) return ALWAYS;
  if (when.severity !== undefined) {
    if (severity === null || !listOf(when.severity).includes(severity)) return null;
  }
  if (when.during === undefined) return ALWAYS;
  const open = openAt(calendarsIn(engagement, when.during), at);
  return open && { ends: open.end };
}

function calendarsIn(engagement: Engagement, during: string | readonly string[]): readonly Calendar[] {
  const { calendars } = indexOf(engagement);
  const only = typeof during === 'string' ? calendars.get(during) : undefined;
  return only ? [only] : listOf(during).flatMap(name => calendars.get(name) ?? []);
}

/** The first exception whose `when` holds. */
export function exceptionFor(
  engagement: Engagement,
  { activity }: Pick<Cell, 'activity'>,
  question: Pick<Question, 'severity' | 'at'>,
  target: Target,
): { exception: Exception; ends: number | null } | null {
  for (const exception of activity.exceptions ?? []) {
    const held = holds(engagement, exception.when, question, target);
    if (held) return { exception, ends: held.ends };
  }
  return null;
}

/** How a cell is answered while one of its exceptions applies, or none: at once or by people, and by whom besides. */
export function answerUnder(
  { answer, co_approve }: Activity,
  exception: Exception | null,
): { answer: Answer; coApprove: readonly string[] } {
  // An exception that names co-approvers wants them asked, also where its cell asks nobody.
  const how =
    exception?.answer ?? (exception?.co_approve?.length ? 'needs-approval' : (answer ?? 'needs-approval'));
  return {
    answer: how,
    coApprove: how === 'pre-approved' ? [] : [...new Set(exception?.co_approve ?? co_approve ?? [])],
  };
}

export const rulesFor = (
  engagement: Engagement,
  question: Pick<Question, 'severity' | 'at'>,
  target: Target,
): Rule[] => (engagement.matrix.rules ?? []).filter(rule => holds(engagement, rule.when, question, target));
