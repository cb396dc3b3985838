import { type Change, changesOf } from '../../matrices/changes.ts';
import { changedPart, inlineText, shownMatrix } from '../../matrices/show.ts';
import { type Common, readAll, type Sound, titleOf } from './reading.ts';
import { count, json, type Said, say, wrapped } from './said.ts';

export interface Shown extends Common {
  /** Only what differs from the library. */
  readonly changes?: boolean | undefined;
}

/** `matrix show`: the matrix with its library's rows, and what differs from them marked. */
export function showAction(dir: string | undefined, options: Shown): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  if (options.json) {
    return json(0, {
      tenants: read.map(({ engagement: { tenant, digest, matrix } }) => ({
        tenant,
        version: matrix.version,
        digest,
        extends: matrix.extends ?? null,
        changes: changesOf(matrix),
        ...(options.changes ? {} : { matrix }),
      })),
    });
  }
  return say(0, read.flatMap(options.changes ? changeLines : rowLines));
}

function rowLines({ engagement: { matrix } }: Sound): string[] {
  return shownMatrix(matrix, changesOf(matrix) ?? [])
    .trimEnd()
    .split('\n');
}

function changeLines(sound: Sound): string[] {
  const { matrix } = sound.engagement;
  const changes = changesOf(matrix);
  if (!changes) return [titleOf(sound), '  builds on no library: every row is its own', ''];
  return [
    titleOf(sound),
    ...changes.flatMap(change =>
      wrapped(changeText(change), '    ').map((line, at) => (at === 0 ? line.slice(2) : line)),
    ),
    '',
    `${count(changes.length, 'difference')} from ${matrix.extends}.`,
  ];
}

function changeText(change: Change): string {
  const part = changedPart(change);
  if (change.what === 'removed') return `${part} is taken out`;
  if (change.what === 'added') return `${part} is added: ${inlineText(change.own)}`;
  return `${part} is ${inlineText(change.own)} instead of ${inlineText(change.library)}`;
}
