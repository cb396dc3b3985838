/**
 * Which channels move files and not words. Their bytes would make a cast that nobody can read, at a quarter of the
 * speed, so it holds how many went each way and their hashes instead.
 */

/**
 * Commands that a stock client sends for a copy or a fetch. Anything that could run something else beside it (an
 * operator, a substitution, a second line) is no transfer and is recorded like any other command: a shell must not
 * hide its output by looking like a copy.
 */
const TRANSFERS: Readonly<Record<Exclude<Transfer, 'sftp'>, RegExp>> = {
  // The system's own programs alone: a path of the person's choosing would be a program of theirs.
  scp: /^(?:\/usr\/bin\/|\/bin\/)?scp(?: -[A-Za-z]+)*? -[A-Za-z]*[tf]\b/,
  rsync: /^(?:\/usr\/bin\/|\/bin\/)?rsync --server\b/,
  git: /^(?:\/usr\/bin\/|\/bin\/|\/usr\/lib\/git-core\/)?git[- ](?:upload-pack|receive-pack|upload-archive)\b/,
};
const MORE_THAN_ONE_COMMAND = /[;&|<>$`()\n\r\0]/;

export type Transfer = 'sftp' | 'scp' | 'rsync' | 'git';

/** Which transfer a channel announces itself as; null: none, so all of it is recorded. */
export function transferOf(kind: 'shell' | 'exec' | 'subsystem', command: string | null): Transfer | null {
  if (kind === 'subsystem') return command === 'sftp' ? 'sftp' : null;
  if (kind !== 'exec' || command === null || MORE_THAN_ONE_COMMAND.test(command)) return null;
  return (['scp', 'rsync', 'git'] as const).find(name => TRANSFERS[name].test(command)) ?? null;
}

/**
 * Whether the first bytes of a direction are those of the protocol that was announced. A channel that speaks
 * otherwise is no transfer, whatever it called itself, and is recorded like any other.
 */
export function opensLike(transfer: Transfer, from: 'person' | 'target', first: Buffer): boolean {
  const text = first.subarray(0, 64).toString('latin1');
  switch (transfer) {
    case 'sftp':
      // SSH_FXP_INIT and SSH_FXP_VERSION (draft-ietf-secsh-filexfer-02, section 4).
      return (
        (first.length < 2 || first[0] === 0) && (first.length < 5 || first[4] === (from === 'person' ? 1 : 2))
      );
    case 'scp':
      return first[0]! <= 2 || /^(?:[CD][0-7]{0,4}(?: \d|$)|[CD][0-7]{4}|T\d|E\n)/.test(text);
    case 'rsync':
      // A protocol version as four bytes, least first.
      return first[0]! >= 20 && first[0]! < 64 && first.subarray(1, 4).every(byte => byte === 0);
    case 'git':
      return /^[0-9a-f]{1,4}/.test(text) && (first.length < 4 || /^[0-9a-f]{4}/.test(text));
  }
}
