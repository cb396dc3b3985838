import type { Context } from 'hono';
import { Refused } from '../elevation/contract.ts';
import type { Credentials } from '../identity/sign-in.ts';
import type { Env } from './application.ts';

/** Who asks. @throws Refused `sign-in-needed` */
export function signedIn(c: Context<Env>): Credentials {
  const credentials = c.get('credentials');
  if (!credentials) throw new Refused('sign-in-needed', 'Sign in, or send a bearer token.', 401);
  return credentials;
}

/** What a token may not do: only somebody who is at a browser themselves. @throws Refused `browser-needed` */
export function signedInAtBrowser(c: Context<Env>): Credentials {
  const credentials = signedIn(c);
  if (credentials.by !== 'session')
    throw new Refused('browser-needed', 'This is done in the browser only.', 403);
  return credentials;
}
