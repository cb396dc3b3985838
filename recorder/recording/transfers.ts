/**
 * Which channels move files and not words. Their bytes would make a cast that nobody can read, at a quarter of the
 * speed, so it holds how many went each way, their hashes and how each way began. A command is believed by its name
 * only as long as both directions begin as that protocol does.
 */
import type { RequestedChannel } from '../control-plane.ts';

export type Transfer = 'scp-to' | 'scp-from' | 'rsync' | 'git' | 'sftp';
export type Direction = 'person' | 'target';

/**
 * Commands that a stock client sends for a copy or a fetch, by a bare name or from where systems keep their own
 * programs. Anything that could run something else beside it (an operator, a substitution, a second line) is no
 * transfer and is recorded like any other command: a shell must not hide its output by looking like a copy.
 */
const FOLDER = '(?:/bin/|/usr/bin/|/usr/lib/git-core/)?';
const TRANSFERS: readonly (readonly [Transfer, RegExp])[] = [
  ['scp-to', new RegExp(`^${FOLDER}scp(?: -[A-Za-z]+)*? -[A-Za-eg-z]*t\\b`)],
  ['scp-from', new RegExp(`^${FOLDER}scp(?: -[A-Za-z]+)*? -[A-Za-su-z]*f\\b`)],
  ['rsync', new RegExp(`^${FOLDER}rsync --server(?![\\w-])`)],
  ['git', new RegExp(`^${FOLDER}git[- ](?:upload-pack|receive-pack|upload-archive)(?![\\w-])`)],
];
const MORE_THAN_ONE_COMMAND = /[;&|<>$`()\n\r\0]/;

export function transferOf(kind: RequestedChannel['kind'], command: string | null): Transfer | null {
  if (kind === 'subsystem') return command === 'sftp' ? 'sftp' : null;
  if (kind !== 'exec' || command === null || MORE_THAN_ONE_COMMAND.test(command)) return null;
  return TRANSFERS.find(([, form]) => form.test(command))?.[0] ?? null;
}

/** How a direction may begin: for each alternative, what each of its first bytes may be. */
type Beginnings = readonly (readonly RegExp[])[];

const zero = /\0/;
const any = /./s;
const octal = /[0-7]/;
const digit = /\d/;
/** What scp's source sends first: a file, a folder, times, the end of a folder, or an error. */
const SOURCE: Beginnings = [
  [/[CD]/, octal, octal, octal, octal, / /, digit],
  [/T/, digit],
  [/E/, /\n/],
  [/[\x01\x02]/],
];
const SINK: Beginnings = [[/[\0\x01\x02]/]];
/** The protocol's version, 20 to 40, as a little-endian number. */
const RSYNC: Beginnings = [[/[\x14-\x28]/, zero, zero, zero]];
/** With `-s` the client sends its arguments before anything else. */
const RSYNC_ARGUMENTS = [...'rsync\0'].map(letter => new RegExp(letter));
/** gitprotocol-common(5): the length of a line in hex; 0000 and 0001 are marks between lines. */
const PKT_LINE: Beginnings = [[/[\da-f]/i, /[\da-f]/i, /[\da-f]/i, /[\da-f]/i]];
/** A packet of less than 256 KiB: SSH_FXP_INIT or SSH_FXP_VERSION, and a version of 3 to 6. */
const sftp = (type: RegExp): Beginnings => [
  [zero, /[\0-\x03]/, any, any, type, zero, zero, zero, /[\x03-\x06]/],
];

const BEGINNINGS: Readonly<Record<Transfer, Readonly<Record<Direction, Beginnings>>>> = {
  'scp-to': { person: SOURCE, target: SINK },
  'scp-from': { person: SINK, target: SOURCE },
  rsync: { person: [...RSYNC, RSYNC_ARGUMENTS], target: RSYNC },
  git: { person: PKT_LINE, target: PKT_LINE },
  sftp: { person: sftp(/\x01/), target: sftp(/\x02/) },
};

/** `undecided`: all of these bytes fit, and more of them must. */
export type Likeness = 'fits' | 'undecided' | 'differs';

export function likeness(form: Transfer, direction: Direction, bytes: Buffer): Likeness {
  let answer: Likeness = 'differs';
  for (const beginning of BEGINNINGS[form][direction]) {
    const fits = beginning.every(
      (one, at) => at >= bytes.length || one.test(String.fromCharCode(bytes[at]!)),
    );
    if (fits && bytes.length >= beginning.length) return 'fits';
    if (fits) answer = 'undecided';
  }
  return answer;
}

/** Holds a direction back until its first bytes are known for what they are; at most as many as a beginning has. */
export class Beginning {
  readonly #form: Transfer;
  readonly #direction: Direction;
  #held: Buffer = Buffer.alloc(0);
  #fits = false;

  constructor(form: Transfer, direction: Direction) {
    this.#form = form;
    this.#direction = direction;
  }

  /** What of the stream may be taken as the transfer's, or that it is none: then `release` has the bytes. */
  take(chunk: Buffer): Buffer | Exclude<Likeness, 'fits'> {
    if (this.#fits) return chunk;
    this.#held = Buffer.concat([this.#held, chunk]);
    const answer = this.#held.length === 0 ? 'undecided' : likeness(this.#form, this.#direction, this.#held);
    if (answer !== 'fits') return answer;
    this.#fits = true;
    return this.release();
  }

  get held(): number {
    return this.#held.length;
  }

  release(): Buffer {
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }
}
