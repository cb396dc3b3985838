import { cellsCovering, findCell } from '../../domain/cell.ts';
import type { When } from '../../domain/matrix.ts';
import type { Labels, Target } from '../../domain/target.ts';
import { answerableFacts } from './answerable.ts';
import { capabilityFacts } from './capabilities.ts';
import { calendarsOf, conditionOf, pathsOf, ruleWords } from './causes.ts';
import { FIELDS, type Field } from './fields.ts';
import { type Fact, placeOf, union } from './lines.ts';
import { memo } from './memo.ts';
import type { CommonPair, Moment, Pair, Stand } from './pair.ts';
import { accessOf, reachOf, type Side, same } from './side.ts';
import { type Situation, situationsBetween } from './situations.ts';
import { standingAt } from './standing.ts';
import { windowFact } from './windows.ts';

/** What gets easier or harder where the same people may ask for the same thing in both versions. */
export function termsFacts(before: Side, after: Side): Fact[] {
  const situations = situationsBetween(before.engagement, after.engagement);
  const keys = labelsThatCount([before, after]);
  const signature = ({ labels }: Target) =>
    keys.map(key => (Object.hasOwn(labels, key) ? labels[key] : null));
  const world = (side: Side) => {
    const { rules, calendars, timezone, parties } = side.engagement.matrix;
    return { rules, calendars, timezone, squads: [parties.msp.squads, parties.client.squads] };
  };
  const sameWorld = same(world(before), world(after));
  const sameRow = memo(id => {
    const [one, other] = [before, after].map(({ engagement }) => findCell(engagement, id)!.activity);
    return same(one, other);
  });
  const labelsOf = memo(name =>
    [before, after].map(({ engagement }) => JSON.stringify(signature(engagement.targets.targets[name]!))),
  );
  const known = new Map<string, { common: CommonPair; names: string[] }>();
  for (const common of commonPairs(before, after)) {
    const { id } = common.pair.after.cell;
    const labels = labelsOf(common.name);
    if (sameWorld && labels[0] === labels[1] && sameRow(id)) continue;
    // Targets with the same labels, as far as anything looks at them, and the same ways in, stand alike.
    const reach = [common.pair.before, common.pair.after].map(({ target }) => reachOf(target));
    const key = JSON.stringify([id, labels, reach]);
    const so = known.get(key);
    if (so) so.names.push(common.name);
    else known.set(key, { common, names: [common.name] });
  }
  return [...known.values()].flatMap(({ common, names }) => [
    ...factsOfPair(common.pair, situations(whensOf(common.pair))).map(fact => ({
      ...fact,
      squads: common.squads,
      targets: names,
    })),
    ...capabilityFacts(after, common, names),
  ]);
}

/** Every cell on every target with somebody who may ask for something there in both versions. */
function commonPairs(before: Side, after: Side): CommonPair[] {
  const earlier = before.engagement.targets.targets;
  return Object.entries(after.engagement.targets.targets).flatMap(([name, target]) => {
    if (!Object.hasOwn(earlier, name)) return [];
    const was = earlier[name]!;
    const covering = new Map(cellsCovering(before.engagement, name).map(cell => [cell.id, cell]));
    return cellsCovering(after.engagement, name).flatMap(cell => {
      const old = covering.get(cell.id);
      if (!old) return [];
      const squads = cell.activity.R.filter(squad => old.activity.R.includes(squad));
      const access = accessOf(old.activity, was);
      if (squads.length === 0 || !accessOf(cell.activity, target).some(one => access.includes(one)))
        return [];
      const pair = {
        before: { side: before, cell: old, target: was },
        after: { side: after, cell, target },
      };
      return [{ pair, name, squads }];
    });
  });
}

const stands = ({ before, after }: Pair): Stand[] => [before, after];

const whensOf = (pair: Pair): When[] =>
  stands(pair).flatMap(({ side, cell: { activity } }) =>
    [
      activity.when,
      ...(activity.exceptions ?? []).map(({ when }) => when),
      ...(side.engagement.matrix.rules ?? []).map(({ when }) => when),
    ].filter(when => when !== undefined),
  );

/** The labels that exceptions and rules look at; which cells cover a target is settled without them. */
function labelsThatCount(sides: readonly Side[]): string[] {
  const whens = sides.flatMap(({ engagement: { matrix } }) => [
    ...(matrix.rules ?? []).map(({ when }) => when),
    ...Object.values(matrix.services).flatMap(({ activities }) =>
      Object.values(activities).flatMap(({ when, exceptions = [] }) => [
        when,
        ...exceptions.map(one => one.when),
      ]),
    ),
  ]);
  return [...new Set(whens.flatMap(when => Object.keys((when?.target ?? {}) as Labels)))].sort();
}

function factsOfPair(pair: Pair, situations: readonly Situation[]): Fact[] {
  const at = ({ side, cell, target }: Stand, situation: Situation) =>
    standingAt(side, cell, target, situation);
  const moments = situations
    .map(situation => ({ situation, before: at(pair.before, situation), after: at(pair.after, situation) }))
    .filter(({ before, after }) => before.open || after.open);
  const open = moments.filter(({ before, after }) => before.open && after.open);
  return [
    ...(moments.some(({ before }) => !before.open) ? [windowFact(pair, 'easier')] : []),
    ...(moments.some(({ after }) => !after.open) ? [windowFact(pair, 'harder')] : []),
    ...FIELDS.flatMap(field => fieldFacts(pair, open, field)),
    ...answerableFacts(pair, open),
  ];
}

/** A field's changes over all situations, those that are the same told once. */
function fieldFacts(pair: Pair, moments: readonly Moment[], field: Field): Fact[] {
  const found = new Map<string, { whens: (string | null)[]; paths: string[]; of: Moment }>();
  for (const moment of moments) {
    const [was, is] = [field.of(moment.before), field.of(moment.after)];
    if (same(was, is) || (field.onlyAsked && !bothAsk(moment))) continue;
    const key = JSON.stringify([was, is]);
    const so = found.get(key);
    found.set(key, {
      whens: [...(so?.whens ?? []), conditionOf(pair, moment)],
      paths: union(so?.paths ?? [], pathsOf(pair, moment, field)),
      of: so?.of ?? moment,
    });
  }
  return [...found.values()].map(({ whens, paths, of }) => {
    const [was, is] = [field.of(of.before), field.of(of.after)];
    const when = whens.includes(null) ? null : [...new Set(whens)].join(' or ');
    const rules = field.rules ? ruleWords(pair, of, field.rules) : [];
    const causes = calendarsOf(pair, of, field);
    const why = [...rules, ...causes.words];
    const words = `${field.words(was, is)}${why.length > 0 ? ` (${why.join('; ')})` : ''}`;
    return {
      kind: field.kind(was, is),
      topic: field.topic,
      weight: field.weight,
      cells: [pair.after.cell.id],
      when,
      before: was,
      after: is,
      paths: [...paths, ...causes.paths],
      say: scope => `${placeOf(scope)}${when === null ? '' : `, where ${when}`}: ${words}`,
    };
  });
}

const bothAsk = ({ before, after }: Moment): boolean =>
  before.answer === 'needs-approval' && after.answer === 'needs-approval';
