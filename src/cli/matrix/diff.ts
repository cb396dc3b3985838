import type { Member } from '../../domain/person.ts';
import { type AccessDiff, diffEngagements, KINDS, type Kind } from '../../matrices/diff.ts';
import { peopleOf } from '../../matrices/test.ts';
import { type Common, readAll, type Sound, tenantsOf } from './reading.ts';
import { count, json, type Said, say, wrapped, wrong } from './said.ts';

export interface Compared extends Common {
  /** Kinds of change, separated by commas, that make it a no. */
  readonly failOn?: string | undefined;
  readonly colour?: boolean | undefined;
}

/** How each kind of change is headed, in the order in which they are read. */
export const diffTitles: Readonly<Record<Kind, string>> = {
  gains: 'Gains access',
  easier: 'Gets easier',
  answers: 'Answered otherwise',
  harder: 'Gets harder',
  loses: 'Loses access',
  other: 'Also changed',
};

const COLOURS: Readonly<Record<Kind, number>> = {
  gains: 31,
  easier: 33,
  answers: 36,
  harder: 32,
  loses: 32,
  other: 90,
};

/** `matrix diff`: what another version means for people; 1 when it brings what `--fail-on` names. */
export function diffAction(before: string, after: string, options: Compared): Said {
  const failOn = (options.failOn ?? '').split(',').filter(kind => kind !== '');
  const unknown = failOn.find(kind => !KINDS.some(known => known === kind));
  if (unknown !== undefined) return wrong(`--fail-on ${unknown}: expected some of ${KINDS.join(', ')}.`);
  const [was, is] = [oneTenant(before, options), oneTenant(after, options)];
  if (!('engagement' in was)) return was;
  if (!('engagement' in is)) return is;
  if (was.engagement.tenant !== is.engagement.tenant) {
    return wrong(
      `${before} is of ${was.engagement.tenant} and ${after} of ${is.engagement.tenant}: name two versions of one tenant.`,
    );
  }
  const diff = diffEngagements(was.engagement, is.engagement, peopleOfBoth(was, is));
  const code = diff.lines.some(({ kind }) => failOn.includes(kind)) ? 1 : 0;
  return options.json ? json(code, diff) : say(code, diffLines(diff, options.colour ?? false));
}

function oneTenant(folder: string, options: Common): Sound | Said {
  const read = readAll(folder, options);
  if (!Array.isArray(read)) return read;
  return read.length === 1
    ? read[0]!
    : wrong(`${folder}: several tenants are here: say --tenant, one of ${tenantsOf(read)}.`);
}

/** Those of both expectations files; where both have a name, as the later one has it. */
function peopleOfBoth(...sounds: readonly Sound[]): Member[] {
  const all = sounds.flatMap(({ expectations }) => (expectations ? peopleOf(expectations) : []));
  return [...new Map(all.map(member => [member.handle, member])).values()];
}

/** Kind by kind, what opens access first. */
export function diffLines({ tenant, before, after, counts, lines }: AccessDiff, colour: boolean): string[] {
  const title = [
    `${tenant} ${before.version} to ${after.version}  ${before.digest.slice(0, 12)} to ${after.digest.slice(0, 12)}`,
  ];
  if (lines.length === 0) return [...title, '', 'The two are the same.'];
  const heading = (kind: Kind) =>
    colour ? `\x1b[1;${COLOURS[kind]}m${diffTitles[kind]}\x1b[0m` : diffTitles[kind];
  const groups = KINDS.filter(kind => counts[kind] > 0).flatMap(kind => [
    '',
    heading(kind),
    ...lines
      .filter(line => line.kind === kind)
      .flatMap(({ sentence }) =>
        wrapped(`${sentence}.`, '    ').map((part, at) => (at === 0 ? `  - ${part.trimStart()}` : part)),
      ),
  ]);
  const sums = KINDS.filter(kind => counts[kind] > 0).map(kind => `${counts[kind]} ${kind}`);
  return [...title, ...groups, '', `${count(lines.length, 'change')}: ${sums.join(', ')}.`];
}
