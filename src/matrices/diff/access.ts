import { type Cell, cellsCovering, findCell, matches } from '../../domain/cell.ts';
import { whenText } from '../../domain/explanation.ts';
import { isShortForm, rolesGiven } from '../../domain/gives.ts';
import type { Activity } from '../../domain/matrix.ts';
import type { Protocol } from '../../domain/protocol.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, listed, type Scope, union, withPeople } from './lines.ts';
import { accessOf, rowPath, type Side, same, without } from './side.ts';

/** Who may ask for something that they could not ask for before, and who no longer may. */
export function accessFacts(before: Side, after: Side): Fact[] {
  return [...oneWay(before, after, 'gains'), ...oneWay(after, before, 'loses')];
}

/** What `to` gives and `from` does not; for `loses` the two are handed in the other way round. */
function oneWay(from: Side, to: Side, kind: 'gains' | 'loses'): Fact[] {
  const facts: Fact[] = [];
  for (const [name, target] of Object.entries(to.engagement.targets.targets)) {
    const earlier = from.engagement.targets.targets;
    const was = Object.hasOwn(earlier, name) ? earlier[name]! : null;
    const covering = cellsCovering(from.engagement, name);
    for (const cell of cellsCovering(to.engagement, name)) {
      const old = covering.find(({ id }) => id === cell.id);
      const had = old && was ? accessOf(old.activity, was) : [];
      for (const squad of cell.activity.R) {
        const has = old?.activity.R.includes(squad) ? had : [];
        const reason = whyOf(from, to, cell, squad, name, kind);
        for (const access of without(accessOf(cell.activity, target), has)) {
          const { why, paths } = reason(access);
          facts.push({
            kind,
            topic: 'access',
            weight: kind === 'gains' && cell.activity.answer === 'pre-approved' ? 90 : 80,
            squads: [squad],
            people: to.members(squad),
            cells: [cell.id],
            targets: [name],
            access: [access],
            [kind === 'gains' ? 'after' : 'before']: termsOf(cell.activity),
            paths,
            say: scope => sentence(kind, scope, cell.activity, why),
          });
        }
      }
    }
  }
  return facts;
}

const sentence = (kind: 'gains' | 'loses', scope: Scope, row: Activity, why: string): string => {
  const who = withPeople(scope.squads, scope.people);
  const verb = scope.squads.length > 1 ? kind.slice(0, -1) : kind;
  const what = `${listed(scope.access)} on ${listed(scope.targets)} by ${listed(scope.cells)}`;
  return kind === 'gains'
    ? `${who} ${verb} ${what}, ${termsText(row)}: ${why}`
    : `${who} ${verb} ${what}: ${why}`;
};

/** The terms of a cell as its row has them, before any exception or rule. */
const termsOf = ({ for: limit, answer, A, A2, ticket, when, co_approve }: Activity) => ({
  for: limit ?? null,
  answer: answer ?? 'needs-approval',
  A,
  A2: A2 ?? null,
  co_approve: co_approve ?? [],
  ticket: ticket ?? 'optional',
  when: when ?? null,
});

function termsText(row: Activity): string {
  const { for: limit, answer, A, ticket, when, co_approve = [] } = row;
  const open = when && { ...when };
  if (open) delete (open as { target?: unknown }).target;
  return [
    `up to ${limit ?? 'no time'}`,
    answer === 'pre-approved' ? 'at once' : `when ${[A, ...co_approve].join(' and ')} agrees`,
    ...(ticket === 'required' ? ['with a ticket'] : []),
    ...(open && Object.keys(open).length > 0 ? [`only ${whenText(open)}`] : []),
  ].join(', ');
}

type Why = (access: string) => { why: string; paths: string[] };

/** What in the files made the difference, as words and as pointers. */
function whyOf(
  from: Side,
  to: Side,
  cell: Cell,
  squad: string,
  target: string,
  kind: 'gains' | 'loses',
): Why {
  const is = kind === 'gains' ? 'is new' : 'is gone';
  const row = rowPath(cell.id);
  const [service] = cell.id.split('/') as [string];
  const old = findCell(from.engagement, cell.id);
  const entered = from.engagement.targets.targets;
  const reasons: { why: string; paths: string[] }[] = [];
  if (!Object.hasOwn(entered, target))
    reasons.push({
      why: kind === 'gains' ? 'new in the inventory' : 'gone from the inventory',
      paths: [pointer('targets', 'targets', target)],
    });
  if (!Object.hasOwn(from.engagement.matrix.services, service))
    reasons.push({ why: `the service ${service} ${is}`, paths: [pointer(...row.slice(0, 3))] });
  else if (!old) reasons.push({ why: `${cell.id} ${is}`, paths: [pointer(...row)] });
  if (reasons.length > 0) return () => reasons.reduce(joined);
  const was = entered[target]!;
  const now = to.engagement.targets.targets[target]!;
  const before = old!;
  if (!covers(before, was.labels))
    reasons.push(whyCovered(before, cell, was.labels, now.labels, target, kind));
  if (!before.activity.R.includes(squad)) {
    const why = `${cell.id} ${kind === 'gains' ? 'now names' : 'no longer names'} ${squad} in R`;
    reasons.push({ why, paths: [pointer(...row, 'R')] });
  }
  return access => {
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
  };
}

/** Where both versions have the long form of `gives.ssh`, the logins alone. */
const loginsKey = (old: Cell, cell: Cell, protocol: Protocol): string[] =>
  protocol === 'ssh' && [old, cell].every(({ activity }) => activity.gives?.ssh && !isShortForm(activity))
    ? ['logins']
    : [];

const joined = (one: { why: string; paths: string[] }, other: { why: string; paths: string[] }) => ({
  why: `${one.why}; ${other.why}`,
  paths: union(one.paths, other.paths),
});

const covers = ({ service, activity }: Cell, labels: Parameters<typeof matches>[1]): boolean =>
  matches(service.targets, labels) && matches(activity.when?.target ?? {}, labels);

function whyCovered(
  old: Cell,
  cell: Cell,
  was: Parameters<typeof matches>[1],
  now: Parameters<typeof matches>[1],
  target: string,
  kind: 'gains' | 'loses',
): { why: string; paths: string[] } {
  const selectors = !same(old.service.targets, cell.service.targets);
  const whens = !same(old.activity.when?.target, cell.activity.when?.target);
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
      ...(whens ? [pointer(...row, 'when')] : []),
    ],
  };
}
