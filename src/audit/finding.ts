/**
 * What a verification can find, each under a code that scripts may rely on. FORMAT.md lists the same codes.
 * `check` is the question that the finding answers with no.
 */
export const FINDINGS = {
  empty: { check: 'lines', means: 'the file holds no line' },
  'truncated-line': { check: 'lines', means: 'the last line has no newline: the file was cut inside it' },
  'line-too-long': { check: 'lines', means: 'a line is longer than 65,536 bytes; reading stopped there' },
  'not-canonical': { check: 'lines', means: 'a line is not JSON, or not in its RFC 8785 form to the byte' },
  'bad-entry': { check: 'lines', means: 'a line is JSON, but not the eight keys with values of their form' },
  'mixed-tenants': { check: 'lines', means: 'a line belongs to another tenant than the first' },
  'changed-line': { check: 'chain', means: 'a line is not what the next one was written after' },
  'chain-broken': { check: 'chain', means: 'the first entry does not begin a chain' },
  'missing-line': { check: 'chain', means: 'numbers are left out: entries were taken away' },
  'extra-line': { check: 'chain', means: 'a line stands where no entry belongs' },
  swapped: { check: 'chain', means: 'two lines stand in each other’s place' },
  'clock-ran-back': { check: 'clock', means: 'an entry is earlier than the one before it' },
  'malformed-checkpoint': { check: 'signature', means: 'the checkpoint file is no signed checkpoint' },
  'wrong-key': { check: 'signature', means: 'the checkpoint is not signed by the key that was given' },
  'bad-signature': { check: 'signature', means: 'the signature of the given key does not hold' },
  'wrong-origin': { check: 'signature', means: 'the checkpoint speaks of another log' },
  'tail-cut': { check: 'root', means: 'the checkpoint proves more entries than the file holds' },
  'root-mismatch': { check: 'root', means: 'the lines do not give the root that was signed' },
  'recording-unknown': { check: 'recording', means: 'the log knows no such recording' },
  'recording-changed': { check: 'recording', means: 'bytes of the recording are not those of the log' },
  'recording-cut': { check: 'recording', means: 'the recording is shorter than the log says' },
  'recording-longer': { check: 'recording', means: 'the recording goes on past what the log says' },
  'recording-gap': { check: 'recording', means: 'the log’s own segments do not follow one another' },
} as const satisfies Record<string, { check: CheckName; means: string }>;

export type CheckName = 'lines' | 'chain' | 'clock' | 'signature' | 'root' | 'recording';
export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  code: FindingCode;
  /** Line of the export, from 1; null where no line is to blame. */
  line: number | null;
  message: string;
}

/** A broken file can hold a million faults; the first say what happened, the rest are only counted. */
const KEPT = 100;

export class Findings {
  readonly #kept: Finding[] = [];
  readonly #seen = new Set<CheckName>();
  #count = 0;

  add(code: FindingCode, line: number | null, message: string): void {
    this.#count++;
    this.#seen.add(FINDINGS[code].check);
    if (this.#kept.length < KEPT) this.#kept.push({ code, line, message });
  }

  get count(): number {
    return this.#count;
  }

  /** Those that were kept, by line; what concerns no line comes last. */
  list(): Finding[] {
    return this.#kept.toSorted((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity));
  }

  fails(check: CheckName): boolean {
    return this.#seen.has(check);
  }
}
