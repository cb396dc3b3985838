import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../deadline.ts';
import { type CastHeader, type EventCode, eventLine, headerLine } from './asciicast.ts';
import type { Disk } from './disk.ts';
import { type ClosedSegment, SegmentedFile, type WholeFile } from './segments.ts';
import { Beginning, type Direction, type Transfer } from './transfers.ts';
import { type Decoded, Utf8Stream } from './utf8.ts';

/** Which of the two streams that a person sees. */
export type OutputStream = 'out' | 'err';

export interface RecordingLimits {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** Standard input without a terminal is recorded up to this many bytes, then by size and hash. */
  readonly inputBytes: number;
  /** How long the first bytes of a character wait for the rest, in ms. */
  readonly holdMs: number;
  /** Characters waiting to be written at which the source is paused. */
  readonly backlog: number;
}

export interface RecordingOptions {
  readonly folder: string;
  readonly disk: Disk;
  /** Relative to `folder`; must stay within it. */
  readonly path: string;
  readonly header: Omit<CastHeader, 'startedAt'>;
  readonly clock: Clock;
  readonly limits: RecordingLimits;
  /** What the streams are announced to carry: a transfer's bytes are counted and hashed, not shown in the cast. */
  readonly transfer: Transfer | null;
  /** `typed`: record all of it (a terminal whose cell says so); `piped`: up to the limit; `none`: nothing. */
  readonly input: 'typed' | 'piped' | 'none';
  readonly onSegment: (segment: ClosedSegment) => void;
  /** Called once; from then on no `shown` is called. */
  readonly onFailure: (cause: Error) => void;
}

type Beginnings = Readonly<Record<Direction, Beginning>>;

/** Bytes and hash of one direction. */
class Tally {
  readonly #hash: Hash = createHash('sha256');
  bytes = 0;

  add(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  toString(): string {
    return `${this.bytes} bytes, sha256 ${this.#hash.digest('hex')}`;
  }
}

/** One marker holds this much; a longer text stands in several. Characters, so that none is torn. */
const MARKERS = /.{1,4096}/gsu;
const FIRST_BYTES = 512;

/**
 * One session's cast. Output is handed on through `shown` only after it stands in the file; the two output streams
 * keep the order in which they came. `FORMAT.md` beside this file describes the result.
 */
export class Recording {
  readonly #file: SegmentedFile;
  readonly #options: RecordingOptions;
  readonly #startedAt: number;
  readonly #output = { out: new Utf8Stream(), err: new Utf8Stream() };
  readonly #typed = new Utf8Stream();
  readonly #holding: { out?: NodeJS.Timeout; err?: NodeJS.Timeout } = {};
  #fromPerson = new Tally();
  readonly #fromTarget = new Tally();
  /** Null from the moment on that a stream turns out to be something else. */
  #transfer: Beginnings | null = null;
  /** Where the target's output goes, for what was held of it. */
  #shown: ((bytes: Buffer) => void) | undefined;
  #inputRecorded = 0;
  #closed: Promise<WholeFile> | null = null;

  private constructor(file: SegmentedFile, options: RecordingOptions, startedAt: number) {
    this.#file = file;
    this.#options = options;
    this.#startedAt = startedAt;
    const { transfer } = options;
    if (transfer !== null)
      this.#transfer = {
        person: new Beginning(transfer, 'person'),
        target: new Beginning(transfer, 'target'),
      };
  }

  /**
   * Makes the file and writes its header; throws when either cannot be done. A disk that hangs keeps it waiting until
   * `signal` gives it up; what comes into being after that is taken away again.
   */
  static async open(options: RecordingOptions, signal: AbortSignal): Promise<Recording> {
    const path = join(options.folder, options.path);
    if (!path.startsWith(join(options.folder, '/'))) throw new Error('a recording leaves its folder');
    const startedAt = options.clock.monotonic();
    const file = await SegmentedFile.open(
      {
        path,
        disk: options.disk,
        segmentBytes: options.limits.segmentBytes,
        segmentMs: options.limits.segmentMs,
        onSegment: options.onSegment,
        onFailure: cause => {
          failed = cause;
          options.onFailure(cause);
        },
      },
      signal,
    );
    let failed: Error | null = null;
    const giveUp = () => file.abandon(new Error('its beginning could not be written in time'));
    signal.addEventListener('abort', giveUp);
    file.append(headerLine({ ...options.header, startedAt: options.clock.now() }));
    await new Promise<void>(resolve => file.whenDrained(resolve));
    signal.removeEventListener('abort', giveUp);
    if (failed !== null) {
      await file.close();
      file.discard();
      throw failed;
    }
    return new Recording(file, options, startedAt);
  }

  /** True while the source should pause; `whenDrained` says when to go on. */
  get full(): boolean {
    return this.#file.backlog >= this.#options.limits.backlog;
  }

  /** How long the disk has been at something while we wait for it, in ms. */
  get stalledFor(): number {
    return this.#file.stalledFor;
  }

  whenDrained(then: () => void): void {
    this.#file.whenDrained(then);
  }

  /** Gives up on a disk that does not answer. */
  abandon(cause: Error): void {
    this.#file.abandon(cause);
  }

  /**
   * What the target sent. `shown` gets the original bytes, in order, once they are recorded; a character that is cut
   * in two waits for its rest, `holdMs` at most.
   */
  output(stream: OutputStream, chunk: Buffer, shown: (bytes: Buffer) => void): void {
    if (stream === 'out' && this.#transfer !== null) {
      this.#shown = shown;
      const moved = this.#moved(this.#transfer, 'target', chunk);
      // Nothing to write, and still in turn: an empty piece keeps its place behind what is on its way to the file.
      if (moved !== null) this.#file.append('', () => shown(moved));
      return;
    }
    this.#words(stream, chunk, shown);
  }

