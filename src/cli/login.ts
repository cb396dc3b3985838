import { callIsWrong } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport login` and `logout`: not here yet; says what serves in their place. */
export async function signIn(terminal: Terminal): Promise<never> {
  const page = new URL('/me', terminal.client().url).href;
  throw callIsWrong(`for now, make or revoke a token on ${page} and put it into SALLYPORT_TOKEN`);
}
