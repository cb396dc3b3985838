import type { Party } from '../domain/party.ts';
import { guessedParty, namesSide, plainWords } from './roles.ts';
import { type Grid, lettersOf } from './spreadsheet.ts';

/** Which row of a spreadsheet heads the columns, and what the rows above it are. */

const LEGEND = /^(legend|key)\b|^[racis]\s*[=:–-]\s*(responsible|accountable|consult|inform|support)/i;
const MEANING = /^(responsible|accountable|consult|inform|support)/i;

export const has = (cell: string | undefined): cell is string => cell !== undefined && cell !== '';
export const isLetter = (cell: string): boolean => (lettersOf(cell)?.length ?? 0) > 0;

/** A row of a legend: `R | Responsible`, `Legend`, `R = Responsible`. */
export function isLegend(row: readonly string[]): boolean {
  const [first = '', second = ''] = row.filter(has);
  return (
    LEGEND.test(first) ||
    (/^[racis]$/i.test(first) && MEANING.test(second) && second[0]!.toLowerCase() === first.toLowerCase())
  );
}

/** A task's name, and to the right of it mostly letters. */
export function startsTable(row: readonly string[]): boolean {
  const [first = '', ...rest] = row.filter(has);
  if (isLegend(row) || /^[racis]$/i.test(first)) return false;
  const letters = rest.filter(isLetter).length;
  return letters >= 2 || (letters === 1 && rest.length <= 2);
}

export interface Heading {
  readonly at: number;
  /** Rows above that say whose the columns below them are. */
  readonly groups: readonly number[];
  /** Rows above that are neither that nor a title nor a legend. */
  readonly passedOver: readonly number[];
}

export interface Known {
  readonly names: Readonly<Record<Party, string>>;
  readonly roles: ReadonlyMap<string, string>;
}

/**
 * The first row with words over the letters, so that a task with letters of its own kind is never taken for it; a later
 * one only where it names more columns, or where the first says no more than the sides.
 * @param first the first row with letters
 */
export function headingOf(grid: Grid, first: number, { names, roles }: Known): Heading | null {
  const start = grid[first]!.findIndex(has);
  const tasks = grid.slice(first).filter(row => !isLegend(row));
  const width = tasks.reduce((widest, row) => Math.max(widest, row.length), 0);
  const columns = [...Array(width).keys()].filter(
    at => at > start && tasks.some(row => isLetter(row[at] ?? '')),
  );
  const said = new Set([...roles.keys()].map(plainWords));
  const isWord = (cell: string) =>
    lettersOf(cell) === null &&
    ((/\p{L}/u.test(cell) && [...cell].length > 2) ||
      said.has(plainWords(cell)) ||
      guessedParty(cell, '', names) !== null);
  const over = (at: number) => columns.map(column => grid[at]![column] ?? '').filter(has);
  const left = (at: number) => grid[at]!.slice(0, columns[0]).filter(has);
  const named = (at: number) =>
    over(at).filter(cell => /\p{L}/u.test(cell) && [...cell].length > 1 && lettersOf(cell) === null).length;
  const saysSides = (at: number) => over(at).every(cell => namesSide(cell, names));
  const above = [...grid.slice(0, first).keys()].filter(at => grid[at]!.some(has) && !isLegend(grid[at]!));
  const wordy = above.filter(
    at =>
      over(at).some(isWord) &&
      grid[at]!.filter(cell => has(cell) && isWord(cell)).length >= Math.min(2, columns.length),
  );
  // Roles such as PM and QA: short, but none as short as a letter.
  const short = above.filter(at => named(at) > 0 && named(at) === over(at).length);
  const candidates = wordy.length > 0 ? wordy : short;
  const found = candidates.reduce<number | null>((best, at) => {
    if (best === null || named(at) > named(best)) return at;
    return named(at) === named(best) && left(best).length === 0 && left(at).length > 0 && saysSides(best)
      ? at
      : best;
  }, null);
  if (found === null) return null;
  const before = above.filter(at => at < found);
  const groups = before.filter(
    at =>
      over(at).length > 0 &&
      (left(at).length === 0
        ? over(at).length < over(found).length || saysSides(at)
        : over(at).length > 1 && saysSides(at)),
  );
  return {
    at: found,
    groups,
    passedOver: before.filter(at => !groups.includes(at) && grid[at]!.filter(has).length > 1),
  };
}
