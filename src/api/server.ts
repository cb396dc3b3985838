import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { matchedRoutes } from 'hono/route';
import { networkOf } from '../domain/network.ts';
import { Refused } from '../elevation/contract.ts';
import type { Api, Application, Env } from './application.ts';
import { auditRoutes } from './audit.ts';
import { callerOf, incomingOf } from './client-address.ts';
import { sessionTokens } from './cookies.ts';
import { decisionRoutes } from './decisions.ts';
import { deviceRoutes } from './device.ts';
import { disallowedRoutes } from './disallowed.ts';
import { grantRoutes } from './grants.ts';
import { healthRoutes } from './health.ts';
import { lockoutRoutes } from './lockout.ts';
import { metricsRoutes } from './metrics.ts';
import { openPace } from './pace.ts';
import { peopleRoutes } from './people.ts';
import { preflightRoutes } from './preflight.ts';
import { internalProblem, type Problem, problemOf, problemResponse } from './problem.ts';
import { demand, proofOf } from './proof.ts';
import { proposalRoutes } from './proposals.ts';
import { refuseSignIns, requestLog } from './request-log.ts';
import { requestRoutes } from './requests.ts';
import { sessionRoutes } from './sessions.ts';
import { signInNeeded } from './signed-in.ts';
import { targetRoutes } from './targets.ts';
import { wellFormed } from './well-formed.ts';
import { whatIfRoutes } from './what-if.ts';

export const MAX_BODY = 64 * 1024;
/** A version of a matrix is three files of at most a mebibyte each, written as JSON texts. */
const MAX_VERSION = 4 * 1024 * 1024;
const VERSIONS: readonly string[] = ['/matrix/proposals', '/matrix/what-if'];
const API_PATH = '/api/v1';

/** What people see. Handed in, so that the API knows nothing of it. */
export interface Pages {
  mount(server: Api, app: Application): void;
  /** The same problem as a page. */
  problem(c: Context<Env>, problem: Problem): Response | Promise<Response>;
}

/** The whole web surface: the API, and the pages that are handed in. */
export function buildServer(app: Application, pages: Pages): Api {
  const server: Api = newApi();
  server.use(requestLog(app));
  server.use(securityHeaders(app.url));
  server.use(wellFormed(app.url, app.web.hosts));
  const [few, many] = [MAX_BODY, MAX_VERSION].map(upTo) as [MiddlewareHandler<Env>, MiddlewareHandler<Env>];
  server.use((c, next) => (carriesVersion(c) ? many(c, next) : few(c, next)));
  // Before anything asks the database who is calling: these answer while it hangs.
  healthRoutes(server, app);
  metricsRoutes(server, app);
  server.use(refuseSignIns(app));
  // Before the two that follow: no browser's page calls these, and no cookie or token of anybody is looked at.
  deviceRoutes(server, app);
  server.use(sameOrigin(app.url));
  const identify = authenticate(app);
  // So much is read for those alone who have shown who they are.
  server.use(async (c, next) => {
    if (!carriesVersion(c)) return next();
    await identify(c, async () => {});
    if (!c.get('credentials')) throw signInNeeded();
    return next();
  });
  server.use(wholeBody);
  server.use(identify);

  const api = newApi();
  api.use(async (c, next) => {
    for (const { method, path } of matchedRoutes(c)) {
      if (method !== 'ALL') demand(proofOfRoute(method, path), c.get('credentials'), app.clock.now());
    }
    await next();
  });
  for (const mount of [
    requestRoutes,
    decisionRoutes,
    preflightRoutes,
    grantRoutes,
    sessionRoutes,
    targetRoutes,
    proposalRoutes,
    disallowedRoutes,
    auditRoutes,
    lockoutRoutes,
    whatIfRoutes,
    peopleRoutes,
  ]) {
    mount(api, app);
  }
  api.doc31('/openapi.json', {
    openapi: '3.1.0',
    servers: [{ url: '/api/v1' }],
    info: {
      title: 'Sallyport',
      version: '1',
      description: 'Just-in-time privileged access for co-managed IT.',
    },
  });
  api.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  // Now, and not when somebody calls it.
  for (const { method, path } of api.routes) if (method !== 'ALL') proofOfRoute(method, path);
  server.route(API_PATH, api);
  pages.mount(server, app);

  // People get a page, programs a problem document.
  const tell = (c: Context<Env>, problem: Problem) => {
    c.set('problem', problem.code);
    return !c.req.path.startsWith('/api/') && /\btext\/html\b/.test(c.req.header('accept') ?? '')
      ? pages.problem(c, problem)
      : problemResponse(c, problem);
  };
  server.notFound(c =>
    tell(c, { status: 404, code: 'not-found', message: 'There is nothing at this address.', detail: {} }),
  );
  server.onError((error, c) => {
    const problem = problemOf(error);
    // A caller who left in the middle is no failure of ours, and must not fill the log.
    const left = (error as NodeJS.ErrnoException).code === 'ECONNRESET' && incomingOf(c)?.destroyed;
    if (!problem) {
      app.logger[left ? 'debug' : 'error']({ request: c.get('requestId'), err: error }, 'a request failed');
    }
    return tell(c, problem ?? internalProblem);
  });
  return server;
}

