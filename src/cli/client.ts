import { visible } from '../domain/visible-text.ts';
import { answerIsNo, callIsWrong, Failure, notReached } from './failure.ts';
import { readSignIn } from './sign-ins.ts';
import type { ClientConfiguration } from './terminal.ts';

/** The HTTP API as commands call it: every answer is either what was asked for or a Failure with its exit code. */
export interface Client {
  readonly url: URL;
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body?: unknown, query?: Query): Promise<T>;
  delete<T>(path: string, query?: Query): Promise<T>;
  /** A text or a file as it comes; the time limit counts from one piece to the next. */
  download(path: string, query?: Query): Promise<Download>;
}

export interface Download {
  /** `null` where the broker did not say. */
  readonly size: number | null;
  readonly pieces: AsyncIterable<Uint8Array>;
}

export type Query = Readonly<Record<string, string | undefined>>;

export const TIMEOUT_MS = 15_000;

/**
 * A client of the broker that the environment names, as who `SALLYPORT_TOKEN` says, else as who signed in with `login`.
 *
 * @throws Failure 2 where there is no usable token, or it would cross a network in the clear
 */
export function openClient(
  { url, token: given, signIns }: Pick<ClientConfiguration, 'url' | 'token' | 'signIns'>,
  timeout: number = TIMEOUT_MS,
): Client {
  const token = given ?? readSignIn(signIns, url)?.token ?? null;
  if (token === null) throw callIsWrong(`not signed in at ${url.origin}: run sallyport login`);
  // The value itself is a secret: it is not repeated.
  if (!/^[\w-]{20,100}$/.test(token)) {
    const page = new URL('/me', url).href;
    throw callIsWrong(`SALLYPORT_TOKEN does not look like a token: make one on ${page}`);
  }
  encrypted(url);
  const call = async (method: string, path: string, query: Query = {}, body?: unknown) => {
    const address = new URL(`/api/v1${path}`, url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) address.searchParams.set(name, value);
    }
    const watch = stopwatch(timeout);
    try {
      const response = await fetch(address, {
        method,
        // A redirect could lead elsewhere, and the token must not go there.
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json, application/problem+json;q=0.9, */*;q=0.5',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: watch.signal,
      });
      if (!response.ok) throw failureOf(response.status, await response.text(), url, given !== null);
      return { response, watch };
    } catch (error) {
      watch.stop();
      throw error instanceof Failure ? error : unreachable(error, url, timeout);
    }
  };
  const json = async <T>(method: string, path: string, query?: Query, body?: unknown): Promise<T> => {
    const { response, watch } = await call(method, path, query, body);
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      throw unreachable(error, url, timeout);
    } finally {
      watch.stop();
    }
    const parsed = parsedObject(text);
    if (!parsed) throw foreign(url, 'its answer is no JSON object');
    return parsed as T;
  };
  return {
    url,
    get: (path, query) => json('GET', path, query),
    post: (path, body = {}, query) => json('POST', path, query, body),
    delete: (path, query) => json('DELETE', path, query),
    async download(path, query) {
      const { response, watch } = await call('GET', path, query);
      const size = Number(response.headers.get('content-length') ?? Number.NaN);
      const pieces = async function* () {
        try {
          for await (const piece of response.body ?? []) {
            watch.again();
            yield piece as Uint8Array;
          }
        } catch (error) {
          throw unreachable(error, url, timeout);
        } finally {
          watch.stop();
        }
      };
      return { size: Number.isSafeInteger(size) ? size : null, pieces: pieces() };
    },
  };
}

/** Nothing secret crosses a network in the clear. @throws Failure 2 */
export function encrypted(url: URL): void {
  if (url.protocol === 'https:' || isLoopback(url.hostname)) return;
  throw callIsWrong(
    `the token would cross the network unencrypted to ${url.host}, so it was not sent: set SALLYPORT_URL to an https:// address`,
  );
}

/** Names and addresses that do not leave this machine (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3). */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);

/** An id as it goes into a path. @throws Failure 2 */
export function idPart(id: string): string {
  if (!/^[a-z]+_[0-9a-z]{1,58}$/.test(id)) {
    throw callIsWrong(
      `${JSON.stringify(id)} is no id: one looks like req_4k2m…, and the lists print them last`,
    );
  }
  return id;
}

/** Aborts when nothing has come for a while. */
function stopwatch(milliseconds: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  return { signal: controller.signal, again: () => timer.refresh(), stop: () => clearTimeout(timer) };
}

/** RFC 9457 problems become their exit code; whatever is no problem did not come from a broker. */
function failureOf(status: number, text: string, url: URL, byVariable: boolean): Failure {
  if (status >= 300 && status < 400) return foreign(url, 'it redirects');
  const problem = parsedObject(text);
  const title = typeof problem?.title === 'string' ? visible(problem.title) : null;
  const code = typeof problem?.code === 'string' ? visible(problem.code) : null;
  if (status >= 500) {
    const said = title ?? `it answered ${status}`;
    return notReached(
      `the broker at ${url.origin} cannot answer: ${said} Try again shortly.`,
      problem ?? undefined,
    );
  }
  if (title === null || code === null) return foreign(url, `it answered ${status} without saying why`);
  const message = `${title} (${code}${nextStep(code, url, byVariable)})`;
  return status === 400 ? callIsWrong(message, problem) : answerIsNo(message, problem);
}

/** What to do about refusals whose words do not say it. */
function nextStep(code: string, url: URL, byVariable: boolean): string {
  const again = byVariable ? 'unset SALLYPORT_TOKEN and run sallyport login' : 'run sallyport login';
  const steps: Readonly<Record<string, string>> = {
    'token-refused': again,
    'sign-in-needed': again,
    ...(byVariable ? { 'fresh-sign-in-needed': 'unset SALLYPORT_TOKEN first' } : {}),
    'activity-needed': 'add --activity',
    'ticket-required': 'add --ticket',
    'tenant-needed': 'add --tenant',
    'ambiguous-target': 'name it in full',
    'browser-needed': `open ${url.origin}`,
    moved: 'look again, then answer',
  };
  return Object.hasOwn(steps, code) ? `: ${steps[code]}` : '';
}

export const foreign = (url: URL, why: string): Failure =>
  notReached(`what answers at ${url.origin} is no Sallyport broker, ${why}: check SALLYPORT_URL`);

export function unreachable(error: unknown, url: URL, timeout: number): Failure {
  const { name, cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'AbortError' || name === 'TimeoutError') {
    return notReached(
      `${url.origin} did not answer within ${timeout / 1000} s: try again, or check SALLYPORT_URL`,
    );
  }
  const why = cause?.code ?? cause?.message ?? message;
  return notReached(
    `cannot reach ${url.origin} (${visible(String(why))}): is the broker running, and SALLYPORT_URL right?`,
  );
}

function parsedObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
