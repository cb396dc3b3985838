import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Disk } from './disk.ts';

/**
 * A closed range of the file; its bytes are on the disk (fdatasync) before anybody hears of it, unless the file
 * failed: then the hash still says what had been written.
 */
export interface ClosedSegment {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

export interface WholeFile {
  readonly size: number;
  readonly sha256: string;
  readonly segments: number;
}

export interface SegmentOptions {
  readonly path: string;
  readonly disk: Disk;
  /** A segment is closed once it holds this many bytes … */
  readonly segmentBytes: number;
  /** … or this many milliseconds after its first byte. */
  readonly segmentMs: number;
  readonly onSegment: (segment: ClosedSegment) => void;
  /** Called once, when a write or a sync failed: nothing is written and no `written` is called any more. */
  readonly onFailure: (cause: Error) => void;
}

/** One write takes at most this much, so that hashing a flood does not keep other sessions waiting. */
const BATCH_BYTES = 1024 * 1024;
/** Syncs that may be under way before writing waits for the disk. */
const SYNCS_AHEAD = 4;

interface Piece {
  readonly text: string;
  /** Called when the bytes of this piece are in the file (not yet synced). Must not throw. */
  readonly written: (() => void) | undefined;
}

/**
 * An append-only file that is hashed as it grows. Owner-readable only, and never an existing file: a recording is
 * written once. Callers keep `backlog` small; nothing here refuses a piece for size.
 */
export class SegmentedFile {
  readonly #file: FileHandle;
  readonly #options: SegmentOptions;
  readonly #whole: Hash = createHash('sha256');
  #segment: Hash = createHash('sha256');
  #segmentOffset = 0;
  #segmentLength = 0;
  #index = 0;
  #size = 0;
  #queue: Piece[] = [];
  #backlog = 0;
  #writing: Promise<void> | null = null;
  #syncing: Promise<void> = Promise.resolve();
  #syncs = 0;
  #rotate: NodeJS.Timeout | undefined;
  #rotateDue = false;
  #failed = false;
  #room: (() => void)[] = [];
  /** Closed, and not told to anybody yet. */
  #untold: ClosedSegment[] = [];
  readonly #failure: Promise<void>;
  #giveUp: () => void = () => {};

