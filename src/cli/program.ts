import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ConfigurationError } from '../configuration.ts';
import { parseDuration } from '../domain/duration.ts';
import { PARTIES } from '../domain/party.ts';
import { visible } from '../domain/visible-text.ts';
import { Failure } from './failure.ts';
import { jsonText } from './output.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs one command line and answers with its exit code; output is written to `terminal`. Each command's module is
 * loaded when it is called, so that help and `matrix check` carry no server with them.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const program = await buildProgram(argv, terminal);
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof Ended) return error.code;
    // Usage: commander has printed its line. Help that nobody asked for (no command given) is a wrong call too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // A reader that has had enough is no failure.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0;
    const { exit, message, body } = failureOf(error);
    if (body !== undefined && argv.includes('--json')) terminal.output.write(jsonText(body));
    terminal.errors.write(`sallyport: ${visible(message)}\n`);
    return exit;
  }
}

/** A command that has said everything and ends with a code. */
class Ended extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`ended with ${code}`);
    this.code = code;
  }
}

function failureOf(error: unknown): { exit: number; message: string; body?: unknown } {
  if (error instanceof Failure) return error;
  const { message } = error as Error;
  if (error instanceof ConfigurationError) return { exit: 2, message };
  return { exit: 3, message: message || String(error) };
}

/** The whole command tree; `matrix` is read only where it is called or listed. */
export async function buildProgram(argv: readonly string[], terminal: Terminal): Promise<Command> {
  const program = new Command('sallyport')
    .description('Just-in-time privileged access for co-managed IT: the responsibility matrix is the policy.')
    .version(version(), '--version')
    .enablePositionalOptions();
  addServing(program, terminal);
  addKeeping(program, terminal);
  addPeople(program, terminal);
  addRequests(program, terminal);
  addGrants(program, terminal);
  addSessions(program, terminal);
  if (wantsMatrix(argv)) program.addCommand((await import('./matrix/command.ts')).matrixCommand());
  addTargets(program, terminal);
  addAudit(program, terminal);
  addLockout(program, terminal);
  program
    .command('completion')
    .description('print a script that completes this command line')
    .argument('<shell>', 'bash, zsh or fish')
    .action(async shell => {
      const { completion } = await import('./completion.ts');
      await completion(terminal, await buildProgram(['--help'], terminal), shell);
    });
  program.addHelpText('after', AFTER_HELP);
  settle(program, terminal);
  return program;
}

const AFTER_HELP = `
Exit status: 0 yes or done; 1 the answer is no; 2 the call is wrong; 3 could not
reach what it needs. SALLYPORT_URL says where the broker is; login, or
SALLYPORT_TOKEN, who you are.`;

/** `sallyport`, `sallyport --help`, `sallyport help` list every command; `sallyport matrix …` needs that one. */
const wantsMatrix = ([first]: readonly string[]): boolean =>
  first === undefined || ['matrix', 'help', '--help', '-h'].includes(first);

/** Errors in one line and never an exit from within, for every command of the tree. */
function settle(command: Command, terminal: Terminal): void {
  command.exitOverride();
  // Names alone, so that what they do fits beside them in 80 columns; a command's own help has its arguments.
  command.configureHelp({ subcommandTerm: sub => sub.name() });
  command.configureOutput({
    writeOut: text => void terminal.output.write(text),
    writeErr: text => void terminal.errors.write(text),
    outputError: (text, print) => {
      const said = text
        .replace(/^error: /, '')
        .trim()
        .replace(/\s*\n\s*/g, ' ');
      print(`sallyport: ${visible(said)}; see ${fullName(command)} --help\n`);
    },
  });
  for (const sub of command.commands) settle(sub, terminal);
}

const fullName = (command: Command): string =>
  command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();

export const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;

const json = () => new Option('--json', "print the API's JSON");
const tenant = () => new Option('--tenant <name>', 'the engagement, where several fit');
const yes = () => new Option('--yes', 'go ahead without a question');

function duration(text: string): string {
  if (parseDuration(text) === null)
    throw new InvalidArgumentError('Expected a duration such as 45m or 1h30m.');
  return text;
}

