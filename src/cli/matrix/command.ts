import { relative } from 'node:path';
import { Command, Option } from 'commander';
import { readClientConfiguration } from '../../configuration.ts';
import { KINDS } from '../../matrices/diff.ts';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';
import { checkAction } from './check.ts';
import { type Compared, diffAction } from './diff.ts';
import { type Asked, explainAction } from './explain.ts';
import type { Looking } from './history.ts';
import { type Import, importAction } from './import.ts';
import { type Init, initAction } from './init.ts';
import type { Proposing } from './propose.ts';
import type { Common } from './reading.ts';
import type { Said } from './said.ts';
import { schemaAction } from './schema.ts';
import { type Shown, showAction } from './show.ts';
import { type Drawn, swimlaneAction } from './swimlane.ts';
import { type Testing, testAction } from './test.ts';
import type { Weighed } from './what-if.ts';

/** `SALLYPORT_POLICIES`, as somebody in the working folder would write it: places in it are for reading. */
function configuredPolicies(): string {
  const { policies } = readClientConfiguration();
  const near = relative(process.cwd(), policies);
  return near.startsWith('..') ? policies : near || '.';
}

/**
 * `matrix …`: all but `propose`, `history` and `what-if` need no broker and no sign-in.
 *
 * @param terminal where it is said; and for those that ask the broker
 * @param policies says the folder of tenants' folders, asked only when no DIR is given
 * @throws ConfigurationError from the actions, when the environment makes no sense
 */
