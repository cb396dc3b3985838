import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CompactRange,
  consistencyPath,
  consistencyProof,
  EMPTY_ROOT,
  foldPerfect,
  inclusionPath,
  inclusionProof,
  leafHash,
  nodeHash,
  perfect,
  subtreeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/merkle.ts';

interface Vectors {
  hashes: { what: string; leaf?: string; left?: string; right?: string; hex: string }[];
  leaves: string[];
  roots: string[];
  inclusion: { index: number; size: number; proof: string[] }[];
  consistency: { first: number; second: number; proof: string[] }[];
}
const vectors: Vectors = JSON.parse(readFileSync('test/vectors/audit/rfc6962.json', 'utf8'));
const hex = (text: string) => Buffer.from(text, 'hex');
const leaves = vectors.leaves.map(leaf => leafHash(hex(leaf)));
const roots = vectors.roots.map(hex);
const someHash = hex('abacaba000000000000000000000000000000000000000000060061e00123456');

describe('the reference tree of RFC 6962', () => {
  it('hashes', () => {
    for (const { what, leaf, left, right, hex: expected } of vectors.hashes) {
      const got =
        what === 'leaf'
          ? leafHash(Buffer.from(leaf!))
          : what === 'node'
            ? nodeHash(Buffer.from(left!), Buffer.from(right!))
            : EMPTY_ROOT;
      expect(got.toString('hex')).toBe(expected);
    }
  });

  it('grows through its roots, also when put down and taken up again', () => {
    let range = CompactRange.empty();
    expect(range.root()).toEqual(roots[0]);
    for (const [i, leaf] of leaves.entries()) {
      range.append(leaf);
      expect(range.root()).toEqual(roots[i + 1]);
      range = CompactRange.deserialise(range.serialise());
    }
  });

  it.each(vectors.inclusion)('inclusion of leaf $index in $size', ({ index, size, proof }) => {
    const expected = proof.map(hex);
    expect(inclusionProof(index, leaves, size)).toEqual(expected);
    const good = { index, size, leaf: leaves[index]!, proof: expected, root: roots[size]! };
    expect(verifyInclusion(good)).toBe(true);
    const { root } = good;
    // The same ways of spoiling a proof as transparency-dev/merkle's testdata/inclusion.
    const bad = [
      { index: index - 1 },
      { index: index + 1 },
      { index: index ^ 2 },
      { size: size * 2 },
      { size: Math.floor(size / 2) },
      { leaf: Buffer.from('WrongLeaf') },
      { leaf: Buffer.alloc(0) },
      { root: EMPTY_ROOT },
      { root: someHash },
      { root: Buffer.alloc(0) },
      { proof: [...expected, Buffer.alloc(0)] },
      { proof: [...expected, root] },
      { proof: [Buffer.alloc(0), ...expected] },
      { proof: [root, ...expected] },
      ...expected.map((_, i) => ({ proof: flip(expected, i, 8) })),
      ...(expected.length > 0 ? [{ proof: expected.slice(0, -1) }] : []),
      ...(expected.length > 1 ? [{ proof: [expected[0]!, someHash, ...expected.slice(1)] }] : []),
    ];
    for (const change of bad)
      expect(verifyInclusion({ ...good, ...change }), JSON.stringify(change)).toBe(false);
  });

  it.each(vectors.consistency)('consistency of $first with $second', ({ first, second, proof }) => {
    const expected = proof.map(hex);
    expect(consistencyProof(first, leaves, second)).toEqual(expected);
    const good = { first, second, firstRoot: roots[first]!, secondRoot: roots[second]!, proof: expected };
    expect(verifyConsistency(good)).toBe(true);
    const { firstRoot, secondRoot } = good;
    const wrong = Buffer.from('WrongRoot');
    const garbage = [{ proof: [...expected, Buffer.alloc(0)] }, { proof: [secondRoot, ...expected] }];
    // As in testdata/consistency.
    const bad = [
      ...garbage,
      { firstRoot: wrong },
      { secondRoot: wrong },
      ...(expected.length === 0
        ? []
        : [
            { first: first - 1 },
            { first: first + 1 },
            { first: first ^ 2 },
            { second: second * 2 },
            { second: Math.floor(second / 2) },
            { firstRoot: secondRoot, secondRoot: firstRoot },
            { proof: [] },
            { proof: [...expected, firstRoot] },
            { proof: [...expected, secondRoot] },
            { proof: [Buffer.alloc(0), ...expected] },
            { proof: [firstRoot, ...expected] },
            { proof: [expected[0]!, ...expected] },
            { proof: expected.slice(0, -1) },
            ...expected.map((_, i) => ({ proof: flip(expected, i, 16) })),
          ]),
    ];
    for (const change of bad)
      expect(verifyConsistency({ ...good, ...change }), JSON.stringify(change)).toBe(false);
  });

  it('shows nothing from an empty tree, and nothing into the past', () => {
    const none = { proof: [], firstRoot: EMPTY_ROOT, secondRoot: EMPTY_ROOT };
    expect(verifyConsistency({ first: 0, second: 0, ...none })).toBe(false);
    expect(verifyConsistency({ first: 0, second: 1, ...none })).toBe(false);
    expect(verifyConsistency({ first: 2, second: 1, ...none })).toBe(false);
    expect(verifyInclusion({ index: 0, size: 0, leaf: someHash, proof: [], root: EMPTY_ROOT })).toBe(false);
  });
});

