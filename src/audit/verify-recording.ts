import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Entry, MAX_LINE_BYTES, readEntry } from './entry.ts';
import { type Finding, Findings } from './finding.ts';
import { eachLine, type Source } from './lines.ts';

/**
 * Holds a recording against the log: a recording is its segments one after another, and the log has the hash of
 * each (`recording.segment`) and of the whole (`session.ended`). What comes out is as good as the log is, so the
 * log has to be verified too.
 */
export interface RecordingVerification {
  ok: boolean;
  file: string;
  session: string | null;
  size: number;
  sha256: string;
  /** Segments that the log holds and that fit the file. */
  segments: number;
  /** Number of the last log entry this rests on: proven once a checkpoint covers it. */
  rests_on: number | null;
  findings: Finding[];
  unknown: string[];
}

export interface RecordingOptions {
  /** The session's id; found by hash, then by the file's name, when not given. */
  session?: string;
}

interface Segment {
  index: number;
  offset: number;
  length: number;
  sha256: string;
}

interface Logged {
  segments: Segment[];
  ended: { size: number; sha256: string; segments: number } | 'none' | null;
  lastSeq: number | null;
}

/** Throws what reading the files throws; whatever is wrong with them is a finding. */
export async function verifyRecording(
  castFile: string,
  log: string,
  options: RecordingOptions = {},
): Promise<RecordingVerification> {
  const findings = new Findings();
  const unknown: string[] = [];
  const handle = await open(castFile, 'r');
  try {
    const { size } = await handle.stat();
    const sha256 = await hashSpan(handle, 0, size);
    const session = options.session ?? (await findSession(castFile, handle, { size, sha256 }, log));
    const result = { file: castFile, session, size, sha256, segments: 0, rests_on: null as number | null };
    if (session === null) {
      findings.add(
        'recording-unknown',
        null,
        'no session in this log has a recording with this hash or this beginning: it is of another log, or was replaced',
      );
    } else {
      const logged = await readLogged(session, log);
      result.rests_on = logged.lastSeq;
      result.segments = await compare(handle, { session, size, sha256 }, logged, findings, unknown);
    }
    return { ok: findings.count === 0, ...result, findings: findings.list(), unknown };
  } finally {
    await handle.close();
  }
}

async function compare(
  file: FileHandle,
  facts: { session: string; size: number; sha256: string },
  { segments, ended }: Logged,
  findings: Findings,
  unknown: string[],
): Promise<number> {
  const { session, size } = facts;
  if (ended === 'none' || (ended === null && segments.length === 0)) {
    findings.add('recording-unknown', null, `the log has no recording of session ${session}`);
    return 0;
  }
  let good = 0;
  let offset = 0;
  for (const [i, segment] of segments.entries()) {
    if (segment.index !== i || segment.offset !== offset) {
      findings.add(
        'recording-gap',
        null,
        `segment ${i} of session ${session} is not in the log in its place`,
      );
      return good;
    }
    const end = offset + segment.length;
    if (end > size) {
      findings.add(
        'recording-cut',
        null,
        `segment ${i} reaches to byte ${end}, the file ends at ${size}: its end is missing`,
      );
      return good;
    }
    if ((await hashSpan(file, offset, end)) === segment.sha256) good++;
    else
      findings.add(
        'recording-changed',
        null,
        `bytes ${offset} to ${end - 1} (segment ${i}) are not those that the log knows`,
      );
    offset = end;
  }
  if (ended === null) {
    const rest = size - offset;
    if (rest > 0)
      unknown.push(`whether the last ${rest} bytes of the file are as recorded: no entry covers them`);
    unknown.push(`how session ${session} ended: its end is not in this export`);
    return good;
  }
  if (ended.segments !== segments.length || ended.size !== offset) {
    findings.add(
      'recording-gap',
      null,
      `session ${session} ended with ${ended.segments} segments of ${ended.size} bytes, the log has ${segments.length} of ${offset}`,
    );
  }
  if (size > ended.size) {
    findings.add(
      'recording-longer',
      null,
      `the file has ${size - ended.size} bytes after the recording's end`,
    );
  } else if (size < ended.size) {
    findings.add('recording-cut', null, `the file has ${size} bytes, the log says ${ended.size}`);
  } else if (facts.sha256 !== ended.sha256 && findings.count === 0) {
    findings.add('recording-changed', null, 'the whole file is not what the end of the session hashed');
  }
  return good;
}