function addServing(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .description('the broker: web pages, API and the SSH gateway in one process')
    .action(async () => (await import('./serve.ts')).serve());
  program
    .command('demo')
    .description('start everything with the Acme example, play the story, stay up')
    .option('--once', 'exit after the story, 0 only if every step held')
    .option('--json', 'one object a step on standard output')
    .action(async ({ once = false, json = false }) => (await import('./demo.ts')).demo({ once, json }));
  program
    .command('seal')
    .description('seal a secret, read from standard input, for sallyport.yaml')
    .option('--rotate', 'seal all that is kept again, under a new key')
    .addOption(new Option('--forget-retired', 'remove retired keys that nothing needs').conflicts('rotate'))
    .action(async ({ rotate, forgetRetired }) => {
      if (rotate) ended(await (await import('./rotate.ts')).rotate(terminal));
      else if (forgetRetired) ended(await (await import('./rotate.ts')).forgetRetired(terminal));
      else await (await import('./seal.ts')).seal(terminal);
    });
}

function addKeeping(program: Command, terminal: Terminal): void {
  program
    .command('backup')
    .description('copy database, recordings and sealed keys into a folder, also while the broker runs')
    .argument('<folder>', 'empty, or not there yet')
    .action(async folder => ended(await (await import('./backup.ts')).backup(terminal, folder)));
  program
    .command('restore')
    .description('put a backup into an empty SALLYPORT_DATA and an empty database, and verify it')
    .argument('<folder>', 'what sallyport backup wrote')
    .action(async folder => (await import('./restore.ts')).restore(terminal, folder));
}

function addPeople(program: Command, terminal: Terminal): void {
  program
    .command('login')
    .description('sign this terminal in, with a code that you type in your browser')
    .addOption(new Option('--party <party>', 'whose sign-in to offer first').choices(PARTIES))
    .option('--no-browser', 'only print the address, do not open it')
    .addOption(json())
    .addHelpText('after', LOGIN_HELP)
    .action(async options => (await import('./login.ts')).login(terminal, options));
  program
    .command('logout')
    .description('revoke the token of this terminal and forget it')
    .action(async () => (await import('./logout.ts')).logout(terminal));
  program
    .command('whoami')
    .description('who you are here, and in which squads')
    .addOption(json())
    .action(async options => (await import('./whoami.ts')).whoami(terminal, options));
  const keys = program.command('keys').description('your SSH keys: they say who you are and open nothing');
  keys
    .command('add')
    .description('register a public key')
    .argument('[file]', 'a .pub file, or - for standard input; otherwise the one in ~/.ssh')
    .addOption(json())
    .action(async (file, options) => (await import('./keys.ts')).addKey(terminal, file, options));
  keys
    .command('list')
    .description('your registered keys')
    .addOption(json())
    .action(async options => (await import('./keys.ts')).listKeys(terminal, options));
  keys
    .command('remove')
    .description('forget a key')
    .argument('<fingerprint>', 'SHA256:… as the list prints it')
    .action(async fingerprint => (await import('./keys.ts')).removeKey(terminal, fingerprint));
}

const LOGIN_HELP = `
The token lasts at most 12 hours and is kept for SALLYPORT_URL, readable by you
alone, in sallyport/sign-ins.json under XDG_CONFIG_HOME or ~/.config.
SALLYPORT_TOKEN comes first where it is set. What needs a fresh sign-in (a new
SSH key, a host key, lifting a lockout) wants a login of the last ten minutes.`;

const STATES = ['refused', 'waiting', 'approved', 'denied', 'withdrawn', 'expired'];

function addRequests(program: Command, terminal: Terminal): void {
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
      const { request } = await import('./request.ts');
      ended(await request(terminal, target, options));
    });
  program
    .command('requests')
    .description('requests that you may see')
    .option('--mine', 'only your own')
    .addOption(new Option('--state <state>', 'only those').choices(STATES))
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('./requests.ts')).requests(terminal, options));
  program
    .command('show')
    .description('one request, as it would be answered now')
    .argument('<id>')
    .addOption(json())
    .action(async (id, options) => (await import('./show.ts')).show(terminal, id, options));
  program
    .command('approve')
    .description('show a request and say yes to exactly that')
    .argument('<id>')
    .option('--reason <text>', 'goes to who asked')
    .addOption(yes())
    .addOption(json())
    .action(async (id, options) => (await import('./approve.ts')).approve(terminal, id, options));
  program
    .command('deny')
    .description('say no')
    .argument('<id>')
    .requiredOption('--reason <text>', 'goes to who asked')
    .addOption(json())
    .action(async (id, options) => (await import('./deny.ts')).deny(terminal, id, options));
  program
    .command('withdraw')
    .description('take a waiting request of yours back')
    .argument('<id>')
    .addOption(json())
    .action(async (id, options) => (await import('./withdraw.ts')).withdraw(terminal, id, options));
}