  private constructor(file: FileHandle, options: SegmentOptions) {
    this.#file = file;
    this.#options = options;
    this.#failure = new Promise(resolve => {
      this.#giveUp = resolve;
    });
  }

  /**
   * Throws the file system's error when the file cannot be made (EROFS, ENOSPC, EACCES, EEXIST …). When `signal` says
   * that nobody waits for it any more, it is not made, or taken away again.
   */
  static open(options: SegmentOptions, signal: AbortSignal): Promise<SegmentedFile> {
    const { path, disk } = options;
    const make = async () => {
      await makeFolder(dirname(path));
      const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
      const file = await open(path, flags, 0o600);
      if (!signal.aborted) return new SegmentedFile(file, options);
      await file.close();
      await rm(path);
      throw new Error('the file was made too late');
    };
    return disk.other(make, () => !signal.aborted);
  }

  /** Characters that wait to be written. */
  get backlog(): number {
    return this.#backlog;
  }

  /** How long the disk has been at one operation while this file waits for it, in ms; 0 when it waits for none. */
  get stalledFor(): number {
    return this.#writing !== null || this.#syncs > 0 ? this.#options.disk.stalledFor : 0;
  }

  append(text: string, written?: () => void): void {
    if (this.#failed) return;
    this.#queue.push({ text, written });
    this.#backlog += text.length;
    this.#writing ??= this.#drain();
  }

  /** Calls `then` when the backlog is empty again (at once when it is). */
  whenDrained(then: () => void): void {
    if (this.#writing === null || this.#failed) then();
    else this.#room.push(then);
  }

  /** Gives up on a file that does not answer, as if a write had failed. */
  abandon(cause: Error): void {
    this.#fail(cause);
  }

  /**
   * Writes what is left, closes the last segment and the file. After a failure it describes what had been written
   * before; it never throws, and never waits on a file that failed.
   */
  async close(): Promise<WholeFile> {
    while (this.#writing !== null && !this.#failed) await Promise.race([this.#writing, this.#failure]);
    clearTimeout(this.#rotate);
    this.#closeSegment();
    await Promise.race([this.#syncing, this.#failure]);
    this.#tell(this.#untold.length);
    // After a write that hangs yet: what that leaves must be taken off first.
    const closing = Promise.resolve(this.#writing)
      .then(() => this.#options.disk.other(() => this.#file.close()))
      .catch(() => {});
    if (!this.#failed) await closing;
    return { size: this.#size, sha256: this.#whole.digest('hex'), segments: this.#index };
  }

  /** After `close`: takes away a file in which nothing of a session stands. */
  discard(): void {
    const { disk, path } = this.#options;
    void disk.other(() => rm(path, { force: true })).catch(() => {});
  }

  #fail(cause: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#queue = [];
    this.#backlog = 0;
    clearTimeout(this.#rotate);
    this.#giveUp();
    this.#options.onFailure(cause);
    this.#release();
  }

  async #drain(): Promise<void> {
    // One turn later: what arrives in the same turn goes in one write.
    await Promise.resolve();
    try {
      while (!this.#failed && (this.#queue.length > 0 || this.#rotateDue)) {
        await this.#writeBatch();
        if (this.#failed) return;
        if (this.#rotateDue || this.#segmentLength >= this.#options.segmentBytes) this.#closeSegment();
        if (this.#syncs >= SYNCS_AHEAD) await this.#syncing;
      }
    } catch (cause) {
      this.#fail(cause as Error);
    } finally {
      this.#writing = null;
    }
    this.#release();
  }

  async #writeBatch(): Promise<void> {
    let take = 0;
    let length = 0;
    while (take < this.#queue.length && length < BATCH_BYTES) {
      length += this.#queue[take]!.text.length;
      take += 1;
    }
    if (take === 0) return;
    const pieces = this.#queue.splice(0, take);
    if (length > 0) {
      const bytes = Buffer.from(pieces.map(piece => piece.text).join(''), 'utf8');
      await this.#options.disk.write(
        () => this.#writeAll(bytes),
        () => !this.#failed,
      );
      if (this.#failed) return;
      this.#count(bytes);
      this.#backlog -= length;
    }
    for (const piece of pieces) piece.written?.();
  }

  #count(bytes: Buffer): void {
    this.#whole.update(bytes);
    this.#segment.update(bytes);
    this.#size += bytes.length;
    if (this.#segmentLength === 0) this.#startRotation();
    this.#segmentLength += bytes.length;
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      try {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#size + done);
        if (bytesWritten === 0) throw new Error('the file system accepted no bytes');
        done += bytesWritten;
      } catch (cause) {
        await this.#takeOff();
        throw cause;
      }
    }
    // It had been given up, and was written in the end.
    if (this.#failed) await this.#takeOff();
  }

  /** What stands beyond the last whole write belongs to no segment: without it, file and hash agree. */
  async #takeOff(): Promise<void> {
    await this.#file.truncate(this.#size).catch(() => {});
  }

  #startRotation(): void {
    this.#rotate = setTimeout(() => {
      this.#rotateDue = true;
      this.#writing ??= this.#drain();
    }, this.#options.segmentMs);
  }

  #closeSegment(): void {
    this.#rotateDue = false;
    clearTimeout(this.#rotate);
    if (this.#segmentLength === 0) return;
    const segment: ClosedSegment = {
      index: this.#index,
      offset: this.#segmentOffset,
      length: this.#segmentLength,
      sha256: this.#segment.digest('hex'),
    };
    this.#index += 1;
    this.#segmentOffset += this.#segmentLength;
    this.#segmentLength = 0;
    this.#segment = createHash('sha256');
    this.#untold.push(segment);
    this.#syncs += 1;
    // Beside the writing, so that a keystroke's echo does not wait for the disk.
    const sync = () =>
      this.#options.disk.other(
        () => this.#file.datasync(),
        () => !this.#failed,
      );
    this.#syncing = this.#syncing
      .then(sync)
      .then(() => {
        this.#syncs -= 1;
        if (!this.#failed) this.#tell(1);
      })
      .catch(cause => this.#fail(cause as Error));
  }

  #tell(count: number): void {
    for (const segment of this.#untold.splice(0, count)) this.#options.onSegment(segment);
  }

  #release(): void {
    const waiting = this.#room;
    this.#room = [];
    for (const then of waiting) then();
  }
}

/**
 * Makes a folder and those above it. Not `mkdir` with `recursive`: that one never returns where a file system says
 * ENOENT for a folder that is there, as a dangling link or /proc does.
 */
async function makeFolder(path: string, above = true): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || !above || dirname(path) === path) throw cause;
    await makeFolder(dirname(path));
    await makeFolder(path, false);
  }
}
