import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { callIsWrong, notReached } from './failure.ts';
import type { Terminal } from './terminal.ts';

const GATEWAY_PORT = 2222;
/** What ssh itself ends with when it could not connect or was let go; anything else is the remote command's. */
const SSH_FAILED = 255;

/**
 * `sallyport ssh LOGIN@TARGET [COMMAND…]`: the stock ssh of this machine, pointed at the gateway. Ends with what the
 * remote command ended with.
 */
export async function ssh(
  terminal: Terminal,
  destination: string,
  command: readonly string[],
  options: { gateway?: string; tenant?: string },
): Promise<number> {
  const args = sshArguments(terminal.client().url, destination, command, options);
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: 'inherit' });
    // Ctrl-C belongs to the session: ssh gets it from the terminal as well, and decides.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    const over = () => process.off('SIGINT', ignore);
    child.once('error', error => {
      over();
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      reject(
        notReached(
          missing ? 'there is no ssh here: install OpenSSH' : `ssh does not start: ${error.message}`,
        ),
      );
    });
    child.once('exit', (code, signal) => {
      over();
      if (signal) resolve(128 + constants.signals[signal]);
      else resolve(code === SSH_FAILED ? 3 : (code ?? 0));
    });
  });
}

/** @throws Failure 2 for a destination or gateway that is none */
export function sshArguments(
  url: URL,
  destination: string,
  command: readonly string[],
  { gateway, tenant }: { gateway?: string; tenant?: string },
): string[] {
  // Nothing here may read as an option of ssh.
  const match = /^([^@\s-][^@\s]*)@([\w][\w.-]*)$/.exec(destination);
  if (!match) throw callIsWrong(`${JSON.stringify(destination)} is not LOGIN@TARGET, such as root@db01`);
  const [, login, target] = match;
  const full = tenant === undefined || target!.endsWith(`.${tenant}`) ? target : `${target}.${tenant}`;
  const { host, port } = gatewayOf(gateway, url);
  return ['-p', String(port), '--', `${login}@${full}@${host}`, ...command];
}

function gatewayOf(given: string | undefined, url: URL): { host: string; port: number } {
  if (given === undefined) return { host: url.hostname.replace(/^\[|\]$/g, ''), port: GATEWAY_PORT };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*))(?::(\d{1,5}))?$/.exec(given);
  const port = Number(match?.[3] ?? GATEWAY_PORT);
  if (!match || port < 1 || port > 65535) {
    throw callIsWrong(`--gateway ${JSON.stringify(given)} is not host:port, such as gateway.example:2222`);
  }
  return { host: (match[1] ?? match[2])!, port };
}
