import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { amountOf, capture, findLeaks, flush, gatherIn, type Leak, listener } from './evidence.ts';

interface Listening {
  /** Which secrets were heard, out of how many, in how much. */
  end(): { leaks: Leak[]; secrets: number; said: number };
}

/** Begins to listen, in the process that runs the workers; once, however often the configuration is read. */
function listenToRun(): Listening {
  const here = globalThis as { sallyportListens?: Listening };
  here.sallyportListens ??= begin();
  return here.sallyportListens;
}

function begin(): Listening {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-evidence-'));
  gatherIn(folder);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [name, stream] of [
    ['output', process.stdout],
    ['error', process.stderr],
  ] as const) {
    const { hear } = listener(`standard ${name} of the run`);
    const { write } = stream;
    stream.write = function (this: typeof stream, chunk: string | Uint8Array, ...rest: never[]) {
      hear(chunk);
      return write.call(this, chunk, ...rest);
    } as typeof write;
  }
  // Also those that programs start: what a test starts itself, its worker sees.
  const sampling = setInterval(lookAtArguments, 250);
  sampling.unref();
  return {
    end: () => {
      clearInterval(sampling);
      lookAtArguments();
      flush();
      return { leaks: findLeaks(folder), ...amountOf(folder) };
    },
  };
}

function lookAtArguments(): void {
  let processes: string[];
  try {
    processes = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  } catch {
    // Not Linux: the workers' own view must do.
    return;
  }
  for (const pid of processes) {
    try {
      capture('arguments of a running program', readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      // It has ended.
    }
  }
}

const heard = listenToRun();

/**
 * At the end no secret that the run made may stand in what it said. Then the last line, for programs: how many passed
 * and how many did not.
 */
const count: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const tests = modules.flatMap(module => [...module.children.allTests()]);
    const of = (state: string) => tests.filter(test => test.result().state === state).length;
    const broken = modules.filter(module => module.errors().length > 0).length;
    const { leaks, secrets, said } = heard.end();
    for (const { kind, place } of leaks) console.error(`A secret was said: ${kind}, in ${place}`);
    if (leaks.length > 0) process.exitCode = 1;
    console.log(`${secrets} secrets were made, and looked for in ${said} things that were said`);
    console.log(
      `${of('passed')} passed, ${of('failed') + broken + leaks.length} failed, ${of('skipped')} skipped`,
    );
  },
};

/** Of every run of the tests. */
export const reporters: (string | Reporter)[] = ['default', count];
