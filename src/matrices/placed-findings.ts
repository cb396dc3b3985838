import type { Engagement } from '../domain/engagement.ts';
import { checkEngagement, type Finding } from './check.ts';
import type { Expectations } from './read.ts';
import type { Path } from './source.ts';

/** A finding with the part of the matrix or of the inventory that it is about, by name instead of by line. */
export interface PlacedFinding {
  readonly finding: Finding;
  /** `backups/restore`; `null`: it is not about one cell. */
  readonly cell: string | null;
  readonly service: string | null;
  readonly target: string | null;
}

/**
 * What is gray in a version at a moment, also in one of which no file is at hand, such as the one in force.
 *
 * @param expectations where they are known, the check knows people by them
 */
export function placedFindings(
  engagement: Engagement,
  at: number,
  expectations: Expectations | null = null,
): PlacedFinding[] {
  // A check asks where things stand only to say it; so the answer is which thing it was.
  const asked: { file: string; path: Path }[] = [];
  const locate = (file: string, path: Path) => {
    asked.push({ file, path });
    return { file, line: asked.length, column: 1 };
  };
  return checkEngagement({ ok: true, folder: '', engagement, expectations, locate }, at).map(finding => {
    const { file, path } = asked[finding.line - 1]!;
    const [section, first, , activity] = path;
    const inService = file === 'matrix' && section === 'services' && first !== undefined;
    return {
      finding,
      service: inService ? String(first) : null,
      cell: inService && activity !== undefined ? `${String(first)}/${String(activity)}` : null,
      target: file === 'targets' && section === 'targets' && first !== undefined ? String(first) : null,
    };
  });
}
