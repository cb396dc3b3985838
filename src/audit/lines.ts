import { createReadStream } from 'node:fs';

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1 << 18;

/** A file by its path, or its bytes as they come. */
export type Source = string | AsyncIterable<Uint8Array>;

/**
 * A line inside a larger buffer: the bytes from `start` up to, not with, `end`, good until the callback returns.
 * The byte before `start` is always there and may be overwritten: with 0x00 in it, the leaf of RFC 6962 stands
 * ready in memory and a million lines are hashed without copying one.
 */
export type OnLine = (buffer: Buffer, start: number, end: number) => void;

/** How the file ended: whole, inside a line, or given up at a line longer than allowed. */
export type Ending = { kind: 'whole' | 'too-long' } | { kind: 'truncated'; bytes: number };

/** Calls back for each line, in order, holding one chunk and one unfinished line in memory and no more. */
export async function eachLine(
  source: Source,
  maxLine: number,
  onLine: OnLine,
  onBytes?: (bytes: number) => void,
): Promise<Ending> {
  const chunks =
    typeof source === 'string' ? createReadStream(source, { highWaterMark: CHUNK_BYTES }) : source;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
    const buffer = Buffer.allocUnsafe(1 + rest.length + chunk.length);
    rest.copy(buffer, 1);
    buffer.set(chunk, 1 + rest.length);
    let start = 1;
    for (
      let end = buffer.indexOf(NEWLINE, 1 + rest.length);
      end >= 0;
      end = buffer.indexOf(NEWLINE, end + 1)
    ) {
      if (end - start > maxLine) return { kind: 'too-long' };
      onLine(buffer, start, end);
      start = end + 1;
    }
    rest = buffer.subarray(start);
    if (rest.length > maxLine) return { kind: 'too-long' };
    onBytes?.(chunk.length);
  }
  return rest.length > 0 ? { kind: 'truncated', bytes: rest.length } : { kind: 'whole' };
}
