import type { Activity, SshGiven } from './matrix.ts';
import type { Protocol } from './protocol.ts';

/** What a cell opens through the gateway. Pure reading of `gives`, in its short and its long form. */

/** The logins or roles over one protocol, in the matrix's order. */
export function rolesGiven({ gives }: Pick<Activity, 'gives'>, protocol: Protocol): readonly string[] {
  const given = gives?.[protocol] ?? [];
  return isLong(given) ? given.logins : given;
}

/** What a login may do besides a shell. */
export interface SshRights {
  readonly logins: readonly string[];
  readonly exec: boolean;
  readonly forward: boolean;
  readonly transfer: boolean;
  readonly agent: boolean;
}

/** The short form gives commands and transfers; the long form what it names. No logins: nothing is given. */
export function sshGives({ gives }: Pick<Activity, 'gives'>): SshRights {
  const given = gives?.ssh ?? [];
  if (!isLong(given)) {
    const some = given.length > 0;
    return { logins: given, exec: some, forward: false, transfer: some, agent: false };
  }
  const { logins, exec = false, forward = false, transfer = false, agent = false } = given;
  return { logins, exec, forward, transfer, agent };
}

/** `true` where the cell says in the short form what its logins may do: by not saying it. */
export const isShortForm = ({ gives }: Pick<Activity, 'gives'>): boolean =>
  gives?.ssh !== undefined && !isLong(gives.ssh);

const isLong = (given: readonly string[] | SshGiven): given is SshGiven => 'logins' in given;

/** A channel as a client asks for it over SSH. */
export interface SshAsked {
  /** `shell`, `exec` or `subsystem`. */
  readonly kind: string;
  /** The command of an exec, the name of a subsystem. */
  readonly command: string | null;
  readonly pty: boolean;
}

export type SshRight = 'exec' | 'transfer';

/** How stock scp, and what stands for it, names the program at the other end. */
const COPIES: readonly unknown[] = ['scp', '/bin/scp', '/usr/bin/scp'];
const OPTION = /^-[dpqrv]+$/;
/** An option that says which end it is. */
const END = /^-[dpqrv]*[ft]$/;
/** What no shell reads as more than a name. */
const PATH = /^[\w./~@%+=:,*? '"-]+$/;

/**
 * Whether it is the copy that stock scp sends, and nothing that a shell would read as more than that: no other option,
 * no operator, no substitution. Word by word, for whoever holds a key may send a command of any length.
 */
function isCopy(command: string): boolean {
  const [program, ...words] = command.split(' ');
  if (!COPIES.includes(program)) return false;
  const end = words.findIndex(word => !OPTION.test(word));
  if (end === -1 || !END.test(words[end]!)) return false;
  const path = words.slice(end + 1);
  return path.length > 0 && PATH.test(path.join(' '));
}

/** Programs that move files between two ends, wherever a command names them. */
const MOVES_FILES =
  /(?<![\w.-])(?:scp|sftp|sftp-server|internal-sftp|rsync|git(?:-| +)(?:upload-pack|receive-pack|upload-archive)|rz|sz)(?![\w.-])/i;

/**
 * What a channel needs besides its login. A terminal with a shell needs nothing more. What cannot be told apart needs
 * both: a shell without a terminal carries whatever is piped into it. A command that only needs `exec` may still hide
 * a program that moves files, so it must get no input (`takesInput`): no such program does anything without.
 */
export function sshNeeds({ kind, command, pty }: SshAsked): readonly SshRight[] {
  if (kind === 'shell' && pty) return [];
  if (kind === 'subsystem' && command === 'sftp') return ['transfer'];
  if (kind !== 'exec' || command === null) return ['exec', 'transfer'];
  // The shell takes quotes and backslashes out of a name.
  const plain = command.replaceAll(/['"\\]/g, '');
  if (!MOVES_FILES.test(plain)) return ['exec'];
  return isCopy(command) && !pty ? ['transfer'] : ['exec', 'transfer'];
}

/** What of that a cell does not give; empty: it may open. */
export const sshLacks = (
  activity: Pick<Activity, 'gives'>,
  needs: readonly SshRight[],
): readonly SshRight[] => {
  const rights = sshGives(activity);
  return needs.filter(right => !rights[right]);
};

/** Whether what a person sends goes on to the target. In a terminal it does. */
export const takesInput = (activity: Pick<Activity, 'gives'>, { kind, pty }: SshAsked): boolean =>
  pty || kind !== 'exec' || sshGives(activity).transfer;
