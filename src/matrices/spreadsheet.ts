import { parse } from 'csv-parse/sync';

/** What a spreadsheet may hold; nobody reads a larger one. */
const LARGEST = 1_048_576;
const MOST_ROWS = 5_000;
const MOST_COLUMNS = 200;

const DELIMITERS = [',', ';', '\t'];

/** Texts by row and column, both from 0, without the spaces around them; rows differ in length. */
export type Grid = readonly (readonly string[])[];

/** One letter of a cell: S is support, A2 whoever stands in for A. */
export type Letter = 'R' | 'A' | 'A2' | 'C' | 'I' | 'S' | 'tick';

const WORDS: Readonly<Record<Letter, readonly string[]>> = {
  R: ['r', 'responsible', 'resp', 'does', 'performs', 'executes'],
  A: ['a', 'accountable', 'acc', 'approver', 'approves', 'approve', 'approval'],
  A2: ['a2', 'deputy', 'secondary'],
  C: ['c', 'consulted', 'consult', 'consults'],
  I: ['i', 'informed', 'inform', 'informs'],
  S: ['s', 'support', 'supports', 'supporting', 'supportive'],
  tick: ['✓', '✔', '☑', '√', '✅'],
};
const LETTERS = new Map(
  Object.entries(WORDS).flatMap(([letter, words]) => words.map(word => [word, letter as Letter] as const)),
);
const NOTHING = ['', '-', '–', '—', '.', 'n/a', 'na', 'none', 'no'];

/** The letters of a cell; empty for one that says nothing, `null` for one that says something else. */
export function lettersOf(cell: string): Letter[] | null {
  // A star or a number in brackets points to a note.
  const text = cell
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\ufe0f/g, '')
    .replaceAll(/\*+|\(\d+\)|\[\d+\]/g, '')
    .trim();
  if (NOTHING.includes(text)) return [];
  const found = text
    .replace(/^\((.*)\)$/, '$1')
    .split(/[\s,;/+&|]+|\band\b/)
    .filter(word => word !== '')
    .map(word => LETTERS.get(word) ?? together(word));
  return found.includes(null) ? null : [...new Set((found as (Letter | Letter[])[]).flat())];
}

/** `AR`, `RACI`: letters written together, each once. */
function together(word: string): Letter[] | null {
  const letters = [...word].map(character => LETTERS.get(character) ?? null);
  const once = new Set(letters).size === letters.length;
  return once && word.length <= 4 && /^[racis]+$/.test(word) ? (letters as Letter[]) : null;
}

/** The name that a spreadsheet program gives a column: A, Z, AA. */
export const columnName = (at: number): string =>
  (at >= 26 ? columnName(Math.floor(at / 26) - 1) : '') + String.fromCharCode(65 + (at % 26));

/**
 * Reads delimited text as spreadsheet programs write it: UTF-8 with or without a mark, UTF-16 or Windows' own letters;
 * commas, semicolons or tabs, whichever makes more of it readable. Never throws; `why` says what is in the way.
 */
export function readSpreadsheet(bytes: Uint8Array): { grid: Grid } | { why: string } {
  if (bytes.length > LARGEST) return { why: `it has ${bytes.length} bytes; ${LARGEST} at most` };
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return { why: 'it is a workbook; save the sheet as CSV' };
  const text = decoded(bytes);
  if (text.includes('\0')) return { why: 'it is no text' };
  const said = /^sep=(.)\r?\n/i.exec(text)?.[1];
  const readings = (said ? [said] : DELIMITERS).flatMap(delimiter => {
    try {
      const rows = parse(text, {
        delimiter,
        relax_column_count: true,
        relax_quotes: true,
        skip_empty_lines: false,
        to: MOST_ROWS + 1,
      });
      return [
        rows.map((row, at) =>
          said && at === 0 ? [] : row.slice(0, MOST_COLUMNS + 1).map(cell => cell.trim()),
        ),
      ];
    } catch {
      return [];
    }
  });
  const best = readings.sort((one, other) => readable(other) - readable(one) || width(other) - width(one))[0];
  if (!best) return { why: 'a quote in it is opened and not closed' };
  if (best.length > MOST_ROWS) return { why: `it has more than ${MOST_ROWS} rows` };
  if (width(best) > MOST_COLUMNS) return { why: `it has more than ${MOST_COLUMNS} columns` };
  return { grid: best };
}

const readable = (grid: Grid): number =>
  grid.flat().filter(cell => cell !== '' && (lettersOf(cell)?.length ?? 0) > 0).length;
const width = (grid: Grid): number => grid.reduce((widest, row) => Math.max(widest, row.length), 0);

function decoded(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}
