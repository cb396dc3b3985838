import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { callIsWrong } from './failure.ts';

/** What `login` keeps of one broker. */
const signIn = z.object({ token: z.string().regex(/^[\w-]{20,100}$/) });
export type SignIn = z.infer<typeof signIn>;
/** By the broker's origin: a token goes nowhere but where it came from. */
const file = z.record(z.string(), signIn);

/**
 * The sign-in at this broker; null where there is none.
 *
 * @throws Failure 2 for a file that others may read, or that is damaged
 */
export const readSignIn = (path: string, broker: URL): SignIn | null => readAll(path)[broker.origin] ?? null;

/** Keeps a sign-in, or forgets it (null). The file changes whole or not at all, and is its owner's alone. */
export function keepSignIn(path: string, broker: URL, kept: SignIn | null): void {
  const { [broker.origin]: _, ...others } = readAll(path);
  const all = kept ? { ...others, [broker.origin]: kept } : others;
  if (Object.keys(all).length === 0) {
    rmSync(path, { force: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(unfinished, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    // Whatever the umask left.
    chmodSync(unfinished, 0o600);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function readAll(path: string): Record<string, SignIn> {
  let text: string;
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw callIsWrong(`${path} holds tokens and is open to others, so it was not used: chmod 600 it`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    if (code) throw callIsWrong(`cannot read ${path} (${code}), where sign-ins are kept`);
    throw error;
  }
  const parsed = file.safeParse(parsedJson(text));
  // What it holds is secret: nothing of it is repeated.
  if (!parsed.success) throw callIsWrong(`${path} is damaged: delete it and run sallyport login`);
  return parsed.data;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
