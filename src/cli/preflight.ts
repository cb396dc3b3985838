import { visible } from '../domain/visible-text.ts';
import type { Check, Preflight } from './answers.ts';
import { openClient } from './client.ts';
import { jsonText, list, plain, widthOf, wrapped } from './output.ts';
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

/** What each kind of check is about, in the order in which they are shown. */
const SECTIONS: readonly (readonly [string, readonly string[]])[] = [
  ['What the matrix would answer', ['decision', 'owner', 'channel']],
  ['People', ['squad', 'person']],
  ['Targets', ['target', 'host-key', 'ca', 'sshd']],
  ['Clocks', ['clock']],
];

const WORDS = { true: 'ok', false: 'NO', null: '?' } as const;
const COLOURS = { true: 32, false: 31, null: 33 } as const;

function preflightText(answer: Preflight, colour: boolean): string {
  const { checks, tenant, targets, at } = answer;
  const lines = [wrapped(plain`${tenant}, ${list(targets)}, ${at.slice(0, 16)}Z`, 0)];
  const known = SECTIONS.flatMap(([, kinds]) => kinds);
  const others = checks.filter(({ check }) => !known.includes(check)).map(({ check }) => check);
  for (const [title, kinds] of [...SECTIONS, ['Besides', others] as const]) {
    const rows = checks.filter(({ check }) => kinds.includes(check));
    if (rows.length > 0) lines.push('', title, ...rows.flatMap(row => rowLines(row, colour)));
  }
  return `${[...lines, '', summary(answer)].join('\n')}\n`;
}

const INDENT = 6;

/** A verdict in the margin, what it is about, and below it what to do. */
function rowLines({ check, subject, ok, detail, mend }: Check, colour: boolean): string[] {
  const word = WORDS[`${ok}`];
  const painted = colour ? `\x1b[${COLOURS[`${ok}`]}m${word}\x1b[0m` : word;
  const name = visible(
    check === 'person' || check === 'squad' || check === 'decision' ? subject : `${subject} ${check}`,
  );
  const said = wrapped(visible(`${name}: ${detail}`), INDENT).trimStart();
  return [
    `  ${painted}${' '.repeat(INDENT - 2 - widthOf(word))}${said}`,
    ...(mend === null ? [] : [wrapped(visible(`${ok === true ? 'mind' : 'mend'}: ${mend}`), INDENT)]),
  ];
}

function summary({ failed, unknown, checks }: Preflight): string {
  const open = unknown === 0 ? '' : `, ${unknown} not known`;
  return failed === 0
    ? `All that can be known is well: ${checks.length} checks${open}.`
    : `${failed} of ${checks.length} checks would stop somebody${open}.`;
}
