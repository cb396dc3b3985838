import { contextOf } from '../credentials/contexts.ts';
import { type Keyring, openKeyring, SealError } from '../credentials/seal.ts';
import { callIsWrong } from './failure.ts';
import { readInput, type Terminal } from './terminal.ts';

const MOST_BYTES = 65_536;

/** `sallyport seal`: what it prints goes into sallyport.yaml as `{ sealed: … }`. Only this installation opens it. */
export async function seal(terminal: Terminal): Promise<void> {
  if (terminal.interactive) {
    terminal.errors.write('The secret, then Enter and Ctrl-D (it shows; a pipe hides it):\n');
  }
  const text = await readInput(terminal, MOST_BYTES);
  const secret = withoutLastBreak(text);
  if (secret.length === 0) throw callIsWrong('nothing to seal: give the secret on standard input');
  const keyring = await keyringOf(terminal);
  terminal.output.write(`${keyring.seal(secret, contextOf.configuration)}\n`);
  terminal.errors.write(`Sealed under the key of ${keyring.file ?? 'SALLYPORT_KEY'}; only that opens it.\n`);
}

/** This installation's keyring. A key that is none is a wrong call. */
export const keyringOf = (terminal: Terminal): Promise<Keyring> =>
  openKeyring(terminal.sealing()).catch(error => {
    throw error instanceof SealError ? callIsWrong(error.message) : error;
  });

/** `echo` and editors end with a line break that is not part of the secret. */
function withoutLastBreak(text: Buffer): Buffer {
  const end = text.at(-1) !== 0x0a ? 0 : text.at(-2) === 0x0d ? 2 : 1;
  return text.subarray(0, text.length - end);
}