  #words(stream: OutputStream, chunk: Buffer, shown: ((bytes: Buffer) => void) | undefined): void {
    clearTimeout(this.#holding[stream]);
    const utf8 = this.#output[stream];
    this.#write('o', utf8.take(chunk), shown);
    if (utf8.held > 0) {
      this.#holding[stream] = setTimeout(
        () => this.#write('o', utf8.flush(), shown),
        this.#options.limits.holdMs,
      );
    }
  }

  /** The stream is over: what waits for the rest of a character goes out as it is. */
  outputEnded(stream: OutputStream, shown: (bytes: Buffer) => void): void {
    if (stream === 'out' && this.#transfer?.target.held) this.#noTransfer(this.#transfer);
    clearTimeout(this.#holding[stream]);
    this.#write('o', this.#output[stream].flush(), shown);
  }

  /** What the person sent, before it goes to the target. */
  input(chunk: Buffer): void {
    const { input } = this.#options;
    if (input === 'typed') {
      this.#write('i', this.#typed.take(chunk));
      return;
    }
    if (input !== 'piped') return;
    if (this.#transfer === null) this.#piped(chunk);
    else this.#moved(this.#transfer, 'person', chunk);
  }

  #piped(chunk: Buffer): void {
    const { limits } = this.#options;
    this.#fromPerson.add(chunk);
    const room = limits.inputBytes - this.#inputRecorded;
    if (room <= 0) return;
    const part = chunk.subarray(0, room);
    this.#inputRecorded += part.length;
    this.#write('i', this.#typed.take(part));
  }

  /** Calls `then` once all that came before is recorded and was handed to `shown`. */
  afterOutput(then: () => void): void {
    this.#file.append('', then);
  }

  /** A line of our own, recorded as the output that it is. */
  notice(text: string, shown: () => void): void {
    this.#event('o', text.toWellFormed(), shown);
  }

  resize(columns: number, rows: number): void {
    this.#event('r', `${columns}x${rows}`);
  }

  /** A text that is too long for one marker stands in several, so that the end of a command is on record too. */
  marker(text: string): void {
    const pieces = text.toWellFormed().match(MARKERS) ?? [''];
    pieces.forEach((piece, at) => {
      this.#event('m', pieces.length === 1 ? piece : `(${at + 1}/${pieces.length}) ${piece}`);
    });
  }

  /** Counts a piece of a transfer, whose first bytes stand in the record. Null: held, or no transfer after all. */
  #moved(transfer: Beginnings, from: Direction, chunk: Buffer): Buffer | null {
    const taken = transfer[from].take(chunk);
    if (taken === 'differs') this.#noTransfer(transfer);
    if (typeof taken === 'string') return null;
    const tally = from === 'person' ? this.#fromPerson : this.#fromTarget;
    if (tally.bytes === 0) {
      const first = taken.subarray(0, FIRST_BYTES).toString('base64');
      this.marker(`first bytes ${from === 'person' ? 'to' : 'from'} the target, base64: ${first}`);
    }
    tally.add(taken);
    return taken;
  }

  /** It only had a transfer's name: it is recorded as a command from here on, with what was held until now. */
  #noTransfer({ person, target }: Beginnings): void {
    const name = this.#options.transfer?.replace(/-.*/, '');
    const before = `to the target ${this.#fromPerson}; from the target ${this.#fromTarget}`;
    this.marker(`not ${name}: recorded from here on; before, ${before}`);
    this.#transfer = null;
    this.#fromPerson = new Tally();
    const [sent, answered] = [person.release(), target.release()];
    if (sent.length > 0) this.#piped(sent);
    if (answered.length > 0) this.#words('out', answered, this.#shown);
  }

  /** Writes the closing markers, the last segment and the hash of the whole. Safe to call twice. */
  close(): Promise<WholeFile> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #close(): Promise<WholeFile> {
    if (this.#transfer?.target.held || this.#transfer?.person.held) this.#noTransfer(this.#transfer);
    clearTimeout(this.#holding.out);
    clearTimeout(this.#holding.err);
    // Held back and never shown, but it was sent: the record has it.
    this.#write('o', this.#output.out.flush());
    this.#write('o', this.#output.err.flush());
    this.#write('i', this.#typed.flush());
    if (this.#transfer !== null) {
      this.marker(`transfer ended: to the target ${this.#fromPerson}; from the target ${this.#fromTarget}`);
    } else if (this.#fromPerson.bytes > this.#options.limits.inputBytes) {
      this.marker(`standard input: ${this.#fromPerson}; the first ${this.#inputRecorded} bytes are recorded`);
    }
    return this.#file.close();
  }

  #write(code: 'o' | 'i', decoded: Decoded | null, shown?: (bytes: Buffer) => void): void {
    if (decoded === null) return;
    const { bytes, invalid } = decoded;
    const written = shown && (() => shown(bytes));
    if (invalid === null) {
      this.#event(code, decoded.text, written);
      return;
    }
    const hash = createHash('sha256').update(invalid).digest('hex');
    this.#event(code, decoded.text);
    this.#event('m', `not UTF-8: ${invalid.length} bytes, sha256 ${hash}`, written);
  }

  #event(code: EventCode, data: string, written?: () => void): void {
    this.#file.append(eventLine(this.#options.clock.monotonic() - this.#startedAt, code, data), written);
  }
}
