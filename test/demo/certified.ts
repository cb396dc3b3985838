import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever its exit status. */
export async function outcomeOf(program: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number' && error.killed)
        reject(new Error(`${program} hangs: ${stderr}`));
      else resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** A CA and a key made by `ssh-keygen`, and the stock client that uses them. */
export async function startCertified() {
  const folder = await mkdtemp(join(tmpdir(), 'certified-'));
  const at = (name: string) => join(folder, name);
  for (const name of ['ca', 'other_ca', 'id']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  }

  return {
    folder,
    at,
    userCa: (await readFile(at('ca.pub'), 'utf8')).trim(),
    /** Signs the key anew; `options` are further ones of ssh-keygen's. */
    async certify(principals: string, validity: string, options: readonly string[] = [], ca = 'ca') {
      const args = [
        '-q',
        '-s',
        at(ca),
        '-I',
        'test',
        '-n',
        principals,
        '-V',
        validity,
        ...options,
        at('id.pub'),
      ];
      await run('ssh-keygen', args);
    },
    /** What every OpenSSH program is told: this key and certificate, that host key, nothing of the user's. */
    async clientOptions(host: { knownHostsLine: string }) {
      await writeFile(at('known_hosts'), `${host.knownHostsLine}\n`);
      const given = {
        IdentityFile: at('id'),
        CertificateFile: at('id-cert.pub'),
        IdentitiesOnly: 'yes',
        IdentityAgent: 'none',
        UserKnownHostsFile: at('known_hosts'),
        GlobalKnownHostsFile: '/dev/null',
        StrictHostKeyChecking: 'yes',
        BatchMode: 'yes',
        ConnectTimeout: '10',
      };
      return ['-F', 'none', ...Object.entries(given).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
    },
    async ssh(
      host: { port: number; knownHostsLine: string },
      login: string,
      command: string,
      more: string[] = [],
    ) {
      const options = await this.clientOptions(host);
      return outcomeOf('ssh', [...options, ...more, '-p', String(host.port), `${login}@127.0.0.1`, command]);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export type Certified = Awaited<ReturnType<typeof startCertified>>;
