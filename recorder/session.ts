import type { Admission, EndReason, Refusal, RequestedChannel } from './control-plane.ts';
import type { Clock, Deadlines } from './deadline.ts';
import type { Line } from './line.ts';
import * as messages from './messages.ts';
import {
  type Exit,
  type PersonSide,
  type Reach,
  type TargetSide,
  Unreachable,
} from './protocols/contract.ts';
import { Recorder } from './recorder.ts';
import type { Disk } from './recording/disk.ts';
import type { RecordingLimits } from './recording/recording.ts';
import type { WholeFile } from './recording/segments.ts';
import { transferOf } from './recording/transfers.ts';
import { Relay } from './relay.ts';
import { type Logger, Reports } from './reports.ts';
import { Suspension } from './suspension.ts';
import { Voice } from './voice.ts';

export interface SessionParts {
  readonly controlPlane: Line;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Where recordings go, and the disk that it is on. */
  readonly folder: string;
  readonly disk: Disk;
  readonly limits: RecordingLimits & SessionLimits;
  readonly logger: Logger;
  /** The session has an id now and can be terminated by it. May end it at once. */
  readonly admitted: (session: Session) => void;
}

export interface SessionLimits {
  /** A disk that keeps one write longer than this, in ms, counts as broken. */
  readonly diskMs: number;
  /** A session that is not renewed for this long, in ms, pauses; so does one whose segments the log does not take. */
  readonly leaseMs: number;
  /** How often leases are renewed, in ms. */
  readonly renewMs: number;
  /** A control plane that owes an answer for this long, in ms, counts as away. */
  readonly answerMs: number;
  /** How long a person who reads nothing may keep a closing channel open, in ms. */
  readonly patienceMs: number;
}

interface Ending {
  readonly reason: EndReason;
  readonly lines?: readonly string[];
  /** For the marker in the recording. */
  readonly marker: string;
  readonly exit?: Exit | null;
  /** Milliseconds by which a deadline was overrun. */
  readonly late?: number;
}

const REFUSED: Exit = { status: 1 };
/** What ssh itself says when a connection breaks. */
const BROKEN: Exit = { status: 255 };
const LONGEST_PATIENCE_MS = 3_600_000;
const WARN_BEFORE_MS = 60_000;
const WARN_IF_LONGER_MS = 90_000;

/** One channel's life: admit → record → relay → close. It settles its own errors; `done` never rejects. */
export class Session {
  readonly startedAt: number;
  readonly done: Promise<void>;
  readonly request: RequestedChannel;

  readonly #person: PersonSide;
  readonly #reach: Reach;
  readonly #parts: SessionParts;
  readonly #reports: Reports;
  readonly #voice: Voice;
  readonly #abort = new AbortController();
  readonly #logger: Logger;
  #admission: Admission | null = null;
  readonly #recorder: Recorder;
  #relay: Relay | null = null;
  #suspension: Suspension | null = null;
  #target: TargetSide | null = null;
  #ending: Promise<void> | null = null;
  #gone = false;
  #unrecorded = false;
  #stopWatching: (() => void)[] = [];
  #ended: () => void = () => {};
  /** Resolves when an admitted session begins to end: nothing is relayed any more. */
  readonly ended = new Promise<void>(resolve => {
    this.#ended = resolve;
  });

  constructor(request: RequestedChannel, person: PersonSide, reach: Reach, parts: SessionParts) {
    this.request = request;
    this.#person = person;
    this.#reach = reach;
    this.#parts = parts;
    this.#logger = parts.logger;
    this.#reports = new Reports(parts.controlPlane, parts.clock, parts.logger);
    this.#voice = new Voice(person);
    this.#recorder = new Recorder(parts.disk, parts.limits.diskMs);
    this.startedAt = parts.clock.now();
    person.listen({
      input: bytes => this.#relay?.fromPerson.input(bytes),
      inputEnded: () => this.#relay?.fromPerson.inputEnded(),
      resized: (...size) => this.#relay?.fromPerson.resized(...size),
      signalled: name => this.#relay?.fromPerson.signalled(name),
      drained: () => this.#relay?.fromPerson.drained(),
      gone: () => {
        this.#gone = true;
        void this.#end({ reason: 'client-lost', marker: 'ended: the person disconnected' });
      },
    });
    this.done = this.#run().catch(error => this.#failed(error));
  }

  /** Null until admitted. */
  get admission(): Admission | null {
    return this.#admission;
  }

  /** Ends it before its deadline; `message` is shown. */
  terminate(reason: 'terminated' | 'gateway-stopped', message: string): Promise<void> {
    return this.#end({ reason, lines: [message], marker: `cut: ${message}`, exit: REFUSED });
  }

