import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/domain/decision.ts';
import { situations } from '../worlds.ts';
import { cedarOf } from './opinion.ts';

/** Worlds, and questions asked in each. */
const WORLDS = 40;
const QUESTIONS = 50;

/** Two squads may write one email in two ways. */
const inOrder = (names: readonly string[]): string[] =>
  [...new Set(names.map(name => name.toLowerCase()))].sort();

describe('a second opinion', () => {
  it('Cedar, told the same matrix, says the same', () => {
    const counts = { refused: 0, 'needs-approval': 0, 'pre-approved': 0 };
    fc.assert(
      fc.property(situations(QUESTIONS), ({ world, asked }) => {
        const cedar = cedarOf(world);
        for (const { question, people, lockedOut } of asked) {
          const ours = decide(world, question, { people, lockedOut });
          const theirs = cedar(question, people, lockedOut);
          expect({
            question,
            decision: ours.decision,
            answerers:
              ours.decision === 'needs-approval' ? inOrder(ours.ladder.flatMap(rung => rung.people)) : [],
            coApprove: inOrder(ours.co_approve),
          }).toEqual({
            question,
            decision: theirs.decision,
            answerers: inOrder(theirs.answerers),
            coApprove: inOrder(theirs.coApprove),
          });
          counts[ours.decision] += 1;
        }
      }),
      // A smaller world would be found after minutes of asking; the question that failed is told as it is.
      { numRuns: WORLDS, endOnFailure: true },
    );
    // An agreement on noes alone would be none.
    expect(counts['needs-approval']).toBeGreaterThan(100);
    expect(counts['pre-approved']).toBeGreaterThan(100);
  });
});
