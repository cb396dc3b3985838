import { visible } from '../domain/visible-text.ts';
import type { Check, Preflight } from './answers.ts';
import { openClient } from './client.ts';
import { jsonText, list, plain, wrapped } from './output.ts';
import type { Terminal } from './terminal.ts';

export interface PreflightOptions {
  readonly at: string;
  readonly activity?: string;
  readonly ssh?: string;
  readonly postgres?: string;
  readonly web?: string;
  readonly for?: string;
  readonly ticket?: string;
  readonly severity?: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

/** The broker tries targets for up to 45 s before it answers. */
const TIMEOUT_MS = 60_000;
const TICK_MS = 1_000;

/** `sallyport preflight --at TIME [TARGET…]`: 0 nothing would stop anybody, 1 something would. */
export async function preflight(
  terminal: Terminal,
  targets: readonly string[],
  { json, ...asked }: PreflightOptions,
): Promise<number> {
  const client = openClient(terminal.client(), TIMEOUT_MS);
  const question = { ...asked, ...(targets.length > 0 ? { targets } : {}) };
  const answer = await whileTicking(terminal, () => client.post<Preflight>('/preflight', question));
  terminal.output.write(json ? jsonText(answer) : preflightText(answer, terminal.client().colour));
  return answer.ok ? 0 : 1;
}

/** Says how long it has been looking, where that line can be written over. */
async function whileTicking<T>(terminal: Terminal, work: () => Promise<T>): Promise<T> {
  if (!terminal.errorsAreScreen) return work();
  const over = new AbortController();
  const began = terminal.now().getTime();
  const tick = async () => {
    while (!over.signal.aborted) {
      const seconds = Math.round((terminal.now().getTime() - began) / 1000);
      terminal.errors.write(`\r\x1b[KLooking at people, decisions and targets … ${seconds} s`);
      await terminal.pause(TICK_MS, over.signal).catch(() => {});
    }
  };
  const ticking = tick();
  try {
    return await work();
  } finally {
    over.abort();
    await ticking;
    terminal.errors.write('\r\x1b[K');
  }
}

/** The order in which they are shown; what is new comes last. Within a kind, what would stop somebody comes first. */
const KINDS: readonly string[] = [
  ...['version', 'decision', 'owner', 'channel', 'squad', 'person'],
  ...['target', 'host-key', 'ca', 'sshd', 'clock'],
];
const placeOf = ({ check }: Check): number => (KINDS.indexOf(check) + KINDS.length + 1) % (KINDS.length + 1);
const gravityOf = ({ ok }: Check): number => [false, null, true].indexOf(ok);

const VERDICTS = { true: 'ok', false: 'NO', null: '?' } as const;
const COLOURS = { true: 32, false: 31, null: 33 } as const;
const KIND_AT = 6;
const TEXT_AT = 16;

function preflightText(answer: Preflight, colour: boolean): string {
  const { checks, tenant, targets, at } = answer;
  const rows = [...checks].sort(
    (one, other) => placeOf(one) - placeOf(other) || gravityOf(one) - gravityOf(other),
  );
  return [
    wrapped(plain`${tenant}: ${list(targets)}, ${at.slice(0, 16)}Z`, 0),
    '',
    `${' '.repeat(KIND_AT)}${'CHECK'.padEnd(TEXT_AT - KIND_AT)}WHAT WAS FOUND`,
    ...rows.flatMap(row => rowLines(row, colour)),
    '',
    summary(answer),
    '',
  ].join('\n');
}

/** A verdict, the kind, what was found, and below it what to do. */
function rowLines({ check, subject, ok, detail, mend }: Check, colour: boolean): string[] {
  const verdict = VERDICTS[`${ok}`];
  const painted = colour ? `\x1b[${COLOURS[`${ok}`]}m${verdict}\x1b[0m` : verdict;
  const margin = `  ${painted}${' '.repeat(KIND_AT - 2 - verdict.length)}`;
  const kind = visible(check).padEnd(TEXT_AT - KIND_AT - 1);
  return [
    `${margin}${kind} ${wrapped(visible(`${subject}: ${detail}`), TEXT_AT).trimStart()}`,
    ...(mend === null ? [] : [wrapped(visible(`${ok === true ? 'mind' : 'mend'}: ${mend}`), TEXT_AT)]),
  ];
}

function summary({ failed, unknown, checks }: Preflight): string {
  const open = unknown === 0 ? '' : `, ${unknown} not known`;
  const all = checks.length === 1 ? '1 check' : `${checks.length} checks`;
  return failed === 0
    ? `All that can be known is well: ${all}${open}.`
    : `${failed} of ${all} would stop somebody${open}.`;
}
