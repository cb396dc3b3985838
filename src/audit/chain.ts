import { type Entry, GENESIS } from './entry.ts';
import type { Findings } from './finding.ts';

/** A line that was read, with the SHA-256 of its bytes in hex. */
interface Placed {
  line: number;
  seq: number;
  prev: string;
  at: string;
  hash: string;
}

/** More misplaced lines than this at once are no swapped pair any more. */
const MAX_MISPLACED = 64;

/**
 * Checks that each line was written after the one before it: `seq` without gaps, `prev` the hash of the line
 * before, `at` never running back. It looks one line ahead where a number does not fit, since 1 2 4 5 is a missing
 * line, 1 2 4 3 a swapped pair and 1 2 9 4 a changed one. Any deviation is a finding; the looking ahead only
 * serves to name it. Memory does not grow with the log.
 */
export class ChainCheck {
  readonly #findings: Findings;
  /** The last line taken as being in order. Before the first line, a line 0 that everything follows. */
  #head: Placed = { line: 0, seq: 0, prev: '', at: '', hash: GENESIS };
  /** The head's bytes are already known to be wrong or out of place: the next `prev` cannot fit and says nothing. */
  #headSuspect = false;
  /** The head's `prev` did not fit: either the line before it was changed, or it was. The next line decides. */
  #mismatch: { before: number } | null = null;
  /** A line whose number does not fit, waiting for the next line to say why. */
  #odd: Placed | null = null;
  /** Entry found at a place → the place's own number. */
  readonly #misplaced = new Map<number, Placed>();
  /** What the next number may be as well: the numbering was changed from a line on, and is consistent after it. */
  #renumbered: number | null = null;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The highest number that was in order, and when. */
  get last(): { seq: number; at: string } | null {
    const { seq, at } = this.#odd !== null && this.#odd.seq > this.#head.seq ? this.#odd : this.#head;
    return seq === 0 ? null : { seq, at };
  }

  /** A line that reads as an entry. */
  entry(line: number, entry: Entry, hash: string): void {
    const { seq, prev, at } = entry;
    this.#take({ line, seq, prev, at, hash });
  }

  /** A line that does not read; it is taken to be the entry that should stand there. */
  unreadable(line: number, hash: string): void {
    this.#settleOdd();
    this.#settleMismatch();
    this.#head = { line, seq: this.#head.seq + 1, prev: '', at: this.#head.at, hash };
    this.#headSuspect = true;
    this.#renumbered = null;
  }

  /** To be called once after the last line. */
  end(): void {
    this.#settleOdd();
    this.#settleMismatch();
    for (const [place, odd] of this.#misplaced) this.#reportMisplaced(place, odd);
    this.#misplaced.clear();
  }

  #take(next: Placed): void {
    if (this.#odd !== null && this.#explain(this.#odd, next)) return;
    const expected = this.#head.seq + 1;
    if (next.seq === expected || next.seq === this.#renumbered) this.#follow(next);
    else this.#odd = next;
  }

  /** `next` stands right after `odd`. True when both are dealt with; false leaves `next` to be taken as usual. */
  #explain(odd: Placed, next: Placed): boolean {
    const place = this.#head.seq + 1;
    this.#odd = null;
    if (next.seq === place && odd.seq === place + 1) {
      this.#settleMismatch();
      this.#findings.add(
        'swapped',
        odd.line,
        `lines ${odd.line} and ${next.line} are swapped: they hold entries ${odd.seq} and ${next.seq}`,
      );
      // The higher of the two is what the following line was written after.
      this.#moveTo(odd);
      return true;
    }
    if (next.seq === place) {
      this.#extra(odd);
      return false;
    }
    if (next.seq === place + 1) {
      this.#settleMismatch();
      if (odd.prev === this.#head.hash) this.#reportMisplaced(place, odd);
      else this.#misplace(place, odd);
      this.#moveTo({ ...odd, seq: place, at: this.#head.at });
      this.#headSuspect = true;
      return false;
    }
    this.#odd = odd;
    this.#settleOdd();
    return false;
  }

  /** Nothing after it speaks for another reading: a higher number is a gap, a lower one a line too many. */
  #settleOdd(): void {
    const odd = this.#odd;
    if (odd === null) return;
    this.#odd = null;
    const place = this.#head.seq + 1;
    if (odd.prev === this.#head.hash && this.#head.line > 0) {
      this.#reportMisplaced(place, odd);
      this.#follow({ ...odd, seq: place });
      this.#headSuspect = true;
      this.#renumbered = odd.seq + 1;
    } else if (odd.seq > place) {
      this.#settleMismatch();
      const range = odd.seq === place + 1 ? `entry ${place} is` : `entries ${place} to ${odd.seq - 1} are`;
      this.#findings.add('missing-line', odd.line, `${range} missing before line ${odd.line}`);
      this.#clock(odd);
      this.#moveTo(odd);
    } else {
      this.#extra(odd);
    }
  }

