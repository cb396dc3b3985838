import { withoutCoreDumps } from './core-dumps.ts';
import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

// `sallyport requests | head`: a reader that has had enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const gaps = await withoutCoreDumps();
if (process.argv[2] === 'serve') for (const gap of gaps) process.stdout.write(`sallyport: ${gap}\n`);

const code = await run(process.argv.slice(2), processTerminal());
// Never process.exit: what is still being written would be lost.
if (code !== 0) process.exitCode = code;
