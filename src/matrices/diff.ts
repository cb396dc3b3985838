import type { Engagement } from '../domain/engagement.ts';
import type { Member } from '../domain/person.ts';
import { accessFacts } from './diff/access.ts';
import { toldBy } from './diff/changed-paths.ts';
import { governanceFacts, partyFacts, targetFacts } from './diff/governance.ts';
import { type AccessLine, type Fact, KINDS, type Kind, linesOf } from './diff/lines.ts';
import { memo } from './diff/memo.ts';
import { modeFacts } from './diff/mode.ts';
import { calendarFacts, pathsBetween, untold } from './diff/rest.ts';
import { rowFacts } from './diff/rows.ts';
import { sideOf } from './diff/side.ts';
import { squadFacts } from './diff/squads.ts';
import { termsFacts } from './diff/terms.ts';

export { type AccessLine, KINDS, type Kind, type Topic } from './diff/lines.ts';
export { comparable } from './diff/size.ts';

/** What another version means for people and their access; plain data. */
export interface AccessDiff {
  readonly tenant: string;
  readonly before: { readonly version: string; readonly digest: string };
  readonly after: { readonly version: string; readonly digest: string };
  readonly counts: Readonly<Record<Kind, number>>;
  /** What opens access first. Empty only for versions of one digest. */
  readonly lines: readonly AccessLine[];
}

/**
 * Compares two versions of one tenant: who gains and who loses what, what gets easier and harder, who answers
 * otherwise, and all else that is not the same. Whatever `decide` refuses under one and not under the other has a line
 * that names its cell, unless the asker only had to say which of several cells they meant.
 *
 * @param people everybody known, to be named where squads are; the comparison holds for those not known as well
 */
export function diffEngagements(
  before: Engagement,
  after: Engagement,
  people: readonly Member[],
): AccessDiff {
  const [was, is] = [sideOf(before, people), sideOf(after, people)];
  const sides = [was, is] as const;
  const facts: Fact[] = [
    accessFacts,
    termsFacts,
    squadFacts,
    partyFacts,
    governanceFacts,
    targetFacts,
    rowFacts,
    modeFacts,
  ].flatMap(find => find(...sides));
  const changed = pathsBetween(was, is);
  // A fact may name more places than changed: which of them did is settled here, once.
  const places = memo(toldBy(changed));
  const told = (paths: readonly string[]) => [...new Set(paths.flatMap(places))];
  const known = new Set(facts.flatMap(({ paths }) => told(paths)));
  for (const fact of calendarFacts(...sides)) {
    const paths = told(fact.paths);
    if (paths.every(path => known.has(path))) continue;
    facts.push(fact);
    for (const path of paths) known.add(path);
  }
  facts.push(...untold(changed, known));
  const lines = linesOf(facts).map(line => ({ ...line, paths: told(line.paths) }));
  return {
    tenant: after.tenant,
    before: { version: before.matrix.version, digest: before.digest },
    after: { version: after.matrix.version, digest: after.digest },
    counts: Object.fromEntries(
      KINDS.map(kind => [kind, lines.filter(line => line.kind === kind).length]),
    ) as Record<Kind, number>,
    lines,
  };
}
