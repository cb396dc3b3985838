import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Keeps the memory of this process, and of those that it starts from now on, out of core files: it holds keys. On
 * Linux two ways, since each has a gap: a limit of 0 (prlimit(1) sets it, as Node cannot) stops files, and a handler
 * that core_pattern names may not look at it; an empty filter (core(5)) leaves the memory out of whatever is written.
 *
 * @returns what could not be done, for a person to read; empty where both were
 */
export async function withoutCoreDumps(): Promise<string[]> {
  if (process.platform !== 'linux')
    return ['core files are not turned off here: ulimit -c 0 does before the start'];
  const missing: string[] = [];
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    missing.push('the memory cannot be left out of core files (/proc/self/coredump_filter)');
  }
  await promisify(execFile)('prlimit', ['--core=0:0', '--pid', String(process.pid)]).catch(() =>
    missing.push('core files are not turned off: prlimit(1) is missing; ulimit -c 0 or LimitCORE=0 does'),
  );
  return missing;
}
