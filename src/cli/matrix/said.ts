import { visible } from '../../domain/visible-text.ts';
import { jsonText } from '../output.ts';

/** What a command says and how it exits: 0 yes or done, 1 the answer is no, 2 the call or a file is wrong. */
export interface Said {
  readonly code: 0 | 1 | 2;
  /** For standard output, with its last newline. */
  readonly out: string;
  /** For standard error. */
  readonly err: string;
}

export const say = (code: Said['code'], lines: readonly string[]): Said => ({
  code,
  out: joined(lines),
  err: '',
});
/** A call that is wrong: one line that says what to do next, as every other command's. */
export const wrong = (...lines: string[]): Said => ({
  code: 2,
  out: '',
  err: `sallyport: ${visible(lines.join(' '))}\n`,
});
export const joined = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('');
export const json = (code: Said['code'], value: unknown, err = ''): Said => ({
  code,
  out: jsonText(value),
  err,
});

/**
 * Breaks a text so that it fits 80 columns, each line after the indent, those that follow after their own. What
 * could hide in it is written out.
 */
export function wrapped(text: string, indent: string, following = indent): string[] {
  const lines: string[] = [];
  for (const word of visible(text).split(/(?<=\S) /)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= 80)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push((line === undefined ? indent : following) + word);
  }
  return lines;
}

export const row = (name: string, text: string): string[] => {
  const [first, ...rest] = wrapped(text, ' '.repeat(13));
  return [`  ${name.padEnd(11)}${first!.trimStart()}`, ...rest];
};

export const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;
