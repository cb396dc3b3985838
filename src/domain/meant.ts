import { cellsCovering } from './cell.ts';
import type { Engagement } from './engagement.ts';
import { PARTIES } from './party.ts';
import type { Question } from './question.ts';
import { findSquad } from './squad.ts';

/** People of one issuer: whoever has one of these groups, bound emails (in lower case) or subjects there. */
export interface Meant {
  readonly issuer: string;
  readonly groups: readonly string[];
  readonly emails: readonly string[];
  readonly subjects: readonly string[];
}

/**
 * Whom a decision on this question looks for among the people: those who may be in a squad that answers. It is the
 * same whether the others are there or not, so they need not be loaded.
 */
export function meantBy(
  engagement: Engagement,
  { target, activity }: Pick<Question, 'target' | 'activity'>,
): Meant[] {
  const cells = cellsCovering(engagement, target).filter(({ id }) => activity === null || id === activity);
  const names = cells.flatMap(({ activity: { A, A2, co_approve = [], exceptions = [] } }) => [
    A,
    ...(A2 === undefined ? [] : [A2]),
    ...co_approve,
    ...exceptions.flatMap(exception => exception.co_approve ?? []),
  ]);
  const found = [...new Set(names)].flatMap(name => findSquad(engagement, name) ?? []);
  return PARTIES.map(party => {
    const squads = found.filter(one => one.party === party).map(one => one.squad);
    const { issuer } = engagement.matrix.parties[party];
    const emails = squads.flatMap(({ people = [], primary, secondary }) =>
      [...people, primary, secondary].flatMap(email => email?.toLowerCase() ?? []),
    );
    const bound = (engagement.bindings ?? []).filter(
      binding => binding.issuer === issuer && emails.includes(binding.email),
    );
    return {
      issuer,
      groups: [...new Set(squads.flatMap(({ group }) => group ?? []))],
      emails: [...new Set(emails)],
      subjects: bound.map(({ subject }) => subject),
    };
  });
}
