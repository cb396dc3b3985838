import type { Clock } from './deadline.ts';
import type { Exit, PersonEvents, PersonSide, TargetEvents, TargetSide } from './protocols/contract.ts';
import type { OutputStream, Recording } from './recording/recording.ts';

/** How long the end of the output waits for the exit status, so that the status goes first (RFC 4254 section 6.10). */
const STATUS_WAIT_MS = 100;

/** Signals that wait for the end of a pause; what comes beyond is dropped. */
const MOST_SIGNALS = 16;

/** In this time a signal of one name is marked once. There are few names, so the record grows by no more than that. */
const SIGNAL_MARK_MS = 1000;

/** What makes one direction wait. It flows again when the last of them is gone. */
class Valve {
  readonly #reasons = new Set<string>();
  readonly #close: () => void;
  readonly #open: () => void;

  constructor(close: () => void, open: () => void) {
    this.#close = close;
    this.#open = open;
  }

  get held(): boolean {
    return this.#reasons.size > 0;
  }

  hold(reason: string): void {
    if (this.#reasons.size === 0) this.#close();
    this.#reasons.add(reason);
  }

  free(reason: string): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#open();
  }
}

/**
 * Moves bytes between a person and a target, through the recording: what the target sends is shown only after the
 * recording has it, and whoever is slow (the disk, the person, the target) slows its source and fills no memory.
 */
export class Relay {
  bytesIn = 0;
  bytesOut = 0;
  /** When the last byte of the target went to the person, milliseconds since the epoch. */
  lastShownAt: number | null = null;
  exit: Exit | null = null;

  readonly #person: PersonSide;
  readonly #recording: Recording;
  readonly #clock: Clock;
  readonly #takesInput: boolean;
  #target: TargetSide | null = null;
  #stopped = false;
  #openStreams = new Set<OutputStream>(['out', 'err']);
  #size: Parameters<PersonEvents['resized']> | null = null;
  #statusWait: NodeJS.Timeout | undefined;
  #outputEnded = false;
  #paused = false;
  /** What came when nothing may pass, in order. */
  #later: (() => void)[] = [];
  #signals = 0;
  /** When each name was last marked, on the clock that does not jump. */
  readonly #marked = new Map<string, number>();

