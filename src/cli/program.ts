import { Command, CommanderError } from 'commander';
import { ConfigurationError } from '../configuration.ts';
import { visible } from '../domain/visible-text.ts';
import { addAudit } from './commands/audit.ts';
import { addGrants } from './commands/grants.ts';
import { addKeeping } from './commands/keeping.ts';
import { addLockout } from './commands/lockout.ts';
import { addPeople } from './commands/people.ts';
import { addRequests } from './commands/requests.ts';
import { addServing } from './commands/serving.ts';
import { addSessions } from './commands/sessions.ts';
import { addTargets } from './commands/targets.ts';
import { Ended } from './ended.ts';
import { Failure } from './failure.ts';
import { jsonText } from './output.ts';
import type { Terminal } from './terminal.ts';
import { version } from './version.ts';

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
  const addMatrix = async () =>
    program.addCommand((await import('./matrix/command.ts')).matrixCommand(terminal));
  if (wantsMatrix(argv)) await addMatrix();
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
  // A slip in a command's name may have meant `matrix` too.
  if (isUnknown(argv, program)) await addMatrix();
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

const isUnknown = ([first]: readonly string[], { commands }: Command): boolean =>
  first !== undefined &&
  !first.startsWith('-') &&
  first !== 'help' &&
  !commands.some(command => command.name() === first || command.aliases().includes(first));

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
