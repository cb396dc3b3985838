import { readFile, stat } from 'node:fs/promises';
import type { Finding } from '../audit/finding.ts';
import { decodeVkey, NoteError } from '../audit/note.ts';
import { type Verification, verifyExport, verifyRecording } from '../audit/verify.ts';
import type { RecordingVerification } from '../audit/verify-recording.ts';

export interface AuditVerifyOptions {
  /** Path of a signed checkpoint. */
  checkpoint?: string;
  /** A vkey, or the path of a file with one on each line. */
  key?: string;
  /** Paths of recordings to hold against the log. */
  recording?: string | readonly string[];
  json?: boolean;
  /** Told now and then, for a progress line. */
  onProgress?: (done: { bytes: number; entries: number; of: number }) => void;
}

export interface CommandResult {
  /** 0 holds (an unproven tail is a warning), 1 does not hold, 2 the call is wrong. */
  code: 0 | 1 | 2;
  out: string;
  err: string;
}

/** A checkpoint is about 250 bytes, a key about 80; whatever is larger than this is some other file. */
const MAX_SMALL_FILE = 1_000_000;

/** `sallyport audit verify FILE [--checkpoint F --key VKEY] [--recording F] [--json]`: files alone, no broker. */
export async function auditVerify(file: string, options: AuditVerifyOptions = {}): Promise<CommandResult> {
  try {
    const of = await fileSize(file, 'the export', 'sallyport audit export > log.ndjson makes one');
    const checkpoint = await readCheckpoint(options);
    const recordings = options.recording === undefined ? [] : [options.recording].flat();
    for (const recording of recordings)
      await fileSize(recording, 'the recording', 'give the path of a .cast file');
    const { onProgress } = options;
    const log = await verifyExport(file, {
      ...(checkpoint && { checkpoint }),
      ...(onProgress && { onProgress: done => onProgress({ ...done, of }) }),
    });
    const casts: RecordingVerification[] = [];
    for (const recording of recordings) casts.push(restOn(await verifyRecording(recording, file), log));
    const ok = log.ok && casts.every(cast => cast.ok);
    const out = options.json
      ? `${JSON.stringify({ ...log, ok, recordings: casts })}\n`
      : forPeople(file, log, casts, ok);
    return { code: ok ? 0 : 1, out, err: '' };
  } catch (error) {
    if (error instanceof BadCall) return { code: 2, out: '', err: `${clean(error.message)}\n` };
    throw error;
  }
}

class BadCall extends Error {}

async function readCheckpoint({ checkpoint, key }: AuditVerifyOptions) {
  if (checkpoint === undefined && key === undefined) return null;
  if (key === undefined) {
    throw new BadCall(
      'a checkpoint proves nothing without the key that signs it: add --key VKEY, a vkey or its file',
    );
  }
  if (checkpoint === undefined) {
    throw new BadCall(
      '--key needs a checkpoint to check: add --checkpoint FILE (sallyport audit checkpoint prints one)',
    );
  }
  const keys = looksLikeVkey(key) ? [key] : linesOf(await readSmall(key, 'the key'));
  if (keys.length === 0) throw new BadCall(`no key in ${key}: it should hold a vkey, name+id+base64`);
  for (const one of keys) {
    try {
      decodeVkey(one);
    } catch (error) {
      if (error instanceof NoteError)
        throw new BadCall(
          `--key: ${error.message}; give a vkey (name+id+base64) or the path of a file that holds one`,
        );
      throw error;
    }
  }
  return { note: await readSmall(checkpoint, 'the checkpoint'), keys };
}

function looksLikeVkey(key: string): boolean {
  return /^[^+\s]+\+[0-9a-f]{8}\+/.test(key);
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
}

async function fileSize(path: string, what: string, next: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new BadCall(`cannot read ${what} ${path}: ${next}`);
  if (found.isDirectory()) throw new BadCall(`${path} is a directory, not ${what}: ${next}`);
  return found.size;
}

async function readSmall(path: string, what: string): Promise<Buffer> {
  const size = await fileSize(path, what, 'give the path of a file that exists');
  if (size > MAX_SMALL_FILE) throw new BadCall(`${path} is too large to be ${what}`);
  return readFile(path);
}

/** A recording is proven as far as the entries it rests on are. */
function restOn(cast: RecordingVerification, log: Verification): RecordingVerification {
  if (!cast.ok || cast.rests_on === null || cast.rests_on <= (log.proven?.size ?? 0)) return cast;
  const why = `whether ${cast.file} is proven: it rests on entry ${cast.rests_on}, past what a checkpoint proves`;
  return { ...cast, unknown: [...cast.unknown, why] };
}

const WIDTH = 80;
const INDENT = 10;

function forPeople(file: string, log: Verification, casts: RecordingVerification[], ok: boolean): string {
  const lines: string[] = [];
  const range = log.first && log.last ? `, ${log.first.at} to ${log.last.at}` : '';
  lines.push(`${file}: ${log.entries} entries of ${log.tenant ?? 'nobody'}${range}`, '');
  for (const { holds, text } of log.checks) {
    lines.push(...item(holds === null ? 'not known' : holds ? 'holds' : 'FAILS', text));
  }
  for (const cast of casts) {
    const of = cast.session === null ? 'no session of this log' : `session ${cast.session}`;
    lines.push(
      ...item(
        cast.ok ? 'holds' : 'FAILS',
        `${cast.file} is the recording of ${of}, ${cast.size} bytes in ${cast.segments} segments`,
      ),
    );
  }
  const findings: Finding[] = [...log.findings, ...casts.flatMap(cast => cast.findings)];
  if (findings.length > 0) {
    lines.push('', 'What does not hold:');
    for (const { code, message } of findings) lines.push(...bullet(`${code}: ${message}`));
    const more = log.found - log.findings.length;
    if (more > 0) lines.push(...bullet(`and ${more} more`));
  }
  lines.push('', 'What these files cannot tell:');
  for (const text of [...log.unknown, ...casts.flatMap(cast => cast.unknown)]) lines.push(...bullet(text));
  lines.push('', ...verdict(log, ok));
  return `${lines.map(clean).join('\n')}\n`;
}

function verdict(log: Verification, ok: boolean): string[] {
  if (!ok) return ['Does not hold.'];
  if (log.proven === null) {
    return wrap('Holds, with a warning: the tail is not proven. With --checkpoint and --key it can be.', 0);
  }
  const after = log.entries - log.proven.size;
  const proven = `Holds: entries 1 to ${log.proven.size} are those that the log's key signed`;
  return wrap(after > 0 ? `${proven}; the ${after} after them are not proven.` : `${proven}.`, 0);
}

/** A label and a text beside it, broken at 80 columns. */
function item(label: string, text: string): string[] {
  const [first = '', ...rest] = wrap(text, INDENT);
  return [`${label.padEnd(INDENT)}${first.trimStart()}`, ...rest];
}

function bullet(text: string): string[] {
  const [first = '', ...rest] = wrap(text, 4);
  return [`  - ${first.trimStart()}`, ...rest];
}

function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(' '.repeat(indent) + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, ' '.repeat(indent) + line];
}

/** The files are somebody else's: control characters and changes of direction must not reach the terminal. */
function clean(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
