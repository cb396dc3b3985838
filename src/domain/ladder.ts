import { type Cell, findCell, rulesFor } from './cell.ts';
import { parseDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { ANSWER_WITHIN, type Rule } from './matrix.ts';
import type { Member } from './person.ts';
import type { Decision, Question, Rung } from './question.ts';
import { type Answerer, answerersOf, isInSquad, samePerson } from './squad.ts';
import { findTarget } from './target.ts';

/** Who can say yes, and in which order they are asked. */
export interface Answerers {
  readonly ladder: Rung[];
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
export const mayAnswer = (rules: readonly Rule[], asker: Member, person: Answerer | Member): boolean =>
  !samePerson(asker, person) && !(partiesDiffer(rules) && person.party === asker.party);

export function answerersFor(
  engagement: Engagement,
  { activity }: Cell,
  question: Question,
  people: readonly Member[],
  rules: readonly Rule[],
  coApprove: readonly string[],
): Answerers {
  const eligible = (squad: string) =>
    answerersOf(engagement, squad, people).filter(person => mayAnswer(rules, question.asker, person));
  const within = activity.answer_within ?? ANSWER_WITHIN;
  const squads = activity.A2 && activity.A2 !== activity.A ? [activity.A, activity.A2] : [activity.A];
  const rungs = squads
    .map(squad => ({ squad, people: eligible(squad) }))
    .filter(rung => rung.people.length > 0);
  const co = coApprove.map(squad => ({ squad, people: eligible(squad) }));
  const approvers = { squad: squads.join(' or '), people: rungs.flatMap(rung => rung.people) };
  return {
    ladder: rungs.map(({ squad, people: asked }, place) => ({
      squad,
      people: asked.map(person => person.handle),
      after: place === 0 ? '0s' : within,
    })),
    seconds: rungs.length * parseDuration(within)!,
    empty: [approvers, ...co].filter(place => place.people.length === 0).map(place => place.squad),
    enough: fillable([approvers.people, ...co.map(place => place.people)]),
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
  if (!mayAnswer(rulesFor(engagement, question, target), question.asker, person)) return [];
  const { A, A2, answer_within } = cell.activity;
  const rung = decision.ladder.find(({ squad }) => squad === A2);
  const reached = elapsedSeconds >= (parseDuration(rung?.after ?? answer_within ?? ANSWER_WITHIN) ?? 0);
  const answers = [A, ...(A2 && reached ? [A2] : [])];
  return [
    ...(answers.some(squad => isInSquad(engagement, squad, person)) ? ['approver'] : []),
    ...decision.co_approve.filter(squad => isInSquad(engagement, squad, person)).map(squad => `co:${squad}`),
  ];
}
