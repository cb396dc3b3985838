import { type Command, Option } from 'commander';
import { PARTIES } from '../../domain/party.ts';
import type { Terminal } from '../terminal.ts';
import { json } from './options.ts';

/** Who you are to the broker. */
export function addPeople(program: Command, terminal: Terminal): void {
  program
    .command('login')
    .description('sign this terminal in, with a code that you type in your browser')
    .addOption(new Option('--party <party>', 'whose sign-in to offer first').choices(PARTIES))
    .option('--no-browser', 'only print the address, do not open it')
    .addOption(json())
    .addHelpText('after', LOGIN_HELP)
    .action(async options => (await import('../login.ts')).login(terminal, options));
  program
    .command('logout')
    .description('revoke the token of this terminal and forget it')
    .action(async () => (await import('../logout.ts')).logout(terminal));
  program
    .command('whoami')
    .description('who you are here, and in which squads')
    .addOption(json())
    .action(async options => (await import('../whoami.ts')).whoami(terminal, options));
  const keys = program.command('keys').description('your SSH keys: they say who you are and open nothing');
  keys
    .command('add')
    .description('register a public key')
    .argument('[file]', 'a .pub file, or - for standard input; otherwise the one in ~/.ssh')
    .addOption(json())
    .action(async (file, options) => (await import('../keys.ts')).addKey(terminal, file, options));
  keys
    .command('list')
    .description('your registered keys')
    .addOption(json())
    .action(async options => (await import('../keys.ts')).listKeys(terminal, options));
  keys
    .command('remove')
    .description('forget a key')
    .argument('<fingerprint>', 'SHA256:… as the list prints it')
    .action(async fingerprint => (await import('../keys.ts')).removeKey(terminal, fingerprint));
}

const LOGIN_HELP = `
The token lasts at most 12 hours and is kept for SALLYPORT_URL, readable by you
alone, in sallyport/sign-ins.json under XDG_CONFIG_HOME or ~/.config.
SALLYPORT_TOKEN comes first where it is set. What needs a fresh sign-in (a new
SSH key, a host key, lifting a lockout) wants a login of the last ten minutes.`;
