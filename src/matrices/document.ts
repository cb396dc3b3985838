import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  type Node,
  visit,
  type YAMLMap,
} from 'yaml';
import { MOST_PROBLEMS } from './problem.ts';

/** What a composed document holds that its parser lets through: keys that come twice, reserved names, aliases. */

/** Anchors and aliases. A few save typing; many are an attack, for each alias is looked for among all of them. */
const MOST_ALIASES = 1_000;

/** Names with a meaning of their own to JavaScript objects. Nobody needs them, so nothing here may carry them. */
const RESERVED: readonly unknown[] = ['__proto__', 'constructor', 'prototype'];

export const startOf = (node: unknown): number | null => (isNode(node) ? (node.range?.[0] ?? null) : null);

/** What each alias stands for; `undefined`: no anchor of that name comes before it. */
export type Aliases = ReadonlyMap<Alias, Node | undefined>;

/** Something wrong with a key or a text. `message`: `null` for a key that comes twice. */
export interface Slip {
  readonly offset: number;
  readonly message: string | null;
  readonly expected: string;
}

export interface Survey {
  /** No more of them than are told, and one. */
  readonly slips: readonly Slip[];
  readonly aliases: Aliases;
  readonly anchors: number;
  /** No list and no block stands as a key. */
  readonly namesOnly: boolean;
}

/** What only the whole document shows, in one walk over it. */
export function surveyed(document: Document): Survey {
  const slips: Slip[] = [];
  const aliases = new Map<Alias, Node | undefined>();
  const anchored = new Map<string, Node>();
  let anchors = 0;
  let namesOnly = true;
  const slip = (node: unknown, message: string | null, expected: string) => {
    if (slips.length <= MOST_PROBLEMS) slips.push({ offset: startOf(node) ?? 0, message, expected });
  };
  const lookAtKeys = (map: YAMLMap) => {
    // As texts: `1` and "1" are two keys to YAML and one to what reads the value, where the later would win unseen.
    const seen = new Set<string>();
    for (const { key } of map.items) {
      if (isCollection(key)) {
        namesOnly = false;
        slip(key, 'a list or a block stands as a key', 'a name');
      }
      if (!isScalar(key)) continue;
      if (seen.has(String(key.value))) slip(key, null, 'each key once');
      seen.add(String(key.value));
      if (RESERVED.includes(key.value)) {
        slip(key, `the name "${String(key.value)}" is reserved`, 'another name');
      }
    }
  };
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        aliases.set(node, anchored.get(node.source));
        return;
      }
      if (node.anchor) {
        anchored.set(node.anchor, node);
        anchors += 1;
      }
      if (isMap(node)) lookAtKeys(node);
      // PostgreSQL stores no text that holds it. A key's name is a scalar too.
      if (isScalar(node) && typeof node.value === 'string' && node.value.includes('\0')) {
        slip(node, 'the text holds the character U+0000', 'text without it');
      }
    },
  });
  return { slips, aliases, anchors, namesOnly };
}

/** Whether the document would be too long or too deep if each alias were written out, or has too many of them. */
export function isBomb(
  contents: unknown,
  { aliases, anchors }: Survey,
  { longest, deepest }: { readonly longest: number; readonly deepest: number },
): boolean {
  if (aliases.size === 0) return false;
  if (aliases.size + anchors > MOST_ALIASES) return true;
  // What contains itself has no end.
  for (const [alias, meant] of aliases) if ((meant?.range?.[1] ?? 0) > alias.range![0]) return true;
  const known = new Map<unknown, { readonly longer: number; readonly deep: number }>();
  const writtenOut = (node: unknown): { readonly longer: number; readonly deep: number } => {
    const already = known.get(node);
    if (already) return already;
    let [longer, deep] = [0, 0];
    if (isAlias(node)) {
      const meant = aliases.get(node);
      const inside = writtenOut(meant);
      const [from = 0, to = 0] = meant?.range ?? [];
      longer = inside.longer + to - from;
      deep = inside.deep;
    } else if (isCollection(node)) {
      for (const item of node.items) {
        for (const part of isPair(item) ? [item.key, item.value] : [item]) {
          const inside = writtenOut(part);
          longer += inside.longer;
          deep = Math.max(deep, inside.deep + 1);
        }
      }
    }
    const found = { longer, deep };
    // What stands before an alias is known when the alias is come to, so this never goes deeper than the text.
    if (isNode(node)) known.set(node, found);
    return found;
  };
  const { longer, deep } = writtenOut(contents);
  return longer > longest || deep > deepest;
}
