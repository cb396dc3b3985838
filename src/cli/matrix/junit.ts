import { visible, visibleLines } from '../../domain/visible-text.ts';

export interface Suite {
  readonly name: string;
  readonly cases: readonly {
    readonly name: string;
    readonly file: string;
    readonly line: number;
    /** Why it failed, one line first; `null`: it held. */
    readonly failure: readonly string[] | null;
  }[];
}

/** JUnit XML, as CI systems read it. No times, so that the same files give the same bytes. */
export function junitOf(suites: readonly Suite[]): string {
  const failures = ({ cases }: Suite) => cases.filter(({ failure }) => failure !== null).length;
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport matrix test" tests="${sum(suites.map(({ cases }) => cases.length))}" failures="${sum(suites.map(failures))}">`,
    ...suites.flatMap(suite => [
      `  <testsuite name="${escaped(visible(suite.name))}" tests="${suite.cases.length}" failures="${failures(suite)}">`,
      ...suite.cases.flatMap(({ name, file, line, failure }) => {
        const open = `    <testcase classname="${escaped(visible(suite.name))}" name="${escaped(visible(name))}" file="${escaped(visible(file))}" line="${line}"`;
        return failure === null
          ? [`${open}/>`]
          : [
              `${open}>`,
              `      <failure message="${escaped(visible(failure[0] ?? ''))}">${escaped(visibleLines(failure.join('\n')))}</failure>`,
              '    </testcase>',
            ];
      }),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
