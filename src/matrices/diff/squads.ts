import { cellsCovering, cellsOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import { once } from '../../domain/once.ts';
import { PARTIES } from '../../domain/party.ts';
import { findSquad, isInSquad, sameEmail } from '../../domain/squad.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, type Kind, listed, withPeople } from './lines.ts';
import { accessOf, type Side, same } from './side.ts';

/** Who comes into squads and who leaves them, with what the squads may do. */
export function squadFacts(before: Side, after: Side): Fact[] {
  const names = [...new Set([before, after].flatMap(squadNames))];
  return names.flatMap(name => {
    const [was, is] = [before, after].map(side => findSquad(side.engagement, name)?.squad);
    if (same(was, is)) return [];
    const [party, squad] = name.split('/') as [string, string];
    const path = pointer('matrix', 'parties', party, 'squads', squad);
    if (!was || !is)
      return [wholeFact(name, is ? after : before, is ? 'is a new squad' : 'is no longer a squad', path)];
    return [
      ...membershipFacts(before, after, name, 'in', path),
      ...membershipFacts(after, before, name, 'out', path),
      ...orderFacts(before, after, name, path),
    ];
  });
}

const squadNames = ({ engagement }: Side): string[] =>
  PARTIES.flatMap(party =>
    Object.keys(engagement.matrix.parties[party].squads).map(squad => `${party}/${squad}`),
  );

function wholeFact(name: string, side: Side, words: string, path: string): Fact {
  const { group, people = [] } = findSquad(side.engagement, name)!.squad;
  return {
    kind: 'other',
    topic: 'squad',
    weight: 30,
    squads: [name],
    people: side.members(name),
    paths: words === 'is a new squad' ? [`${path}/group`, `${path}/people`] : [path],
    say: () => `${name} ${words}: ${listed([...(group === undefined ? [] : [`group ${group}`]), ...people])}`,
  };
}

/** What a squad may do in a version: its access by cell, where it answers, what it governs. */
function standingOf({ engagement }: Side, squad: string) {
  const access = accessBySquad(engagement).get(squad) ?? new Map<string, CellAccess>();
  const answers = cellsOf(engagement)
    .filter(({ activity: { A, A2, co_approve = [], exceptions = [] } }) =>
      [A, A2, ...co_approve, ...exceptions.flatMap(one => one.co_approve ?? [])].includes(squad),
    )
    .map(({ id }) => id);
  const { sign, lockout, auditors } = engagement.matrix.governance;
  const governs = [
    ...(sign.includes(squad) ? ['sign versions'] : []),
    ...(lockout.includes(squad) ? ['shut the MSP out'] : []),
    ...(auditors.includes(squad) ? ['replay and export'] : []),
  ];
  return { access, answers, governs };
}

interface CellAccess {
  readonly access: Set<string>;
  readonly targets: Set<string>;
}

/** By squad and then by cell, what the squad may ask for there, and on which targets. */
const accessBySquad = once((engagement: Engagement) => {
  const found = new Map<string, Map<string, CellAccess>>();
  for (const [name, target] of Object.entries(engagement.targets.targets)) {
    for (const { id, activity } of cellsCovering(engagement, name)) {
      const given = accessOf(activity, target);
      if (given.length === 0) continue;
      for (const squad of activity.R) {
        const cells = found.get(squad) ?? new Map<string, CellAccess>();
        const so = cells.get(id) ?? { access: new Set(), targets: new Set() };
        for (const one of given) so.access.add(one);
        so.targets.add(name);
        found.set(squad, cells.set(id, so));
      }
    }
  }
  return found;
});

const WAYS = {
  in: { one: 'comes into', several: 'come into', kind: 'gains' },
  out: { one: 'leaves', several: 'leave', kind: 'loses' },
} as const;

/** `in`: whom `to` has and `from` does not; for `out` the two are handed in the other way round. */
function membershipFacts(from: Side, to: Side, name: string, way: 'in' | 'out', path: string): Fact[] {
  const was = findSquad(from.engagement, name)!.squad;
  const is = findSquad(to.engagement, name)!.squad;
  const byGroup = is.group !== undefined && is.group !== was.group;
  const byName = (is.people ?? []).filter(
    email => !(was.people ?? []).some(other => sameEmail(other, email)),
  );
  if (!byGroup && byName.length === 0) return [];
  const joined = to.people.filter(
    one => isInSquad(to.engagement, name, one) && !isInSquad(from.engagement, name, one),
  );
  const known = joined.map(({ handle }) => handle);
  const unknown = byName.filter(email => !joined.some(one => sameEmail(one.email, email)));
  // Whom the file names is named here, however many they are.
  const named = joined.filter(one => byName.some(email => sameEmail(one.email, email)));
  const others = joined.filter(one => !named.includes(one)).map(({ handle }) => handle);
  const who = byGroup
    ? [withPeople([`group ${is.group}`], others), ...named.map(({ handle }) => handle), ...unknown]
    : [...known, ...unknown];
  const { one, several, kind } = WAYS[way];
  const definition = { group: is.group ?? null, people: is.people ?? [] };
  const fact = (rest: Pick<Fact, 'kind' | 'weight'> & Partial<Fact>, words: string): Fact => ({
    topic: 'squad',
    squads: [name],
    people: known,
    [way === 'in' ? 'after' : 'before']: definition,
    paths: [...(byGroup ? [`${path}/group`] : []), ...(byName.length > 0 ? [`${path}/people`] : [])],
    ...rest,
    say: () => `${listed(who)} ${who.length > 1 ? several : one} ${name}${words}`,
  });
  return followingFacts(to, name, kind, fact);
}

/** What follows from being in a squad, each with the same people. */
function followingFacts(
  side: Side,
  name: string,
  kind: Kind,
  fact: (rest: Pick<Fact, 'kind' | 'weight'> & Partial<Fact>, words: string) => Fact,
): Fact[] {
  const { access, answers, governs } = standingOf(side, name);
  const each = [...access.entries()];
  const given = each.map(
    ([cell, one]) => `${listed([...one.access])} on ${listed([...one.targets])} by ${cell}`,
  );
  const scope = {
    cells: each.map(([cell]) => cell),
    targets: [...new Set(each.flatMap(([, one]) => [...one.targets]))],
    access: [...new Set(each.flatMap(([, one]) => [...one.access]))],
  };
  const facts = [
    ...(each.length > 0 ? [fact({ kind, weight: 85, ...scope }, `: ${kind} ${given.join('; ')}`)] : []),
    ...(governs.length > 0
      ? [fact({ kind, weight: 84, topic: 'governance' }, `, which may ${listed(governs)}`)]
      : []),
    ...(answers.length > 0
      ? [fact({ kind: 'answers', weight: 65, cells: answers }, `, which answers for ${listed(answers)}`)]
      : []),
  ];
  return facts.length > 0 ? facts : [fact({ kind: 'other', weight: 35 }, '')];
}

function orderFacts(before: Side, after: Side, name: string, path: string): Fact[] {
  return (['primary', 'secondary'] as const).flatMap((key): Fact[] => {
    const [was, is] = [before, after].map(side => findSquad(side.engagement, name)!.squad[key]);
    if (same(was, is)) return [];
    const first = key === 'primary' ? 'first' : 'second';
    const nobody = 'nobody in particular';
    return [
      {
        kind: 'answers',
        topic: 'squad',
        weight: 40,
        squads: [name],
        before: was,
        after: is,
        paths: [`${path}/${key}`],
        say: () => `${name} asks ${is ?? nobody} ${first}, was ${was ?? nobody}`,
      },
    ];
  });
}
