import type { Rung } from '../../domain/decision.ts';
import type { Outcome } from '../../matrices/test.ts';
import { wrapped } from './said.ts';

type Difference = Outcome['differences'][number];

/**
 * One difference as a diff: `-` is what was expected and is not there, `+` what the matrix answers and nobody
 * expected. Of lists, what both have stands between.
 */
export function differenceLines({ key, expected, actual }: Difference, indent: string): string[] {
  const inside = `${indent}  `;
  const more = `${inside}  `;
  const line = (sign: string, text: string) =>
    wrapped(`${sign} ${text}`, inside).map((part, at) => (at === 0 ? part : `  ${part}`));
  if (key === 'explanation') {
    const lines = actual as readonly string[];
    const missing = (expected as readonly string[]).filter(part => !lines.some(said => said.includes(part)));
    return [`${indent}${key}`, ...missing.flatMap(part => line('-', `no line says "${part}"`))];
  }
  const [wanted, given] = [textsOf(expected), textsOf(actual)];
  if (wanted && given) {
    const gone = wanted.filter(text => !given.includes(text));
    const come = given.filter(text => !wanted.includes(text));
    if (gone.length + come.length > 0) {
      return [
        `${indent}${key}`,
        ...wanted.filter(text => given.includes(text)).flatMap(text => wrapped(text, more)),
        ...gone.flatMap(text => line('-', text)),
        ...come.flatMap(text => line('+', text)),
      ];
    }
  }
  return [
    `${indent}${key}`,
    ...line('-', `expected ${shown(expected)}`),
    ...line('+', `answered ${shown(actual)}`),
  ];
}

/** The items of a list, one text each; `null` for what is no list. */
function textsOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null;
  return value.map(item => (typeof item === 'string' ? item : rungText(item as Rung)));
}

const rungText = ({ squad, people, after }: Rung): string =>
  `${squad} (${people.join(', ')}) ${after === '0s' ? 'at once' : `after ${after}`}`;

function shown(value: unknown): string {
  if (value === null) return 'none';
  const texts = textsOf(value);
  if (texts) return texts.length === 0 ? 'nobody and nothing' : texts.join(', then ');
  return String(value);
}
