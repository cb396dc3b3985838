import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProposalInFull, ProposalSummary } from '../answers.ts';
import { idPart, openClient } from '../client.ts';
import { callIsWrong } from '../failure.ts';
import { clock, facts, jsonText, list, plain, table } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import { changeLines } from './propose.ts';

export interface Looking {
  readonly tenant?: string | undefined;
  /** A folder for the files of the version that is shown. */
  readonly output?: string | undefined;
  readonly json?: boolean | undefined;
}

const WORDS: Readonly<Record<string, string>> = {
  open: 'waits',
  'in-force': 'came into force',
  replaced: 'replaced',
  withdrawn: 'withdrawn',
  outdated: 'out of date',
};

/** `matrix history`: versions that wait, that came into force, and who signed; with an ID that one alone. */
export async function history(terminal: Terminal, id: string | undefined, options: Looking): Promise<void> {
  const client = openClient(terminal.client());
  const { tenant } = options;
  if (id === undefined) {
    if (options.output !== undefined)
      throw callIsWrong('--output: say which version, by the id that the list prints');
    const { proposals } = await client.get<{ proposals: ProposalSummary[] }>('/matrix/proposals', { tenant });
    if (options.json) {
      terminal.output.write(jsonText({ proposals }));
      return;
    }
    const now = terminal.now();
    const current = proposals.find(({ state }) => state === 'in-force')?.id;
    const rows = proposals.map(one => [
      one.version,
      one.id === current
        ? 'in force'
        : one.state === 'in-force'
          ? 'was in force'
          : (WORDS[one.state] ?? one.state),
      one.change,
      one.signatures.map(({ person }) => person.name).join(', ') || 'nobody',
      clock(one.closed_at ?? one.proposed_at, now),
      one.id,
    ]);
    terminal.output.write(
      table(
        [
          { head: 'VERSION', shrinks: true },
          { head: 'STATE' },
          { head: 'CHANGE', shrinks: true },
          { head: 'SIGNED BY', shrinks: true },
          { head: 'SINCE' },
          { head: 'ID' },
        ],
        rows,
      ),
    );
    return;
  }
  const one = await client.get<ProposalInFull>(`/matrix/proposals/${idPart(id)}`, { tenant });
  if (options.output !== undefined) {
    mkdirSync(options.output, { recursive: true });
    for (const [name, text] of Object.entries(one.files)) {
      // Somebody's own files are not written over.
      if (text !== null) writeFileSync(join(options.output, `${name}.yaml`), text, { flag: 'wx' });
    }
  }
  if (options.json) {
    terminal.output.write(jsonText(one));
    return;
  }
  const now = terminal.now();
  terminal.output.write(
    [
      plain`${one.tenant}: version ${one.version}, ${WORDS[one.state] ?? one.state}`,
      '',
      facts([
        ['Change', one.change],
        ['Why', one.note],
        [
          'Put up',
          `${one.proposed_by?.name ?? 'from the folder of the policies'}, ${clock(one.proposed_at, now)}`,
        ],
        [
          'Signed',
          list(
            one.signatures.map(({ person, squad, at }) => `${person.name} for ${squad}, ${clock(at, now)}`),
          ),
        ],
        ['Document', one.document],
        ['Digest', one.digest],
        ...(options.output === undefined ? [] : [['Files', options.output] as const]),
      ]).trimEnd(),
      ...changeLines(one.review.diff),
      '',
    ]
      .map(line => `${line}\n`)
      .join(''),
  );
}
