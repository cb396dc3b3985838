import { fileURLToPath } from 'node:url';
import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * The broker's own log: JSON lines for whoever runs it. It says what happened to which request, session or tenant by
 * their ids. People's names, words, commands and addresses are not in it: those stand in the tenant's log and
 * recordings, where the parties decide who reads them.
 */
export function openOperatorLog(level: string, destination: DestinationStream = pino.destination(2)): Logger {
  return pino({ level, base: null, serializers: { err: plainError } }, destination);
}

/** Where our own code lies: a message that was worded there repeats nothing that it was handed. */
const OURS = ['src', 'recorder'].map(folder => fileURLToPath(new URL(`../../${folder}/`, import.meta.url)));

/**
 * An error as far as an operator needs it: which, and where. Its message is kept only where it was worded by our own
 * code or by the operating system; a parser's, a library's or the database's may repeat what a person wrote.
 */
export function plainError(error: unknown) {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, stack, cause, message } = error;
  const { code, syscall, level } = error as { code?: unknown; syscall?: unknown; level?: unknown };
  const places = stack?.split('\n').filter(line => /^\s+at /.test(line)) ?? [];
  const where = /\(?((?:file:\/\/)?\/[^():]+)[:)]/.exec(places[0] ?? '')?.[1] ?? '';
  const path = where.startsWith('file://') ? fileURLToPath(where) : where;
  const ours = OURS.some(folder => path.startsWith(folder)) && cause === undefined;
  return {
    name,
    code: code ?? (cause as { code?: unknown } | undefined)?.code,
    // ssh2's word for the stage at which a connection failed.
    level: typeof level === 'string' ? level : undefined,
    message: ours || typeof syscall === 'string' ? message : undefined,
    stack: places.map(line => line.trim()),
  };
}
