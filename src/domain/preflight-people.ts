import { timeAt } from './calendar.ts';
import type { Cell } from './cell.ts';
import { formatDuration, parseDuration } from './duration.ts';
import type { Member, Person } from './person.ts';
import { type Check, listed, MOST_PEOPLE, type Window } from './preflight.ts';
import { findSquad, isInSquad, sameEmail } from './squad.ts';

/** Those who only answer may sign in when they are asked; that they still can is taken from a sign-in of the last month. */
const LATELY = 30 * 86_400;

/** A squad that has to act, and what as. */
interface Duty {
  readonly squad: string;
  /** Cells of which it is R. */
  readonly asks: string[];
  /** Cells that it answers for. */
  readonly answers: string[];
  /** Seconds: the oldest sign-in that opens a session; null for those who open none. */
  within: number | null;
}

/** Whether the people of these cells have signed in lately, and were in their squads then. */
export function peopleChecks(
  window: Window,
  cells: readonly Cell[],
  coApprovers: readonly string[],
): Check[] {
  const duties = dutiesOf(window, cells, coApprovers);
  const rows = duties.flatMap(duty => [squadRow(window, duty), ...namedRows(window, duty)]);
  return [...rows, ...personRows(window, duties)];
}

function dutiesOf(window: Window, cells: readonly Cell[], coApprovers: readonly string[]): Duty[] {
  const duties = new Map<string, Duty>();
  const dutyOf = (squad: string): Duty => {
    const duty = duties.get(squad) ?? { squad, asks: [], answers: [], within: null };
    duties.set(squad, duty);
    return duty;
  };
  for (const { id, activity } of cells) {
    const own = parseDuration(activity.sign_in_within ?? '') ?? window.signInWithin;
    for (const squad of activity.R) {
      const duty = dutyOf(squad);
      duty.asks.push(id);
      duty.within = Math.min(duty.within ?? own, own, window.signInWithin);
    }
    for (const squad of [activity.A, ...(activity.A2 ? [activity.A2] : [])]) dutyOf(squad).answers.push(id);
  }
  for (const squad of coApprovers) dutyOf(squad).answers.push('a co-approval');
  return [...duties.values()];
}

function squadRow(window: Window, duty: Duty): Check {
  const { squad } = duty;
  const seen = window.seenIn(squad);
  const does = [
    ...(duty.asks.length > 0 ? [`R of ${listed([...new Set(duty.asks)])}`] : []),
    ...(duty.answers.length > 0 ? [`answers for ${listed([...new Set(duty.answers)])}`] : []),
  ].join(', ');
  const row = { check: 'squad', subject: squad } as const;
  if (seen.length === 0) {
    const group = findSquad(window.engagement, squad)?.squad.group;
    return {
      ...row,
      ok: false,
      detail: `nobody was ever seen in it: ${does}`,
      mend:
        group === undefined
          ? 'the people whom the matrix names sign in once'
          : `one of them signs in once; their identity provider must say group ${group}`,
    };
  }
  const ready = seen.filter(({ person }) => duty.within === null || isReady(window, person, duty.within));
  const more = seen.length > MOST_PEOPLE ? `, the last ${MOST_PEOPLE} of them below` : '';
  if (ready.length === 0) {
    const detail = `none of ${count(seen.length)} signed in within ${formatDuration(duty.within!)}: ${does}${more}`;
    return { ...row, ok: false, detail, mend: 'whoever will act signs in again: sallyport login' };
  }
  return { ...row, ok: true, detail: `${count(seen.length)} seen: ${does}${more}`, mend: null };
}

