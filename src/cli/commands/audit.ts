import { type Command, Option } from 'commander';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';
import { json, tenant } from './options.ts';

/** The log. */
export function addAudit(program: Command, terminal: Terminal): void {
  const audit = program.command('audit').description('the log: take it with you, and check it');
  for (const [name, does] of [
    ['export', 'the log, NDJSON, each line as it was chained'],
    ['checkpoint', 'a signed checkpoint over everything in the log now'],
  ] as const) {
    audit
      .command(name)
      .description(does)
      .option('--output <file>', 'where to; otherwise standard output')
      .addOption(tenant())
      .action(async options => (await import('../audit.ts')).download(terminal, name, options));
  }
  audit
    .command('key')
    .description('the key that checkpoints verify with; keep it where the broker cannot change it')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('../audit.ts')).key(terminal, options));
  audit
    .command('verify')
    .description('check files alone, without a broker')
    .argument('<file>', 'an export')
    .option('--checkpoint <file>', 'a signed checkpoint')
    .option('--key <vkey>', 'the key that signs it, or a file that holds it')
    .option('--recording <file...>', 'recordings to hold against the log')
    .addOption(new Option('--json', 'print the findings as JSON'))
    .action(async (file, options) => {
      const { verify } = await import('../audit.ts');
      ended(await verify(terminal, file, options));
    });
}
