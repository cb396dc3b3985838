/**
 * Text from people as one line in which nothing hides: line breaks become ⏎; controls, characters that reorder or
 * vanish (Unicode's bidi controls, zero-width and tag characters) and halves of surrogate pairs are written out as
 * ‹U+202E›. What is left is what a reader sees.
 */
export function visible(text: string): string {
  return text
    .trim()
    .replace(/\r\n|[\n\r\u2028\u2029\u0085]/g, ' ⏎ ')
    .replaceAll('\t', ' ')
    .replace(HIDDEN, character => {
      const code = character.codePointAt(0) as number;
      return `‹U+${code.toString(16).toUpperCase().padStart(4, '0')}›`;
    });
}

/** Cc, Cf (which has the bidi and zero-width ones), Cs, private use, and letters that are drawn as nothing. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}]|\u115f|\u1160|\u3164|\uffa0|\u034f|\u17b4|\u17b5/gu;

/** At most `most` UTF-16 units, with … where something was left out, never half of a character. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const cut = text.slice(0, most - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
