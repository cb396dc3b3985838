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
