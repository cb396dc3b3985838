import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kept, readClientConfiguration, readKept, readSealing } from '../configuration.ts';
import { callIsWrong } from './failure.ts';

/** What a command has of the world; a test hands in another one. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  readonly errors: Writable;
  /** Whether somebody sits there who can be asked. */
  readonly interactive: boolean;
  /** Whether `output` is read by a person rather than by a file or a program. */
  readonly outputIsScreen: boolean;
  /** Whether a line on `errors` can be written over. */
  readonly errorsAreScreen: boolean;
  client(): ClientConfiguration;
  /** The sealing keys of this installation and where their file would be. */
  sealing(): ReturnType<typeof readSealing>;
  /** Where this installation keeps its data. */
  kept(): Kept;
  now(): Date;
  /** Rejects once `signal` is aborted. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export type ClientConfiguration = Pick<
  ReturnType<typeof readClientConfiguration>,
  'url' | 'token' | 'colour' | 'signIns' | 'browser'
>;

/** The terminal that this process runs in. */
export function processTerminal(): Terminal {
  return {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    interactive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    outputIsScreen: process.stdout.isTTY === true,
    errorsAreScreen: process.stderr.isTTY === true,
    client: () => readClientConfiguration(),
    sealing: () => readSealing(),
    kept: () => readKept(),
    now: () => new Date(),
    pause: (milliseconds, signal) => sleep(milliseconds, undefined, signal ? { signal } : {}),
  };
}

/**
 * Asks for a yes. What is asked about has been printed before.
 *
 * @throws Failure 2 where nobody can be asked and `yes` was not given
 */
export async function confirmed(
  terminal: Terminal,
  question: string,
  yes: boolean | undefined,
): Promise<boolean> {
  if (yes) return true;
  if (!terminal.interactive) {
    throw callIsWrong(
      'nobody can be asked here, so nothing was done: add --yes to go ahead without a question',
    );
  }
  const asking = createInterface({ input: terminal.input, output: terminal.errors, terminal: false });
  try {
    const answer = new Promise<string>(resolve => {
      asking.once('line', resolve);
      // End of input is no yes.
      asking.once('close', () => resolve(''));
    });
    terminal.errors.write(`${question} [y/N] `);
    return /^(y|yes)$/i.test((await answer).trim());
  } finally {
    asking.close();
  }
}

/**
 * All of standard input, which a person ends with Ctrl-D.
 *
 * @throws Failure 2 past `most` bytes
 */
export async function readInput(terminal: Terminal, most: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of terminal.input) {
    const bytes = Buffer.from(part as Uint8Array | string);
    size += bytes.length;
    if (size > most) throw callIsWrong(`standard input is longer than ${most} bytes: give less`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

/** Writes and waits until the other end has room, so that a slow reader costs no memory. */
export function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, error => (error ? reject(error) : resolve()));
  });
}
