import { readFileSync, statSync } from 'node:fs';
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  Parser,
  type YAMLMap,
} from 'yaml';
import type { z } from 'zod';
import { type Aliases, isBomb, startOf, surveyed } from './document.ts';
import { KNOWN_KEYS } from './forms.ts';
import type { Place, Problem } from './problem.ts';
import { inOrder, MOST_PROBLEMS, nearestOf } from './problem.ts';

/** A larger matrix than anybody would read; it bounds what a hostile file costs. */
export const LARGEST_FILE = 1_048_576;

/** Deeper than any file here. The parser's later stages recurse, and V8 does not survive what they reach. */
const DEEPEST = 40;

/** After so many the text is not what somebody meant to write. */
const MOST_SYNTAX_PROBLEMS = 20;

export type Path = readonly PropertyKey[];

/** One parsed file: its value, and where in the text each part of it stands. */
export interface Source {
  readonly file: string;
  readonly text: string;
  /** As YAML 1.2 core reads it; nothing filled in. */
  readonly value: unknown;
  /** Where the value at a path stands; for a path that is not there, the deepest part that is. */
  readonly where: (path: Path) => Place;
  /** Where the key that ends a path stands. */
  readonly whereKey: (path: Path) => Place;
}

/** Reads and parses one file. `source` is `null` when the text is no YAML that could be looked at further. */
export function openSource(file: string): { source: Source | null; problems: Problem[] } {
  const fail = (message: string, expected: string | null = null) => ({
    source: null,
    problems: [{ file, line: 1, column: 1, message, expected, nearest: null }],
  });
  let bytes: Buffer;
  try {
    const { size } = statSync(file);
    if (size > LARGEST_FILE) return fail(`the file has ${size} bytes`, `at most ${LARGEST_FILE}`);
    bytes = readFileSync(file);
  } catch (error) {
    return fail(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, 'a readable file');
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('is not UTF-8', 'UTF-8 text');
  }
  return parseSource(file, text);
}

/** Parses one file's text. The `file` is only what its places are told by. */
export function parseSource(file: string, text: string): { source: Source | null; problems: Problem[] } {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const alone = (message: string, expected: string, place = at(0)) => ({
    source: null,
    problems: [{ ...place, message, expected, nearest: null }],
  });
  const tokens = overflowing(() => [...new Parser(lines.addNewLine).parse(text)]);
  const deep = tokens === null ? 0 : tooDeep(tokens);
  if (tokens === null || deep !== null)
    return alone('is nested too deeply', `at most ${DEEPEST} levels`, at(deep ?? 0));
  const [document, another] = composed(tokens, text.length);
  if (!document) return alone('is empty', 'keys and values');
  if (another) return alone('a second document begins', 'one document', at(another.range[0]));
  const found = surveyed(document);
  const { slips, aliases, namesOnly } = found;
  const told: Problem[] = [...document.errors, ...document.warnings]
    .slice(0, MOST_PROBLEMS + 1)
    .map(({ message, pos }) => ({
      ...at(pos[0]),
      message: firstLine(message),
      expected: null,
      nearest: null,
    }));
  const problems = [
    ...told,
    ...slips.map(({ offset, message, expected }) => ({
      ...at(offset),
      message: message ?? `${keyAt(text, offset)} stands here a second time`,
      expected,
      nearest: null,
    })),
  ].sort(inOrder);
  // After an error of syntax the rest of the text may mean anything; a key that comes twice confuses nothing else.
  const readable = document.errors.length === 0 && namesOnly;
  if (!readable) return { source: null, problems: distinct(problems).slice(0, MOST_SYNTAX_PROBLEMS) };
  const bomb = () => ({
    source: null,
    problems: [...problems, ...alone('aliases expand to too much', 'few aliases').problems],
  });
  if (isBomb(document.contents, found, { longest: LARGEST_FILE, deepest: DEEPEST })) return bomb();
  let value: unknown;
  try {
    // What they expand to is known by now.
    value = document.toJS({ maxAliasCount: -1 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return bomb();
  }
  const source = {
    file,
    text,
    value,
    where: (path: Path) => at(offsetOf(document, aliases, path, false)),
    whereKey: (path: Path) => at(offsetOf(document, aliases, path, true)),
  };
  return { source, problems };
}

/** `null` where it needs more of the stack than there is: `"a":"a":"a":…` sends the parser down a level at each. */
function overflowing<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
}

/** The first two documents, the second only if there is one. */
function composed(tokens: readonly CST.Token[], length: number): Document.Parsed[] {
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    // Each key against each other would be quadratic; `surveyed` compares them through sets.
    uniqueKeys: false,
    // The tags of older versions make what no JSON holds.
    resolveKnownTags: false,
    prettyErrors: false,
  });
  const { stackTraceLimit } = Error;
  // Each problem is an Error of its own. A file may hold a million, and a stack costs ten times what finding it does.
  Error.stackTraceLimit = 0;
  try {
    const [document, another] = composer.compose(tokens, true, length);
    return [document, another].filter(found => found !== undefined);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Where the first token too deep to compose stands; looks without recursion. */
function tooDeep(tokens: readonly CST.Token[]): number | null {
  const left: [CST.Token, number][] = tokens.map(token => [token, 0]);
  for (let next = left.pop(); next; next = left.pop()) {
    const [token, depth] = next;
    if (depth > DEEPEST) return 'offset' in token ? token.offset : 0;
    if (token.type === 'document' && token.value) left.push([token.value, depth]);
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      if (key) left.push([key, depth + 1]);
      if (value) left.push([value, depth + 1]);
    }
  }
  return null;
}

