import { createHash, randomBytes } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import type { Download } from './client.ts';
import { callIsWrong } from './failure.ts';
import { bytes, screenText, span } from './output.ts';
import { type Terminal, write } from './terminal.ts';

export interface Saved {
  readonly size: number;
  /** Lowercase hex of what was written. */
  readonly sha256: string;
}

/**
 * Writes a download to a file that did not exist, readable by its owner alone; it has its name only once it is
 * whole. Long ones show progress.
 *
 * @throws Failure 2 where the file is there already or cannot be made
 */
export async function saveTo(terminal: Terminal, download: Download, file: string): Promise<Saved> {
  const unfinished = `${file}.${randomBytes(6).toString('hex')}.part`;
  const handle = await open(unfinished, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw callIsWrong(`cannot write ${file} (${error.code}): give another path with --output`);
  });
  try {
    const saved = await through(terminal, download, piece => handle.writeFile(piece));
    await handle.sync();
    await link(unfinished, file);
    return saved;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw callIsWrong(`${file} is there already: give another path with --output`);
  } finally {
    await handle.close();
    await rm(unfinished, { force: true });
  }
}

/** Writes a download to standard output: byte for byte into a file or program, with nothing hidden on a screen. */
export async function printTo(terminal: Terminal, download: Download): Promise<Saved> {
  const decoder = new TextDecoder();
  return through(terminal, download, piece =>
    write(
      terminal.output,
      terminal.outputIsScreen ? screenText(decoder.decode(piece, { stream: true })) : piece,
    ),
  );
}

async function through(
  terminal: Terminal,
  { size: expected, pieces }: Download,
  put: (piece: Uint8Array) => Promise<void>,
): Promise<Saved> {
  const hash = createHash('sha256');
  const started = performance.now();
  let size = 0;
  let told = started;
  for await (const piece of pieces) {
    hash.update(piece);
    await put(piece);
    size += piece.length;
    const now = performance.now();
    if (terminal.errorsAreScreen && !terminal.outputIsScreen && now - told > 500) {
      told = now;
      terminal.errors.write(`\r\x1b[K${progress(size, expected, (now - started) / 1000)}`);
    }
  }
  if (told !== started) terminal.errors.write('\r\x1b[K');
  return { size, sha256: hash.digest('hex') };
}

function progress(done: number, of: number | null, seconds: number): string {
  const rate = done / seconds;
  const left = of === null ? '' : ` of ${bytes(of)}, ${span((of - done) / rate)} left`;
  return `${bytes(done)}${left}, ${bytes(Math.round(rate))}/s`;
}
