import type { Context } from 'hono';
import type { Env } from '../api/application.ts';
import { type Problem, waitOf } from '../api/problem.ts';
import { visible } from '../domain/visible-text.ts';
import { Page, pathOf, respond, SwitchForms } from './layout.tsx';
import { Explanation, Ids, Sides } from './parts.tsx';
import { type Reader, recalledReader } from './reader.ts';
import { safeReturn, signInAgainPath, signInPath } from './return-to.ts';

/** What cannot be found, or not by this reader: the same page, so that it tells nobody which. */
const NOTHING = /^(not-found|no-such-)/;

/**
 * A problem as a page: what happened, what did not happen, what to do. Somebody who is not signed in is led to the
 * sign-in and back.
 */
export async function renderProblem(c: Context<Env>, problem: Problem): Promise<Response> {
  const path = safeReturn(pageBehind(c));
  if (problem.code === 'sign-in-needed') return c.redirect(signInPath(path), 303);
  const reader = await recalledReader(c);
  for (const [name, value] of Object.entries(waitOf(problem.detail))) c.header(name, value);
  return respond(
    c,
    <Page title={titleOf(problem)} reader={reader} now={reader?.now ?? new Date()} path={path}>
      <article class="problem">
        <h1>{titleOf(problem)}</h1>
        <p role="alert">{visible(problem.message)}</p>
        {linesOf(problem).length > 0 ? <Explanation lines={linesOf(problem)} tenant="" cell={null} /> : null}
        <p>{notDone(c, problem)}</p>
        {NOTHING.test(problem.code) && reader ? (
          <OtherPeople reader={reader} path={path} />
        ) : (
          <p>{remedy(problem, path, reader)}</p>
        )}
        <Ids
          of={[
            ['Code', problem.code],
            ['answer', c.get('requestId') ?? ''],
          ]}
        />
      </article>
    </Page>,
    problem.status,
  );
}

function OtherPeople({ reader, path }: { reader: Reader; path: string }) {
  return (
    <>
      <p>
        You are signed in as <b>{visible(reader.person.name)}</b> <Sides of={reader.sides} />. If a message
        led you here, it may have been meant for another account of yours.
      </p>
      <SwitchForms reader={reader} path={path} />
      <p class="buttons">
        <a class="button outline" href={signInPath(path)}>
          Sign in as somebody else
        </a>{' '}
        <a href="/">Your first screen</a>
      </p>
    </>
  );
}

function titleOf({ status, code }: Problem): string {
  if (NOTHING.test(code)) return 'Nothing here for you';
  if (code === 'wrong-origin') return 'That came from another site';
  if (SIGN_IN.has(code)) return 'You are not signed in yet';
  if (status === 500) return 'Something failed here';
  if (code === 'somebody-else') return 'You are somebody else here now';
  if (status === 409) return 'It is not as it was';
  if (code === 'fresh-sign-in-needed') return 'Sign in again for this';
  if (status === 403) return 'The answer is no';
  return 'That could not be done';
}

const SIGN_IN = new Set([
  'provider-refused',
  'provider-unreachable',
  'token-refused',
  'groups-missing',
  'state-unknown',
]);

function notDone(c: Context<Env>, { code, status }: Problem): string {
  if (SIGN_IN.has(code)) return 'Nobody was signed in, and nothing was changed.';
  if (code === 'database-away' && c.req.method !== 'GET') return 'It may have been done, or not.';
  if (status === 500) return 'What was being done is not done.';
  return c.req.method === 'GET' ? 'Nothing was changed.' : 'Nothing happened: all is as it was before.';
}

function remedy({ code, status }: Problem, path: string, reader: Reader | null) {
  if (SIGN_IN.has(code)) return <a href={signInPath(path)}>Sign in again</a>;
  if (code === 'fresh-sign-in-needed' && reader) {
    return <a href={signInAgainPath(reader.person.issuer, path)}>Sign in again, and come back here</a>;
  }
  if (status === 409 || code === 'invalid') return <a href={path}>Go back and look again</a>;
  if (status >= 500)
    return 'Try again in a moment; if it stays, give the line below to who runs this broker.';
  return <a href="/">Go to your first screen</a>;
}

const linesOf = ({ detail }: Problem): string[] =>
  Array.isArray(detail.explanation) ? detail.explanation.filter(line => typeof line === 'string') : [];

/** The page to come back to: a form is sent to a path below the page on which it stands. */
export function pageBehind(c: Context<Env>): string {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return pathOf(c);
  const { pathname } = new URL(c.req.url);
  const [, first = '', second] = pathname.split('/');
  if (first === 'grants') return '/';
  return second === undefined || !['r', 'sessions', 'ssh'].includes(first)
    ? `/${first}`
    : `/${first}/${second}`;
}
