/** A command that has said everything and ends with a code. */
export class Ended extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`ended with ${code}`);
    this.code = code;
  }
}

/** Ends a command that has said everything; 0 lets it end by itself. */
export function ended(code: number): void {
  if (code !== 0) throw new Ended(code);
}
