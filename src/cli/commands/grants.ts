import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { json, tenant } from './options.ts';

/** What was given, and giving it back. */
export function addGrants(program: Command, terminal: Terminal): void {
  program
    .command('grants')
    .description('grants that you hold or answer for')
    .option('--live', 'only those that open doors now')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('../grants.ts')).grants(terminal, options));
  for (const [name, does] of [
    ['handback', 'give a grant of yours back'],
    ['revoke', 'end a grant and its sessions now'],
  ] as const) {
    program
      .command(name)
      .description(does)
      .argument('<id>')
      .addOption(json())
      .action(async (id, options) => (await import('../grants.ts')).endGrant(terminal, name, id, options));
  }
}
