import { type Command, Option } from 'commander';
import { ended } from '../ended.ts';
import type { Terminal } from '../terminal.ts';

/** Runs a broker here, and prepares what it needs. */
export function addServing(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .description('the broker: web pages, API and the SSH gateway in one process')
    .action(async () => (await import('../serve.ts')).serve());
  program
    .command('demo')
    .description('start everything with the Acme example, play the story, stay up')
    .option('--once', 'exit after the story, 0 only if every step held')
    .option('--json', 'one object a step on standard output')
    .action(async ({ once = false, json = false }) => (await import('../demo.ts')).demo({ once, json }));
  program
    .command('seal')
    .description('seal a secret, read from standard input, for sallyport.yaml')
    .option('--rotate', 'seal all that is kept again, under a new key')
    .addOption(new Option('--forget-retired', 'remove retired keys that nothing needs').conflicts('rotate'))
    .action(async ({ rotate, forgetRetired }) => {
      if (rotate) ended(await (await import('../rotate.ts')).rotate(terminal));
      else if (forgetRetired) ended(await (await import('../rotate.ts')).forgetRetired(terminal));
      else await (await import('../seal.ts')).seal(terminal);
    });
}
