import { hash } from 'node:crypto';

/**
 * The Merkle tree of RFC 6962 section 2.1 over SHA-256. Sizes are plain numbers, so a log may hold 2^53 − 1
 * entries; there are no bit operators here, since those stop at 2^32.
 */

export const HASH_BYTES = 32;

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = hash('sha256', '', 'buffer');

/** SHA-256(0x00 ‖ leaf). */
export function leafHash(leaf: Uint8Array): Buffer {
  const prefixed = Buffer.allocUnsafe(leaf.length + 1);
  prefixed[0] = 0;
  prefixed.set(leaf, 1);
  return hash('sha256', prefixed, 'buffer');
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const node = Buffer.allocUnsafe(1 + left.length + right.length);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 1 + left.length);
  return hash('sha256', node, 'buffer');
}

/**
 * The tree as seen from its right edge: one hash for each perfect subtree, largest first, as many as `size` has
 * ones in binary. It is all that appending and the root need; 54 hashes at the most.
 */
export class CompactRange {
  #size: number;
  readonly #hashes: Buffer[];

  private constructor(size: number, hashes: Buffer[]) {
    this.#size = size;
    this.#hashes = hashes;
  }

  static empty(): CompactRange {
    return new CompactRange(0, []);
  }

  /** From what `serialise` gave. Throws a RangeError when the hashes do not fit the size. */
  static deserialise(stored: { size: number; hashes: readonly Uint8Array[] }): CompactRange {
    checkSize(stored.size);
    if (stored.hashes.length !== ones(stored.size) || stored.hashes.some(h => h.length !== HASH_BYTES)) {
      throw new RangeError(
        `a tree of ${stored.size} leaves has ${ones(stored.size)} hashes of ${HASH_BYTES} bytes`,
      );
    }
    return new CompactRange(
      stored.size,
      stored.hashes.map(h => Buffer.from(h)),
    );
  }

  serialise(): { size: number; hashes: Buffer[] } {
    return { size: this.#size, hashes: [...this.#hashes] };
  }

  get size(): number {
    return this.#size;
  }

  append(leaf: Buffer): void {
    let right = leaf;
    // Each trailing one of the old size is a perfect subtree that the new leaf completes.
    for (let n = this.#size; n % 2 === 1; n = (n - 1) / 2) right = nodeHash(this.#hashes.pop()!, right);
    this.#hashes.push(right);
    this.#size++;
  }

  root(): Buffer {
    let root = this.#hashes.at(-1);
    if (root === undefined) return EMPTY_ROOT;
    for (let i = this.#hashes.length - 2; i >= 0; i--) root = nodeHash(this.#hashes[i]!, root);
    return root;
  }
}

/** The leaves from `start` up to, not with, `end`; one hash of a proof stands for each. */
export type Span = { start: number; end: number };

/**
 * Which subtrees an inclusion proof is made of, lowest first (RFC 6962 section 2.1.1, PATH(index, D[size])).
 * Whoever stores the tree looks up their hashes and never reads a leaf; `perfect` takes ragged ones apart.
 */
export function inclusionPath(index: number, size: number): Span[] {
  checkSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  }
  const path: Span[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + split(end - start);
    if (index < middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  return path.reverse();
}

/** Which subtrees a consistency proof is made of (RFC 6962 section 2.1.2, PROOF(first, D[size])). */
export function consistencyPath(first: number, size: number): Span[] {
  checkSize(size);
  if (!Number.isSafeInteger(first) || first < 1 || first > size) {
    throw new RangeError(`no consistency from ${first} to ${size}`);
  }
  const path: Span[] = [];
  let start = 0;
  let end = size;
  // The subtree that is the whole old tree is left out: its hash is the old root, which the reader holds.
  let wholeOld = true;
  while (first !== end) {
    const middle = start + split(end - start);
    if (first <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
      wholeOld = false;
    }
  }
  if (!wholeOld) path.push({ start, end });
  return path.reverse();
}

/** The perfect subtrees that make up a span, left to right; `foldPerfect` joins their hashes. */
export function perfect(span: Span): Span[] {
  const parts: Span[] = [];
  let { start } = span;
  while (start < span.end) {
    const width = span.end - start;
    const half = split(width);
    const part = width === 1 || half * 2 === width ? width : half;
    parts.push({ start, end: start + part });
    start += part;
  }
  return parts;
}

/** The hash of a span from the hashes of its perfect subtrees. */
export function foldPerfect(hashes: readonly Buffer[]): Buffer {
  let root = hashes.at(-1);
  if (root === undefined) return EMPTY_ROOT;
  for (let i = hashes.length - 2; i >= 0; i--) root = nodeHash(hashes[i]!, root);
  return root;
}

/** The hash of a span, from all leaf hashes: MTH of RFC 6962 section 2.1. */
export function subtreeHash(leaves: readonly Buffer[], span: Span): Buffer {
  const range = CompactRange.empty();
  for (let i = span.start; i < span.end; i++) range.append(leaves[i]!);
  return range.root();
}

export function inclusionProof(index: number, leaves: readonly Buffer[], size = leaves.length): Buffer[] {
  return inclusionPath(index, size).map(span => subtreeHash(leaves, span));
}

export function consistencyProof(first: number, leaves: readonly Buffer[], size = leaves.length): Buffer[] {
  return consistencyPath(first, size).map(span => subtreeHash(leaves, span));
}

export interface Inclusion {
  index: number;
  size: number;
  leaf: Uint8Array;
  proof: readonly Uint8Array[];
  root: Uint8Array;
}

/** Does the leaf hash stand at `index` in the tree of this root? RFC 9162 section 2.1.3.2; never throws. */
export function verifyInclusion({ index, size, leaf, proof, root }: Inclusion): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (![leaf, root, ...proof].every(isHash)) return false;
  let fn = index;
  let sn = size - 1;
  let r: Buffer = Buffer.from(leaf);
  for (const p of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && r.equals(root);
}

export interface Consistency {
  first: number;
  second: number;
  firstRoot: Uint8Array;
  secondRoot: Uint8Array;
  proof: readonly Uint8Array[];
}

/**
 * Is the second tree the first with leaves appended? RFC 9162 section 2.1.4.2; never throws. From an empty tree
 * nothing can be shown, so `first` of 0 is a no: whoever starts from nothing has to say so, not to call here.
 */
export function verifyConsistency({ first, second, firstRoot, secondRoot, proof }: Consistency): boolean {
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 1 || first > second)
    return false;
  if (![firstRoot, secondRoot, ...proof].every(isHash)) return false;
  if (first === second) return proof.length === 0 && Buffer.from(firstRoot).equals(secondRoot);
  if (proof.length === 0) return false;
  // Where the old tree is perfect, its root is the proof's first hash and is not sent.
  const path = isPowerOfTwo(first) ? [firstRoot, ...proof] : proof;
  let fn = first - 1;
  let sn = second - 1;
  while (fn % 2 === 1) {
    fn = (fn - 1) / 2;
    sn = Math.floor(sn / 2);
  }
  let fr: Buffer = Buffer.from(path[0]!);
  let sr = fr;
  for (const c of path.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = nodeHash(sr, c);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && fr.equals(firstRoot) && sr.equals(secondRoot);
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}

/** The largest power of two below n: where RFC 6962 splits n leaves. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function ones(n: number): number {
  let count = 0;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

function isPowerOfTwo(n: number): boolean {
  return ones(n) === 1;
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is no size of a tree`);
}
