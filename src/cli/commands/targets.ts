import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { json, tenant } from './options.ts';

/** What there is to reach, and who answers for it. */
export function addTargets(program: Command, terminal: Terminal): void {
  const targets = program.command('targets').description('what there is to reach');
  targets
    .command('list')
    .description('targets, with the cells that cover them')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('../targets.ts')).listTargets(terminal, options));
  targets
    .command('enrol')
    .description('print what a host must hold; with --host-key pin its key')
    .argument('<target>')
    .option('--host-key <line>', 'the public key of the host: "ssh-ed25519 AAAA…"')
    .option('--replace', 'forget the keys that were pinned before')
    .addOption(tenant())
    .addOption(json())
    .action(async (target, options) => (await import('../enrol.ts')).enrol(terminal, target, options));
  program
    .command('owners')
    .description('who is responsible, accountable, consulted and informed now')
    .argument('<target>')
    .addOption(tenant())
    .addOption(json())
    .action(async (target, options) => (await import('../owners.ts')).owners(terminal, target, options));
}
