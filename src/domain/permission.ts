import { type Cell, cellsCovering } from './cell.ts';
import type { Engagement } from './engagement.ts';
import type { Member, Person } from './person.ts';
import type { Decision } from './question.ts';
import { inAnySquad, isInSquad } from './squad.ts';

/** Who may see and do what inside an engagement, a sentence each. Asking and answering are the matrix's. */

interface Concerned {
  readonly person: string;
  readonly decision: Pick<Decision, 'ladder' | 'co_approve' | 'consulted' | 'informed' | 'escalate'>;
}

/** Its asker, everybody its cell names, and the overseers see a request. */
export function maySeeRequest(
  engagement: Engagement,
  member: Member,
  person: Person,
  request: Concerned,
): boolean {
  const { ladder, co_approve, consulted, informed, escalate } = request.decision;
  const named = [...ladder.map(rung => rung.squad), ...co_approve, ...consulted, ...informed, ...escalate];
  return (
    request.person === person.id ||
    named.some(squad => isInSquad(engagement, squad, member)) ||
    oversees(engagement, member)
  );
}

/** Auditors, those who sign the matrix and those who may shut the other side out oversee everything. */
export function oversees(engagement: Engagement, member: Member): boolean {
  const { auditors, sign, lockout } = engagement.matrix.governance;
  return [...auditors, ...sign, ...lockout].some(squad => isInSquad(engagement, squad, member));
}

/** Those who ask, and those who answer, in a cell. */
export const isR = (engagement: Engagement, { activity }: Pick<Cell, 'activity'>, member: Member): boolean =>
  activity.R.some(squad => isInSquad(engagement, squad, member));

export const isAccountable = (
  engagement: Engagement,
  { activity: { A, A2 } }: Pick<Cell, 'activity'>,
  member: Member,
): boolean => [A, ...(A2 ? [A2] : [])].some(squad => isInSquad(engagement, squad, member));

/** Whether a target would be ready is for those who act or answer on it, and for overseers: it makes connections. */
export function mayPreflight(engagement: Engagement, member: Member, target: string): boolean {
  const covering = cellsCovering(engagement, target);
  return (
    oversees(engagement, member) ||
    covering.some(cell => isR(engagement, cell, member) || isAccountable(engagement, cell, member))
  );
}

/** Replay is for auditors and for the accountable of the cell; the one who typed has seen it already. */
export function mayReplay(engagement: Engagement, member: Member, cell: string): boolean {
  const { auditors } = engagement.matrix.governance;
  return [...auditors, ...accountableFor(engagement, cell)].some(squad =>
    isInSquad(engagement, squad, member),
  );
}

/** A grant is ended by its holder, by the accountable of its cell, and by those who may lock out. */
export function mayEndGrant(
  engagement: Engagement,
  member: Member,
  person: Person,
  grant: { readonly person: string; readonly cell: string },
): boolean {
  const squads = [...accountableFor(engagement, grant.cell), ...engagement.matrix.governance.lockout];
  return grant.person === person.id || squads.some(squad => isInSquad(engagement, squad, member));
}

export const mayLockOut = (engagement: Engagement, member: Member): boolean =>
  engagement.matrix.governance.lockout.some(squad => isInSquad(engagement, squad, member));

/** The first that `governance.lockout` names may lift it. */
export function mayLiftLockout(engagement: Engagement, member: Member): boolean {
  const [first] = engagement.matrix.governance.lockout;
  return first !== undefined && isInSquad(engagement, first, member);
}

/** The squad for which somebody signs a new version: by the version in force, never by the one that is to be signed. */
export const signsFor = (engagement: Engagement, member: Member): string | null =>
  engagement.matrix.governance.sign.find(squad => isInSquad(engagement, squad, member)) ?? null;

/** Whoever is in a squad may put a version up: it has no effect until both parties have signed it. */
export const mayPropose = (engagement: Engagement, member: Member): boolean => inAnySquad(engagement, member);

/** Both parties read the log of their engagement: whoever is in one of its squads. */
export const mayReadLog = (engagement: Engagement, member: Member): boolean => inAnySquad(engagement, member);

/** Whose key a host shows is said by the client's people who answer for a cell on that target. */
export function mayPinHostKey(engagement: Engagement, member: Member, cells: readonly string[]): boolean {
  return (
    member.party === 'client' &&
    cells
      .flatMap(cell => accountableFor(engagement, cell))
      .some(squad => isInSquad(engagement, squad, member))
  );
}

function accountableFor(engagement: Engagement, cell: string): string[] {
  const [service, activity] = cell.split('/') as [string, string];
  const services = engagement.matrix.services;
  const found = Object.hasOwn(services, service) ? services[service]!.activities : {};
  if (!Object.hasOwn(found, activity)) return [];
  const { A, A2 } = found[activity]!;
  return A2 ? [A, A2] : [A];
}
