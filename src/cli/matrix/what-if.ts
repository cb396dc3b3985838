import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '../../domain/duration.ts';
import type { Answered, WhatIf } from '../answers.ts';
import { openClient } from '../client.ts';
import { ended } from '../ended.ts';
import { callIsWrong } from '../failure.ts';
import { clock, jsonText, plain } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import { type Common, readAll, tenantsOf } from './reading.ts';
import { count, wrapped } from './said.ts';

export interface Weighed extends Common {
  readonly days: string;
}

/** Much may have to be decided again before the first byte comes. */
const TIMEOUT_MS = 120_000;

/**
 * `matrix what-if`: sends the files of DIR to the broker, which decides the requests of the last days again.
 *
 * @throws Failure 2 for bad files, and what the broker refuses
 */
export async function whatIf(terminal: Terminal, dir: string | undefined, options: Weighed): Promise<void> {
  const days = /^[1-9]\d{0,2}$/.test(options.days) ? Number(options.days) : 0;
  if (days < 1 || days > 365) throw callIsWrong(`--days ${options.days}: expected 1 to 365`);
  const read = readAll(dir, options);
  // What is wrong in the files is told here: nothing is sent.
  if (!Array.isArray(read)) {
    terminal.output.write(read.out);
    terminal.errors.write(read.err);
    return ended(read.code);
  }
  if (read.length > 1) throw callIsWrong(`several tenants are here: say --tenant, one of ${tenantsOf(read)}`);
  const { folder, engagement } = read[0]!;
  const [matrix, targets] = ['matrix.yaml', 'targets.yaml'].map(name =>
    readFileSync(join(folder, name), 'utf8'),
  );
  const answer = await openClient(terminal.client(), TIMEOUT_MS).post<WhatIf>(
    '/matrix/what-if',
    { days, matrix, targets },
    { tenant: engagement.tenant },
  );
  terminal.output.write(
    options.json
      ? jsonText(answer)
      : whatIfLines(answer, days, terminal.now())
          .map(line => `${line}\n`)
          .join(''),
  );
}

const TITLES: Readonly<Record<string, string>> = {
  gains: 'would be allowed',
  easier: 'would be easier',
  answers: 'would be answered by others',
  harder: 'would be harder',
  loses: 'would be refused',
  other: 'would be otherwise',
  same: 'the same',
};

function whatIfLines(answer: WhatIf, days: number, now: Date): string[] {
  const { tenant, before, after, counts, requests, unlisted, cut, decided } = answer;
  const each = requests.flatMap(
    ({ id, who, protocol, role, target, seconds, created_at, effect, before, after, explanation }) => [
      plain`${clock(created_at, now)}  ${who.name} (${who.party})  ${protocol} ${role} on ${target} for ${formatDuration(seconds)}  ${id}`,
      ...wrapped(`${TITLES[effect] ?? effect}: ${answerText(after)}; now ${answerText(before)}`, '    '),
      ...(after.decision === 'refused' && before.decision !== 'refused'
        ? wrapped(`${explanation[0] ?? ''}`, '    ')
        : []),
      '',
    ],
  );
  const sums = Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([effect, number]) => `${number} ${TITLES[effect] ?? effect}`);
  return [
    plain`${tenant}: version ${after.version} in place of ${before.version}, the requests of the last ${count(days, 'day')}`,
    '',
    ...each,
    ...(unlisted > 0 ? [`${unlisted} older ones would change too and are not listed.`] : []),
    ...(cut ? [`Only the newest ${decided} were decided again.`] : []),
    `${count(decided, 'request')}${sums.length > 0 ? `: ${sums.join(', ')}` : ''}.`,
  ];
}

/** `needs-approval by client/it, then client/ciso, up to 2h`. */
function answerText({ decision, code, answerers, co_approve, limit }: Answered): string {
  if (decision === 'refused') return `refused (${code})`;
  return [
    decision === 'needs-approval' ? `needs-approval by ${answerers.join(', then ')}` : decision,
    ...(co_approve.length > 0 ? [`and ${co_approve.join(', ')}`] : []),
    ...(limit === null ? [] : [`up to ${formatDuration(limit)}`]),
  ].join(', ');
}
