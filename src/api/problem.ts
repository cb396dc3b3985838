import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Refused } from '../elevation/contract.ts';
import { SignInFailed } from '../identity/contract.ts';
import { isConnectionLost } from '../store/postgres-pool.ts';
import type { Env } from './application.ts';

/** What went wrong, for programs (RFC 9457) and for pages alike. */
export interface Problem {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** `null`: nothing that a caller should read about; it is logged, and the answer is a plain 500. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Refused) {
    return { status: error.status, code: error.code, message: error.message, detail: error.detail };
  }
  if (error instanceof SignInFailed) {
    return { status: 400, code: error.code, message: error.message, detail: {} };
  }
  if (error instanceof HTTPException) {
    return {
      status: error.status,
      code: codeOf(error.status),
      message: error.message || 'Refused.',
      detail: {},
    };
  }
  if (isConnectionLost(error)) return databaseAway;
  return null;
}

/** When it went away during a commit nobody knows here whether that came through. */
const databaseAway: Problem = {
  status: 503,
  code: 'database-away',
  message: 'The database is away. Look whether it was done before you try again.',
  detail: {},
};

export const internalProblem: Problem = {
  status: 500,
  code: 'internal',
  message: 'Something failed here. Nothing was changed; the log of the broker has the details.',
  detail: {},
};

export function problemResponse(c: Context<Env>, { status, code, message, detail }: Problem): Response {
  const body = {
    type: 'about:blank',
    title: message,
    status,
    code,
    request_id: c.get('requestId'),
    ...detail,
  };
  return c.body(JSON.stringify(body), status, {
    'content-type': 'application/problem+json',
    ...waitOf(detail),
  });
}

/** When to come back, as a header, where a refusal says it in its detail. */
export const waitOf = (detail: Problem['detail']): Record<string, string> =>
  typeof detail.retry_after === 'number' ? { 'retry-after': String(detail.retry_after) } : {};

const codeOf = (status: number): string =>
  ({ 400: 'invalid', 401: 'sign-in-needed', 403: 'forbidden', 404: 'not-found', 413: 'too-large' })[status] ??
  'refused';
