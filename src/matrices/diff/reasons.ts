import { type Cell, findCell, matches } from '../../domain/cell.ts';
import { isShortForm, rolesGiven } from '../../domain/gives.ts';
import type { Protocol } from '../../domain/protocol.ts';
import { pointer } from './changed-paths.ts';
import { union } from './lines.ts';
import { memo } from './memo.ts';
import { rowPath, type Side, same } from './side.ts';
import { statedPaths } from './terms-text.ts';

export type Way = 'gains' | 'loses';

/** What in the files made a difference, as words and as pointers. */
export interface Reason {
  readonly why: string;
  readonly paths: readonly string[];
}

type Why = (access: string) => Reason;

/** Reasons for one way, from the version that does not give it to the one that does. */
export function reasonsOf(from: Side, to: Side, kind: Way) {
  const changes = memo(id => changesOf(from, to, id));
  return (cell: Cell, squad: string, target: string): Why =>
    whyOf(from, to, cell, squad, target, kind, changes(cell.id));
}

/** What of a cell's selection is not the same; `null`: the cell is not there. */
interface Changes {
  readonly old: Cell;
  readonly selectors: boolean;
  readonly whens: boolean;
}

function changesOf(from: Side, to: Side, id: string): Changes | null {
  const [old, cell] = [findCell(from.engagement, id), findCell(to.engagement, id)!];
  return (
    old && {
      old,
      selectors: !same(old.service.targets, cell.service.targets),
      whens: !same(old.activity.when?.target, cell.activity.when?.target),
    }
  );
}

/** What in the files made the difference, as words and as pointers. */
function whyOf(
  from: Side,
  to: Side,
  cell: Cell,
  squad: string,
  target: string,
  kind: Way,
  changes: Changes | null,
): Why {
  const is = kind === 'gains' ? 'is new' : 'is gone';
  const row = rowPath(cell.id);
  const [service] = cell.id.split('/') as [string];
  const entered = from.engagement.targets.targets;
  const reasons: Reason[] = [];
  // What is gone is told by that. Of what is new, no more is told than a sentence states.
  const gone = (path: string): string[] => (kind === 'loses' ? [path] : []);
  if (!Object.hasOwn(entered, target))
    reasons.push({
      why: kind === 'gains' ? 'new in the inventory' : 'gone from the inventory',
      paths: gone(pointer('targets', 'targets', target)),
    });
  if (!Object.hasOwn(from.engagement.matrix.services, service))
    reasons.push({ why: `the service ${service} ${is}`, paths: gone(pointer(...row.slice(0, 3))) });
  else if (!changes) reasons.push({ why: `${cell.id} ${is}`, paths: gone(pointer(...row)) });
  if (reasons.length > 0) {
    const reason = reasons.reduce(joined);
    if (changes || kind === 'loses') return () => reason;
    return access => ({ ...reason, paths: statedPaths(cell, access) });
  }
  const was = entered[target]!;
  const now = to.engagement.targets.targets[target]!;
  const before = changes!.old;
  if (!covers(before, was.labels))
    reasons.push(whyCovered(changes!, cell, was.labels, now.labels, target, kind));
  if (!before.activity.R.includes(squad)) {
    const why = `${cell.id} ${kind === 'gains' ? 'now names' : 'no longer names'} ${squad} in R`;
    reasons.push({ why, paths: [pointer(...row, 'R')] });
  }
  const several = memo((access: string): Reason => {
    const [protocol, role] = access.split(' ') as [Protocol, string];
    const all = [...reasons];
    if (!rolesGiven(before.activity, protocol).includes(role)) {
      const why = `${cell.id} ${kind === 'gains' ? 'now gives' : 'no longer gives'} it`;
      all.push({ why, paths: [pointer(...row, 'gives', protocol, ...loginsKey(before, cell, protocol))] });
    }
    if (was[protocol] === undefined) {
      const why = `${kind === 'gains' ? 'now' : 'no longer'} reached by ${protocol}`;
      all.push({ why, paths: [pointer('targets', 'targets', target, protocol)] });
    }
    return all.reduce(joined);
  });
  return several;
}

/** Where both versions have the long form of `gives.ssh`, the logins alone. */
const loginsKey = (old: Cell, cell: Cell, protocol: Protocol): string[] =>
  protocol === 'ssh' && [old, cell].every(({ activity }) => activity.gives?.ssh && !isShortForm(activity))
    ? ['logins']
    : [];

const joined = (one: Reason, other: Reason): Reason => ({
  why: `${one.why}; ${other.why}`,
  paths: union(one.paths, other.paths),
});

const covers = ({ service, activity }: Cell, labels: Parameters<typeof matches>[1]): boolean =>
  matches(service.targets, labels) && matches(activity.when?.target ?? {}, labels);

function whyCovered(
  { selectors, whens }: Changes,
  cell: Cell,
  was: Parameters<typeof matches>[1],
  now: Parameters<typeof matches>[1],
  target: string,
  kind: Way,
): Reason {
  const labels = !same(was, now);
  const row = rowPath(cell.id);
  const fits = kind === 'gains' ? 'now fit' : 'no longer fit';
  return {
    why: [
      ...(labels ? [`its labels ${fits}`] : []),
      ...(selectors || whens
        ? [`${cell.id} ${kind === 'gains' ? 'now selects' : 'no longer selects'} it`]
        : []),
    ].join('; '),
    paths: [
      ...(labels ? [pointer('targets', 'targets', target, 'labels')] : []),
      ...(selectors ? [pointer(...row.slice(0, 3), 'targets')] : []),
      ...(whens ? [pointer(...row, 'when', 'target')] : []),
    ],
  };
}
