import { stringify } from 'yaml';
import type { Engagement } from '../domain/engagement.ts';
import type { Member } from '../domain/person.ts';
import type { Proposal, VersionTexts } from '../domain/proposal.ts';
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
export const textsOf = (texts: VersionTexts | null, document: VersionDocument): VersionTexts =>
  texts ?? writtenOut(document);

function writtenOut({ matrix, targets, expectations }: VersionDocument): VersionTexts {
  // Resolved already: its library must not be laid under it again.
  const { extends: _, ...whole } = matrix;
  return {
    matrix: stringify(whole),
    targets: stringify(targets),
    expectations: expectations && stringify(expectations),
  };
}

/**
 * A stored version as it would be read, for what is told with its place. What is signed is the document: where the
 * files are not read as that any more, by another library or a stricter reader, the document itself is read.
 *
 * @throws Error for a document that was sound when it was put up, and is not read as sound now
 */
export function readAgain(
  { tenant, digest, texts }: Pick<Proposal, 'tenant' | 'digest' | 'texts'>,
  document: VersionDocument,
): Sound {
  const reading = texts && readTexts(tenant, texts);
  if (reading?.ok && reading.engagement.digest === digest) return reading;
  const written = readTexts(tenant, writtenOut(document));
  if (!written.ok) throw new Error(`a stored version of ${tenant} is not sound any more`);
  return written;
}
