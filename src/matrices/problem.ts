import { closest, distance } from 'fastest-levenshtein';

/** A place in a file, both from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What is wrong in a file, where, and what would be right. */
export interface Problem extends Place {
  readonly message: string;
  readonly expected: string | null;
  /** The known name that was probably meant. */
  readonly nearest: string | null;
}

export const placeText = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;

/** `file:line:column message — expected …, did you mean "x"?` */
export function problemText(problem: Problem): string {
  const { message, expected, nearest } = problem;
  const hints = [
    ...(expected === null ? [] : [`expected ${expected}`]),
    ...(nearest === null ? [] : [`did you mean "${nearest}"?`]),
  ];
  return `${placeText(problem)} ${message}${hints.length > 0 ? ` — ${hints.join(', ')}` : ''}`;
}

/** So many problems of a file are told: enough for a morning, and it bounds what a hostile file costs. */
export const MOST_PROBLEMS = 100;

/** What of a file is told: all, or the first and that there is more. */
export function firstOf(problems: readonly Problem[]): Problem[] {
  const next = problems[MOST_PROBLEMS];
  if (!next) return [...problems];
  const { file, line, column } = next;
  const more = { file, line, column, message: '… and more', expected: null, nearest: null };
  return [...problems.slice(0, MOST_PROBLEMS), more];
}

/** Names are compared letter by letter, so neither long ones nor all of very many are. */
const LONGEST_NAME = 200;
const MOST_NAMES = 2_000;

/** The name among these that somebody who wrote `word` probably meant; `null` when none is near. */
export function nearestOf(word: string, names: Iterable<string>): string | null {
  if (word.length > LONGEST_NAME) return null;
  const among: string[] = [];
  for (const name of names) {
    if (name.length <= LONGEST_NAME) among.push(name);
    if (among.length === MOST_NAMES) break;
  }
  if (among.length === 0) return null;
  const found = closest(word.toLowerCase(), among);
  return distance(word.toLowerCase(), found.toLowerCase()) <= Math.max(2, Math.floor(word.length / 3))
    ? found
    : null;
}

export const inOrder = (one: Place, other: Place): number =>
  one.line - other.line || one.column - other.column;
