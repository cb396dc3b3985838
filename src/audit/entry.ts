import type { AuditEvent } from '../domain/audit-event.ts';
import { CanonicalError, canonicalize, canonicalString } from './canonical.ts';

/**
 * One line of the log: RFC 8785 JSON of exactly these eight keys, without the newline. The chain and the tree
 * hash the bytes of this line and nothing else (FORMAT.md, "A line").
 */
export interface Entry {
  action: string;
  actor: string;
  at: string;
  data: Record<string, unknown>;
  prev: string;
  seq: number;
  subject: string;
  tenant: string;
}

export const ENTRY_KEYS = ['action', 'actor', 'at', 'data', 'prev', 'seq', 'subject', 'tenant'] as const;

/** No line is longer, newline not counted: a reader may hold one in memory without asking first. */
export const MAX_LINE_BYTES = 65_536;

/** `prev` of the first entry of a chain. */
export const GENESIS = '0'.repeat(64);

/** What the database puts between the fragments at most: `at`, `prev`, `","seq":` and sixteen digits. */
const PLACED_BYTES = 24 + 64 + 8 + 16;

/** The event cannot become a line. Nothing was written. */
export class EntryError extends Error {
  constructor(
    readonly code: 'entry-too-long' | 'no-canonical-form',
    message: string,
  ) {
    super(message);
  }
}

/** What the fragments of a line are cut from: an event without its place in a chain. */
export type Unplaced = Pick<Entry, 'action' | 'actor' | 'subject' | 'tenant'> & { data: object };

/**
 * A line in three pieces, for whoever sets the place under a lock:
 * line = head + at + middle + prev + `","seq":` + seq + tail.
 * `at` is RFC 3339 in UTC with milliseconds, `prev` 64 lowercase hex digits, `seq` decimal: none needs escaping.
 * Throws `EntryError` when the event has no canonical form or its line would pass `MAX_LINE_BYTES`.
 */
export function fragments(event: AuditEvent | Unplaced): { head: string; middle: string; tail: string } {
  try {
    const head = `{"action":${canonicalString(event.action, '$.action')},"actor":${canonicalString(event.actor, '$.actor')},"at":"`;
    const middle = `","data":${canonicalize(event.data)},"prev":"`;
    const tail = `,"subject":${canonicalString(event.subject, '$.subject')},"tenant":${canonicalString(event.tenant, '$.tenant')}}`;
    const bytes =
      Buffer.byteLength(head) + Buffer.byteLength(middle) + Buffer.byteLength(tail) + PLACED_BYTES;
    if (bytes > MAX_LINE_BYTES) {
      throw new EntryError(
        'entry-too-long',
        `an entry of ${event.action} would take ${bytes} bytes, at most ${MAX_LINE_BYTES} are allowed`,
      );
    }
    return { head, middle, tail };
  } catch (error) {
    if (error instanceof CanonicalError) {
      throw new EntryError('no-canonical-form', `an entry of ${event.action}: ${error.message}`);
    }
    throw error;
  }
}

/** The whole line, without its newline. The database does the same with the same fragments. */
export function line(event: AuditEvent | Unplaced, place: { at: string; prev: string; seq: number }): string {
  const { head, middle, tail } = fragments(event);
  return `${head}${place.at}${middle}${place.prev}","seq":${place.seq}${tail}`;
}

const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const HASH = /^[0-9a-f]{64}$/;

/** RFC 3339, UTC, milliseconds, and a moment that exists (no 30 February). */
export function isInstant(text: string): boolean {
  if (!AT.test(text)) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text;
}

/** Why these bytes are no entry, in the order of looking: the bytes first, then what they say. */
export type LineFault = { code: 'not-canonical' | 'bad-entry'; why: string };

/**
 * Reads one line, trusting nothing: UTF-8, JSON, canonical to the byte, the eight keys and no other, each of its
 * form. Whether it stands at its place in a chain is not asked here.
 */
export function readEntry(bytes: Buffer): { entry: Entry } | { fault: LineFault } {
  const text = bytes.toString('utf8');
  let value: unknown;
  let again: string;
  try {
    value = JSON.parse(text);
    again = canonicalize(value);
  } catch (error) {
    const why =
      error instanceof CanonicalError
        ? `has no canonical form (${error.message})`
        : text.endsWith('\r')
          ? 'ends in CR LF'
          : 'is not JSON';
    return { fault: { code: 'not-canonical', why } };
  }
  if (again !== text || !sameBytes(again, bytes)) {
    return { fault: { code: 'not-canonical', why: differs(text) } };
  }
  const why = faultOf(value);
  return why === null ? { entry: value as Entry } : { fault: { code: 'bad-entry', why } };
}

/** Decoding turns bad UTF-8 into U+FFFD, so equal text is not yet equal bytes; the length tells them apart. */
function sameBytes(text: string, bytes: Buffer): boolean {
  return !text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(bytes);
}

function differs(text: string): string {
  if (text.endsWith('\r')) return 'ends in CR LF';
  if (/^\s|\s$/.test(text)) return 'has white space around it';
  if (text.includes('\ufffd')) return 'is not canonical, or not UTF-8';
  return 'is JSON, but not its canonical form (order of keys, a key twice, white space, escapes or numbers)';
}

function faultOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no JSON object';
  const entry = value as Record<string, unknown>;
  const keys = Object.keys(entry);
  for (const key of ENTRY_KEYS) if (!Object.hasOwn(entry, key)) return `lacks "${key}"`;
  if (keys.length !== ENTRY_KEYS.length) {
    const extra = keys.find(key => !(ENTRY_KEYS as readonly string[]).includes(key));
    return `has a key too many: ${JSON.stringify(extra?.slice(0, 40))}`;
  }
  for (const key of ['action', 'actor', 'subject', 'tenant'] as const) {
    if (typeof entry[key] !== 'string' || entry[key] === '') return `"${key}" is no text`;
  }
  if (typeof entry.at !== 'string' || !isInstant(entry.at)) {
    return '"at" is no RFC 3339 time in UTC with milliseconds';
  }
  if (typeof entry.prev !== 'string' || !HASH.test(entry.prev))
    return '"prev" is no SHA-256 in lowercase hex';
  if (!Number.isSafeInteger(entry.seq) || (entry.seq as number) < 1)
    return '"seq" is no whole number from 1 up';
  if (typeof entry.data !== 'object' || entry.data === null || Array.isArray(entry.data)) {
    return '"data" is no JSON object';
  }
  return null;
}
