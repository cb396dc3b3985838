import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/**
 * What a run of the tests made that is secret, and all that it said, kept in a folder of the run until its end. Of what
 * is said only runs of the characters that secrets are written in are kept, each once.
 */
const SHORTEST = 14;
const RUN = /[A-Za-z0-9+/_-]{14,}/g;
/** A run that goes on for longer is kept in pieces, which overlap by more than a secret is long. */
const LONGEST = 65_536;
const OVERLAP = 8192;

/** Where evidence of this run is kept; null where nobody asked for it. */
const folder = (): string | null => process.env.SALLYPORT_TEST_EVIDENCE ?? null;

// Taken before anything of `node:fs` is watched.
const append = appendFileSync;
const known = new Set<string>();
const told = new Set<string>();
let lines: string[] = [];

/** Remembers that `text` must not be seen anywhere. What is too short to be found by chance is left out. */
export function registerSecret(kind: string, text: string): void {
  const into = folder();
  if (into === null) return;
  for (const part of text.match(RUN) ?? []) {
    // A row of one letter is what somebody made up for a secret, not one.
    if (known.has(part) || new Set(part).size < 6) continue;
    known.add(part);
    append(join(into, `secrets-${process.pid}`), `${JSON.stringify({ kind, part })}\n`);
  }
}

/** Bytes as base64, base64url and hex write them. */
export function registerSecretBytes(kind: string, bytes: Uint8Array): void {
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    registerSecret(kind, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding));
  }
}

/** A stream of something said at `place`; pieces of one text may come in any cut. */
export function listener(place: string): { hear(chunk: string | Uint8Array): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let open = '';
  const hear = (chunk: string | Uint8Array) => {
    if (folder() === null) return;
    const text = open + (typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk)));
    const tail = /[A-Za-z0-9+/_-]*$/.exec(text.slice(-LONGEST))![0];
    const long = tail.length >= LONGEST;
    open = long ? tail.slice(-OVERLAP) : tail;
    keep(place, long ? text : text.slice(0, text.length - tail.length));
  };
  return {
    hear,
    end: () => {
      keep(place, open);
      open = '';
    },
  };
}

/** Something said whole. */
export function capture(place: string, text: string | Uint8Array): void {
  if (folder() !== null) keep(place, typeof text === 'string' ? text : Buffer.from(text).toString());
}

function keep(place: string, text: string): void {
  const named = place.replace(/\s+/g, ' ');
  // In pieces, since a regular expression over millions of characters runs out of stack.
  for (let start = 0; start < text.length; start += LONGEST) {
    for (const run of text.slice(start, start + LONGEST + OVERLAP).match(RUN) ?? []) {
      if (told.has(run)) continue;
      told.add(run);
      lines.push(`${named}\t${run}\n`);
    }
  }
  if (lines.length > 5000) flush();
}

/** Writes down what was heard; what ends without it takes what it heard with it. */
export function flush(): void {
  const into = folder();
  if (into === null || lines.length === 0) return;
  append(join(into, `said-${process.pid}`), lines.join(''));
  lines = [];
}

export interface Leak {
  readonly kind: string;
  readonly place: string;
}

/** Every secret of the run that was said, with where; the secret itself is not repeated. */
export function findLeaks(from: string): Leak[] {
  const read = (start: string) =>
    readdirSync(from)
      .filter(name => name.startsWith(start))
      .flatMap(name => readFileSync(join(from, name), 'utf8').split('\n'))
      .filter(line => line !== '');
  const secrets = read('secrets-').map(line => JSON.parse(line) as { kind: string; part: string });
  const index = new Prefixes(secrets);
  const found = new Map<string, Leak>();
  for (const line of read('said-')) {
    const tab = line.lastIndexOf('\t');
    for (const secret of index.within(line.slice(tab + 1))) {
      const place = line.slice(0, tab);
      found.set(`${secret.kind} ${place}`, { kind: secret.kind, place });
    }
  }
  return [...found.values()];
}

/** How many secrets a run registered and how much it heard, so that a check over nothing is noticed. */
export function amountOf(from: string): { secrets: number; said: number } {
  const count = (start: string) =>
    readdirSync(from)
      .filter(name => name.startsWith(start))
      .reduce((sum, name) => sum + readFileSync(join(from, name), 'utf8').split('\n').length - 1, 0);
  return { secrets: count('secrets-'), said: count('said-') };
}

const BITS = 1 << 22;

/** Finds which of many texts stand in another, by a rolling hash over their first characters. */
class Prefixes {
  readonly #byPrefix = new Map<string, { kind: string; part: string }[]>();
  readonly #maybe = new Uint8Array(BITS);

  constructor(secrets: readonly { kind: string; part: string }[]) {
    for (const secret of secrets) {
      const prefix = secret.part.slice(0, SHORTEST);
      this.#byPrefix.set(prefix, [...(this.#byPrefix.get(prefix) ?? []), secret]);
      let hash = 0;
      for (let i = 0; i < SHORTEST; i++) hash = (Math.imul(hash, 31) + prefix.charCodeAt(i)) | 0;
      this.#maybe[(hash >>> 0) % BITS] = 1;
    }
  }

  *within(text: string): Generator<{ kind: string; part: string }> {
    let power = 1;
    for (let i = 0; i < SHORTEST; i++) power = Math.imul(power, 31);
    let hash = 0;
    for (let i = 0; i < text.length; i++) {
      hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
      const start = i - SHORTEST + 1;
      if (start > 0) hash = (hash - Math.imul(text.charCodeAt(start - 1), power)) | 0;
      if (start < 0 || this.#maybe[(hash >>> 0) % BITS] === 0) continue;
      for (const secret of this.#byPrefix.get(text.slice(start, i + 1)) ?? []) {
        if (text.startsWith(secret.part, start)) yield secret;
      }
    }
  }
}

/** A folder for the evidence of a run, which its workers inherit. */
export function gatherIn(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  process.env.SALLYPORT_TEST_EVIDENCE = path;
}