  readonly #fromTarget = new Valve(
    () => this.#target?.pause(),
    () => this.#target?.resume(),
  );
  readonly #fromPerson = new Valve(
    () => this.#person.pause(),
    () => this.#person.resume(),
  );

  /** @param takesInput whether anything of the person's goes on to the target; else its input ends as it starts */
  constructor(person: PersonSide, recording: Recording, clock: Clock, takesInput: boolean) {
    this.#person = person;
    this.#recording = recording;
    this.#clock = clock;
    this.#takesInput = takesInput;
    if (!takesInput) this.#fromPerson.hold('not given');
  }

  readonly fromPerson: Omit<PersonEvents, 'gone'> = {
    input: bytes => {
      if (this.#stopped || this.#target === null || !this.#takesInput) return;
      if (this.#paused) {
        this.afterPause(() => this.fromPerson.input(bytes));
        return;
      }
      this.bytesIn += bytes.length;
      this.#recording.input(bytes);
      if (!this.#target.send(bytes)) this.#fromPerson.hold('target');
      if (this.#recording.full) this.#waitForDisk(this.#fromPerson);
    },
    inputEnded: () => {
      if (this.#takesInput) this.afterPause(() => this.#target?.endInput());
    },
    resized: (...size) => {
      if (this.#stopped) return;
      this.#size = size;
      this.#recording.resize(size[0], size[1]);
      if (!this.#paused) this.#target?.resize(...size);
    },
    signalled: name => {
      if (this.#paused && this.#signals++ >= MOST_SIGNALS) return;
      this.afterPause(() => {
        if (this.#target === null) return;
        this.#markSignal(name);
        this.#target.signal(name);
      });
    },
    drained: () => this.#fromTarget.free('person'),
  };

  readonly fromTarget: Omit<TargetEvents, 'closed'> = {
    output: (stream, bytes) => {
      if (this.#stopped) return;
      this.#recording.output(stream, bytes, this.#shown[stream]);
      if (this.#recording.full) this.#waitForDisk(this.#fromTarget);
    },
    outputEnded: stream => {
      if (this.#stopped || !this.#openStreams.delete(stream)) return;
      this.#recording.outputEnded(stream, this.#shown[stream]);
      if (this.#openStreams.size === 0)
        this.#recording.afterOutput(() => this.afterPause(() => this.#endOutput()));
    },
    exited: exit => {
      this.exit = exit;
      if (this.#statusWait !== undefined) this.#passEnd();
    },
    drained: () => this.#fromPerson.free('target'),
  };

  /** The target is there: both directions flow, unless there is a pause. */
  start(target: TargetSide): void {
    this.#target = target;
    if (this.#size !== null && !this.#paused) target.resize(...this.#size);
    if (!this.#fromTarget.held) target.start();
    if (!this.#takesInput) this.afterPause(() => target.endInput());
    else if (!this.#fromPerson.held) this.#person.resume();
  }

  /**
   * From now on nothing passes in either direction, until `resume`. Both sources are told to stop; what they had sent
   * by then waits here, no more than the recording and the channels hold anyway.
   */
  pause(): void {
    this.#paused = true;
    this.#fromTarget.hold('pause');
    this.#fromPerson.hold('pause');
  }

  resume(): void {
    this.#paused = false;
    this.#signals = 0;
    // The last of what it was meanwhile; being told the same again does a target no harm.
    if (this.#size !== null) this.#target?.resize(...this.#size);
    for (const step of this.#later.splice(0)) step();
    this.#fromTarget.free('pause');
    this.#fromPerson.free('pause');
  }

  /** What the target would answer cannot be recorded now: nothing more is asked of it until it can. */
  recorderStalls(): void {
    this.#waitForDisk(this.#fromPerson);
  }

  /** Does it now, or in turn when a pause is over; not at all once it is stopped. */
  afterPause(step: () => void): void {
    if (this.#stopped) return;
    if (this.#paused) this.#later.push(step);
    else step();
  }

  /** From now on nothing of the target reaches the person, and nothing of the person the target. */
  stop(): void {
    this.#stopped = true;
    this.#later = [];
    clearTimeout(this.#statusWait);
  }

  readonly #shown: Record<OutputStream, (bytes: Buffer) => void> = {
    out: bytes => this.#show('out', bytes),
    err: bytes => this.#show('err', bytes),
  };

  #show(stream: OutputStream, bytes: Buffer): void {
    if (this.#stopped) return;
    if (this.#paused) {
      this.afterPause(() => this.#show(stream, bytes));
      return;
    }
    this.bytesOut += bytes.length;
    this.lastShownAt = this.#clock.now();
    if (!this.#person.send(stream, bytes)) this.#fromTarget.hold('person');
  }

  /** It acts on the target without a byte of input, so the record says that it was sent. */
  #markSignal(name: string): void {
    const now = this.#clock.monotonic();
    const last = this.#marked.get(name);
    if (last !== undefined && now - last < SIGNAL_MARK_MS) return;
    this.#marked.set(name, now);
    this.#recording.marker(`signal: ${name}`);
  }

  #waitForDisk(valve: Valve): void {
    valve.hold('disk');
    this.#recording.whenDrained(() => valve.free('disk'));
  }

  #endOutput(): void {
    if (this.#stopped || this.#outputEnded) return;
    if (this.exit !== null) this.#passEnd();
    else this.#statusWait = setTimeout(() => this.#passEnd(), STATUS_WAIT_MS);
  }

  #passEnd(): void {
    clearTimeout(this.#statusWait);
    if (this.#stopped || this.#outputEnded) return;
    if (this.#paused) {
      this.afterPause(() => this.#passEnd());
      return;
    }
    this.#outputEnded = true;
    this.#person.endOutput(this.exit);
  }
}