  /** Shows a line of ours in the terminal; the session goes on. */
  tell(line: string): void {
    if (this.#person.terminal !== null && this.#ending === null) void this.#voice.say(line);
  }

  /** It is still given, by the answer to a question that was asked then, on the monotonic clock. */
  renewed(askedAt: number): void {
    if (this.#ending === null) this.#suspension?.renewed(askedAt);
  }

  /** The control plane is back: it is told at once what waited. */
  hurry(): void {
    this.#reports.hurry();
  }

  /** Gives up telling the control plane what it does not take. */
  abandonReports(): void {
    this.#reports.abandon();
  }

  async #run(): Promise<void> {
    const admission = await this.#admit();
    if (admission === null) return;
    // It may have ended by now: revoked, or given up, while the answer was on its way.
    if (this.#ending === null && (await this.#record(admission))) {
      this.#greet(admission);
      await this.#connect(admission);
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await this.ended;
    await this.#ending;
    await this.#reports.settled();
  }

  async #admit(): Promise<Admission | null> {
    if (messages.garbled(this.request)) return this.#refuse(messages.GARBLED);
    let answer: Admission | Refusal;
    const { controlPlane, clock, limits } = this.#parts;
    const askedAt = clock.monotonic();
    try {
      answer = await controlPlane.admit(this.request, late => this.#notOpened(late));
    } catch (error) {
      this.#logger.error({ err: error }, 'the control plane did not answer an admission');
      return this.#refuse(messages.UNREACHED_BROKER);
    }
    if (!answer.admitted) return this.#refuse(answer.lines);
    this.#admission = answer;
    this.#suspension = new Suspension({
      clock,
      leaseMs: limits.leaseMs,
      reports: this.#reports,
      voice: this.#voice,
      logger: this.#logger,
      admission: answer,
      askedAt,
    });
    this.#watch(answer);
    this.#parts.admitted(this);
    if (this.#gone) void this.#end({ reason: 'client-lost', marker: 'ended: the person disconnected' });
    return answer;
  }

  /** Nobody waits for it any more: what the control plane has opened is closed again. */
  #notOpened({ session }: Admission): void {
    const at = this.#parts.clock.now();
    const nothing = { cutDelay: null, exitStatus: null, bytesIn: 0, bytesOut: 0, recording: null };
    this.#reports.ending({ session, reason: 'not-opened', at, ...nothing });
  }

