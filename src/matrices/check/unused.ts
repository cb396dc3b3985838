import { listOf } from '../../domain/cell.ts';
import type { Check, Sighting } from './finding.ts';
import { partyOf, type Survey } from './survey.ts';

/** What nothing names. */
export const UNUSED: readonly Check[] = [
  {
    code: 'unused-calendar',
    severity: 'warning',
    title: 'Nothing names a calendar',
    help: 'No cell, exception, rule or other calendar names it, so it opens and shuts nothing. Often the name was meant in a `when` that says another.',
    mend: 'Name it where it was meant, or take it out.',
    find: unusedCalendars,
  },
  {
    code: 'unused-squad',
    severity: 'warning',
    title: 'Nothing names a squad',
    help: 'It stands in no cell and not under `governance`, so it has no duty. It is not without effect: whoever is in a squad of the engagement may read its log.',
    mend: 'Name it where it was meant, or take it out.',
    find: unusedSquads,
  },
];

function unusedCalendars({ engagement, cells }: Survey): Sighting[] {
  const { calendars = {}, rules = [] } = engagement.matrix;
  const whens = [
    ...cells.flatMap(({ activity }) => [
      activity.when,
      ...(activity.exceptions ?? []).map(({ when }) => when),
    ]),
    ...rules.map(({ when }) => when),
  ];
  const used = new Set([
    ...whens.flatMap(when => listOf(when?.during)),
    ...Object.values(calendars).flatMap(({ except = [] }) => except),
  ]);
  return Object.keys(calendars)
    .filter(name => !used.has(name))
    .map(name => ({
      file: 'matrix',
      path: ['calendars', name],
      subject: name,
      message: `nothing names the calendar ${name}`,
      mend: 'name it where it was meant, or take it out',
    }));
}

function unusedSquads({ engagement, cells, rosters }: Survey): Sighting[] {
  const { sign, lockout, auditors } = engagement.matrix.governance;
  const used = new Set([...sign, ...lockout, ...auditors]);
  for (const { activity } of cells) {
    const { R, A, A2, C = [], I = [], escalate = [], co_approve = [], exceptions = [] } = activity;
    const others = exceptions.flatMap(exception => exception.co_approve ?? []);
    for (const squad of [...R, A, ...C, ...I, ...escalate, ...co_approve, ...others]) used.add(squad);
    if (A2 !== undefined) used.add(A2);
  }
  return [...rosters.keys()]
    .filter(squad => !used.has(squad))
    .map(squad => ({
      file: 'matrix',
      path: ['parties', partyOf(squad), 'squads', squad.slice(partyOf(squad).length + 1)],
      subject: squad,
      message: `nothing names the squad ${squad}; whoever is in it may still read the log`,
      mend: 'name it where it was meant, or take it out',
    }));
}
