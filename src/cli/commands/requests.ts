import { type Command, Option } from 'commander';
import { REQUEST_STATES } from '../../domain/request-state.ts';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';
import { duration, json, tenant, yes } from './options.ts';

/** Asking for access, and answering. */
export function addRequests(program: Command, terminal: Terminal): void {
  program
    .command('request')
    .description('ask for access')
    .argument('<target>', 'db01, or in full db01.acme')
    .option('--activity <name>', 'backups/restore, where several cells fit')
    .addOption(new Option('--ssh <login>', 'a login on the host').conflicts(['postgres', 'web']))
    .addOption(new Option('--postgres <role>', 'a database role').conflicts(['ssh', 'web']))
    .addOption(new Option('--web <role>', 'a role of a console').conflicts(['ssh', 'postgres']))
    .requiredOption('--for <duration>', 'how long: 45m, 1h30m', duration)
    .option('--reason <text>', 'why; everybody who is asked reads it')
    .option('--ticket <id>', 'the ticket it belongs to')
    .option('--severity <level>', 'as the matrix names them: sev1')
    .option('--at <time>', "when it shall begin: 2026-11-24T10:00, in the matrix's time zone")
    .option('--wait', 'stay until it is decided')
    .option('--dry-run', 'only say what the answer would be')
    .addOption(tenant())
    .addOption(json())
    .action(async (target, options) => {
      const { request } = await import('../request.ts');
      ended(await request(terminal, target, options));
    });
  program
    .command('requests')
    .description('requests that you may see')
    .option('--mine', 'only your own')
    .addOption(new Option('--state <state>', 'only those').choices(REQUEST_STATES))
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('../requests.ts')).requests(terminal, options));
  program
    .command('show')
    .description('one request, as it would be answered now')
    .argument('<id>')
    .addOption(json())
    .action(async (id, options) => (await import('../show.ts')).show(terminal, id, options));
  program
    .command('approve')
    .description('show a request and say yes to exactly that')
    .argument('<id>')
    .option('--reason <text>', 'goes to who asked')
    .addOption(yes())
    .addOption(json())
    .action(async (id, options) => (await import('../approve.ts')).approve(terminal, id, options));
  program
    .command('deny')
    .description('say no')
    .argument('<id>')
    .requiredOption('--reason <text>', 'goes to who asked')
    .addOption(json())
    .action(async (id, options) => (await import('../deny.ts')).deny(terminal, id, options));
  program
    .command('withdraw')
    .description('take a waiting request of yours back')
    .argument('<id>')
    .addOption(json())
    .action(async (id, options) => (await import('../withdraw.ts')).withdraw(terminal, id, options));
}
