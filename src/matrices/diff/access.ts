import { type Cell, cellsCovering, findCell } from '../../domain/cell.ts';
import type { Activity } from '../../domain/matrix.ts';
import { additionFacts, type Entered } from './additions.ts';
import { type Fact, listed, type Scope, union, unionOf, withPeople } from './lines.ts';
import { memo } from './memo.ts';
import { type Reason, reasonsOf, type Way } from './reasons.ts';
import { accessOf, reachOf, type Side, same, without } from './side.ts';
import { termsOf, termsText } from './terms-text.ts';

/** Who may ask for something that they could not ask for before, on which terms, and who no longer may. */
export function accessFacts(before: Side, after: Side): Fact[] {
  const entered: Entered = new Map();
  return [
    ...oneWay(before, after, 'gains', entered),
    ...additionFacts(before, after, entered),
    ...oneWay(after, before, 'loses', null),
  ];
}

/** The targets on which a squad gains or loses the same by one cell for the same reason. */
interface Group {
  readonly cell: Cell;
  readonly squad: string;
  readonly access: readonly string[];
  readonly why: string;
  readonly targets: string[];
  readonly paths: Set<readonly string[]>;
}

/**
 * What `to` gives and `from` does not; for `loses` the two are handed in the other way round.
 *
 * @param entered gets the targets, cell by cell, on which somebody comes under terms that did not hold for them
 */
function oneWay(from: Side, to: Side, kind: Way, entered: Entered | null): Fact[] {
  const groups = new Map<string, Group>();
  const reasonFor = reasonsOf(from, to, kind);
  const earlier = from.engagement.targets.targets;
  const sameGiven = memo((id: string): boolean => {
    const [one, other] = [from, to].map(({ engagement }) => findCell(engagement, id)!.activity);
    return same(one!.R, other!.R) && same(one!.gives, other!.gives);
  });
  for (const [name, target] of Object.entries(to.engagement.targets.targets)) {
    const was = Object.hasOwn(earlier, name) ? earlier[name]! : null;
    const covering = new Map(cellsCovering(from.engagement, name).map(cell => [cell.id, cell]));
    for (const cell of cellsCovering(to.engagement, name)) {
      const old = covering.get(cell.id);
      if (old && was && reachOf(was) === reachOf(target) && sameGiven(cell.id)) continue;
      const had = old && was ? accessOf(old.activity, was) : [];
      const has = accessOf(cell.activity, target);
      for (const squad of cell.activity.R) {
        const kept = old?.activity.R.includes(squad) ? had : [];
        const more = without(has, kept);
        if (more.length === 0) continue;
        if (entered && more.length === has.length) enter(entered, cell.id, name);
        const reason = reasonFor(cell, squad, name);
        for (const { access, why, paths } of alike(more, reason)) {
          const key = JSON.stringify([cell.id, squad, access, why]);
          const known = groups.get(key);
          const group = known ?? { cell, squad, access, why, targets: [], paths: new Set() };
          if (!known) groups.set(key, group);
          group.targets.push(name);
          group.paths.add(paths);
        }
      }
    }
  }
  return [...groups.values()].map(({ cell: { id, activity }, squad, access, why, targets, paths }) => ({
    kind,
    topic: 'access',
    weight: kind === 'gains' && activity.answer === 'pre-approved' ? 90 : 80,
    squads: [squad],
    people: to.members(squad),
    cells: [id],
    targets,
    access,
    [kind === 'gains' ? 'after' : 'before']: termsOf(activity),
    paths: unionOf([...paths]),
    say: scope => sentence(kind, scope, activity, why, access),
  }));
}

function enter(entered: Entered, cell: string, target: string): void {
  const known = entered.get(cell);
  if (known) known.add(target);
  else entered.set(cell, new Set([target]));
}

/** Access for the same reason together. */
function alike(all: readonly string[], reason: (access: string) => Reason) {
  const found = new Map<string, { access: string[]; why: string; paths: readonly string[] }>();
  for (const one of all) {
    const { why, paths } = reason(one);
    const known = found.get(why);
    if (known) {
      known.access.push(one);
      if (known.paths !== paths) known.paths = union(known.paths, paths);
    } else found.set(why, { access: [one], why, paths });
  }
  return found.values();
}

const sentence = (kind: Way, scope: Scope, row: Activity, why: string, access: readonly string[]): string => {
  const who = withPeople(scope.squads, scope.people);
  const verb = scope.squads.length > 1 ? kind.slice(0, -1) : kind;
  const what = `${listed(scope.access)} on ${listed(scope.targets)} by ${listed(scope.cells)}`;
  return kind === 'gains'
    ? `${who} ${verb} ${what}, ${termsText(row, access)}: ${why}`
    : `${who} ${verb} ${what}: ${why}`;
};
