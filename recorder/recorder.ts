import { within } from './deadline.ts';
import type { Disk } from './recording/disk.ts';
import { Recording, type RecordingOptions } from './recording/recording.ts';
import type { WholeFile } from './recording/segments.ts';

/** A disk that takes longer than this over one operation, in ms, is stalled for the moment. */
const STALL_MS = 250;

/** Opens and closes one session's recording on a disk that may hang: nobody waits longer than `diskMs` for it. */
export class Recorder {
  readonly #disk: Disk;
  readonly #diskMs: number;
  readonly #tooLate = new AbortController();
  #opening: Promise<Recording> | null = null;
  #recording: Recording | null = null;

  constructor(disk: Disk, diskMs: number) {
    this.#disk = disk;
    this.#diskMs = diskMs;
  }

  /** Once. What the disk makes after it was given up is taken away again. */
  open(options: Omit<RecordingOptions, 'disk'>): Promise<Recording> {
    this.#opening = this.#open(options);
    return this.#opening;
  }

  async #open(options: Omit<RecordingOptions, 'disk'>): Promise<Recording> {
    const opening = Recording.open({ ...options, disk: this.#disk }, this.#tooLate.signal);
    try {
      // Where it hangs already, nobody has to find that out anew.
      this.#recording = await within(this.#disk.stalledFor > this.#diskMs ? 0 : this.#diskMs, opening);
      return this.#recording;
    } catch (cause) {
      this.#tooLate.abort();
      throw cause;
    }
  }

  /** Gives the recording up if the disk has hung for too long. True: it is stalled, and may still come back. */
  stalls(): boolean {
    const recording = this.#recording;
    const hangs = () => (recording?.stalledFor ?? 0) > this.#diskMs;
    // Once more after the answers that have come meanwhile: the process may have been kept from hearing them.
    if (hangs()) {
      setImmediate(
        () => hangs() && recording?.abandon(new Error(`the disk has hung for ${this.#diskMs} ms`)),
      );
    }
    return (recording?.stalledFor ?? 0) > STALL_MS;
  }

  /** Resolves when all that came until now was recorded and handed on, or cannot be any more. */
  async drained(): Promise<void> {
    const recording = this.#recording;
    if (recording === null) return;
    const drained = new Promise<void>(resolve => recording.whenDrained(resolve));
    await within(this.#diskMs, drained).catch(cause => recording.abandon(cause as Error));
  }

  /** Null where there is none. Never rejects. */
  async close(marker: string): Promise<WholeFile | null> {
    const recording = this.#opening && (await this.#opening.catch(() => null));
    if (recording === null) return null;
    recording.marker(marker);
    const closing = recording.close();
    return within(this.#diskMs, closing).catch(cause => {
      recording.abandon(cause as Error);
      return closing;
    });
  }
}
