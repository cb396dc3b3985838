import { randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { Refused } from '../elevation/contract.ts';
import type { Application, Env } from './application.ts';

/** An id that a proxy gave the request is kept if it is one word of a fair length; anything else is passed over. */
const GIVEN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;
/** What machines ask all day, and what a page brings along: of use only when something is looked for. */
const QUIET = new Set(['health', 'assets']);

/**
 * Gives each request its id, and when it is answered writes its one line and counts it. The line names the route and
 * not the address, whose parts may be ids, codes and words.
 */
export function requestLog(app: Application): MiddlewareHandler<Env> {
  return async (c, next) => {
    const started = performance.now();
    const given = c.req.header('x-request-id') ?? '';
    c.set('requestId', GIVEN_ID.test(given) ? given : randomBytes(8).toString('hex'));
    c.set('credentials', null);
    await next();
    c.header('x-request-id', c.get('requestId'));
    // A client or proxy that keeps the connection would ask again where nobody listens soon.
    if (app.readiness.leaving) c.header('connection', 'close');
    const { status } = c.res;
    const route = routeOf(c);
    const kind = classOf(route);
    app.instruments.requests.add({ class: kind, status: `${Math.floor(status / 100)}xx` });
    const level = status >= 500 ? 'warn' : QUIET.has(kind) ? 'debug' : 'info';
    app.logger[level](
      {
        request: c.get('requestId'),
        method: c.req.method,
        route,
        status,
        code: c.get('problem'),
        ms: Math.round(performance.now() - started),
      },
      'answered',
    );
  };
}

/** Where a sign-in begins or goes on; one that is complete may still be asked for, and taken back. */
const SIGN_INS = /^\/(signin|ssh|device|oauth\/device_authorization)(\/|$)/;

/** While the broker stops, requests in hand are finished and nobody new signs in. */
export function refuseSignIns(app: Application): MiddlewareHandler<Env> {
  return async (c, next) => {
    if (app.readiness.leaving && SIGN_INS.test(routeOf(c) ?? '')) {
      c.header('retry-after', '30');
      throw new Refused('stopping', 'This broker is stopping: sign in again in a minute.', 503);
    }
    await next();
  };
}

/** The pattern that the address matched, `/api/v1/requests/:id`; null: nothing is there. */
const routeOf = (c: Context<Env>): string | null =>
  matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path ?? null;

function classOf(route: string | null): string {
  if (route === null) return 'unmatched';
  const [, first = ''] = route.split('/');
  if (['api', 'assets'].includes(first)) return first;
  if (['healthz', 'readyz', 'metrics'].includes(first)) return 'health';
  return ['signin', 'ssh', 'device', 'oauth'].includes(first) ? 'sign-in' : 'pages';
}
