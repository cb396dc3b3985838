import { run } from './program.ts';
import { processTerminal } from './terminal.ts';

// `sallyport requests | head`: a reader that has had enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const code = await run(process.argv.slice(2), processTerminal());
// Never process.exit: what is still being written would be lost.
if (code !== 0) process.exitCode = code;
