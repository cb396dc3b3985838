/** Why a command ends with something else than yes. 1: the answer is no; 2: the call is wrong; 3: not reached. */
export type ExitCode = 1 | 2 | 3;

/** Ends a command with one line that says what to do next; `body` is what the broker said, for `--json`. */
export class Failure extends Error {
  readonly exit: ExitCode;
  readonly body: unknown;

  constructor(exit: ExitCode, message: string, body?: unknown) {
    super(message);
    this.name = 'Failure';
    this.exit = exit;
    this.body = body;
  }
}

export const answerIsNo = (message: string, body?: unknown): Failure => new Failure(1, message, body);
export const callIsWrong = (message: string, body?: unknown): Failure => new Failure(2, message, body);
export const notReached = (message: string, body?: unknown): Failure => new Failure(3, message, body);
