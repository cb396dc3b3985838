import { readPublicKey } from '../domain/ssh-public-key.ts';
import type { Enrolment } from './answers.ts';
import { openClient } from './client.ts';
import { answerIsNo, callIsWrong, notReached } from './failure.ts';
import { jsonText, list, plain } from './output.ts';
import type { Terminal } from './terminal.ts';

const FOLDER = '/etc/ssh/sallyport';

/** `sallyport targets enrol TARGET`: a block to paste on the host; with `--host-key` pins what the host must show. */
export async function enrol(
  terminal: Terminal,
  target: string,
  options: { hostKey?: string; replace?: boolean; tenant?: string; json?: boolean },
): Promise<void> {
  const { tenant, hostKey, replace = false } = options;
  if (replace && hostKey === undefined) throw callIsWrong('--replace needs the new key: add --host-key LINE');
  const key = hostKey === undefined ? null : hostKeyOf(hostKey);
  const client = openClient(terminal.client());
  const path = `/targets/${encodeURIComponent(target)}`;
  if (key !== null) {
    const pinned = await client.post<{ fingerprint: string }>(
      `${path}/host-keys`,
      { host_key: key, replace },
      { tenant },
    );
    terminal.errors.write(`${plain`Pinned for ${target}: ${pinned.fingerprint}`}\n`);
  }
  const enrolment = await client.get<Enrolment>(`${path}/enrolment`, { tenant });
  terminal.output.write(options.json ? jsonText(enrolment) : hostBlock(enrolment));
}

/** A key as a .pub file, `ssh-keyscan` or known_hosts write it. @throws Failure 2 */
function hostKeyOf(line: string): string {
  const words = line.trim().split(/\s+/);
  const key = readPublicKey(words.slice(0, 2).join(' ')) ?? readPublicKey(words.slice(1, 3).join(' '));
  if (!key) {
    throw callIsWrong(
      '--host-key expects one line such as "ssh-ed25519 AAAA…": on the host, cat /etc/ssh/ssh_host_ed25519_key.pub',
    );
  }
  return key.publicKey;
}

/**
 * What makes a host trust the tenant's CA, for exactly these logins; pasting it again brings it to the present state.
 * It runs as root there, so nothing goes in that does not have the form that it must have.
 *
 * @throws Failure 1 where nobody may sign in there, 3 where the broker's answer has not that form
 */
export function hostBlock({ target, tenant, user_ca, principals, host_keys }: Enrolment): string {
  const ca = readPublicKey(user_ca);
  const names = [target, tenant].every(name => /^[\w][\w.-]*$/.test(name));
  const logins = Object.entries(principals);
  if (logins.length === 0) {
    throw answerIsNo(
      `no cell of the matrix gives an SSH login on ${target}.${tenant}, so its host needs nothing`,
    );
  }
  const sound = logins.every(
    ([login, principal]) =>
      /^[A-Za-z_][\w.-]*\$?$/.test(login) && principal === `sallyport:${target}.${tenant}:${login}`,
  );
  if (!ca || !names || !sound) {
    throw notReached(
      `the broker's lines for ${JSON.stringify(target)} do not have their form, so they are not printed: a login or name in the matrix may not be one that sshd takes`,
    );
  }
  const file = (path: string, ...lines: string[]) => [`cat > ${path} <<'END'`, ...lines, 'END'];
  const dropIn = '/etc/ssh/sshd_config.d/10-sallyport.conf';
  const pinned = host_keys.map(line => readPublicKey(line)?.fingerprint ?? 'unreadable');
  return [
    `# Paste as root on ${target}, which is in ${tenant}. It lets sshd take certificates`,
    `# that ${tenant}'s CA signs for one session each, as: ${list(logins.map(([login]) => login))}.`,
    `install -d -m 0755 ${FOLDER} ${FOLDER}/principals /etc/ssh/sshd_config.d`,
    `rm -f ${FOLDER}/principals/*`,
    ...file(`${FOLDER}/user_ca.pub`, ca.publicKey),
    ...logins.flatMap(([login, principal]) => file(`'${FOLDER}/principals/${login}'`, principal)),
    ...file(
      dropIn,
      `TrustedUserCAKeys ${FOLDER}/user_ca.pub`,
      `AuthorizedPrincipalsFile ${FOLDER}/principals/%u`,
    ),
    `chmod 0644 ${FOLDER}/user_ca.pub ${FOLDER}/principals/* ${dropIn}`,
    '# Older systems do not read sshd_config.d by themselves:',
    "grep -qi '^include /etc/ssh/sshd_config.d/' /etc/ssh/sshd_config ||",
    "  sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config",
    'sshd -t && { systemctl reload ssh 2>/dev/null || systemctl reload sshd; }',
    ...(pinned.length > 0
      ? [`# Host keys pinned: ${list(pinned)}.`]
      : [
          '# No host key is pinned yet, so sessions are refused. Somebody of the client pins it:',
          `#   sallyport targets enrol ${target}.${tenant} --host-key "$(cat host_key.pub)"`,
          '# with the line that this prints here:',
          'cat /etc/ssh/ssh_host_ed25519_key.pub',
        ]),
    '',
  ].join('\n');
}
