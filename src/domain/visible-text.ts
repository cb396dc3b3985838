import { scriptMark } from './mixed-scripts.ts';

/**
 * Text from people as one line in which nothing hides: line breaks become ⏎; controls, characters that reorder or
 * vanish (Unicode's bidi controls, zero-width and tag characters), halves of surrogate pairs and heaps of marks are
 * written out as ‹U+202E›; a word whose letters come from several scripts, or only look like Latin ones, says so
 * behind it. What is left is what a reader sees.
 */
export function visible(text: string): string {
  const shown = text
    .trim()
    .replace(/\r\n|[\n\r\u2028\u2029\u0085]/g, ' ⏎ ')
    .replaceAll('\t', ' ')
    .replace(HIDDEN, writtenOut)
    .replace(HEAP, (_, kept: string, rest: string) => kept + [...rest].map(writtenOut).join(''));
  return FAMILIAR.test(shown) ? shown : scriptMark(shown);
}

/** The same for text of several lines, which stay. */
export const visibleLines = (text: string): string =>
  text
    .split(/\r\n|[\n\r]/)
    .map(visible)
    .join('\n');

function writtenOut(character: string): string {
  const code = character.codePointAt(0) as number;
  return `‹U+${code.toString(16).toUpperCase().padStart(4, '0')}›`;
}

/**
 * Cc, Cf (which has the bidi and zero-width ones), Cs, private use, letters that are drawn as nothing, and variation
 * selectors but for the two that choose between a text and a picture.
 */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}]|\u115f|\u1160|\u3164|\uffa0|\u034f|\u17b4|\u17b5|\u2800|\u180b|\u180c|\u180d|\u180f|[\ufe00-\ufe0d]|[\u{e0100}-\u{e01ef}]/gu;

/** No script needs more marks on one letter; more of them reach into the lines around. */
const HEAP = /(\p{M}{3})(\p{M}+)/gu;

/** Latin letters as Europe writes them, and what is no letter at all: nothing to compare. */
const FAMILIAR = /^[\u0000-\u024f\u2000-\u206f]*$/;

/** At most `most` UTF-16 units, with … where something was left out, never half of a character. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const cut = text.slice(0, most - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
