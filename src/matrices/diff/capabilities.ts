import { type SshRights, sshGives } from '../../domain/gives.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, listed, unionOf, withPeople } from './lines.ts';
import type { CommonPair } from './pair.ts';
import { accessOf, rowPath, type Side } from './side.ts';

const RIGHTS = [
  ['exec', 'run commands'],
  ['transfer', 'transfer files'],
  ['forward', 'forward ports'],
  ['agent', 'forward their agent'],
] as const satisfies readonly (readonly [keyof SshRights, string])[];

/** What a login that stays may do more, or less, besides a shell, on these targets. */
export function capabilityFacts(after: Side, { pair, squads }: CommonPair, names: readonly string[]): Fact[] {
  const [was, is] = [pair.before, pair.after].map(({ cell }) => sshGives(cell.activity)) as [
    SshRights,
    SshRights,
  ];
  const access = accessOf(pair.after.cell.activity, pair.after.target).filter(
    one => one.startsWith('ssh ') && accessOf(pair.before.cell.activity, pair.before.target).includes(one),
  );
  const { id } = pair.after.cell;
  return RIGHTS.filter(([right]) => was[right] !== is[right] && access.length > 0).map(([right, words]) => ({
    kind: is[right] ? 'gains' : 'loses',
    topic: 'capability',
    weight: 75,
    squads,
    people: unionOf(squads.map(squad => after.members(squad))),
    cells: [id],
    targets: names,
    access,
    before: { [right]: was[right] },
    after: { [right]: is[right] },
    paths: [pointer(...rowPath(id), 'gives', 'ssh', right)],
    say: scope =>
      `${withPeople(scope.squads, scope.people)} may ${is[right] ? 'now' : 'no longer'} ${words} as ${listed(scope.access)} on ${listed(scope.targets)} by ${listed(scope.cells)}`,
  }));
}
