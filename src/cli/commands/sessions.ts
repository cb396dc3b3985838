import type { Command } from 'commander';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';
import { json, tenant } from './options.ts';

/** Going in, and what was done there. */
export function addSessions(program: Command, terminal: Terminal): void {
  program
    .command('ssh')
    .description('connect through the gateway with the ssh of this machine')
    .argument('<destination>', 'LOGIN@TARGET')
    .argument('[command...]', 'what to run there')
    .option('--gateway <host:port>', 'the gateway, where it is not the host of SALLYPORT_URL, port 2222')
    .addOption(tenant())
    .passThroughOptions()
    .action(async (destination, command, options) => {
      const { ssh } = await import('../ssh.ts');
      ended(await ssh(terminal, destination, command, options));
    });
  program
    .command('sessions')
    .description('sessions that you held, answer for or oversee')
    .option('--live', 'only those that run now')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('../sessions.ts')).sessions(terminal, options));
  program
    .command('terminate')
    .description('end a live session now; its grant stays')
    .argument('<id>')
    .addOption(json())
    .action(async (id, options) => (await import('../sessions.ts')).terminate(terminal, id, options));
  program
    .command('replay')
    .description('download a recording and hold it against its hash')
    .argument('<id>')
    .option('--output <file>', 'where to, - for standard output; otherwise ID.cast here')
    .addOption(json())
    .action(async (id, options) => (await import('../replay.ts')).replay(terminal, id, options));
}