  /** A line whose number fits. */
  #follow(next: Placed): void {
    if (next.prev === this.#head.hash) {
      this.#settleMismatch();
    } else if (this.#head.line === 0) {
      this.#findings.add(
        'chain-broken',
        next.line,
        `line ${next.line}: "prev" of the first entry is not zeros`,
      );
    } else if (this.#headSuspect) {
      // Said already.
    } else if (this.#mismatch !== null) {
      this.#changed(this.#head.line, this.#mismatch.before);
      this.#mismatch = null;
    } else {
      this.#mismatch = { before: this.#head.line };
    }
    this.#clock(next);
    this.#moveTo(next);
  }

  #moveTo(next: Placed): void {
    this.#head = next;
    this.#headSuspect = false;
    this.#renumbered = null;
  }

  /** No second line contradicts the head, so it was the line before that was changed. */
  #settleMismatch(): void {
    if (this.#mismatch !== null) this.#changed(this.#mismatch.before);
    this.#mismatch = null;
  }

  /** `doubtful` is a line that no longer fits either, which the change of this one explains but does not clear. */
  #changed(line: number, doubtful?: number): void {
    const message = `line ${line} was changed: line ${line + 1} was written after other bytes`;
    const more = doubtful === undefined ? '' : `; line ${doubtful} may have been changed too`;
    this.#findings.add('changed-line', line, message + more);
  }

  #clock(next: Placed): void {
    if (next.at < this.#head.at) {
      this.#findings.add(
        'clock-ran-back',
        next.line,
        `line ${next.line} is from ${next.at}, earlier than the entry before it (${this.#head.at})`,
      );
    }
  }

  #extra(odd: Placed): void {
    this.#findings.add(
      'extra-line',
      odd.line,
      odd.seq <= this.#head.seq
        ? `line ${odd.line} holds entry ${odd.seq} after entry ${this.#head.seq}`
        : `line ${odd.line} holds entry ${odd.seq} between entries ${this.#head.seq} and ${this.#head.seq + 1}`,
    );
  }

  #misplace(place: number, odd: Placed): void {
    const other = this.#misplaced.get(odd.seq);
    if (other?.seq === place) {
      this.#misplaced.delete(odd.seq);
      this.#findings.add(
        'swapped',
        other.line,
        `lines ${other.line} and ${odd.line} are swapped: they hold entries ${other.seq} and ${odd.seq}`,
      );
    } else if (this.#misplaced.size < MAX_MISPLACED) {
      this.#misplaced.set(place, odd);
    } else {
      this.#reportMisplaced(place, odd);
    }
  }

  #reportMisplaced(place: number, odd: Placed): void {
    this.#findings.add(
      'changed-line',
      odd.line,
      `line ${odd.line} was changed: it says it is entry ${odd.seq} where entry ${place} belongs`,
    );
  }
}