/** Whom a squad names and nobody has seen, or has seen without the group. */
function namedRows(window: Window, { squad: name }: Duty): Check[] {
  const found = findSquad(window.engagement, name);
  if (!found) return [];
  const { squad, party } = found;
  const named = [squad.primary, squad.secondary, ...(squad.people ?? [])].filter(
    email => email !== undefined,
  );
  const emails = named.filter((email, at) => named.findIndex(other => sameEmail(other, email)) === at);
  return emails.flatMap((email): Check[] => {
    const known = window.people.find(
      ({ member }) => member.party === party && sameEmail(member.email, email),
    );
    const row = { check: 'person', subject: email, ok: false } as const;
    if (!known) {
      const detail = `never signed in; the matrix names them for ${name}`;
      return [{ ...row, detail, mend: 'they sign in once, so that the name is bound to them' }];
    }
    if (isInSquad(window.engagement, name, known.member)) return [];
    const detail = `signed in ${ago(window, known.person)} without the group ${squad.group}, so not in ${name}`;
    return [
      { ...row, detail, mend: 'their identity provider has to give the group, or the matrix another name' },
    ];
  });
}

/** One row a person, by the strictest of what they have to do. */
function personRows(window: Window, duties: readonly Duty[]): Check[] {
  const rows = new Map<string, { person: Person; member: Member; duties: Duty[] }>();
  for (const duty of duties) {
    for (const known of window.seenIn(duty.squad).slice(0, MOST_PEOPLE)) {
      const row = rows.get(known.member.handle) ?? { ...known, duties: [] };
      row.duties.push(duty);
      rows.set(known.member.handle, row);
    }
  }
  return [...rows.values()].map(row => personRow(window, row));
}

function personRow(
  window: Window,
  { person, member, duties }: { person: Person; member: Member; duties: readonly Duty[] },
): Check {
  const limits = duties.map(({ within }) => within).filter(within => within !== null);
  const within = limits.length > 0 ? Math.min(...limits) : null;
  const squads = listed(duties.map(({ squad }) => squad));
  const row = { check: 'person', subject: member.handle } as const;
  const seen = `signed in ${ago(window, person)}, in ${squads}`;
  if (within === null) {
    return isReady(window, person, LATELY)
      ? { ...row, ok: true, detail: seen, mend: null }
      : {
          ...row,
          ok: null,
          detail: `${seen}; whether they still can is not known`,
          mend: 'they sign in once before',
        };
  }
  if (isReady(window, person, within)) {
    const until = person.signedInAt.getTime() + within * 1000;
    const again = `sign in again after ${timeAt(window.at - within * 1000, window.engagement.matrix.timezone)}`;
    return { ...row, ok: true, detail: seen, mend: until < window.at ? again : null };
  }
  const why = isSignedOut(person)
    ? `${seen}; signed out since`
    : `${seen}; sessions want a sign-in of the last ${formatDuration(within)}`;
  const mend = 'sign in again before: sallyport login';
  // Who of a squad will act is not known; that somebody can, its own row says.
  const others = duties.some(
    ({ squad, within: limit }) =>
      limit !== null &&
      window
        .seenIn(squad)
        .some(other => other.person.id !== person.id && isReady(window, other.person, limit)),
  );
  const mustAct = member.handle === window.asker.handle || !others;
  return mustAct
    ? { ...row, ok: false, detail: why, mend }
    : { ...row, ok: null, detail: `${why}; others of the squad could act`, mend };
}

const isSignedOut = ({ signedOutAt, signedInAt }: Person): boolean =>
  signedOutAt !== null && signedOutAt >= signedInAt;

const isReady = ({ now }: Pick<Window, 'now'>, person: Person, within: number): boolean =>
  !isSignedOut(person) && now - person.signedInAt.getTime() <= within * 1000;

const ago = ({ now }: Pick<Window, 'now'>, { signedInAt }: Person): string =>
  `${formatDuration(Math.max(0, roughly((now - signedInAt.getTime()) / 1000)))} ago`;

/** Seconds to the minute once there are some, and to the hour past a day. */
const roughly = (seconds: number): number => {
  const step = seconds >= 86_400 ? 3_600 : seconds >= 60 ? 60 : 1;
  return Math.floor(seconds / step) * step;
};

const count = (people: number): string => (people === 1 ? '1 person' : `${people} people`);
