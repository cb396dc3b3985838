import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readPublicKey } from '../domain/ssh-public-key.ts';
import type { SshKey } from './answers.ts';
import { openClient } from './client.ts';
import { callIsWrong } from './failure.ts';
import { jsonText, plain, since, table } from './output.ts';
import { readInput, type Terminal } from './terminal.ts';

const MOST_BYTES = 16_384;
const USUAL = ['id_ed25519.pub', 'id_ecdsa.pub', 'id_rsa.pub'];

/** `sallyport keys add [FILE | -]`. Reads the key here first: only a public one leaves this machine. */
export async function addKey(
  terminal: Terminal,
  file: string | undefined,
  options: { json?: boolean },
): Promise<void> {
  const client = openClient(terminal.client());
  const { text, from } = await keyText(terminal, file);
  if (text.includes('PRIVATE KEY')) {
    throw callIsWrong(`${from} is a private key; nothing was sent: give the .pub file beside it`);
  }
  if (!readPublicKey(text)) {
    throw callIsWrong(
      `${from} holds no public key such as "ssh-ed25519 AAAA… maya@laptop" (RSA from 2048 bits)`,
    );
  }
  const key = await client.post<SshKey>('/keys', { public_key: text.trim() });
  terminal.output.write(
    options.json ? jsonText(key) : `${plain`Registered ${key.fingerprint} (${key.label}).`}\n`,
  );
}

async function keyText(
  terminal: Terminal,
  file: string | undefined,
): Promise<{ text: string; from: string }> {
  if (file === '-')
    return { text: (await readInput(terminal, MOST_BYTES)).toString(), from: 'standard input' };
  const path = file ?? (await usualKey());
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw callIsWrong(`cannot read ${path}: give the path of a .pub file`);
  if (found.size > MOST_BYTES) throw callIsWrong(`${path} is too large to be a public key: give a .pub file`);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw callIsWrong(`cannot read ${path} (${error.code}): give the path of a .pub file`);
  });
  return { text, from: path };
}

async function usualKey(): Promise<string> {
  for (const name of USUAL) {
    const path = join(homedir(), '.ssh', name);
    if (await stat(path).catch(() => null)) return path;
  }
  throw callIsWrong('there is no public key in ~/.ssh: make one with ssh-keygen -t ed25519, or give a file');
}

/** `sallyport keys list` */
export async function listKeys(terminal: Terminal, options: { json?: boolean }): Promise<void> {
  const answer = await openClient(terminal.client()).get<{ keys: SshKey[] }>('/keys');
  if (options.json) {
    terminal.output.write(jsonText(answer));
    return;
  }
  if (answer.keys.length === 0) {
    terminal.output.write('No key yet. Register one: sallyport keys add\n');
    return;
  }
  terminal.output.write(
    table(
      [{ head: 'LABEL', shrinks: true }, { head: 'ADDED' }, { head: 'FINGERPRINT' }],
      answer.keys.map(key => [key.label, since(key.added_at, terminal.now()), key.fingerprint]),
    ),
  );
}

/** `sallyport keys remove FINGERPRINT` */
export async function removeKey(terminal: Terminal, fingerprint: string): Promise<void> {
  if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) {
    throw callIsWrong('a fingerprint looks like SHA256:… (43 letters); sallyport keys list prints yours');
  }
  await openClient(terminal.client()).delete('/keys', { fingerprint });
  terminal.output.write(`Forgotten: ${fingerprint}\n`);
}
