/**
 * The lines of an asciicast v2 file (https://docs.asciinema.org/manual/asciicast/v2/): a header object, then one
 * array per event. Pure; a line ends with its newline.
 */
export interface CastHeader {
  /** Columns and rows; 80×24 where there is no terminal. */
  readonly width: number;
  readonly height: number;
  /** Milliseconds since the epoch; the file holds whole seconds. */
  readonly startedAt: number;
  readonly term: string | null;
  readonly title: string;
}

/** Output, resize, input, marker. */
export type EventCode = 'o' | 'r' | 'i' | 'm';

export function headerLine(header: CastHeader): string {
  return `${text({
    version: 2,
    width: header.width,
    height: header.height,
    timestamp: Math.floor(header.startedAt / 1000),
    env: header.term === null ? {} : { TERM: header.term },
    title: header.title.toWellFormed(),
  })}\n`;
}

/** `at`: milliseconds since the session's start. */
export function eventLine(at: number, code: EventCode, data: string): string {
  return `[${(at / 1000).toFixed(6)}, "${code}", ${text(data)}]\n`;
}

/**
 * JSON leaves U+2028, U+2029 and U+0085 as they are, but readers exist that split lines at them (Python's
 * `splitlines` does). Escaped, a line is a line for everybody.
 */
function text(value: unknown): string {
  const json = JSON.stringify(value);
  return /[\u2028\u2029\u0085]/.test(json)
    ? json.replace(/[\u2028\u2029\u0085]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : json;
}
