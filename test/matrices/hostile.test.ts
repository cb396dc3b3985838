import { describe, expect, it } from 'vitest';
import { problemText } from '../../src/matrices/problem.ts';
import { readTexts } from '../../src/matrices/read.ts';

/** Somebody who may propose a version sends what nobody would write: it is refused in so many words. */

const SIZE = 262_144;
const SIGNS = 'abcdefghijklmnopqrstuvwxyz';

/** `aaaa`, `aaab`, …: each number its own name. */
const nameOf = (at: number): string =>
  [17_576, 676, 26, 1].map(place => SIGNS[Math.floor(at / place) % 26]).join('');

/** As many of these as fit. */
function filled(make: (name: string, at: number) => string, size = SIZE): string {
  const parts: string[] = [];
  for (let at = 0, length = 0; ; at += 1) {
    const part = make(nameOf(at), at);
    length += part.length;
    if (length > size) return parts.join('');
    parts.push(part);
  }
}

function told(file: 'matrix' | 'targets' | 'expectations', text: string): string[] {
  const reading = readTexts('acme', { matrix: 'a: 1', targets: 'a: 1', expectations: null, [file]: text });
  if (reading.ok) throw new Error('it was taken');
  return reading.problems.filter(problem => problem.file === `${file}.yaml`).map(problemText);
}

const SQUADS = 'parties:\n  msp:\n    squads:\n';

describe('a hostile file of 256 KiB is refused, and its first hundred problems are told', () => {
  it.each<[string, 'matrix' | 'targets' | 'expectations', () => string, string]>([
    [
      'keys in one line',
      'matrix',
      () => `{${filled(name => `${name},`)}}`,
      'unknown key "aaaa" — expected one of',
    ],
    ['one key again and again', 'matrix', () => filled(() => 'a: 1\n'), '"a" stands here a second time'],
    [
      'names that are none',
      'targets',
      () => `targets:\n${filled(name => ` X${name}: {}\n`)}`,
      '"Xaaaa" is no name',
    ],
    [
      'squads that are nearly there',
      'matrix',
      () =>
        `${SQUADS}${filled(name => `     ${name}: { group: a }\n`, SIZE / 2)}services:\n a:\n  activities:\n${filled(name => `   ${name}: { R: [msp/${name}x] }\n`, SIZE / 2)}`,
      'unknown squad "msp/aaaax" — expected a squad of the matrix, did you mean "msp/aaaa"?',
    ],
    [
      'people who are nearly there',
      'expectations',
      () =>
        `people:\n${filled(name => `  ${name}: { party: msp }\n`, SIZE / 2)}expect:\n${filled(name => ` - { ask: { who: ${name}x } }\n`, SIZE / 2)}`,
      'unknown person "aaaax" — expected one of `people`, did you mean "aaaa"?',
    ],
  ])('%s', (_, file, text, expected) => {
    const lines = told(file, text());
    expect(lines.join('\n')).toContain(expected);
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toMatch(/^\w+\.yaml:\d+:\d+ … and more$/);
  });

  it.each<[string, () => string, string]>([
    [
      'an anchor for each alias',
      () => `[${filled(name => `&${name} x,*${name} ,`)}]`,
      'aliases expand to too much',
    ],
    [
      'a long list that is said again and again',
      () => `a: &a [${filled(() => 'x,')}]\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n`,
      'aliases expand to too much',
    ],
    [
      'a nest that each line builds on',
      () =>
        Array.from({ length: 30 }, (_, at) =>
          at === 0 ? 'a0: &a0 [[x]]\n' : `a${at}: &a${at} [[*a${at - 1} ]]\n`,
        ).join(''),
      'aliases expand to too much',
    ],
    ['a list that holds itself', () => 'a: &a [*a ]\n', 'aliases expand to too much'],
    ['an alias of nothing', () => 'a: *nothing\n', 'aliases expand to too much'],
    [
      'lists that stand as keys',
      () => filled(name => `? [${name}]\n: x\n`),
      'a list or a block stands as a key',
    ],
    ['a set of an older YAML', () => `!!set {${filled(name => `${name},`)}}`, 'Unresolved tag'],
    ['an open bracket again and again', () => '['.repeat(SIZE / 8), 'is nested too deeply'],
    ['a value of a value of a value', () => `[${'"a":'.repeat(SIZE / 4)}]`, 'is nested too deeply'],
    [
      'more mistakes in one list than a call has arguments',
      () => `governance: { sign: [${'x,'.repeat(SIZE / 2)}] }`,
      'unknown squad "x"',
    ],
    ['commas that part nothing', () => `[${','.repeat(SIZE)}]`, 'Unexpected , in flow sequence'],
  ])('%s', (_, text, expected) => {
    const lines = told('matrix', text());
    expect(lines.join('\n')).toContain(expected);
    expect(lines.length).toBeLessThanOrEqual(101);
  });

  it('says so where more is wrong than can be told', () => {
    const keys = `targets: { a: { labels: {}, ssh: { host_key: [${'x,'.repeat(SIZE / 2)}] } } }`;
    expect(told('targets', keys)).toEqual(['targets.yaml:1:1 more is wrong than can be told']);
  });

  it('takes aliases that only save typing, more than a hundred of one anchor too', () => {
    const folder = told('matrix', `a: &a { b: 1 }\nc: [${'*a , '.repeat(300)}]\n`);
    expect(folder.join('\n')).toContain('unknown key "a"');
  });

  it.each([
    ['a: 1\n"a": 2\n', '2:1 "a" stands here a second time'],
    ["a: 1\n'a': 2\n", '2:1 "a" stands here a second time'],
    ['1: 1\n0x1: 2\n', '2:1 "0x1" stands here a second time'],
    ['1: 1\n"1": 2\n', '2:1 "1" stands here a second time'],
    ['a: 1\n? &x a\n: 2\n', '2:6 "a" stands here a second time'],
    ['{ a: 1, a: 2 }\n', '1:9 "a" stands here a second time'],
    ['- { a: 1 }\n- { b: { a: 1, c: 2, a: 3 } }\n', '2:22 "a" stands here a second time'],
  ])('tells a key that comes twice, as YAML reads it: %j', (text, expected) => {
    expect(told('matrix', text).join('\n')).toContain(`matrix.yaml:${expected} — expected each key once`);
  });

  it.each(['a: 1\nA: 2\n', 'a: { b: 1 }\nc: { b: 1 }\n'])('takes keys for two where YAML does: %j', text => {
    expect(told('matrix', text).join('\n')).not.toContain('a second time');
  });
});
