import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, type FileHandle, lstat, open, rename } from 'node:fs/promises';
import { type CastHeader, eventLine, headerLine } from './asciicast.ts';
import type { ClosedSegment, WholeFile } from './segments.ts';

/** What the log knows of a recording: its segments cover the file up to `bytes`. */
export interface Known {
  readonly segments: number;
  readonly bytes: number;
}

export interface ClosedBroken {
  readonly whole: WholeFile;
  /** The end that no segment in the log covers yet; null where they cover all of it. */
  readonly tail: ClosedSegment | null;
  /** Bytes that the log knows and the file has not; nothing in the file was changed then. */
  readonly missing: number;
  /** Seconds from the beginning to the last event that stands in it. */
  readonly lasted: number;
}

const WORDS = 'broken off: the gateway ended before it closed this recording';
const CHUNK = 64 * 1024;

/**
 * Closes the recording of a gateway that died: takes off a line that was half written, which nobody was shown, and
 * says in a marker that, and where, it breaks off. What a segment in the log covers is never touched. Repeating it
 * changes nothing. The bytes are on the disk when it resolves. A file that did not get as far as its first line, so that
 * nobody was shown anything, begins with one of `session`.
 *
 * @returns null where there is no such file
 */
export async function closeBroken(
  path: string,
  known: Known,
  session: Pick<CastHeader, 'startedAt' | 'title'>,
): Promise<ClosedBroken | null> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    if (size < known.bytes) {
      const whole = { size, sha256: await hashOf(file, 0, size), segments: known.segments };
      return { whole, tail: null, missing: known.bytes - size, lasted: 0 };
    }
    const { end, lasted } = await close(file, known.bytes, size, session);
    await file.datasync();
    const tail: ClosedSegment | null =
      end === known.bytes
        ? null
        : {
            index: known.segments,
            offset: known.bytes,
            length: end - known.bytes,
            sha256: await hashOf(file, known.bytes, end),
          };
    const segments = known.segments + (tail === null ? 0 : 1);
    return { whole: { size: end, sha256: await hashOf(file, 0, end), segments }, tail, missing: 0, lasted };
  } finally {
    await file.close();
  }
}

/**
 * The same where the gateway may be cut off rather than dead, and have the file open still: a copy is closed and takes
 * the name, so that whatever that gateway writes lands in a file that nobody reads.
 */
export async function closeBrokenAnew(...[path, known, session]: Parameters<typeof closeBroken>) {
  const copy = `${path}.closing`;
  const { isFile } = await lstat(path).then(
    found => ({ isFile: found.isFile() }),
    error => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { isFile: null };
      throw error;
    },
  );
  if (isFile === null) return null;
  if (!isFile) throw new Error('the recording is no file');
  await copyFile(path, copy);
  const closed = await closeBroken(copy, known, session);
  await rename(copy, path);
  return closed;
}

/** Writes the closing marker behind the last whole line, over what was torn. */
async function close(
  file: FileHandle,
  known: number,
  size: number,
  session: Pick<CastHeader, 'startedAt' | 'title'>,
): Promise<{ end: number; lasted: number }> {
  const end = Math.max(known, await lineEnd(file, size));
  const last = end === 0 ? { at: 0, code: '', data: '' } : await eventEndingAt(file, end);
  if (last.code === 'm' && last.data.startsWith(WORDS)) {
    await file.truncate(end);
    return { end, lasted: last.at };
  }
  const torn = size - end;
  const off = torn === 0 ? '' : `; ${torn} bytes of an unfinished line were taken off`;
  const header = end === 0 ? headerLine({ ...session, width: 80, height: 24, term: null }) : '';
  const marker = Buffer.from(`${header}${eventLine(last.at * 1000, 'm', `${WORDS}${off}`)}`);
  await file.write(marker, 0, marker.length, end);
  await file.truncate(end + marker.length);
  return { end: end + marker.length, lasted: last.at };
}

/** Where the last line that is whole ends, at or before `to`. */
async function lineEnd(file: FileHandle, to: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK);
  for (let end = to; end > 0; ) {
    const start = Math.max(0, end - CHUNK);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const found = chunk.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}

/** The event on the line that ends at `end`; of time 0 for the header. */
async function eventEndingAt(
  file: FileHandle,
  end: number,
): Promise<{ at: number; code: string; data: string }> {
  const start = await lineEnd(file, end - 1);
  const line = Buffer.alloc(end - start);
  await file.read(line, 0, line.length, start);
  try {
    const event = JSON.parse(line.toString()) as unknown;
    if (!Array.isArray(event)) return { at: 0, code: '', data: '' };
    return { at: Number(event[0]) || 0, code: String(event[1]), data: String(event[2]) };
  } catch {
    return { at: 0, code: '', data: '' };
  }
}

async function hashOf(file: FileHandle, start: number, end: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(1024 * 1024);
  for (let at = start; at < end; ) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - at), at);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest('hex');
}
