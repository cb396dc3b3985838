import { type Command, Option } from 'commander';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';
import { duration, json, tenant } from './options.ts';

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
    .argument('[target]')
    .option('--address <host>', 'the host or IP address that an alert names, in the place of a target')
    .option('--severity <level>', 'as the matrix names them: sev1')
    .addOption(tenant())
    .addOption(json())
    .action(async (target, options) => (await import('../owners.ts')).owners(terminal, target, options));
  program
    .command('preflight')
    .description('for a coming change: would everybody who must act be able to?')
    .argument('[targets...]', 'what will be worked on; otherwise all that is yours')
    .requiredOption('--at <time>', "when it begins: 2026-11-29T01:00, in the matrix's time zone")
    .option('--activity <name>', 'backups/restore; otherwise those that are yours')
    .addOption(new Option('--ssh <login>', 'a login on the host').conflicts(['postgres', 'web']))
    .addOption(new Option('--postgres <role>', 'a database role').conflicts(['ssh', 'web']))
    .addOption(new Option('--web <role>', 'a role of a console').conflicts(['ssh', 'postgres']))
    .option('--for <duration>', 'how long; otherwise as long as the cell allows', duration)
    .option('--ticket <id>', 'the ticket it belongs to')
    .option('--severity <level>', 'as the matrix names them: sev1')
    .addOption(tenant())
    .addOption(json())
    .addHelpText('after', PREFLIGHT_HELP)
    .action(async (targets, options) =>
      ended(await (await import('../preflight.ts')).preflight(terminal, targets, options)),
    );
}

const PREFLIGHT_HELP = `
Nobody is asked and no access is given: targets are tried with a certificate
that can do nothing. It stands in the log. Exit status 1: something would stop
somebody.`;
