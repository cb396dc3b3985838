import { dateAt, timeAt } from '../../domain/calendar.ts';
import { type Cell, listOf, matches } from '../../domain/cell.ts';
import { selectorText } from '../../domain/explanation.ts';
import type { Exception, When } from '../../domain/matrix.ts';
import { firstOpening } from '../../domain/opening.ts';
import { type Check, named, type Sighting } from './finding.ts';
import { openTogether, pathOf, type Survey } from './survey.ts';

/** What never comes to be: exceptions that nothing reaches, calendars that stay shut, a review that is late. */
export const TIMES: readonly Check[] = [
  {
    code: 'exception-never-applies',
    severity: 'error',
    title: 'An exception can never apply',
    help: 'The first exception whose `when` holds is chosen, so one that stands behind a wider one is never reached. Nor is one whose severities or hours never meet those of its cell. A warning where that may change by itself or in the inventory: its calendar is over, or no target of the cell has its labels.',
    mend: 'Move it before the wider one, correct its `when`, or take it out.',
    find: survey => survey.cells.flatMap(cell => deadExceptions(survey, cell)),
  },
  {
    code: 'calendar-never-opens',
    severity: 'error',
    title: 'A calendar never opens',
    help: 'Its weekly windows lie outside its range, or what it excepts takes all of it: every cell, exception and rule that names it is dead. A warning where it has been open once and is over.',
    mend: 'Correct its windows, range or `except`; renew it if it is over, or take it out with what names it.',
    find: shutCalendars,
  },
  {
    code: 'review-overdue',
    severity: 'warning',
    title: 'The review of the matrix is overdue',
    help: '`review_by` has passed in the time zone of the matrix. People, targets and duties change; a matrix that nobody looked at since may say what is no longer so.',
    mend: 'Review it with both parties and set `review_by` anew.',
    find: overdueReview,
  },
];

function deadExceptions(survey: Survey, cell: Cell): Sighting[] {
  const { exceptions = [], when } = cell.activity;
  return exceptions.flatMap((exception, at): Sighting[] => {
    const sighting = (why: string, mend: string, severity: 'error' | 'warning' = 'error'): Sighting[] => [
      {
        file: 'matrix',
        path: pathOf(cell, 'exceptions', at),
        subject: `${cell.id}, exception "${exception.name}"`,
        severity,
        message: `exception "${exception.name}" of ${cell.id} never applies: ${why}`,
        mend,
      },
    ];
    const { severity, during, target } = exception.when;
    if (severity !== undefined && when?.severity !== undefined && !overlap(severity, when.severity)) {
      return sighting(
        `it is for ${listOf(severity).join(' or ')}, the cell is open at ${listOf(when.severity).join(' or ')} alone`,
        'correct one of the two severities',
      );
    }
    if (during !== undefined) {
      if (!openTogether(survey, [during])) {
        const names = listOf(during);
        return sighting(
          `${named(names)} never ${names.length === 1 ? 'opens' : 'open'} again`,
          'renew the calendar, or take the exception out',
          'warning',
        );
      }
      if (
        when?.during !== undefined &&
        openTogether(survey, [when.during]) &&
        !openTogether(survey, [when.during, during])
      ) {
        return sighting(
          `${named(listOf(during))} and the cell's ${named(listOf(when.during))} are never open together`,
          'correct one of the two calendars',
        );
      }
    }
    const targets = target === undefined ? null : targetsWith(survey, cell, target);
    if (targets?.length === 0 && survey.coveredBy.get(cell)!.length > 0) {
      return sighting(
        `no target of the cell has ${selectorText(target!)}`,
        'correct its labels, or take it out',
        'warning',
      );
    }
    const before = shadowOf(survey, exceptions.slice(0, at), exception, targets);
    return before.length === 0
      ? []
      : sighting(
          `${named(before.map(({ name }) => `"${name}"`))} before it ${before.length === 1 ? 'applies' : 'apply'} whenever it would`,
          `move it before ${before.length === 1 ? 'that one' : 'those'}, or narrow the other's when`,
        );
  });
}

const overlap = (one: string | readonly string[], other: string | readonly string[]): boolean =>
  listOf(one).some(value => listOf(other).includes(value));

