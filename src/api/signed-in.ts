import type { Context } from 'hono';
import { Refused } from '../elevation/contract.ts';
import type { Credentials } from '../identity/sign-in.ts';
import type { Env } from './application.ts';

/** Who asks. What they must have shown besides stands in `proof.ts`. @throws Refused `sign-in-needed` */
export function signedIn(c: Context<Env>): Credentials {
  const credentials = c.get('credentials');
  if (!credentials) throw signInNeeded();
  return credentials;
}

export const signInNeeded = () => new Refused('sign-in-needed', 'Sign in, or send a bearer token.', 401);
