import { stringify } from 'yaml';
import type { Engagement } from '../domain/engagement.ts';
import type { Member } from '../domain/person.ts';
import type { VersionTexts } from '../domain/proposal.ts';
import type { VersionDocument } from '../domain/version.ts';
import { checkEngagement, type Finding } from './check.ts';
import { type AccessDiff, diffEngagements } from './diff.ts';
import { type Reading, readTexts } from './read.ts';
import { type Outcome, testEngagement } from './test.ts';

/** What those who sign a version read besides its files. */
export interface Review {
  /** What it means for people and their access beside the version before it; `null`: there is none. */
  readonly diff: AccessDiff | null;
  readonly findings: readonly Finding[];
  /** Empty where the version has no expectations. */
  readonly tests: readonly Outcome[];
}

type Sound = Extract<Reading, { ok: true }>;

/**
 * @param before the version that it would take the place of, or took
 * @param people everybody known on a side of it, to be named where squads are
 * @param at epoch milliseconds: the clock makes some findings, and is the start of what says none
 */
export function reviewVersion(
  reading: Sound,
  before: Engagement | null,
  people: readonly Member[],
  at: number,
): Review {
  const { engagement } = reading;
  return {
    diff: before && diffEngagements(before, engagement, people),
    findings: checkEngagement(reading, at),
    tests: testsOf(reading, at),
  };
}

const testsOf = ({ engagement, expectations }: Sound, at: number): Outcome[] =>
  expectations ? testEngagement(engagement, expectations, at) : [];

/** Which of a version's own expectations do not hold. */
export const failingTests = (reading: Sound, at: number): Outcome[] =>
  testsOf(reading, at).filter(({ differences }) => differences.length > 0);

/** The texts of a version; of one that came without files, the documents written as such. */
export const textsOf = (
  texts: VersionTexts | null,
  { matrix, targets, expectations }: VersionDocument,
): VersionTexts =>
  texts ?? {
    matrix: stringify(matrix),
    targets: stringify(targets),
    expectations: expectations && stringify(expectations),
  };

/** @throws Error for a version that was sound when it was put up, and is not read as sound now */
export function readAgain(tenant: string, texts: VersionTexts): Sound {
  const reading = readTexts(tenant, texts);
  if (!reading.ok) throw new Error(`a stored version of ${tenant} is not sound any more`);
  return reading;
}