  async #refuse(lines: readonly string[]): Promise<null> {
    for (const line of lines) void this.#voice.say(line);
    await this.#person.close(REFUSED, this.#parts.limits.patienceMs);
    return null;
  }

  #watch(admission: Admission): void {
    const { deadlines } = this.#parts;
    const where = `${admission.login}@${admission.target}`;
    const terminal = this.#person.terminal !== null;
    const warning = {
      before: WARN_BEFORE_MS,
      call: () => this.#voice.say(messages.grantEndsSoon(where, admission.deadline)),
    };
    this.#stopWatching.push(
      deadlines.watch({
        deadline: admission.deadline,
        remaining: admission.remaining,
        due: late => {
          const line = messages.grantEnded(where, admission.deadline);
          void this.#end({ reason: 'deadline', lines: [line], marker: `cut: ${line}`, exit: REFUSED, late });
        },
        ...(terminal && admission.remaining > WARN_IF_LONGER_MS ? { warning } : {}),
      }),
      deadlines.onTick(() => {
        if (this.#recorder.stalls()) this.#relay?.recorderStalls();
        this.#suspension?.look();
      }),
    );
  }

  /** False when the session cannot be recorded; it has ended then. */
  async #record(admission: Admission): Promise<boolean> {
    const { folder, clock, limits } = this.#parts;
    const { terminal } = this.#person;
    const { kind, command } = this.request;
    const transfer = terminal === null ? transferOf(kind, command) : null;
    try {
      const recording = await this.#recorder.open({
        folder,
        path: admission.recording,
        header: {
          width: terminal?.columns ?? 80,
          height: terminal?.rows ?? 24,
          term: terminal?.term ?? null,
          title: admission.title,
        },
        clock,
        limits,
        transfer,
        input: terminal === null ? 'piped' : admission.recordInput ? 'typed' : 'none',
        onSegment: segment => this.#reports.segment({ session: admission.session, ...segment }),
        onFailure: cause => this.#recordingFailed(cause),
      });
      // A cut may have come meanwhile; it closes the recording itself.
      if (this.#ending !== null) return false;
      this.#voice.recording = recording;
      if (command !== null)
        recording.marker(transfer === null ? `${kind}: ${command}` : `transfer: ${command}`);
      const passed = Object.entries(this.#person.environment).map(([name, value]) => `${name}=${value}`);
      if (passed.length > 0) recording.marker(`env: ${passed.join(' ')}`);
      const takesInput = terminal !== null || admission.takesInput;
      if (!takesInput) recording.marker('input: none is passed on, for the grant gives no transfer');
      this.#relay = new Relay(this.#person, recording, clock, takesInput);
      this.#suspension?.holds(this.#relay, recording);
      return true;
    } catch (cause) {
      this.#recordingFailed(cause as Error);
      return false;
    }
  }

  #recordingFailed(cause: Error): void {
    const { admission } = this;
    if (admission === null || this.#unrecorded) return;
    this.#unrecorded = true;
    this.#logger.error({ err: cause, session: admission.session }, 'a recording failed');
    this.#reports.incident({ session: admission.session, kind: 'recording-failed', detail: cause.message });
    const lines = this.#target === null ? messages.NOT_RECORDABLE : messages.RECORDING_BROKE;
    void this.#end({ reason: 'recording-failed', lines, marker: 'cut: the recording failed', exit: REFUSED });
  }

  #greet(admission: Admission): void {
    if (this.#person.terminal === null) return;
    for (const line of admission.banner) this.#voice.say(line);
  }

  async #connect(admission: Admission): Promise<void> {
    const relay = this.#relay!;
    const events = {
      ...relay.fromTarget,
      closed: (cause: 'closed' | 'lost') => relay.afterPause(() => this.#targetEnded(relay, cause)),
    };
    try {
      const target = await this.#reach(admission, events, this.#abort.signal);
      if (this.#ending !== null) return target.destroy();
      this.#target = target;
      this.#voice.outputBegins();
      relay.start(target);
    } catch (error) {
      if (this.#ending !== null) return;
      if (!(error instanceof Unreachable)) throw error;
      this.#logger.warn(
        { session: admission.session, reason: error.reason, detail: error.message },
        'not reached',
      );
      if (error.incident) {
        const detail = error.message;
        this.#reports.incident({ session: admission.session, kind: error.reason, detail });
      }
      await this.#end({
        reason: error.reason,
        lines: error.lines,
        marker: `ended: ${error.message}`,
        exit: REFUSED,
      });
    }
  }

  #targetEnded(relay: Relay, cause: 'closed' | 'lost'): void {
    if (cause === 'closed') {
      void this.#end({ reason: 'closed', marker: ended(relay.exit), exit: relay.exit });
      return;
    }
    const marker = 'ended: the target was lost';
    void this.#end({ reason: 'target-lost', lines: [messages.TARGET_LOST], marker, exit: BROKEN });
  }

  /** The first reason counts. Never rejects. */
  #end(ending: Ending): Promise<void> {
    if (this.#admission === null) return Promise.resolve();
    this.#ending ??= this.#close(this.#admission, ending).catch(error => this.#failed(error));
    this.#ended();
    return this.#ending;
  }

  async #close(admission: Admission, ending: Ending): Promise<void> {
    const { clock, limits } = this.#parts;
    const orderly = ending.reason === 'closed' || ending.reason === 'target-lost';
    for (const stop of this.#stopWatching.splice(0)) stop();
    this.#suspension?.end();
    this.#abort.abort();
    this.#target?.destroy();
    // An orderly end first shows what the target sent; a cut shows nothing more.
    if (orderly && !this.#gone) await this.#recorder.drained();
    this.#relay?.stop();
    const at = clock.now();
    const spoken = (ending.lines ?? []).map(line => this.#voice.say(line));
    const recorded = this.#recorder.close(ending.marker);
    await Promise.all(spoken);
    // What was produced in time may still be read at the person's pace, up to the deadline; after a cut it may not.
    const patience = orderly ? Math.min(admission.deadline - at, LONGEST_PATIENCE_MS) : 0;
    if (!this.#gone) await this.#person.close(ending.exit ?? null, Math.max(patience, limits.patienceMs));
    this.#report(admission, ending, at, await recorded);
  }

  #report(admission: Admission, ending: Ending, at: number, recording: WholeFile | null): void {
    const exit = this.#relay?.exit ?? null;
    const summary = {
      session: admission.session,
      reason: ending.reason,
      at,
      cutDelay: ending.late === undefined ? null : Math.max(0, Math.round(ending.late)),
      exitStatus: exit !== null && 'status' in exit ? exit.status : null,
      bytesIn: this.#relay?.bytesIn ?? 0,
      bytesOut: this.#relay?.bytesOut ?? 0,
      recording,
    };
    this.#logger.info(summary, 'session ended');
    this.#reports.ending(summary);
  }

  async #failed(error: unknown): Promise<void> {
    this.#logger.error(
      { err: error, session: this.#admission?.session },
      'a session failed in the gateway itself',
    );
    const lines = ['something failed in the gateway; this session is closed.'];
    const marker = 'cut: a failure in the gateway';
    if (this.#ending === null) await this.#end({ reason: 'gateway-stopped', lines, marker, exit: REFUSED });
    this.#target?.destroy();
    await this.#person.close(REFUSED, 0).catch(() => {});
  }
}

function ended(exit: Exit | null): string {
  if (exit === null) return 'ended: no exit status';
  return 'status' in exit ? `ended: exit status ${exit.status}` : `ended: signal ${exit.signal}`;
}