describe('trees of any size', () => {
  const many = Array.from({ length: 200 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));
  const rootOf = (size: number) => subtreeHash(many, { start: 0, end: size });
  const size = fc.integer({ min: 1, max: many.length });

  it('have the root of the recursive definition', () => {
    const mth = (from: number, to: number): Buffer => {
      if (to - from === 1) return many[from]!;
      let k = 1;
      while (k * 2 < to - from) k *= 2;
      return nodeHash(mth(from, from + k), mth(from + k, to));
    };
    for (let n = 1; n <= many.length; n++) expect(rootOf(n)).toEqual(mth(0, n));
  });

  it('prove every leaf, and no other in its place', () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), (size, a, b) => {
        const [index, other] = [a % size, b % size];
        const proof = inclusionProof(index, many, size);
        const claim = { size, proof, root: rootOf(size) };
        expect(verifyInclusion({ ...claim, index, leaf: many[index]! })).toBe(true);
        expect(verifyInclusion({ ...claim, index: other, leaf: many[index]! })).toBe(index === other);
        expect(verifyInclusion({ ...claim, index, leaf: many[other]! })).toBe(index === other);
      }),
    );
  });

  it('prove that they grew, and only that', () => {
    fc.assert(
      fc.property(size, size, size, (a, b, c) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        const proof = consistencyProof(first, many, second);
        const claim = { first, second, proof, secondRoot: rootOf(second) };
        expect(verifyConsistency({ ...claim, firstRoot: rootOf(first) })).toBe(true);
        expect(verifyConsistency({ ...claim, firstRoot: rootOf(c) })).toBe(c === first);
      }),
    );
  });

  it('are put together from stored perfect subtrees alone', () => {
    fc.assert(
      fc.property(size, size, fc.nat(), (a, b, c) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        for (const span of [...inclusionPath(c % second, second), ...consistencyPath(first, second)]) {
          const parts = perfect(span);
          for (const { start, end } of parts) {
            const width = end - start;
            expect(Number.isInteger(Math.log2(width)) && start % width === 0).toBe(true);
          }
          expect(foldPerfect(parts.map(part => subtreeHash(many, part)))).toEqual(subtreeHash(many, span));
        }
      }),
    );
  });

  it('may be larger than 32 bits can count', () => {
    const size = 2 ** 40 + 5;
    expect(inclusionPath(2 ** 40 + 1, size).length).toBeLessThan(45);
    expect(CompactRange.deserialise({ size, hashes: [someHash, someHash, someHash] }).size).toBe(size);
    expect(() => CompactRange.deserialise({ size, hashes: [someHash] })).toThrow(RangeError);
  });
});

function flip(proof: Buffer[], at: number, bit: number): Buffer[] {
  return proof.map((hash, i) => {
    const copy = Buffer.from(hash);
    if (i === at) copy[0]! ^= bit;
    return copy;
  });
}
