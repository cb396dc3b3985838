import * as messages from './messages.ts';
import type { PersonSide } from './protocols/contract.ts';
import type { Recording } from './recording/recording.ts';

/** How long a line of ours waits for a slow recording before it is shown all the same: a cut must be prompt. */
const NOTICE_MS = 300;

/** The gateway's own lines to a person, which stand in the recording as the output that they are. */
export class Voice {
  readonly #person: PersonSide;
  /** Where the lines go on record, from the moment that there is one. */
  recording: Recording | null = null;
  /** Whether a program may have moved the cursor. */
  #amidOutput = false;

  constructor(person: PersonSide) {
    this.#person = person;
  }

  /** From now on lines may come in the midst of what a program shows. */
  outputBegins(): void {
    this.#amidOutput = true;
  }

  /** Resolves when the line was shown; a recording that is slow or broken delays it by `NOTICE_MS` only. */
  say(line: string): Promise<void> {
    const { recording } = this;
    const words = this.#worded(line);
    const send = () => this.#person.send('err', Buffer.from(words));
    if (recording === null) {
      send();
      return Promise.resolve();
    }
    return new Promise(resolve => {
      let shown = false;
      const show = () => {
        clearTimeout(late);
        if (!shown) send();
        shown = true;
        resolve();
      };
      const late = setTimeout(show, NOTICE_MS);
      recording.notice(words, show);
    });
  }

  /** In a terminal a line of ours starts at the left, wherever the cursor is. */
  #worded(line: string): string {
    const words = messages.spoken(line);
    if (this.#person.terminal === null) return `${words}\n`;
    return this.#amidOutput ? `\r\n${words}\r\n` : `${words}\r\n`;
  }
}
