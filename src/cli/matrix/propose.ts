import type { PutUp } from '../answers.ts';
import { openClient } from '../client.ts';
import { callIsWrong } from '../failure.ts';
import { jsonText, plain } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import { diffTitles } from './diff.ts';
import { type Common, readAll, tenantsOf } from './reading.ts';
import { count, wrapped } from './said.ts';

export interface Proposing extends Common {
  readonly change?: string | undefined;
  readonly note?: string | undefined;
  /** The version in force once more, with the people and the installation as they are now. */
  readonly again?: boolean | undefined;
}

/** The access of a large matrix is compared before the answer comes. */
const TIMEOUT_MS = 120_000;

/**
 * `matrix propose`: puts the files of DIR up for both parties to sign, and says what they would change.
 *
 * @throws Failure 2 for bad files, 1 for what the broker refuses
 */
export async function propose(
  terminal: Terminal,
  dir: string | undefined,
  options: Proposing,
): Promise<void> {
  const { change, note, tenant } = options;
  const body = options.again ? { tenant, again: 'in-force' } : filesOf(dir, options);
  const put = await openClient(terminal.client(), TIMEOUT_MS).post<PutUp>('/matrix/proposals', {
    ...body,
    change,
    note,
  });
  if (options.json) {
    terminal.output.write(jsonText(put));
    return;
  }
  const page = new URL(put.path, terminal.client().url).href;
  const gaps = put.review.findings.filter(({ severity }) => severity === 'error').length;
  const lines = [
    plain`${put.tenant}: version ${put.version} waits for both signatures, as ${put.id}`,
    ...changeLines(put.review.diff),
    '',
    `The check finds ${count(gaps, 'gap')} and ${count(put.review.findings.length - gaps, 'warning')}; ${count(put.review.tests.length, 'expectation')} held.`,
    'Nothing is in force yet. Those who sign open:',
    `  ${page}`,
  ];
  terminal.output.write(lines.map(line => `${line}\n`).join(''));
}

function filesOf(dir: string | undefined, options: Common) {
  const read = readAll(dir, options);
  // What is wrong in the files is told here: nothing is sent.
  if (!Array.isArray(read)) throw callIsWrong(read.err.trim().replaceAll('\n', ' '));
  if (read.length > 1) throw callIsWrong(`several tenants are here: say --tenant, one of ${tenantsOf(read)}`);
  const { engagement, texts } = read[0]!;
  const { matrix, targets, expectations } = texts;
  return { tenant: engagement.tenant, matrix, targets, ...(expectations === null ? {} : { expectations }) };
}

/** What a version changes for people, as a page says it. */
export function changeLines(diff: PutUp['review']['diff']): string[] {
  if (diff === null) return ['', 'It is the first version: all that it gives is new.'];
  if (diff.length === 0) return ['', 'Nothing changes in the matrix or the inventory.'];
  return Object.entries(diffTitles).flatMap(([kind, title]) => {
    const lines = diff.filter(line => line.kind === kind);
    return lines.length === 0
      ? []
      : [
          '',
          title,
          ...lines.flatMap(({ sentence }) =>
            wrapped(plain`${sentence}.`, '    ').map((part, at) =>
              at === 0 ? `  - ${part.trimStart()}` : part,
            ),
          ),
        ];
  });
}
