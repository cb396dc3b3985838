import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { canonicalize as theirs } from 'json-canonicalize';
import { describe, expect, it } from 'vitest';
import { canonicalize } from '../../src/audit/canonical.ts';
import { EntryError, fragments, line, MAX_LINE_BYTES, readEntry } from '../../src/audit/entry.ts';

const vectors = JSON.parse(readFileSync('test/vectors/audit/rfc8785.json', 'utf8'));

/** Text of every plane, without lone surrogates. */
const text = fc.string({ unit: 'binary', maxLength: 40 });
const json = fc
  .jsonValue({ stringUnit: 'binary', maxDepth: 4 })
  // The other implementation hands objects that have this key to JSON.stringify.
  .filter(value => !JSON.stringify(value).includes('toJSON'));
const event = fc.record({
  action: text,
  actor: text,
  subject: text,
  tenant: text,
  data: fc.dictionary(text, json, { maxKeys: 8 }),
});
const place = fc.record({
  at: fc
    .date({
      min: new Date('1970-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    })
    .map(date => date.toISOString()),
  prev: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex')),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});

describe('RFC 8785', () => {
  it.each(vectors.numbers as [string, string | null][])('number %s', (bits, expected) => {
    const value = Buffer.from(bits, 'hex').readDoubleBE();
    if (expected === null) expect(() => canonicalize(value)).toThrow(/no JSON number/);
    else expect(canonicalize(value)).toBe(expected);
  });

  it('writes the examples of section 3.2', () => {
    const [whole, sorted] = vectors.texts;
    expect(Buffer.from(canonicalize(JSON.parse(whole.input))).toString('hex')).toBe(whole.output_hex);
    expect(Object.values(JSON.parse(canonicalize(JSON.parse(sorted.input)))).length).toBe(7);
    const order = sorted.values_in_order.map((value: string) =>
      canonicalize(JSON.parse(sorted.input)).indexOf(value),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('agrees with another implementation', () => {
    fc.assert(fc.property(json, value => canonicalize(value) === theirs(value)));
  });

  it.each([
    ['a lone surrogate', 'a\ud800b'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['undefined', { a: undefined }],
    ['a hole', new Array(1)],
    ['a date', { a: new Date() }],
    ['bytes', Buffer.from('a')],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['NaN', Number.NaN],
    ['endless nesting', JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`)],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalize(value)).toThrow(/\$/);
  });

  it('is not taken in by a key called toJSON', () => {
    expect(canonicalize({ b: 1, a: 2, toJSON: 3 })).toBe('{"a":2,"b":1,"toJSON":3}');
  });
});

describe('a line', () => {
  it('put together from its fragments is the canonical form of the whole entry', () => {
    fc.assert(
      fc.property(event, place, (event, place) => {
        const { head, middle, tail } = fragments(event);
        const joined = `${head}${place.at}${middle}${place.prev}","seq":${place.seq}${tail}`;
        expect(joined).toBe(theirs({ ...event, ...place }));
        expect(joined).toBe(line(event, place));
      }),
    );
  });

  it('is read back as it was written', () => {
    const filled = event.filter(e => [e.action, e.actor, e.subject, e.tenant].every(s => s !== ''));
    fc.assert(
      fc.property(filled, place, (event, place) => {
        // JSON has no negative zero (RFC 8785, section 3.2.2.3): it comes back as zero.
        const plain = JSON.parse(JSON.stringify({ ...event, ...place }));
        expect(readEntry(Buffer.from(line(event, place)))).toEqual({ entry: plain });
      }),
    );
  });

  const small = { action: 'a', actor: 'b', subject: 's', tenant: 't', data: {} };

  it('may be as long as allowed and no longer', () => {
    const at = { at: '2026-11-20T15:00:00.000Z', prev: '0'.repeat(64), seq: Number.MAX_SAFE_INTEGER };
    const room = MAX_LINE_BYTES - Buffer.byteLength(line({ ...small, data: { x: '' } }, at));
    expect(Buffer.byteLength(line({ ...small, data: { x: 'x'.repeat(room) } }, at))).toBe(MAX_LINE_BYTES);
    expect(() => fragments({ ...small, data: { x: 'x'.repeat(room + 1) } })).toThrow(EntryError);
  });

  it('is refused with a code that says why', () => {
    expect(() => fragments({ ...small, actor: '\ud800' })).toThrow(
      expect.objectContaining({ code: 'no-canonical-form', message: expect.stringContaining('$.actor') }),
    );
    expect(() => fragments({ ...small, data: { x: 'x'.repeat(70_000) } })).toThrow(
      expect.objectContaining({ code: 'entry-too-long' }),
    );
  });

  const good = line(small, { at: '2026-11-20T15:00:00.000Z', prev: '0'.repeat(64), seq: 1 });
  it.each([
    ['not JSON', 'x', 'not-canonical'],
    ['nothing', '', 'not-canonical'],
    ['a number', '1', 'bad-entry'],
    ['an array', '[]', 'bad-entry'],
    ['null', 'null', 'bad-entry'],
    ['a space', good.replace('":{}', '": {}'), 'not-canonical'],
    ['a key twice', good.replace('"data":{}', '"data":{"a":1,"a":1}'), 'not-canonical'],
    ['a needless escape', good.replace('"a"', '"\\u0061"'), 'not-canonical'],
    ['a number spelt otherwise', good.replace('"seq":1', '"seq":1.0'), 'not-canonical'],
    ['another order', good.replace(/"action":"a","actor":"b"/, '"actor":"b","action":"a"'), 'not-canonical'],
    ['a missing key', good.replace(',"tenant":"t"', ''), 'bad-entry'],
    ['a key too many', good.replace(/}$/, ',"zone":1}'), 'bad-entry'],
    ['a time with an offset', good.replace('000Z', '000+00:00'), 'bad-entry'],
    ['a day that does not exist', good.replace('11-20', '02-30'), 'bad-entry'],
    ['a hash in capitals', good.replace('"0000', '"AAAA'), 'bad-entry'],
    ['seq 0', good.replace('"seq":1', '"seq":0'), 'bad-entry'],
    ['seq as text', good.replace('"seq":1', '"seq":"1"'), 'bad-entry'],
    ['data as a list', good.replace('"data":{}', '"data":[]'), 'bad-entry'],
    ['an empty actor', good.replace('"actor":"b"', '"actor":""'), 'bad-entry'],
    ['a byte order mark', `\ufeff${good}`, 'not-canonical'],
    ['a prototype', good.replace('"data":{}', '"__proto__":{}'), 'not-canonical'],
  ])('with %s is refused', (_, bytes, code) => {
    expect(readEntry(Buffer.from(bytes))).toMatchObject({ fault: { code } });
  });

  it('with bytes that are no UTF-8 is refused, even where decoding hides them', () => {
    const bytes = Buffer.from(good.replace('"s"', '"?"'));
    bytes[bytes.indexOf('?')] = 0xff;
    expect(readEntry(bytes)).toMatchObject({ fault: { code: 'not-canonical' } });
    const honest = Buffer.from(good.replace('"s"', '"\ufffd"'));
    expect(readEntry(honest)).toHaveProperty('entry');
  });
});