const upTo = (maxSize: number): MiddlewareHandler<Env> =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new Refused('too-large', `A body may have ${maxSize} bytes.`, 413);
    },
  });

const carriesVersion = (c: Context<Env>): boolean =>
  c.req.method === 'POST' && VERSIONS.some(path => c.req.path === API_PATH + path);

/** `/api/v1/requests/:id` as the table and the OpenAPI document write it: `/requests/{id}`. */
const proofOfRoute = (method: string, path: string) =>
  proofOf(
    'api',
    `${method} ${path.startsWith(`${API_PATH}/`) ? path.slice(API_PATH.length) : path}`.replace(
      /:(\w+)/g,
      '{$1}',
    ),
  );

/** A router whose validation failures come out as problems that name the fields. */
function newApi(): Api {
  return new OpenAPIHono<Env>({
    defaultHook: result => {
      if (result.success) return;
      const errors = result.error.issues.slice(0, 20).map(issue => ({
        field: issue.path.join('.'),
        message: issue.message,
      }));
      const first = errors[0]!;
      throw new Refused('invalid', `${first.field || 'the body'}: ${first.message}`, 400, { errors });
    },
  });
}

/** Headers for every answer; a page's script must come from here, and no frame holds a page (CSP level 3). */
function securityHeaders(url: URL): MiddlewareHandler<Env> {
  return async (c, next) => {
    await next();
    const headers = c.res.headers;
    const player = headers.get('x-sallyport-player') !== null;
    headers.delete('x-sallyport-player');
    headers.set(
      'content-security-policy',
      [
        "default-src 'none'",
        // asciinema-player is WebAssembly; no other page may run any.
        `script-src 'self'${player ? " 'wasm-unsafe-eval'" : ''}`,
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        `connect-src 'self'${player ? ' data:' : ''}`,
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ].join('; '),
    );
    headers.set('x-content-type-options', 'nosniff');
    headers.set('referrer-policy', 'same-origin');
    headers.set('cross-origin-opener-policy', 'same-origin');
    headers.set('cross-origin-resource-policy', 'same-origin');
    headers.set('x-frame-options', 'DENY');
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
    if (url.protocol === 'https:') headers.set('strict-transport-security', 'max-age=31536000');
  };
}

/** Tokens that may be refused to one network. */
const FAILED_PER_MINUTE = 240;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A change that a browser sends must come from one of our pages: its Origin is ours. Programs send a bearer token,
 * which no browser adds by itself, and no cookie is looked at then.
 */
function sameOrigin(url: URL): MiddlewareHandler<Env> {
  return async (c, next) => {
    const bearer = c.req.header('authorization') !== undefined;
    if (!SAFE.has(c.req.method) && !bearer && c.req.header('origin') !== url.origin) {
      throw new Refused('wrong-origin', `This must come from a page of ${url.origin}.`, 403);
    }
    await next();
  };
}

/**
 * Waits for the last byte of what is sent. Who calls is looked up after that: headers that were sent while a sign-in
 * was good, and a body that is held back until it has ended, must not act by it. Hono keeps what was read.
 */
const wholeBody: MiddlewareHandler<Env> = async (c, next) => {
  if (!SAFE.has(c.req.method)) await c.req.arrayBuffer();
  await next();
};

function authenticate(app: Application): MiddlewareHandler<Env> {
  const failures = openPace(FAILED_PER_MINUTE);
  return async (c, next) => {
    const authorization = c.req.header('authorization');
    if (authorization !== undefined) {
      const network = networkOf(callerOf(c, app.proxies));
      // Whoever tries tokens is told from memory: what each try costs the database would be paid by all.
      const wait = failures.look(network);
      if (wait > 0) {
        const message = `Too many tokens from your address were refused; try again in ${wait} s.`;
        throw new Refused('too-many-requests', message, 429, { retry_after: wait });
      }
      const token = /^Bearer ([\w-]{20,100})$/i.exec(authorization)?.[1];
      const credentials = token === undefined ? null : await app.signIns.bearer(token);
      if (!credentials) {
        failures.take(network);
        throw new Refused('token-refused', 'This token is not, or no longer, valid.', 401);
      }
      c.set('credentials', credentials);
    } else {
      const [active] = sessionTokens(c, app.url);
      if (active !== undefined) c.set('credentials', await app.signIns.session(active));
    }
    await next();
  };
}
