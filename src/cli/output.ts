import { shortened, visible } from '../domain/visible-text.ts';

/** How things are printed for people: plain lines of 80 columns, time said twice, nothing that hides. */

export const WIDTH = 80;
const GAP = 2;
const LEAST = 6;
/** No cell says more than this, however much was sent. */
const MOST = 400;

/** A template whose parts come from elsewhere and are made visible. */
export function plain(texts: TemplateStringsArray, ...parts: unknown[]): string {
  return texts.reduce((line, text, i) => `${line}${visible(String(parts[i - 1] ?? '–'))}${text}`);
}

/** `null` and the empty list read as nothing. */
export const list = (items: readonly string[] | null | undefined): string => items?.join(', ') || '–';

/**
 * JSON whose strings cannot move a cursor or turn text around: what stays invisible is written as `\uXXXX`, which
 * parses to the same.
 */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(/[^\P{Cc}\n]|[\p{Cf}\p{Cs}\u2028\u2029]/gu, escaped)}\n`;
}

/** Text of several lines on a screen: line breaks stay, whatever hides is written out. */
export const screenText = (text: string): string =>
  text.replace(/[^\P{Cc}\n]|[\p{Cf}\p{Cs}\u2028\u2029]/gu, escaped);

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Columns that a text takes on a screen. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** At most `most` columns, with … where something was left out. */
function fitted(text: string, most: number): string {
  let cut = text;
  while (widthOf(cut) > most) cut = shortened(cut, cut.length - 1);
  return cut;
}

export interface Column {
  readonly head: string;
  /** Whether it may be cut to make the table fit. Ids and times are not. */
  readonly shrinks?: boolean;
  /** Colours a cell, by what it says. */
  readonly paint?: (text: string) => string;
}

/** A table in 80 columns: those that may shrink do, the widest first. */
export function table(columns: readonly Column[], rows: readonly (readonly unknown[])[]): string {
  const cells = rows.map(row => columns.map((_, i) => shortened(visible(String(row[i] ?? '–')), MOST)));
  const widths = columns.map(({ head }, i) => Math.max(widthOf(head), ...cells.map(row => widthOf(row[i]!))));
  const over = () => widths.reduce((sum, width) => sum + width, GAP * (columns.length - 1)) - WIDTH;
  while (over() > 0) {
    const shrinkable = columns.flatMap((column, i) => (column.shrinks && widths[i]! > LEAST ? [i] : []));
    if (shrinkable.length === 0) break;
    const widest = shrinkable.reduce((a, b) => (widths[b]! > widths[a]! ? b : a));
    widths[widest]!--;
  }
  const line = (row: readonly string[], painted: boolean) =>
    row
      .map((text, i) => {
        const fit = columns[i]!.shrinks ? fitted(text, widths[i]!) : text;
        const padding = ' '.repeat(Math.max(0, widths[i]! - widthOf(fit)));
        const paint = painted ? columns[i]!.paint : undefined;
        return (paint ? paint(fit) : fit) + padding;
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return `${[
    line(
      columns.map(column => column.head),
      false,
    ),
    ...cells.map(row => line(row, true)),
  ].join('\n')}\n`;
}

/** Names and what they are, the texts broken at 80 columns. */
export function facts(entries: readonly (readonly [string, unknown])[]): string {
  const given = entries
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([name, value]) => [visible(name), value] as const);
  const indent = Math.max(...given.map(([name]) => name.length)) + 4;
  return given
    .map(
      ([name, value]) =>
        `  ${name.padEnd(indent - 2)}${wrapped(visible(String(value)), indent).trimStart()}\n`,
    )
    .join('');
}

/** Broken at spaces so that it fits 80 columns, each line after `indent`; a longer word stands alone. */
export function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + widthOf(line) + 1 + widthOf(word) > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map(part => ' '.repeat(indent) + part).join('\n');
}

export type Paint = (text: string) => string;

const COLOURS: Readonly<Record<string, number>> = {
  waiting: 33,
  later: 33,
  live: 32,
  approved: 32,
  ended: 90,
  observed: 90,
  withdrawn: 90,
  expired: 90,
  refused: 31,
  denied: 31,
};

/** The scale of states; every state is a word first. */
export const stateColour =
  (colour: boolean): Paint =>
  text => {
    const code = COLOURS[text.trim()];
    return colour && code !== undefined ? `\x1b[${code}m${text}\x1b[0m` : text;
  };

const dateOf = (text: string | null): Date | null => {
  const date = text === null ? null : new Date(text);
  return date === null || Number.isNaN(date.getTime()) ? null : date;
};

/** `47 min`, `1 h 5 min`, `3 d 2 h`. */
export function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.max(0, Math.floor(seconds))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `16:30`, with the day where it is not today's. */
export function clock(text: string | null, now: Date): string {
  const date = dateOf(text);
  if (!date) return '–';
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  if (date.toDateString() === now.toDateString()) return time;
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' as const };
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...year })} ${time}`;
}

/** What is left and when: `47 min, 16:30`; once past, `ended 16:30`. */
export function untilShort(text: string | null, now: Date): string {
  const date = dateOf(text);
  if (!date) return '–';
  const left = (date.getTime() - now.getTime()) / 1000;
  return left <= 0 ? `past, ${clock(text, now)}` : `${span(left)}, ${clock(text, now)}`;
}

/** The same as a sentence says it: `47 min left, until 16:30 New York`. */
export function until(text: string | null, now: Date): string {
  const date = dateOf(text);
  if (!date) return '–';
  const left = (date.getTime() - now.getTime()) / 1000;
  return left <= 0
    ? `over since ${clock(text, now)} ${zone()}`
    : `${span(left)} left, until ${clock(text, now)} ${zone()}`;
}

/** `12 min ago, 16:30`. */
export function since(text: string | null, now: Date): string {
  const date = dateOf(text);
  if (!date) return '–';
  const gone = (now.getTime() - date.getTime()) / 1000;
  return gone < 0 ? `in ${span(-gone)}, ${clock(text, now)}` : `${span(gone)} ago, ${clock(text, now)}`;
}

const zone = (): string =>
  Intl.DateTimeFormat().resolvedOptions().timeZone.split('/').at(-1)!.replaceAll('_', ' ');

/** `1.4 MB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const [size, unit] =
    count < 1e6 ? [count / 1e3, 'kB'] : count < 1e9 ? [count / 1e6, 'MB'] : [count / 1e9, 'GB'];
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
}
