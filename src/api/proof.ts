import { liesAhead } from '../elevation/agreed-clocks.ts';
import { Refused } from '../elevation/contract.ts';
import type { Credentials } from '../identity/sign-in.ts';
import { signInNeeded } from './signed-in.ts';

/**
 * What a caller must have shown, by what they ask for. The one place where this is said: a route of the API or a
 * form of a page that is missing here does not start (`proofOf`), so a new one has to be thought about.
 *
 * - `anybody`: nothing.
 * - `signed-in`: a browser's session or a bearer token.
 * - `fresh`: the same, and their provider saw them prove who they are within the last ten minutes. For what would
 *   outlive the sign-in, or what others have to trust. A token counts by the sign-in that it stems from.
 * - `browser`: a browser's session. For what a token must never do, however fresh.
 * - `fresh-browser`: both.
 */
export type Proof = 'anybody' | 'signed-in' | 'fresh' | 'browser' | 'fresh-browser';

export const FRESH_SECONDS = 600;

const API: Readonly<Record<string, Proof>> = {
  'GET /openapi.json': 'anybody',
  'GET /whoami': 'signed-in',
  'GET /requests': 'signed-in',
  'POST /requests': 'signed-in',
  'GET /requests/{id}': 'signed-in',
  'PATCH /requests/{id}': 'signed-in',
  'POST /requests/{id}/approve': 'signed-in',
  'POST /requests/{id}/deny': 'signed-in',
  'POST /requests/{id}/withdraw': 'signed-in',
  'POST /decisions': 'signed-in',
  'POST /preflight': 'signed-in',
  'GET /grants': 'signed-in',
  'POST /grants/{id}/handback': 'signed-in',
  'POST /grants/{id}/revoke': 'signed-in',
  'GET /sessions': 'signed-in',
  'GET /sessions/{id}': 'signed-in',
  'GET /sessions/{id}/recording': 'signed-in',
  'POST /sessions/{id}/terminate': 'signed-in',
  'GET /targets': 'signed-in',
  'GET /targets/{name}/enrolment': 'signed-in',
  // Every session to the host trusts it from then on.
  'POST /targets/{name}/host-keys': 'fresh',
  'GET /owners': 'signed-in',
  'GET /matrix': 'signed-in',
  'POST /matrix/what-if': 'signed-in',
  'GET /matrix/proposals': 'signed-in',
  // It has no effect until it is signed.
  'POST /matrix/proposals': 'signed-in',
  'GET /matrix/proposals/{id}': 'signed-in',
  // It decides who gets in from then on: a person, at a browser, who has just proved who they are.
  'POST /matrix/proposals/{id}/sign': 'fresh-browser',
  'POST /matrix/proposals/{id}/withdraw': 'signed-in',
  'GET /matrix/versions': 'signed-in',
  'GET /matrix/versions/{digest}': 'signed-in',
  'GET /matrix/disallowed': 'signed-in',
  'POST /matrix/disallowed/end': 'signed-in',
  'GET /audit': 'signed-in',
  'GET /audit/checkpoint': 'signed-in',
  'GET /audit/key': 'signed-in',
  'GET /lockout': 'signed-in',
  // Shutting out is for an emergency; letting in again is not.
  'POST /lockout': 'signed-in',
  'DELETE /lockout': 'fresh',
  'GET /keys': 'signed-in',
  // It says who somebody is long after the sign-in has ended.
  'POST /keys': 'fresh',
  'DELETE /keys': 'signed-in',
  // A token that makes tokens would never end.
  'POST /tokens': 'browser',
  'GET /tokens': 'signed-in',
  'DELETE /tokens/{id}': 'signed-in',
};

/** Forms of pages. Every page is for a browser; to be shown it needs no more than that. */
const FORMS: Readonly<Record<string, Proof>> = {
  '/ask': 'browser',
  '/r/:id/approve': 'browser',
  '/r/:id/deny': 'browser',
  '/r/:id/withdraw': 'browser',
  '/r/:id/amend': 'browser',
  '/grants/:id/handback': 'browser',
  '/grants/:id/revoke': 'browser',
  '/sessions/:id/terminate': 'browser',
  '/matrix/proposals/again': 'browser',
  '/matrix/proposals/:id/sign': 'fresh-browser',
  '/matrix/proposals/:id/withdraw': 'browser',
  '/matrix/disallowed': 'browser',
  '/lockout': 'browser',
  '/lockout/lift': 'fresh-browser',
  // The connection stays theirs when the browser has ended.
  '/ssh/:id': 'fresh-browser',
  // A token comes of it that outlives the browser's session: an unattended browser must not give one away, and
  // `sallyport login` is what makes a terminal's sign-in fresh again.
  '/device': 'fresh-browser',
  '/device/answer': 'fresh-browser',
  '/me/keys': 'fresh-browser',
  '/me/keys/remove': 'browser',
  '/me/tokens': 'browser',
  '/me/tokens/revoke': 'browser',
  '/me/everywhere': 'browser',
};

/** @throws Error for what nobody has classified: the server does not start then */
export function proofOf(what: 'api' | 'form', route: string): Proof {
  const table = what === 'api' ? API : FORMS;
  if (!Object.hasOwn(table, route)) throw new Error(`src/api/proof.ts does not say what ${route} needs`);
  return table[route]!;
}

/** What is classified, for whoever holds it against the routes that there are. */
export const classifiedRoutes: readonly string[] = Object.keys(API);

export const isFresh = ({ authenticatedAt }: Credentials, now: Date): boolean =>
  now.getTime() - authenticatedAt.getTime() <= FRESH_SECONDS * 1000 && !liesAhead(authenticatedAt, now);

/**
 * Lets pass who has shown enough.
 *
 * @throws Refused `sign-in-needed`, `browser-needed`, `fresh-sign-in-needed`
 */
export function demand(proof: Proof, credentials: Credentials | null, now: Date): void {
  if (proof === 'anybody') return;
  if (!credentials) throw signInNeeded();
  if (proof.endsWith('browser') && credentials.by !== 'session') {
    throw new Refused('browser-needed', 'This is done in the browser only.', 403);
  }
  if (proof.startsWith('fresh') && !isFresh(credentials, now)) {
    const minutes = FRESH_SECONDS / 60;
    const how = credentials.by === 'session' ? 'sign in again' : 'run sallyport login again';
    throw new Refused(
      'fresh-sign-in-needed',
      `This needs a sign-in of the last ${minutes} minutes: ${how}, then repeat it.`,
      403,
    );
  }
}
