import { type Command, Option } from 'commander';
import type { Terminal } from '../terminal.ts';
import { json, tenant, yes } from './options.ts';

/** Shutting the MSP out. */
export function addLockout(program: Command, terminal: Terminal): void {
  program
    .command('lockout')
    .description('shut every MSP grant and session of an engagement at once')
    .addOption(new Option('--reason <text>', 'why; it is told').conflicts('lift'))
    .option('--lift', 'let grants be given again')
    .addOption(new Option('--status', 'only say whether it is shut').conflicts(['lift', 'reason']))
    .addOption(yes())
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('../lockout.ts')).lockout(terminal, options));
}
