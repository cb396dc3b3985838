import { isUtf8 } from 'node:buffer';

/**
 * Text out of a byte stream that arrives in pieces (RFC 3629). A character that is cut by a chunk's end is held back
 * until the rest comes; what can never become a character is U+FFFD, one for each byte, and is handed out so that
 * its hash can stand beside it.
 */
export interface Decoded {
  readonly text: string;
  /** The bytes that `text` stands for, all of them, in order. */
  readonly bytes: Buffer;
  /** Those among `bytes` that were no UTF-8; null when all were. */
  readonly invalid: Buffer | null;
}

const NOTHING: Buffer = Buffer.alloc(0);

export class Utf8Stream {
  #held: Buffer = NOTHING;

  /** Bytes that wait for the rest of their character: at most three. */
  get held(): number {
    return this.#held.length;
  }

  /** Takes the next piece; null when there is nothing whole yet. */
  take(chunk: Buffer): Decoded | null {
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const cut = all.length - unfinished(all);
    // A copy: the few bytes must not keep a whole network buffer alive.
    this.#held = cut === all.length ? NOTHING : Buffer.from(all.subarray(cut));
    return cut === 0 ? null : decode(all.subarray(0, cut));
  }

  /** Gives up waiting: what is held is no character. Null when nothing is held. */
  flush(): Decoded | null {
    if (this.#held.length === 0) return null;
    const held = this.#held;
    this.#held = NOTHING;
    return decode(held);
  }
}

function decode(bytes: Buffer): Decoded {
  if (isUtf8(bytes)) return { text: bytes.toString('utf8'), bytes, invalid: null };
  const parts: string[] = [];
  const invalid: Buffer[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterAt(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    if (at > from) parts.push(bytes.toString('utf8', from, at));
    let end = at + 1;
    while (end < bytes.length && characterAt(bytes, end) === 0) end += 1;
    parts.push('\ufffd'.repeat(end - at));
    invalid.push(bytes.subarray(at, end));
    at = end;
    from = end;
  }
  if (from < bytes.length) parts.push(bytes.toString('utf8', from));
  return { text: parts.join(''), bytes, invalid: Buffer.concat(invalid) };
}

/** How many bytes at the end begin a character whose rest is still to come: 0 to 3. */
function unfinished(bytes: Buffer): number {
  const last = Math.min(3, bytes.length);
  for (let back = 1; back <= last; back += 1) {
    const at = bytes.length - back;
    const byte = bytes[at]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return needed > back && plausible(bytes, at, back) ? back : 0;
  }
  return 0;
}

/** Whether the bytes from `at`, `have` of them, can still become a character. */
function plausible(bytes: Buffer, at: number, have: number): boolean {
  const lead = bytes[at]!;
  if (lead < 0xc2 || lead > 0xf4) return false;
  return have < 2 || secondFits(lead, bytes[at + 1]!);
}

/** RFC 3629 section 4: overlong forms, surrogates and what lies past U+10FFFF show in the second byte. */
function secondFits(lead: number, second: number): boolean {
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

/** The length of the character at `at`, 0 when there is none. */
function characterAt(bytes: Buffer, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (at + length > bytes.length || !secondFits(lead, bytes[at + 1]!)) return 0;
  for (let next = at + 2; next < at + length; next += 1) {
    if ((bytes[next]! & 0xc0) !== 0x80) return 0;
  }
  return length;
}
