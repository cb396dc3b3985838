import { z } from 'zod';
import { DeliveryError } from './contract.ts';

/** A webhook answers in a moment or is not well. */
const TIMEOUT_MS = 10_000;
const LONGEST_WAIT_SECONDS = 86_400;
/** More of an answer is not read; nothing in it is used but that it came. */
const MOST_ANSWER_BYTES = 65_536;

/** Addresses that messages may be sent to: TLS, or this machine. */
export const webhookAddress = z
  .string()
  .max(3000)
  .refine(
    isWebhookAddress,
    'expected an https address (http only to this machine), without a user name in it',
  );

function isWebhookAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return false;
  const here = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && here);
}

/**
 * One POST of JSON; resolves on 2xx. No redirect is followed: the body is for the address that was configured.
 * Errors: `DeliveryError`. `signal` and a limit of 10 s end it, whichever is first.
 */
export async function post(
  address: string,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(address, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-type': 'application/json', 'user-agent': 'Sallyport', ...headers },
      // Not 'error', which could not be told from a network failure; this hands over the 3xx and goes nowhere.
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
  } catch (error) {
    if (signal.aborted) throw new DeliveryError('cancelled', 'the attempt was ended');
    if (timeout.aborted) throw new DeliveryError('timeout', `no answer within ${timeoutMs / 1000} s`);
    throw new DeliveryError('unreachable', `no connection${reasonOf(error)}`);
  }
  await discard(response);
  if (!response.ok) throw errorOf(response.status, response.headers.get('retry-after'));
}

/** The name of a system error such as ECONNREFUSED; the full message would hold the address. */
function reasonOf(error: unknown): string {
  const code = (error as { cause?: { code?: unknown } }).cause?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : '';
}

/** Reads the answer so that the connection can be used again, but not more than a webhook has to say. */
async function discard(response: Response): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let read = 0; read <= MOST_ANSWER_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) return;
      read += value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The status stands, whatever became of the rest.
  }
}

function errorOf(status: number, retryAfter: string | null): DeliveryError {
  const rest = { status, retryAfter: secondsOf(retryAfter) };
  if (status === 429) return new DeliveryError('rate-limited', 'it takes no more for now (429)', rest);
  if (status >= 500 || status === 408 || status === 425) {
    return new DeliveryError('unavailable', `it answered ${status}`, rest);
  }
  const permanent = { status, permanent: true };
  if (status === 410) return new DeliveryError('gone', 'it is gone (410)', permanent);
  if (status >= 300 && status < 400) {
    return new DeliveryError(
      'redirected',
      `it points elsewhere (${status}), which is not followed`,
      permanent,
    );
  }
  return new DeliveryError('refused', `it answered ${status}`, permanent);
}

/** Retry-After is seconds or an HTTP date (RFC 9110, section 10.2.3). */
function secondsOf(header: string | null): number | null {
  if (header === null) return null;
  const seconds = /^\d{1,9}$/.test(header)
    ? Number(header)
    : Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), LONGEST_WAIT_SECONDS);
}
