/**
 * Which channels move files and not words. Their bytes would make a cast that nobody can read, at a quarter of the
 * speed, so it holds how many went each way and their hashes instead.
 */

/**
 * Commands that a stock client sends for a copy or a fetch. Anything that could run something else beside it (an
 * operator, a substitution, a second line) is no transfer and is recorded like any other command: a shell must not
 * hide its output by looking like a copy.
 */
const TRANSFERS: readonly RegExp[] = [
  /^(?:\/[\w./-]*\/)?scp(?: -[A-Za-z]+)*? -[A-Za-z]*[tf]\b/,
  /^(?:\/[\w./-]*\/)?rsync --server\b/,
  /^(?:\/[\w./-]*\/)?git[- ](?:upload-pack|receive-pack|upload-archive)\b/,
];
const MORE_THAN_ONE_COMMAND = /[;&|<>$`()\n\r\0]/;

export function isTransfer(kind: 'shell' | 'exec' | 'subsystem', command: string | null): boolean {
  if (kind === 'subsystem') return command === 'sftp';
  if (kind !== 'exec' || command === null || MORE_THAN_ONE_COMMAND.test(command)) return false;
  return TRANSFERS.some(form => form.test(command));
}
