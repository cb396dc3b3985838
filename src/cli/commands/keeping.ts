import type { Command } from 'commander';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';

/** What is kept, carried elsewhere and back. */
export function addKeeping(program: Command, terminal: Terminal): void {
  program
    .command('backup')
    .description('copy database, recordings and sealed keys into a folder, also while the broker runs')
    .argument('<folder>', 'empty, or not there yet')
    .action(async folder => ended(await (await import('../backup.ts')).backup(terminal, folder)));
  program
    .command('restore')
    .description('put a backup into an empty SALLYPORT_DATA and an empty database, and verify it')
    .argument('<folder>', 'what sallyport backup wrote')
    .action(async folder => (await import('../restore.ts')).restore(terminal, folder));
}