export function matrixCommand(
  terminal: Terminal,
  policies = configuredPolicies,
  now: () => number = Date.now,
): Command {
  const finish = (said: Said): void => {
    terminal.output.write(said.out);
    terminal.errors.write(said.err);
    ended(said.code);
  };
  const outside = (dir: string | undefined) => ({ policies: dir ?? policies(), now: now() });
  const matrix = new Command('matrix').description(
    'check, test, explain and compare the responsibility matrix',
  );
  const add = (name: string, description: string): Command =>
    matrix
      .command(name)
      .description(description)
      .argument('[dir]', "a tenant's folder, or a folder of them")
      .option('--tenant <name>', 'which one, where several are there')
      .option('--at <time>', 'the clock, such as 2026-11-24T10:00')
      .option('--json', 'for a script');
  add('check', 'find gray zones and mistakes')
    .addOption(new Option('--sarif', 'SARIF 2.1.0, for a code host').conflicts('json'))
    .action((dir: string | undefined, { sarif, ...options }: Common & { sarif?: true }) =>
      finish(checkAction(dir, { ...options, ...outside(dir), sarif: sarif && process.cwd() })),
    );
  add('test', 'run the expectations')
    .option('--only <name>', 'those of this name, or with this in their name')
    .option('--junit <file>', 'write the results there as JUnit XML too')
    .action((dir: string | undefined, options: Testing) =>
      finish(testAction(dir, { ...options, ...outside(dir) })),
    );
  add('explain', 'answer one question, with the lines that decided')
    .option('--who <name>', "one of the expectations' people")
    .option('--party <party>', 'msp or client: somebody who is none of them')
    .option(
      '--group <group>',
      'a group of theirs; may come again',
      (text, all: string[]) => [...all, text],
      [],
    )
    .option('--email <email>', 'theirs')
    .requiredOption('--target <target>', 'what to reach')
    .option('--activity <service/activity>', 'which cell; else the only one that fits')
    .option('--ssh <login>')
    .option('--postgres <role>')
    .option('--web <role>')
    .requiredOption('--for <duration>', 'how long, such as 1h')
    .option('--ticket <ticket>')
    .option('--severity <severity>')
    .action((dir: string | undefined, options: Asked) =>
      finish(explainAction(dir, { ...options, ...outside(dir) })),
    );
  matrix
    .command('schema')
    .description("print a file's JSON Schema, for editors")
    .argument('[file]', 'matrix, targets or expectations', 'matrix')
    .action((document: string) => finish(schemaAction(document)));
  matrix
    .command('diff')
    .description('what another version means for people and their access')
    .argument('<before>', "a tenant's folder, or a folder of them")
    .argument('<after>', 'the same of the other version')
    .option('--tenant <name>', 'which one, where several are there')
    .option('--fail-on <kinds>', `exit 1 when it brings one of these: ${KINDS.join(',')}`)
    .option('--json', 'for a script')
    .action((before: string, after: string, options: Compared) => {
      const { colour } = readClientConfiguration();
      finish(diffAction(before, after, { ...options, ...outside(before), colour }));
    });
  add('propose', 'put these files up for both parties to sign')
    .option('--change <record>', 'the change record; else the one that the matrix names')
    .option('--note <text>', 'why; those who sign read it')
    .option('--again', 'the version in force once more, with who has signed in since')
    .action(async (dir: string | undefined, options: Proposing) => {
      const { propose } = await import('./propose.ts');
      await propose(terminal, dir, { ...options, ...outside(dir) });
    });
  matrix
    .command('history')
    .description('versions that wait or were in force, and who signed them')
    .argument('[id]', 'one of them, with what it changed')
    .option('--output <folder>', 'write its files there')
    .option('--tenant <name>', 'the engagement, where several fit')
    .option('--json', "print the API's JSON")
    .action(async (id: string | undefined, options: Looking) => {
      const { history } = await import('./history.ts');
      await history(terminal, id, options);
    });
  add('what-if', 'decide the requests of the last days again, under these files')
    .option('--days <days>', 'how far back, 1 to 365', '30')
    .action(async (dir: string | undefined, options: Weighed) => {
      const { whatIf } = await import('./what-if.ts');
      await whatIf(terminal, dir, { ...options, ...outside(dir) });
    });
  add('swimlane', 'draw who asks, answers and is told, as an SVG')
    .option('--service <service>', 'only this one, with the lanes that have a part in it')
    .option('--output <file>', 'where to; else standard output. A name in .html gets sheets to print')
    .action((dir: string | undefined, options: Drawn) =>
      finish(swimlaneAction(dir, { ...options, ...outside(dir) })),
    );
  add('show', "print it with its library's rows, what differs from them marked")
    .option('--changes', 'only what differs')
    .action((dir: string | undefined, options: Shown) =>
      finish(showAction(dir, { ...options, ...outside(dir) })),
    );
  matrix
    .command('init')
    .description('begin a new tenant: matrix, targets and expectations to fill in')
    .argument('[dir]', 'the folder to write; else one in the policies folder')
    .requiredOption('--template <name>', 'smb, nydfs or hipaa')
    .option('--tenant <name>', 'the short name, such as acme')
    .option('--msp <name>', "the MSP's name")
    .option('--client <name>', "the client's name")
    .option('--msp-issuer <url>', "the OIDC issuer of the MSP's people")
    .option('--client-issuer <url>', "the OIDC issuer of the client's people")
    .option('--timezone <zone>', 'such as America/New_York; else that of this machine')
    .option('--full', "write the library's rows out instead of naming it")
    .option('--json', 'for a script')
    .action((dir: string | undefined, options: Init) =>
      finish(initAction(dir, { ...options, ...outside(dir) })),
    );
  matrix
    .command('import')
    .description(
      'begin a new tenant from a RACI spreadsheet: tasks as rows, roles as columns, letters in cells',
    )
    .argument('<file>', 'the sheet, saved as CSV')
    .option('--tenant <name>', "the short name, such as acme; else the file's")
    .option('--output <dir>', 'the folder to write; else one in the policies folder')
    .option('--msp <name>', "the MSP's name, as the sheet has it")
    .option('--client <name>', "the client's name, as the sheet has it")
    .option('--timezone <zone>', 'such as America/New_York; else that of this machine')
    .option(
      '--role <heading=squad>',
      'whose a column is: "IT Manager=client/it"; may come again',
      (text, before: string[]) => [...before, text],
      [],
    )
    .option('--dry-run', 'write nothing, say what would be placed')
    .option('--json', 'for a script')
    .action((file: string, options: Import) =>
      finish(importAction(file, { ...options, ...outside(options.output) })),
    );
  return matrix;
}