function addGrants(program: Command, terminal: Terminal): void {
  program
    .command('grants')
    .description('grants that you hold or answer for')
    .option('--live', 'only those that open doors now')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('./grants.ts')).grants(terminal, options));
  for (const [name, does] of [
    ['handback', 'give a grant of yours back'],
    ['revoke', 'end a grant and its sessions now'],
  ] as const) {
    program
      .command(name)
      .description(does)
      .argument('<id>')
      .addOption(json())
      .action(async (id, options) => (await import('./grants.ts')).endGrant(terminal, name, id, options));
  }
}

function addSessions(program: Command, terminal: Terminal): void {
  program
    .command('ssh')
    .description('connect through the gateway with the ssh of this machine')
    .argument('<destination>', 'LOGIN@TARGET')
    .argument('[command...]', 'what to run there')
    .option('--gateway <host:port>', 'the gateway, where it is not the host of SALLYPORT_URL, port 2222')
    .addOption(tenant())
    .passThroughOptions()
    .action(async (destination, command, options) => {
      const { ssh } = await import('./ssh.ts');
      ended(await ssh(terminal, destination, command, options));
    });
  program
    .command('sessions')
    .description('sessions that you held, answer for or oversee')
    .option('--live', 'only those that run now')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('./sessions.ts')).sessions(terminal, options));
  program
    .command('terminate')
    .description('end a live session now; its grant stays')
    .argument('<id>')
    .addOption(json())
    .action(async (id, options) => (await import('./sessions.ts')).terminate(terminal, id, options));
  program
    .command('replay')
    .description('download a recording and hold it against its hash')
    .argument('<id>')
    .option('--output <file>', 'where to, - for standard output; otherwise ID.cast here')
    .addOption(json())
    .action(async (id, options) => (await import('./replay.ts')).replay(terminal, id, options));
}

function addTargets(program: Command, terminal: Terminal): void {
  const targets = program.command('targets').description('what there is to reach');
  targets
    .command('list')
    .description('targets, with the cells that cover them')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('./targets.ts')).listTargets(terminal, options));
  targets
    .command('enrol')
    .description('print what a host must hold; with --host-key pin its key')
    .argument('<target>')
    .option('--host-key <line>', 'the public key of the host: "ssh-ed25519 AAAA…"')
    .option('--replace', 'forget the keys that were pinned before')
    .addOption(tenant())
    .addOption(json())
    .action(async (target, options) => (await import('./enrol.ts')).enrol(terminal, target, options));
  program
    .command('owners')
    .description('who is responsible, accountable, consulted and informed now')
    .argument('<target>')
    .addOption(tenant())
    .addOption(json())
    .action(async (target, options) => (await import('./owners.ts')).owners(terminal, target, options));
}

function addAudit(program: Command, terminal: Terminal): void {
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
      .action(async options => (await import('./audit.ts')).download(terminal, name, options));
  }
  audit
    .command('key')
    .description('the key that checkpoints verify with; keep it where the broker cannot change it')
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('./audit.ts')).key(terminal, options));
  audit
    .command('verify')
    .description('check files alone, without a broker')
    .argument('<file>', 'an export')
    .option('--checkpoint <file>', 'a signed checkpoint')
    .option('--key <vkey>', 'the key that signs it, or a file that holds it')
    .option('--recording <file...>', 'recordings to hold against the log')
    .addOption(new Option('--json', 'print the findings as JSON'))
    .action(async (file, options) => {
      const { verify } = await import('./audit.ts');
      ended(await verify(terminal, file, options));
    });
}

function addLockout(program: Command, terminal: Terminal): void {
  program
    .command('lockout')
    .description('shut every MSP grant and session of an engagement at once')
    .addOption(new Option('--reason <text>', 'why; it is told').conflicts('lift'))
    .option('--lift', 'let grants be given again')
    .addOption(new Option('--status', 'only say whether it is shut').conflicts(['lift', 'reason']))
    .addOption(yes())
    .addOption(tenant())
    .addOption(json())
    .action(async options => (await import('./lockout.ts')).lockout(terminal, options));
}

function ended(code: number): void {
  if (code !== 0) throw new Ended(code);
}