const targetsWith = (
  { engagement, coveredBy }: Survey,
  cell: Cell,
  selector: NonNullable<When['target']>,
): string[] =>
  coveredBy
    .get(cell)!
    .flatMap(({ targets }) => targets)
    .filter(name => matches(selector, engagement.targets.targets[name]!.labels));

/**
 * The earlier exceptions that between them take every case of this one, severity by severity and calendar by
 * calendar; empty where a case is left.
 *
 * @param targets those of the cell on which it may apply; `null`: all of them
 */
function shadowOf(
  survey: Survey,
  earlier: readonly Exception[],
  { when }: Exception,
  targets: readonly string[] | null,
): Exception[] {
  const { targets: inventory } = survey.engagement.targets;
  const taking = new Set<Exception>();
  for (const severity of when.severity === undefined ? [null] : listOf(when.severity)) {
    for (const calendar of when.during === undefined ? [null] : listOf(when.during)) {
      const wider = earlier.find(({ when: other }) => {
        const anySeverity =
          other.severity === undefined || (severity !== null && listOf(other.severity).includes(severity));
        const anyTime =
          other.during === undefined || (calendar !== null && listOf(other.during).includes(calendar));
        if (!anySeverity || !anyTime) return false;
        // On all targets of the cell only what selects none is wider for certain: others may be added.
        if (other.target === undefined) return true;
        return (
          targets !== null &&
          targets.length > 0 &&
          targets.every(name => matches(other.target!, inventory[name]!.labels))
        );
      });
      if (!wider) return [];
      taking.add(wider);
    }
  }
  return [...taking];
}

function shutCalendars(survey: Survey): Sighting[] {
  const { engagement, calendars, at } = survey;
  return [...calendars].flatMap(([name, calendar]): Sighting[] => {
    if (openTogether(survey, [name])) return [];
    const { range, days, except } = calendar;
    const since = range?.from ?? days?.[0]?.from ?? at;
    const over = firstOpening([[calendar]], since) !== null;
    const last = Math.min(
      range?.to ?? Number.POSITIVE_INFINITY,
      days?.at(-1)?.to ?? Number.POSITIVE_INFINITY,
    );
    const taken =
      except.length > 0 && firstOpening([[{ ...calendar, except: [] }]], since) !== null
        ? 'what it excepts takes all of it'
        : 'its windows, dates and range never meet';
    const users = usersOf(survey, name);
    return [
      {
        file: 'matrix',
        path: ['calendars', name],
        subject: name,
        severity: over ? 'warning' : 'error',
        message: `calendar ${name} never opens${
          over
            ? ` again${Number.isFinite(last) ? `: it ended ${timeAt(last, engagement.matrix.timezone)}` : ''}`
            : `: ${taken}`
        }${users.length > 0 ? `; ${named(users)} ${users.length === 1 ? 'names' : 'name'} it` : ''}`,
        mend: over
          ? 'renew it, or take it out with what names it'
          : 'correct its windows, dates, range or except',
      },
    ];
  });
}

/** What names a calendar, in words. */
function usersOf({ engagement, cells }: Survey, name: string): string[] {
  const names = (when: When | undefined) => listOf(when?.during).includes(name);
  const { rules = [], calendars = {} } = engagement.matrix;
  return [
    ...cells.flatMap(({ id, activity }) => [
      ...(names(activity.when) ? [id] : []),
      ...(activity.exceptions ?? [])
        .filter(({ when }) => names(when))
        .map(exception => `exception "${exception.name}" of ${id}`),
    ]),
    ...rules.filter(({ when }) => names(when)).map(rule => `rule "${rule.name}"`),
    ...Object.entries(calendars)
      .filter(([, { except = [] }]) => except.includes(name))
      .map(([other]) => `calendar ${other}`),
  ];
}

function overdueReview({ engagement, at }: Survey): Sighting[] {
  const { review_by, timezone, change } = engagement.matrix;
  // Both are dates written alike, so their texts compare as their days do.
  if (review_by === undefined || dateAt(at, timezone) <= review_by) return [];
  return [
    {
      file: 'matrix',
      path: ['review_by'],
      subject: 'review_by',
      message: `the review was due on ${review_by}`,
      mend: `review it with both parties and set review_by anew${change ? ` (last change: ${change})` : ''}`,
    },
  ];
}