/** By the whole hash; else by the file's name; else by a first segment that the file begins with. */
async function findSession(
  castFile: string,
  file: FileHandle,
  { size, sha256 }: { size: number; sha256: string },
  log: Source,
): Promise<string | null> {
  const name = basename(castFile);
  let byHash: string | null = null;
  let byName: string | null = null;
  const beginnings: { session: string; segment: Segment }[] = [];
  await eachRecordingEntry(log, entry => {
    if (entry.action === 'session.ended') {
      if (endOf(entry) !== 'none' && (endOf(entry) as { sha256: string }).sha256 === sha256) {
        if (byHash === null || name.includes(entry.subject)) byHash = entry.subject;
      }
      return;
    }
    if (name.includes(entry.subject)) byName = entry.subject;
    const segment = segmentOf(entry);
    if (segment?.index === 0 && segment.length > 0 && segment.length <= size && beginnings.length < 100_000) {
      beginnings.push({ session: entry.subject, segment });
    }
  });
  if (byHash !== null || byName !== null) return byHash ?? byName;
  const prefixes = new Map<number, string>();
  for (const { session, segment } of beginnings) {
    let prefix = prefixes.get(segment.length);
    if (prefix === undefined) {
      prefix = await hashSpan(file, 0, segment.length);
      prefixes.set(segment.length, prefix);
    }
    if (prefix === segment.sha256) return session;
  }
  return null;
}

async function readLogged(session: string, log: Source): Promise<Logged> {
  const logged: Logged = { segments: [], ended: null, lastSeq: null };
  await eachRecordingEntry(log, entry => {
    if (entry.subject !== session) return;
    logged.lastSeq = entry.seq;
    if (entry.action === 'session.ended') {
      logged.ended = endOf(entry);
      return;
    }
    const segment = segmentOf(entry);
    const before = logged.segments.at(-1);
    // A gateway may report a segment twice after a lost answer; saying the same again proves the same.
    if (segment !== null && JSON.stringify(segment) !== JSON.stringify(before)) logged.segments.push(segment);
  });
  return logged;
}

/** Canonical lines begin with their action, so most lines need no parsing. */
const WANTED = ['{"action":"recording.segment",', '{"action":"session.ended",'].map(s => Buffer.from(s));

async function eachRecordingEntry(log: Source, onEntry: (entry: Entry) => void): Promise<void> {
  await eachLine(log, MAX_LINE_BYTES, (buffer, start, end) => {
    const wanted = WANTED.some(
      w => end - start > w.length && buffer.compare(w, 0, w.length, start, start + w.length) === 0,
    );
    if (!wanted) return;
    const read = readEntry(buffer.subarray(start, end));
    if ('entry' in read) onEntry(read.entry);
  });
}

function segmentOf({ data }: Entry): Segment | null {
  const { index, offset, length, sha256 } = data;
  if (!isCount(index) || !isCount(offset) || !isCount(length) || typeof sha256 !== 'string') return null;
  return { index, offset, length, sha256 };
}

function endOf({ data }: Entry): Exclude<Logged['ended'], null> {
  const { size, sha256, segments } = (data.recording ?? {}) as Record<string, unknown>;
  if (!isCount(size) || !isCount(segments) || typeof sha256 !== 'string') return 'none';
  return { size, sha256, segments };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** SHA-256 of the bytes from `start` up to `end`, in flat memory. */
async function hashSpan(file: FileHandle, start: number, end: number): Promise<string> {
  const sha = createHash('sha256');
  const chunk = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(1, end - start)));
  for (let at = start; at < end; ) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - at), at);
    if (bytesRead === 0) break;
    sha.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return sha.digest('hex');
}
