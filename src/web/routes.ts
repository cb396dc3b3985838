import type { Context } from 'hono';
import type { Api, Application, Env } from '../api/application.ts';
import { demand, type Proof, proofOf } from '../api/proof.ts';
import { Refused } from '../elevation/contract.ts';
import { readForm } from './forms.ts';
import { pageBehind } from './problem.tsx';
import { type Reader, readerOf } from './reader.ts';
import { signInPath } from './return-to.ts';

type Handler = (c: Context<Env>, reader: Reader) => Response | Promise<Response>;

export interface SignedInRoutes {
  get(path: string, handler: Handler): void;
  post(path: string, handler: Handler): void;
}

/**
 * Routes for people who are signed in at this browser; whoever is not goes to sign in first, and comes back. What a
 * form needs besides stands in `api/proof.ts`.
 */
export function signedInRoutes(server: Api, app: Application): SignedInRoutes {
  const wrapped = (proof: Proof, handler: Handler) => async (c: Context<Env>) => {
    const reader = await readerOf(app, c);
    if (!reader) return c.redirect(signInPath(pageBehind(c)), 303);
    demand(proof, reader.credentials, reader.now);
    return handler(c, reader);
  };
  return {
    get: (path, handler) => {
      server.get(path, wrapped('browser', handler));
    },
    post: (path, handler) => {
      server.post(
        path,
        wrapped(proofOf('form', path), async (c, reader) => {
          const { as } = await readForm(c);
          if (as !== undefined && as !== reader.person.id) {
            const message = `This page was shown to somebody else; you are ${reader.person.name} here now.`;
            throw new Refused('somebody-else', message, 409);
          }
          return handler(c, reader);
        }),
      );
    },
  };
}
