import { type Cell, findCell, rulesFor } from './cell.ts';
import { parseDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { type Activity, ANSWER_WITHIN, type Rule } from './matrix.ts';
import { once } from './once.ts';
import type { Member } from './person.ts';
import type { Decision, Question } from './question.ts';
import { type Answerer, isInSquad, type Staff, samePerson, staffIn, staffOf } from './squad.ts';
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
  /** Seconds until the last rung has run out. */
  readonly seconds: number;
  /** Squads that must answer and have nobody left who may. Empty and `enough` false: too few for all places. */
  readonly empty: readonly string[];
  /** Whether distinct people can fill the approver's and every co-approver's place. */
  readonly enough: boolean;
}

export const partiesDiffer = (rules: readonly Rule[]): boolean =>
  rules.some(rule => rule.require.parties === 'differ');

/** The asker never answers; where a rule wants two parties, nobody of the asker's does. */
export const mayAnswer = (differ: boolean, asker: Member, person: Answerer | Member): boolean =>
  !samePerson(asker, person) && !(differ && person.party === asker.party);

/** Those of a squad who may answer, which mostly is all of it. */
function eligible(staff: Staff, asker: Member, differ: boolean): Staff {
  const touched =
    (differ && staff.people[0]?.party === asker.party) ||
    staff.handles.includes(asker.handle) ||
    (asker.email !== null && staff.emails.has(asker.email.toLowerCase()));
  return touched ? staffOf(staff.people.filter(person => mayAnswer(differ, asker, person))) : staff;
}

/** How long each rung has, as the matrix says it and in seconds. */
const rungTime = once(({ answer_within: text = ANSWER_WITHIN }: Activity) => ({
  text,
  seconds: parseDuration(text)!,
}));

export function answerersFor(
  engagement: Engagement,
  { activity }: Cell,
  question: Question,
  people: readonly Member[],
  rules: readonly Rule[],
  coApprove: readonly string[],
): Answerers {
  const { asker } = question;
  const differ = partiesDiffer(rules);
  const within = rungTime(activity);
  const { A, A2 } = activity;
  const rungs: StaffedRung[] = [];
  for (const squad of A2 && A2 !== A ? [A, A2] : [A]) {
    const staff = eligible(staffIn(engagement, squad, people), asker, differ);
    if (staff.people.length > 0) rungs.push({ squad, staff, after: rungs.length === 0 ? '0s' : within.text });
  }
  const co = coApprove.map(squad => eligible(staffIn(engagement, squad, people), asker, differ).people);
  return {
    rungs,
    seconds: rungs.length * within.seconds,
    empty: [
      ...(rungs.length > 0 ? [] : [A2 && A2 !== A ? `${A} or ${A2}` : A]),
      ...coApprove.filter((_, place) => co[place]!.length === 0),
    ],
    enough: co.length === 0 ? rungs.length > 0 : fillable([rungs.flatMap(rung => rung.staff.people), ...co]),
  };
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
