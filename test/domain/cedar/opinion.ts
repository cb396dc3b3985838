import type { Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Engagement } from '../../../src/domain/engagement.ts';
import type { Squad } from '../../../src/domain/matrix.ts';
import type { Party } from '../../../src/domain/party.ts';
import type { Member } from '../../../src/domain/person.ts';
import type { Question } from '../../../src/domain/question.ts';
import { openCalendars } from './clock.ts';
import { isAllowed, preparse } from './engine.ts';
import { contextOf, personFacts, targetFacts, targetId } from './facts.ts';
import { policiesOf } from './policies.ts';

/** What Cedar makes of a question. */
export interface Opinion {
  readonly decision: 'refused' | 'needs-approval' | 'pre-approved';
  /** Whoever may approve, where somebody must, by handle; in no order. */
  readonly answerers: readonly string[];
  /** Squads that must say yes too. */
  readonly coApprove: readonly string[];
}

const REFUSED: Opinion = { decision: 'refused', answerers: [], coApprove: [] };

interface Named {
  readonly id: string;
  /** Squads that its row or one of its exceptions wants besides. */
  readonly besides: readonly string[];
}

/** Compiles a matrix; the answer asks Cedar. Only what Cedar cannot say is put together here. */
export function cedarOf(world: Engagement) {
  const cells = Object.entries(world.matrix.services).flatMap(([service, { activities }]) =>
    Object.entries(activities).map(([name, activity]): Named => {
      const id = `${service}/${name}`;
      const policies = policiesOf(world.matrix, service, name);
      for (const part of ['fits', 'opens', 'answers'] as const) preparse(`${id} ${part}`, policies[part]);
      const exceptions = activity.exceptions ?? [];
      const besides = [activity, ...exceptions].flatMap(({ co_approve = [] }) => co_approve);
      return { id, besides: [...new Set(besides)] };
    }),
  );

  return (question: Question, people: readonly Member[], lockedOut: boolean): Opinion => {
    const target = world.targets.targets[question.target];
    if (!target) return REFUSED;
    const context = contextOf(question, openCalendars(world.matrix, question.at), lockedOut);
    const asker = personFacts(question.asker);
    const facts = targetFacts(question.target, target);
    const isYes = (set: string, action: string, who: EntityJson = asker, more: Context = {}) =>
      isAllowed({
        principal: who.uid as TypeAndId,
        action: { type: 'Action', id: action },
        resource: targetId(question.target),
        context: { ...context, ...more },
        preparsedPolicySetId: set,
        entities: who === asker ? [asker, facts] : [asker, who, facts],
      });
    const meant = cells.filter(({ id }) =>
      question.activity === null ? isYes(`${id} fits`, 'fit') : id === question.activity,
    );
    const [cell] = meant;
    if (meant.length !== 1 || !cell) return REFUSED;
    if (isYes(`${cell.id} opens`, 'start')) return { ...REFUSED, decision: 'pre-approved' };
    if (!isYes(`${cell.id} opens`, 'ask')) return REFUSED;
    const candidates = everybodyOf(world, people);
    const answering = (action: string, more: Context = {}) =>
      candidates.filter(({ facts: who }) => isYes(`${cell.id} answers`, action, who, more));
    const coApprove = cell.besides.filter(place => isYes(`${cell.id} answers`, 'need', asker, { place }));
    const approvers = answering('answer');
    const places = [approvers, ...coApprove.map(place => answering('answer-too', { place }))];
    if (!isFillable(places, [])) return REFUSED;
    return { decision: 'needs-approval', answerers: handlesOf(approvers), coApprove };
  };
}

interface Candidate {
  readonly handle: string;
  readonly email: string | null;
  readonly facts: EntityJson;
}

const handlesOf = (people: readonly Candidate[]): string[] => people.map(({ handle }) => handle);

/** Everybody known, and whom the matrix names and nobody has seen: they are taken for what it says they are. */
function everybodyOf({ matrix }: Engagement, people: readonly Member[]): Candidate[] {
  const known = people.map(member => ({ ...member, facts: personFacts(member) }));
  const awaited = (['msp', 'client'] as const).flatMap((party: Party) => {
    const squads: Squad[] = Object.values(matrix.parties[party].squads);
    const named = squads.flatMap(({ group, people: listed = [], primary, secondary }) =>
      [primary, secondary, ...listed].flatMap(email => (email ? [{ email, group }] : [])),
    );
    const unseen = named.filter(
      ({ email }) => !people.some(one => one.party === party && isSame(one.email, email)),
    );
    return [...new Set(unseen.map(({ email }) => email.toLowerCase()))].map(email => {
      const groups = unseen.flatMap(one => (isSame(one.email, email) && one.group ? [one.group] : []));
      return { handle: email, email, facts: personFacts({ handle: email, party, email, groups }) };
    });
  });
  return [...known, ...awaited];
}

const isSame = (one: string | null, other: string | null): boolean =>
  one !== null && other !== null && one.toLowerCase() === other.toLowerCase();

/** Tries everybody in every place. */
const isFillable = (places: readonly (readonly Candidate[])[], taken: readonly Candidate[]): boolean => {
  const [place, ...others] = places;
  return (
    place === undefined ||
    place.some(
      person =>
        !taken.some(one => one.handle === person.handle || isSame(one.email, person.email)) &&
        isFillable(others, [...taken, person]),
    )
  );
};
