import { Document, isMap, isScalar, isSeq, type Pair, stringify, visit, type YAMLMap } from 'yaml';
import type { Matrix } from '../domain/matrix.ts';
import { shortened } from '../domain/visible-text.ts';
import type { Change } from './changes.ts';

/** A value on one line, as it would stand in the file. */
export const inlineText = (value: unknown): string =>
  shortened(
    stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: true })
      .trim()
      .replace(/\s*\n\s*/g, ' '),
    160,
  );

/** Where a change is, in words that people use for it: `backups/restore: for`. */
export function changedPart({ path }: Change): string {
  const [kind, name, , activity, ...rest] = path;
  if (kind === 'rules') return `rule "${name}"`;
  if (kind === 'calendars') return `calendar ${name}`;
  if (path.length === 2) return `service ${name}`;
  if (activity === undefined) return `service ${name}: ${path[2]}`;
  return [`${name}/${activity}`, ...rest].join(': ');
}

/**
 * The resolved matrix as YAML that stands alone, with a comment wherever it differs from the library: all rows to
 * read in one place.
 */
export function shownMatrix(matrix: Matrix, changes: readonly Change[]): string {
  const { extends: library, ...alone } = matrix;
  const document = new Document(alone);
  for (const change of changes) {
    const place = nodePath(matrix, change);
    const above = document.getIn(place.slice(0, -1), true);
    if (change.what === 'removed') {
      const gone = ` not here, ${library} has it: ${change.path.at(-1)}`;
      if (isMap(above) || isSeq(above)) above.comment = above.comment ? `${above.comment}\n${gone}` : gone;
      continue;
    }
    const note =
      change.what === 'added' ? ` not in ${library}` : ` ${library}: ${inlineText(change.library)}`;
    if (isSeq(above)) {
      const item = above.items[Number(place.at(-1))];
      if (isMap(item)) item.commentBefore = note;
    } else if (isMap(above)) {
      const key = pairOf(above, String(place.at(-1)))?.key;
      if (isScalar(key)) key.commentBefore = note;
    }
  }
  visit(document, {
    // Lists of words, and short blocks of them, read better on one line.
    Seq: (_, node) => {
      if (node.items.every(isScalar)) node.flow = true;
    },
    Map: (_, node) => {
      const plain = ({ value }: Pair) => isScalar(value) || (isSeq(value) && value.items.every(isScalar));
      const short = node.items.length <= 3 && inlineText(node.toJSON()).length <= 90;
      if (short && node.items.every(plain) && !node.items.some(commented)) node.flow = true;
    },
  });
  for (const [at, { key, value }] of (isMap(document.contents) ? document.contents.items : []).entries()) {
    if (isScalar(key)) key.spaceBefore = at > 0 && isMap(value);
    if (!isScalar(key) || key.value !== 'services' || !isMap(value)) continue;
    for (const [nth, pair] of value.items.entries()) if (isScalar(pair.key)) pair.key.spaceBefore = nth > 0;
  }
  document.commentBefore =
    library === undefined
      ? null
      : ` Built on ${library}, whose rows are among these. A comment stands where this matrix differs from it.`;
  return document.toString({ lineWidth: 0 });
}

const pairOf = (map: YAMLMap, key: string) =>
  map.items.find(pair => isScalar(pair.key) && String(pair.key.value) === key);

const commented = ({ key }: Pair): boolean => isScalar(key) && Boolean(key.commentBefore);

/** Rules stand in a list, so a rule's name becomes its place there. */
function nodePath({ rules = [] }: Matrix, { path }: Change): (string | number)[] {
  const [kind, name] = path;
  return kind === 'rules' ? ['rules', rules.findIndex(rule => rule.name === name)] : [...path];
}
