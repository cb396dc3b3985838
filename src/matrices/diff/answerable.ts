import { answerersFor } from '../../domain/ladder.ts';
import type { Rule } from '../../domain/matrix.ts';
import type { Party } from '../../domain/party.ts';
import type { Member } from '../../domain/person.ts';
import type { Question } from '../../domain/question.ts';
import { isInSquad } from '../../domain/squad.ts';
import { pointer } from './changed-paths.ts';
import { type Fact, listed, NAMED, placeOf, shortened, union } from './lines.ts';
import type { Moment, Pair } from './pair.ts';
import { rowPath } from './side.ts';
import type { Standing } from './standing.ts';

/** Askers for whom somebody is left who may agree where nobody was, or the other way round. */
export function answerableFacts(pair: Pair, moments: readonly Moment[]): Fact[] {
  const found = { easier: [] as string[], harder: [] as string[] };
  const seen = new Set<string>();
  for (const { before, after } of moments) {
    const key = JSON.stringify(
      [before, after].map(({ answer, coApprove, differ }) => [answer, coApprove, differ]),
    );
    if (seen.has(key)) continue;
    seen.add(key);
    if (samePools(pair, before, after)) continue;
    for (const asker of askersOf(pair, [...before.coApprove, ...after.coApprove])) {
      const was = isAnswered(pair.before, before, asker);
      const is = isAnswered(pair.after, after, asker);
      if (was !== is) found[is ? 'easier' : 'harder'].push(asker.handle);
    }
  }
  return (['easier', 'harder'] as const).flatMap(kind =>
    found[kind].length === 0 ? [] : [factOf(pair, kind, union(found[kind], []))],
  );
}

/** Handles that no person can have, for those of a party who are not yet known. */
const SOMEBODY: Readonly<Record<Party, string>> = {
  msp: 'people of the MSP',
  client: 'people of the client',
};

function factOf({ after }: Pair, kind: 'easier' | 'harder', askers: string[]): Fact {
  const { cell } = after;
  const row = rowPath(cell.id);
  const [others, people] = [true, false].map(other =>
    askers.filter(handle => Object.values(SOMEBODY).includes(handle) === other),
  ) as [string[], string[]];
  const named = [...shortened(people, NAMED), ...others];
  return {
    kind,
    topic: 'answerable',
    weight: 72,
    people,
    cells: [cell.id],
    before: kind === 'easier' ? 'no-approver' : null,
    after: kind === 'easier' ? null : 'no-approver',
    paths: [pointer(...row, 'A'), pointer(...row, 'A2'), pointer(...row, 'co_approve')],
    say: scope =>
      kind === 'easier'
        ? `${placeOf(scope)}: somebody can now agree to requests of ${listed(named)}; nobody could`
        : `${placeOf(scope)}: nobody is left who can agree to requests of ${listed(named)}`,
  };
}

const isAsked = ({ answer }: Standing): boolean => answer === 'needs-approval';

function squadsOf({ cell: { activity } }: Pair['before'], { coApprove }: Standing): string[] {
  return [activity.A, ...(activity.A2 === undefined ? [] : [activity.A2]), ...coApprove];
}

/** Whether the same people could answer in both, so that nobody can be won or lost. */
function samePools(pair: Pair, before: Standing, after: Standing): boolean {
  const pools = (stand: Pair['before'], standing: Standing) =>
    JSON.stringify([
      isAsked(standing) && standing.differ,
      isAsked(standing) &&
        squadsOf(stand, standing).map(squad =>
          stand.side.answerers(squad).map(({ handle, email }) => [handle, email]),
        ),
    ]);
  return pools(pair.before, before) === pools(pair.after, after);
}

/**
 * Those in R of both versions who could be among their own answerers, each by themselves; all others are alike, so
 * one stands for each party.
 */
function askersOf(pair: Pair, coApprove: readonly string[]): Member[] {
  const { before, after } = pair;
  const common = after.cell.activity.R.filter(squad => before.cell.activity.R.includes(squad));
  const pool = [before, after].flatMap(({ side, cell: { activity } }) =>
    [activity.A, ...(activity.A2 ? [activity.A2] : []), ...coApprove].flatMap(squad => side.answerers(squad)),
  );
  const names = new Set(
    pool.flatMap(({ handle, email }) => [handle, ...(email ? [email.toLowerCase()] : [])]),
  );
  const known = after.side.people.filter(
    member =>
      (names.has(member.handle) || (member.email !== null && names.has(member.email.toLowerCase()))) &&
      common.some(squad => isInSquad(after.side.engagement, squad, member)),
  );
  const parties = [...new Set(common.map(squad => squad.split('/')[0] as Party))];
  const others = parties.map(party => ({ handle: SOMEBODY[party], party, email: null, groups: [] }));
  return [...known, ...others];
}

const DIFFER: readonly Rule[] = [{ name: 'differ', require: { parties: 'differ' } }];

function isAnswered({ side, cell }: Pair['before'], standing: Standing, asker: Member): boolean {
  if (!isAsked(standing)) return true;
  // Who asks is all that is looked at of the question.
  const question = { asker } as Question;
  const rules = standing.differ ? DIFFER : [];
  const { empty, enough } = answerersFor(
    side.engagement,
    cell,
    question,
    side.people,
    rules,
    standing.coApprove,
  );
  return empty.length === 0 && enough;
}
