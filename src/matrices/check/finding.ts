import type { Place } from '../problem.ts';
import type { Path } from '../source.ts';
import type { Survey } from './survey.ts';

/** An `error` is a gap: somebody will stand before it. A `warning` wants attention. */
export type Severity = 'error' | 'warning';

/** What one check sees at one place of the files. */
export interface Sighting {
  readonly file: 'matrix' | 'targets';
  readonly path: Path;
  /** What it is about, in names and not in lines, so that it is the same finding after the file was edited. */
  readonly subject: string;
  readonly message: string;
  /** What would mend it, without a full stop. */
  readonly mend: string;
  /** Where this one is less, or more, than what the check finds as a rule. */
  readonly severity?: Severity;
}

/** One check: a row of the table. */
export interface Check {
  /** Stable: scripts and code hosts know it. */
  readonly code: string;
  /** Of its findings as a rule. */
  readonly severity: Severity;
  /** What it finds, in one line. */
  readonly title: string;
  /** Why that is a gray zone, and how sure the files make it. */
  readonly help: string;
  /** How to mend it. */
  readonly mend: string;
  readonly find: (survey: Survey) => Iterable<Sighting>;
}

/** A gray zone of a sound matrix, and the place where it would be mended. */
export interface Finding extends Place {
  readonly code: string;
  readonly severity: Severity;
  readonly subject: string;
  readonly message: string;
  readonly mend: string;
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function named(names: readonly string[], most = 3): string {
  const shown = names.length > most + 1 ? names.slice(0, most) : names;
  const last = shown.length < names.length ? `${names.length - shown.length} more` : shown.at(-1)!;
  const before = shown.length < names.length ? shown : shown.slice(0, -1);
  return before.length === 0 ? last : `${before.join(', ')} and ${last}`;
}
