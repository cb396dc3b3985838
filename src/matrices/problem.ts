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

/** The name among these that somebody who wrote `word` probably meant; `null` when none is near. */
export function nearestOf(word: string, names: readonly string[]): string | null {
  if (names.length === 0 || word.length > 200) return null;
  const found = closest(word.toLowerCase(), names as string[]);
  return distance(word.toLowerCase(), found.toLowerCase()) <= Math.max(2, Math.floor(word.length / 3))
    ? found
    : null;
}

export const inOrder = (one: Place, other: Place): number =>
  one.line - other.line || one.column - other.column;
