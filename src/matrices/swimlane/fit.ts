import { shortened, visible } from '../../domain/visible-text.ts';

/** Text that must fit a box. Nothing here can measure a font, so widths are taken a little too large. */

const NARROW = /[ijl.,:;'|!()[\]/ ·]/;
const SLIM = /[tfrI"-]/;
const WIDE = /[mwMW@%—]/;
/** Letters of the East and pictures: as wide as they are high. */
const SQUARE =
  /[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]|[\u{10000}-\u{10ffff}]/u;

function widthOf(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  if (NARROW.test(character)) return 0.31;
  if (SLIM.test(character)) return 0.4;
  if (WIDE.test(character)) return 0.92;
  if (SQUARE.test(character)) return 1.05;
  if (/\p{Lu}/u.test(character)) return 0.7;
  return 0.58;
}

const widths = new Map<string, number>();

/** A character's part of the font's size; the few that matrices are written in are looked at once. */
function shareOf(character: string): number {
  const known = widths.get(character);
  if (known !== undefined) return known;
  const share = widthOf(character);
  if (widths.size < 1000) widths.set(character, share);
  return share;
}

/** About how many units a text takes at this size. */
export function textWidth(text: string, size: number, bold = false): number {
  let sum = 0;
  for (const character of text) sum += shareOf(character);
  return sum * size * (bold ? 1.05 : 1);
}

interface Room {
  readonly width: number;
  readonly size: number;
  readonly bold?: boolean;
  readonly lines: number;
}

/** Longest text that is looked at: what is behind it is on no sheet. */
const LONGEST = 1200;

/** A text as lines that fit, made visible; what has no room is left out and shown as …. */
export function fitted(text: string, { width, size, bold = false, lines }: Room): string[] {
  const fits = (line: string) => textWidth(line, size, bold) <= width;
  const found: string[] = [];
  let line = '';
  for (const piece of shortened(visible(text.slice(0, LONGEST)), LONGEST).match(PIECES) ?? []) {
    if (fits((line + piece).trimEnd())) {
      line += piece;
      continue;
    }
    if (line.trim()) found.push(line.trimEnd());
    line = '';
    for (const character of piece.trimStart()) {
      if (line && !fits(line + character)) {
        found.push(line);
        line = '';
      }
      line += character;
    }
  }
  if (line.trim()) found.push(line.trimEnd());
  if (found.length <= lines) return found;
  return [...found.slice(0, lines - 1), ended(found[lines - 1]!, fits)];
}

/** A line may be broken behind a space, a dash or a slash. */
const PIECES = /[^\s/-]*[\s/-]+|[^\s/-]+/gu;

function ended(line: string, fits: (line: string) => boolean): string {
  const characters = [...line];
  while (characters.length > 0 && !fits(`${characters.join('')}…`)) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}