/** One slip makes the parser complain at each level that it closes; a place is named once. */
const distinct = (problems: readonly Problem[]): Problem[] =>
  problems.filter(
    ({ line, column }, at) =>
      at === 0 || problems[at - 1]!.line !== line || problems[at - 1]!.column !== column,
  );

const firstLine = (message: string): string => (message.split('\n')[0] ?? '').slice(0, 200);

function keyAt(text: string, offset: number): string {
  const key = /^(?:"[^"\n]*"|'[^'\n]*'|[^:\s]+)/.exec(text.slice(offset, offset + 200))?.[0] ?? '';
  return `"${key.replaceAll(/["']/g, '')}"`;
}

function offsetOf(document: Document, aliases: Aliases, path: Path, wantsKey: boolean): number {
  const resolved = (node: unknown): unknown => (isAlias(node) ? aliases.get(node) : node);
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, step] of path.entries()) {
    const inside = resolved(node);
    if (isMap(inside)) {
      const pair = pairOf(inside, String(step));
      if (!pair) return offset;
      const key = startOf(pair.key) ?? offset;
      if (wantsKey && depth === path.length - 1) return key;
      node = pair.value;
      // What is left out (`A:`) has no place of its own, so its key stands for it.
      offset = isScalar(node) && node.value === null && !node.source ? key : (startOf(node) ?? key);
      // A block's own start is its first key, so its own key says better where it is.
      if (isMap(node) && !node.flow) offset = key;
    } else if (isSeq(inside)) {
      node = inside.items[Number(step)];
      if (node === undefined) return offset;
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

// Places are asked for one by one, and a map may hold thousands of keys.
const pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  let known = pairs.get(map);
  if (!known) {
    // Backwards, so that of a key that comes twice the first is kept.
    known = new Map(
      map.items.toReversed().map(pair => [String(isScalar(pair.key) ? pair.key.value : pair.key), pair]),
    );
    pairs.set(map, known);
  }
  return known.get(name);
}

/** The problems of a file whose shape is not the schema's, one by one, for there may be more than anybody reads. */
export function* shapeProblems(source: Source, schema: z.ZodType): Generator<Problem> {
  // What zod finds in a list it passes on as arguments, and of those the stack holds some hundred thousand.
  const result = overflowing(() => schema.safeParse(source.value));
  if (result === null) {
    yield { ...source.where([]), message: 'more is wrong than can be told', expected: null, nearest: null };
  } else if (!result.success) for (const issue of result.error.issues) yield* problemsOf(source, issue);
}

function* problemsOf(source: Source, issue: z.core.$ZodIssue): Generator<Problem> {
  const { path } = issue;
  const meant = branchMeant(issue);
  if (meant) {
    for (const inside of meant) yield* problemsOf(source, inside);
    return;
  }
  const key = path.at(-1);
  const name =
    typeof key === 'number' ? `item ${key + 1} of ${String(path.at(-2))}` : `"${String(key ?? 'the file')}"`;
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.startsWith(KNOWN_KEYS)
      ? issue.message.slice(KNOWN_KEYS.length).split(',')
      : [];
    for (const unknown of issue.keys) {
      yield {
        ...source.whereKey([...path, unknown]),
        message: `unknown key "${unknown}"`,
        expected: known.length > 0 ? `one of ${known.join(', ')}` : null,
        nearest: nearestOf(unknown, known),
      };
    }
    return;
  }
  const expected = expectedBy(issue);
  if (issue.code === 'invalid_key') {
    yield { ...source.whereKey(path), message: `${name} is no name`, expected, nearest: null };
    return;
  }
  const value = valueAt(source.value, path);
  const missing = value === undefined;
  const choices = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  yield {
    ...source.where(path),
    message: missing ? `${name} is missing` : `${name} is ${described(value)}`,
    expected,
    nearest: typeof value === 'string' ? nearestOf(value, choices) : null,
  };
}

/** Of a value that may have several forms: what is wrong in the only one whose kind it has. `null`: none, or many. */
function branchMeant(issue: z.core.$ZodIssue): z.core.$ZodIssue[] | null {
  if (issue.code !== 'invalid_union') return null;
  const near = issue.errors.filter(
    inside => !inside.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return near.length === 1
    ? near[0]!.map(inside => ({ ...inside, path: [...issue.path, ...inside.path] }))
    : null;
}

const KINDS: Readonly<Record<string, string>> = {
  object: 'keys and values',
  record: 'keys and values',
  array: 'a list',
};

function expectedBy(issue: z.core.$ZodIssue): string | null {
  const { message } = issue.code === 'invalid_key' ? (issue.issues[0] ?? issue) : issue;
  const kind = /^Invalid input: expected (\w+)/.exec(message)?.[1];
  if (kind) return KINDS[kind] ?? kind;
  return message.startsWith('expected ') ? message.slice('expected '.length) : message;
}

function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[step];
  }
  return found;
}

function described(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a block of keys';
  if (typeof value !== 'string') return `the ${typeof value} ${String(value)}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
