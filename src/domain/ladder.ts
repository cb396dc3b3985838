import { type Cell, findCell, rulesFor } from './cell.ts';
import type { Clause } from './clause.ts';
import { parseDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { type Activity, ANSWER_WITHIN, type Rule } from './matrix.ts';
import { once } from './once.ts';
import type { Party } from './party.ts';
import type { Member } from './person.ts';
import type { Decision, Question, Rung } from './question.ts';
import { type Answerer, isInSquad, type Staff, samePerson, staffing, staffOf } from './squad.ts';
import { findTarget } from './target.ts';

/** A rung with the people behind its handles. */
export interface StaffedRung {
  readonly squad: string;
  readonly staff: Staff;
  readonly after: string;
}

/** Who can say yes, and in which order they are asked. */
export interface Answerers {
  readonly rungs: readonly StaffedRung[];
  /** The same as decisions tell it, which share it. */
  readonly ladder: readonly Rung[];
  /** Those of the first rung. */
  readonly first: readonly string[];
  /** Seconds until the last rung has run out. */
  readonly seconds: number;
  /** Squads that must answer and have nobody left who may. Empty and `enough` false: too few for all places. */
  readonly empty: readonly string[];
  /** Whether distinct people can fill the approver's and every co-approver's place. */
  readonly enough: boolean;
  /** Who may answer and when, in one line. */
  readonly text: string;
}

export const partiesDiffer = (rules: readonly Rule[]): boolean =>
  rules.some(rule => rule.require.parties === 'differ');

/** The asker never answers; where a rule wants two parties, nobody of the asker's does. */
export const mayAnswer = (differ: boolean, asker: Member, person: Answerer | Member): boolean =>
  !samePerson(asker, person) && !(differ && person.party === asker.party);

/** Those of a squad who may answer when this person asks. */
const eligible = (staff: Staff, asker: Member, differ: boolean): Staff =>
  isTouched(staff, asker, differ)
    ? staffOf(staff.people.filter(person => mayAnswer(differ, asker, person)))
    : staff;

/** Whether it matters to a squad who asks: mostly it does not. */
const isTouched = (staff: Staff, asker: Member, differ: boolean): boolean =>
  (differ && staff.people[0]?.party === asker.party) || staff.includes(asker);

/** How long each rung has, as the matrix says it and in seconds. */
const rungTime = once(({ answer_within: text = ANSWER_WITHIN }: Activity) => ({
  text,
  seconds: parseDuration(text)!,
}));

/** The squads that answer: A, and A2 where it is another. */
const squadsOf = ({ A, A2 }: Activity): string[] => (A2 && A2 !== A ? [A, A2] : [A]);

export function answerersFor(
  engagement: Engagement,
  { activity }: Cell,
  { asker }: Pick<Question, 'asker'>,
  people: readonly Member[],
  rules: readonly Rule[],
  coApprove: readonly string[],
): Answerers {
  const differ = partiesDiffer(rules);
  const staffed = staffing(engagement, people);
  return answerersAmong(activity, coApprove, squad => eligible(staffed(squad), asker, differ));
}

function answerersAmong(
  activity: Activity,
  coApprove: readonly string[],
  staffed: (squad: string) => Staff,
): Answerers {
  const { text, seconds } = rungTime(activity);
  const squads = squadsOf(activity);
  const rungs = squads
    .map(squad => ({ squad, staff: staffed(squad) }))
    .filter(({ staff }) => staff.people.length > 0)
    .map((rung, place): StaffedRung => ({ ...rung, after: place === 0 ? '0s' : text }));
  const co = coApprove.map(squad => staffed(squad).people);
  const approvers = rungs.flatMap(({ staff }) => staff.people);
  return {
    rungs,
    ladder: Object.freeze(
      rungs.map(({ squad, staff, after }) => Object.freeze({ squad, people: staff.handles, after })),
    ),
    first: rungs[0]?.staff.handles ?? [],
    seconds: rungs.length * seconds,
    empty: [
      ...(rungs.length > 0 ? [] : [squads.join(' or ')]),
      ...coApprove.filter((_, place) => co[place]!.length === 0),
    ],
    enough: fillable([approvers, ...co]),
    text: `${rungs.map(rung => rungText(rung, activity.A)).join(', ')} may answer`,
  };
}

const rungText = ({ squad, staff, after }: StaffedRung, accountable: string): string =>
  `${squad === accountable ? 'A' : 'A2'} ${squad} (${staff.handles.join(', ')}) ${after === '0s' ? 'at once' : `after ${after}`}`;

/** Who answers under a clause, and whether it may matter who asks. */
interface Whole {
  readonly clause: Clause;
  readonly answerers: Answerers;
  readonly parties: ReadonlySet<Party>;
  /** Every handle and email in lower case. Somebody else of that name only has it looked at more closely. */
  readonly names: ReadonlySet<string>;
}

/** By what tells who is in a squad, which is of one engagement and one list of people; then by clause. */
const wholes = once((_: (squad: string) => Staff): Whole[] => []);

function wholeOf(clause: Clause, staffed: (squad: string) => Staff): Whole {
  const { cell, coApprove } = clause;
  const people = [...squadsOf(cell.activity), ...coApprove].flatMap(squad => staffed(squad).people);
  return {
    clause,
    answerers: answerersAmong(cell.activity, coApprove, staffed),
    parties: new Set(people.map(({ party }) => party)),
    names: new Set(people.flatMap(({ handle, email }) => [handle, email?.toLowerCase() ?? handle])),
  };
}

/** The same under a clause. Where it does not matter who asks, it is worked out once. */
export function answerersUnder(
  engagement: Engagement,
  clause: Clause,
  question: Question,
  people: readonly Member[],
  rules: readonly Rule[],
): Answerers {
  const { handle, email, party } = question.asker;
  const staffed = staffing(engagement, people);
  const known = wholes(staffed);
  let whole = known[clause.number];
  if (whole?.clause !== clause) {
    whole = wholeOf(clause, staffed);
    known[clause.number] = whole;
  }
  const matters =
    whole.names.has(handle) ||
    (email !== null && whole.names.has(email.toLowerCase())) ||
    (partiesDiffer(rules) && whole.parties.has(party));
  return matters
    ? answerersFor(engagement, clause.cell, question, people, rules, clause.coApprove)
    : whole.answerers;
}

/**
 * Whether each place can have a person of its own: a matching in the bipartite graph of places and people, by
 * augmenting paths. Places are few, so the plain algorithm is the fast one.
 */
export function fillable(places: readonly (readonly Answerer[])[]): boolean {
  const taken: { person: Answerer; place: number }[] = [];
  const seat = (place: number, tried: Answerer[]): boolean =>
    places[place]!.some(person => {
      if (tried.some(other => samePerson(other, person))) return false;
      tried.push(person);
      const holder = taken.find(other => samePerson(other.person, person));
      if (!holder) taken.push({ person, place });
      else if (seat(holder.place, tried)) holder.place = place;
      else return false;
      return true;
    });
  return places.every((_, place) => seat(place, []));
}

/**
 * The places that a person could fill now in answering: `approver` and `co:SQUAD`. A's people may answer at once,
 * A2's from their rung on. `elapsedSeconds` counts from the request; `decision` is this engagement's, on the same
 * question. Empty for the asker, and for any decision that waits for nobody.
 */
export function placesOf(
  engagement: Engagement,
  decision: Decision,
  question: Question,
  person: Member,
  elapsedSeconds: number,
): string[] {
  const cell = decision.cell === null ? null : findCell(engagement, decision.cell);
  const target = findTarget(engagement.targets, question.target);
  if (decision.decision !== 'needs-approval' || decision.tenant !== engagement.tenant || !cell || !target)
    return [];
  const differ = partiesDiffer(rulesFor(engagement, question, target));
  if (!mayAnswer(differ, question.asker, person)) return [];
  const { A, A2, answer_within } = cell.activity;
  const rung = decision.ladder.find(({ squad }) => squad === A2);
  const reached = elapsedSeconds >= (parseDuration(rung?.after ?? answer_within ?? ANSWER_WITHIN) ?? 0);
  const answers = [A, ...(A2 && reached ? [A2] : [])];
  return [
    ...(answers.some(squad => isInSquad(engagement, squad, person)) ? ['approver'] : []),
    ...decision.co_approve.filter(squad => isInSquad(engagement, squad, person)).map(squad => `co:${squad}`),
  ];
}
