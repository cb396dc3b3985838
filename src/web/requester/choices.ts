import type { Membership } from '../../api/application.ts';
import { type Cell, cellsCovering, rulesFor } from '../../domain/cell.ts';
import { rolesGiven } from '../../domain/gives.ts';
import type { Protocol } from '../../domain/request.ts';
import { isInSquad } from '../../domain/squad.ts';
import type { Target } from '../../domain/target.ts';

/** What one person may ask for, read from the matrix; the decision itself is made when they ask. */
export interface TargetChoice {
  readonly membership: Membership;
  readonly name: string;
  readonly target: Target;
  readonly cells: readonly Cell[];
}

/** Targets on which somebody is responsible for a cell that gives something, in the inventory's order. */
export function choicesOf(memberships: readonly Membership[]): TargetChoice[] {
  return memberships.flatMap(membership => {
    const { engagement, member } = membership;
    return Object.entries(engagement.targets.targets).flatMap(([name, target]) => {
      const cells = cellsCovering(engagement, name).filter(
        cell =>
          cell.activity.R.some(squad => isInSquad(engagement, squad, member)) &&
          loginsOf(cell, target).length > 0,
      );
      return cells.length > 0 ? [{ membership, name, target, cells }] : [];
    });
  });
}

export interface Login {
  readonly protocol: Protocol;
  readonly role: string;
}

/** What a cell gives on a target that sessions can be opened to today: SSH, where the host trusts the tenant's CA. */
export function loginsOf({ activity }: Cell, target: Target): Login[] {
  return target.ssh?.trust === 'ca'
    ? rolesGiven(activity, 'ssh').map(role => ({ protocol: 'ssh', role }))
    : [];
}

/** The severities that would change something: those that the cell's exceptions or the rules speak of. */
export function severitiesOf({ engagement }: Membership, { activity }: Cell): string[] {
  const whens = [...(activity.exceptions ?? []), ...(engagement.matrix.rules ?? [])].map(one => one.when);
  return [...new Set(whens.flatMap(when => when?.severity ?? []))];
}

export function needsTicket(
  { engagement }: Membership,
  { activity }: Cell,
  target: Target,
  now: Date,
): boolean {
  const rules = rulesFor(engagement, { severity: null, at: now.getTime() }, target);
  return activity.ticket === 'required' || rules.some(({ require }) => require.ticket === 'required');
}
