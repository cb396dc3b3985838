/**
 * JSON Canonicalization Scheme, RFC 8785. Written out here, and not taken from a package, for three reasons:
 * the verifier has to run from one file; a lone surrogate has to be an error (section 3.2.2.2) where
 * `JSON.stringify` would escape it; and a key called `toJSON` in somebody's data must not change the output.
 */

/** Deeper than any entry has reason to be; keeps a hostile line from exhausting the stack. */
const MAX_DEPTH = 32;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** The value has no canonical form. `path` names the place, `$` being the whole. */
export class CanonicalError extends Error {
  readonly code = 'no-canonical-form';
  constructor(
    readonly path: string,
    why: string,
  ) {
    super(`${path}: ${why}`);
  }
}

/** The RFC 8785 text of a JSON value. Throws `CanonicalError` for whatever is not I-JSON (RFC 7493). */
export function canonicalize(value: unknown): string {
  return write(value, '$', 0);
}

/** A string as RFC 8785 section 3.2.2.2 writes it, quotes included. */
export function canonicalString(text: string, path = '$'): string {
  if (LONE_SURROGATE.test(text)) throw new CanonicalError(path, 'a lone surrogate is no Unicode text');
  // ECMAScript's own escaping is what the RFC prescribes: two-letter escapes, \u00xx in lower case, no more.
  return JSON.stringify(text);
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_DEPTH) throw new CanonicalError(path, `nested deeper than ${MAX_DEPTH}`);
  switch (typeof value) {
    case 'string':
      return canonicalString(value, path);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      // Section 3.2.2.3: ECMAScript's Number-to-String; minus zero comes out as 0.
      if (!Number.isFinite(value)) throw new CanonicalError(path, `${value} is no JSON number`);
      return JSON.stringify(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? writeArray(value, path, depth) : writeObject(value, path, depth);
    default:
      throw new CanonicalError(path, `${typeof value} is no JSON value`);
  }
}

function writeArray(items: readonly unknown[], path: string, depth: number): string {
  let out = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) out += ',';
    out += write(items[i], `${path}[${i}]`, depth + 1);
  }
  return `${out}]`;
}

function writeObject(value: object, path: string, depth: number): string {
  const prototype = Object.getPrototypeOf(value);
  // A Date or a Buffer that slipped in has to be an error: what it would be written as is anybody's guess.
  if (prototype !== Object.prototype && prototype !== null) {
    throw new CanonicalError(path, 'not a plain object');
  }
  // Section 3.2.3: by UTF-16 code units, which is how sort() compares when not told otherwise.
  const keys = Object.keys(value).sort();
  let out = '{';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (i > 0) out += ',';
    out += `${canonicalString(key, path)}:${write((value as Record<string, unknown>)[key], `${path}.${key}`, depth + 1)}`;
  }
  return `${out}}`;
}
