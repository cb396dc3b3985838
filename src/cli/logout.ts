import { TIMEOUT_MS } from './client.ts';
import { answerIsNo, callIsWrong } from './failure.ts';
import { callOAuth } from './oauth.ts';
import { plain } from './output.ts';
import { keepSignIn, readSignIn } from './sign-ins.ts';
import type { Terminal } from './terminal.ts';

/**
 * `sallyport logout`: revokes the token of `login` at the broker, then forgets it. Where the broker is not reached the
 * token is kept, since it still holds: nothing looks signed out that is not.
 */
export async function logout(terminal: Terminal): Promise<void> {
  const { url, token, signIns } = terminal.client();
  const kept = readSignIn(signIns, url);
  if (!kept && token !== null) {
    const page = new URL('/me', url).href;
    throw callIsWrong(`SALLYPORT_TOKEN is not from login: unset it, and revoke it on ${page}`);
  }
  if (!kept) {
    terminal.output.write(plain`Nobody is signed in at ${url.origin} from here.\n`);
    return;
  }
  const { status } = await callOAuth(url, 'revoke', { token: kept.token }, TIMEOUT_MS);
  if (status !== 200) throw answerIsNo(`${url.origin} did not revoke the token, so it is kept`);
  keepSignIn(signIns, url, null);
  terminal.output.write(plain`Signed out at ${url.origin}.\n`);
  if (token !== null) terminal.errors.write('SALLYPORT_TOKEN is still set, and still says who you are.\n');
}
