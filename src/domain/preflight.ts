import { timeAt } from './calendar.ts';
import { type Cell, cellsCovering, exceptionFor, rulesFor } from './cell.ts';
import { decide } from './decision.ts';
import { parseDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { rolesGiven } from './gives.ts';
import { fillable, mayAnswer, partiesDiffer } from './ladder.ts';
import { isAccountable, isR, oversees } from './permission.ts';
import type { Member, Person } from './person.ts';
import type { Protocol } from './protocol.ts';
import type { Decision, Question } from './question.ts';
import type { RefusalCode } from './refusal.ts';
import { answerersOf, findSquad, isInSquad } from './squad.ts';
import { findTarget } from './target.ts';

/** Whether everybody who must act at some coming time would be able to. Pure: what was seen of targets is handed in. */

/** One thing that was looked at. `ok` null: it cannot be known. `mend`: what to do; beside a yes, what to mind. */
export interface Check {
  readonly check:
    | 'version'
    | 'decision'
    | 'owner'
    | 'channel'
    | 'squad'
    | 'person'
    | 'target'
    | 'host-key'
    | 'ca'
    | 'sshd'
    | 'clock';
  readonly subject: string;
  readonly ok: boolean | null;
  readonly detail: string;
  readonly mend: string | null;
}

/** Somebody who has signed in, as a person and as the engagement sees them. */
export interface Known {
  readonly person: Person;
  readonly member: Member;
}

/** What is asked about a coming time. */
export interface Window {
  readonly engagement: Engagement;
  /** Whoever asks about it. */
  readonly asker: Member;
  readonly people: readonly Known[];
  /** Those in a squad, who signed in last first. */
  seenIn(squad: string): readonly Known[];
  /** The people as members; one list for all decisions, which index it once. */
  readonly members: readonly Member[];
  readonly lockedOut: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly now: number;
  readonly activity: string | null;
  readonly as: { readonly protocol: Protocol; readonly role: string } | null;
  /** null: as long as the cell allows. */
  readonly seconds: number | null;
  readonly ticket: string | null;
  readonly severity: string | null;
  /** Seconds: a sign-in older than this opens no session. */
  readonly signInWithin: number;
  /** People of each squad of R for whom it is decided, those who signed in last. */
  readonly each: number;
  /** Names of the channels that a message to these people and squads would go to. */
  channelsTo(names: readonly string[]): readonly string[];
}

/** So many people of one squad are looked at, those who signed in last. */
export const MOST_PEOPLE = 50;

/** So many decisions are made in one go, shared among the cells: nothing else of the broker runs meanwhile. */
export const MOST_DECISIONS = 400;

/**
 * The cells of a target that a window is about: the one that is named, else those that give something there and have
 * the asker in R; where there is none, those that the asker answers for or oversees.
 */
export function cellsAsked(
  { engagement, asker, as }: Pick<Window, 'engagement' | 'asker' | 'as'>,
  activity: string | null,
  target: string,
): readonly Cell[] {
  const covering = cellsCovering(engagement, target);
  if (activity !== null) return covering.filter(cell => cell.id === activity);
  const giving = covering.filter(cell => loginFor(engagement, cell, target, as) !== null);
  const own = giving.filter(cell => isR(engagement, cell, asker));
  if (own.length > 0) return own;
  return oversees(engagement, asker) ? giving : giving.filter(cell => isAccountable(engagement, cell, asker));
}

/** As whom a session of this cell would enter the target: as asked, else the first that the cell gives and the target offers. */
export function loginFor(
  engagement: Engagement,
  { activity }: Cell,
  target: string,
  as: Window['as'],
): { protocol: Protocol; role: string } | null {
  const found = findTarget(engagement.targets, target);
  const offered = (['ssh', 'postgres', 'web'] as const).filter(protocol => found?.[protocol] !== undefined);
  if (as)
    return offered.includes(as.protocol) && rolesGiven(activity, as.protocol).includes(as.role) ? as : null;
  const [first] = offered.flatMap(protocol =>
    rolesGiven(activity, protocol).map(role => ({ protocol, role })),
  );
  return first ?? null;
}

/** What the matrix would answer then, for whom, who could say yes, and which squads must besides. */
export function decisionChecks(window: Window, target: string): { checks: Check[]; coApprovers: string[] } {
  const cells = cellsAsked(window, window.activity, target);
  if (cells.length === 0) return { checks: [noCell(window, target)], coApprovers: [] };
  const answers = cells.map(cell => ({ cell, given: answersFor(window, cell, target) }));
  return {
    checks: answers.flatMap(({ cell, given }) => checksOfCell(window, cell, target, given)),
    coApprovers: answers.flatMap(({ given }) => given.flatMap(({ decision }) => decision.co_approve)),
  };
}

/** Nothing covers it, or nothing of what covers it is asked for: in the decision's own words. */
function noCell(window: Window, target: string): Check {
  const decision = decide(
    window.engagement,
    questionOf(window, window.asker, null, target),
    circumstancesOf(window),
  );
  return {
    check: 'decision',
    subject: target,
    ok: false,
    detail: decision.explanation[0] ?? 'no cell of the matrix fits',
    mend: MENDS[decision.code ?? 'no-cell'],
  };
}

interface Answered {
  readonly who: Member[];
  readonly question: Question;
  readonly decision: Decision;
  /** It is a yes only with a ticket. */
  readonly wantsTicket: boolean;
}

function checksOfCell(window: Window, cell: Cell, target: string, answers: readonly Answered[]): Check[] {
  const subject = `${cell.id} on ${target}`;
  const rows: Check[] = answers.map(answer => decisionRow(window, subject, answer));
  const asking = answers.find(({ decision }) => decision.decision === 'needs-approval');
  if (asking) rows.push(ownerRow(window, subject, cell, asking), ...channelRows(window, asking.decision));
  return rows;
}

/** The answers that the people of R would get, people with the same one together. */
function answersFor(window: Window, cell: Cell, target: string): Answered[] {
  const found = new Map<string, Answered>();
  for (const who of responsibleFor(window, cell)) {
    const asked = questionOf(window, who, cell, target);
    const plain = decide(window.engagement, asked, circumstancesOf(window));
    // Whoever brings no ticket to a preflight will have one then.
    const wantsTicket = plain.code === 'ticket-required';
    const question = wantsTicket ? { ...asked, ticket: 'preflight' } : asked;
    const decision = wantsTicket ? decide(window.engagement, question, circumstancesOf(window)) : plain;
    const key = JSON.stringify([decision.decision, decision.code, decision.ladder, decision.co_approve]);
    const same = found.get(key);
    if (same) same.who.push(who);
    else found.set(key, { who: [who], question, decision, wantsTicket });
  }
  return [...found.values()];
}

/** Everybody of R who is known; for a squad in which nobody was seen yet, somebody as its members will be. */
function responsibleFor({ engagement, seenIn, asker, each }: Window, { activity }: Cell): Member[] {
  const members = activity.R.flatMap(squad => {
    const known = seenIn(squad);
    return known.length === 0 ? standIn(engagement, squad) : known.slice(0, each).map(({ member }) => member);
  });
  const own = activity.R.some(squad => isInSquad(engagement, squad, asker)) ? [asker] : [];
  return [...own, ...members].filter(
    (one, at, all) => all.findIndex(other => other.handle === one.handle) === at,
  );
}

/** Who is in each squad, who signed in last first; each squad is looked through once. */
export function squadsOf(engagement: Engagement, people: readonly Known[]): Window['seenIn'] {
  const squads = new Map<string, readonly Known[]>();
  return squad => {
    const known =
      squads.get(squad) ??
      people
        .filter(({ member }) => isInSquad(engagement, squad, member))
        .sort(
          (one, other) =>
            other.person.signedInAt.getTime() - one.person.signedInAt.getTime() ||
            (one.person.id < other.person.id ? -1 : 1),
        );
    squads.set(squad, known);
    return known;
  };
}

function standIn(engagement: Engagement, name: string): Member[] {
  const found = findSquad(engagement, name);
  if (!found) return [];
  const { party, squad } = found;
  const email = squad.people?.[0] ?? null;
  return [
    {
      handle: email ?? `somebody of ${name}`,
      party,
      email,
      groups: squad.group === undefined ? [] : [squad.group],
    },
  ];
}

function questionOf(window: Window, asker: Member, cell: Cell | null, target: string): Question {
  const login = (cell && loginFor(window.engagement, cell, target, window.as)) ?? window.as;
  const asked: Question = {
    asker,
    target,
    activity: cell?.id ?? window.activity,
    protocol: login?.protocol ?? null,
    role: login?.role ?? null,
    seconds: window.seconds ?? 1,
    ticket: window.ticket,
    severity: window.severity,
    at: window.at,
  };
  const found = findTarget(window.engagement.targets, target);
  if (window.seconds !== null || !cell || !found) return asked;
  const exception = exceptionFor(window.engagement, cell, asked, found)?.exception;
  return { ...asked, seconds: parseDuration(exception?.for ?? cell.activity.for ?? '1s') ?? 1 };
}

const circumstancesOf = ({ members, lockedOut }: Window) => ({ people: members, lockedOut });

function decisionRow({ engagement, at }: Window, subject: string, answer: Answered): Check {
  const { who, decision, question, wantsTicket } = answer;
  const names = listed(who.map(member => member.handle));
  if (decision.decision === 'refused') {
    const line = decision.explanation.find(each => each.startsWith(`${decision.code}: `));
    const mend = MENDS[decision.code ?? 'no-cell'];
    return { check: 'decision', subject, ok: false, detail: `${names}: ${line ?? decision.code}`, mend };
  }
  const { ends_by: ends } = decision;
  const early = ends !== null && ends < at + question.seconds * 1000;
  const says = decision.decision === 'pre-approved' ? 'pre-approved' : 'must ask';
  const until = early ? `; its window ends ${timeAt(ends, engagement.matrix.timezone)}` : '';
  const except = decision.exception ? `, by exception "${decision.exception}"` : '';
  return {
    check: 'decision',
    subject,
    ok: true,
    detail: `${names}: ${says}${except}${until}`,
    mend: wantsTicket ? 'have a ticket ready: without one the answer is no' : null,
  };
}

/** Whether people who have been seen could fill every place, each another one. */
function ownerRow(window: Window, subject: string, cell: Cell, { decision, question }: Answered): Check {
  const { engagement, members } = window;
  const handles = new Set(members.map(({ handle }) => handle));
  const target = findTarget(engagement.targets, question.target)!;
  const differ = partiesDiffer(rulesFor(engagement, question, target));
  const seen = (squad: string) =>
    answerersOf(engagement, squad, members)
      .filter(person => mayAnswer(differ, question.asker, person))
      .filter(({ handle }) => handles.has(handle));
  const owners = decision.ladder.flatMap(({ squad }) => seen(squad));
  const rungs = decision.ladder.map(
    ({ people: asked, after }) => `${listed(asked)} ${after === '0s' ? 'at once' : `after ${after}`}`,
  );
  const besides = decision.co_approve.map(squad => `one of ${squad} besides`);
  const row = { check: 'owner', subject, detail: [...rungs, ...besides].join('; ') } as const;
  const unseen = [
    ...(owners.length === 0 ? [decision.ladder.map(({ squad }) => squad).join(' or ')] : []),
    ...decision.co_approve.filter(squad => seen(squad).length === 0),
  ];
  if (unseen.length > 0) {
    const detail = `nobody of ${unseen.join(', nor of ')} who may answer has ever signed in`;
    return {
      ...row,
      ok: false,
      detail,
      mend: 'somebody of each signs in once, and sees that the request shows',
    };
  }
  if (!fillable([owners, ...decision.co_approve.map(seen)])) {
    const detail = `too few who have ever signed in: ${cell.activity.A} and ${decision.co_approve.join(', ')} must be different people`;
    return { ...row, ok: false, detail, mend: 'one more person of these squads signs in once' };
  }
  return { ...row, ok: true, mend: null };
}

/** Whether those who are asked hear of it. */
function channelRows({ channelsTo }: Window, decision: Decision): Check[] {
  const asked = [
    ...decision.ladder.map(({ squad, people }) => ({ squad, names: [squad, ...people] })),
    ...decision.co_approve.map(squad => ({ squad, names: [squad] })),
  ];
  return asked.map(({ squad, names }): Check => {
    const channels = channelsTo(names);
    const row = { check: 'channel', subject: squad } as const;
    return channels.length > 0
      ? { ...row, ok: true, detail: `told by ${listed(channels)}`, mend: null }
      : {
          ...row,
          ok: false,
          detail: 'no channel of this installation reaches it: nobody hears of a request',
          mend: `give a channel of sallyport.yaml "to: [${squad}]"`,
        };
  });
}

/** What to do about a no. */
const MENDS: Readonly<Record<RefusalCode, string>> = {
  'locked-out': 'the client lifts the lockout first: sallyport lockout --lift',
  'no-cell': 'a new version of the matrix or the inventory has to cover it',
  'activity-needed': 'say which with --activity',
  'not-responsible': 'who acts must be in R: see sallyport owners',
  'not-given': 'ask for a login that the cell gives',
  'outside-window': 'move the change into the window, or the window with a new version',
  'duration-too-long': 'ask for less with --for, or in two parts',
  'ticket-required': 'bring a ticket: --ticket',
  'no-approver': 'another person of A or A2 has to be there: sallyport owners shows them',
};

/** Names as a line has room for them. */
export const listed = (names: readonly string[], most = 4): string =>
  names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;

/** Rows that say the same of the same are one. */
export function withoutRepeats(checks: readonly Check[]): Check[] {
  const seen = new Set<string>();
  return checks.filter(({ check, subject, detail }) => {
    const key = JSON.stringify([check, subject, detail]);
    return !seen.has(key) && seen.add(key);
  });
}
