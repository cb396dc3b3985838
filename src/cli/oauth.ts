import { encrypted, foreign, unreachable } from './client.ts';

/** This program, to the broker as an authorization server: a public client. */
const CLIENT = 'sallyport-cli';

export interface OAuthAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Calls an endpoint of the broker as an authorization server (RFC 6749, section 5: forms in, JSON out). What the
 * answer means is the caller's to say.
 *
 * @throws Failure 2 where a secret would cross a network in the clear, 3 where no broker answers
 */
export async function callOAuth(
  url: URL,
  endpoint: 'device_authorization' | 'token' | 'revoke',
  form: Readonly<Record<string, string>>,
  timeout: number,
  signal?: AbortSignal,
): Promise<OAuthAnswer> {
  encrypted(url);
  const limit = AbortSignal.timeout(timeout);
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(`/oauth/${endpoint}`, url), {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'user-agent': `sallyport on ${process.platform}`,
      },
      body: new URLSearchParams({ client_id: CLIENT, ...form }).toString(),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    text = await response.text();
  } catch (error) {
    throw unreachable(error, url, timeout);
  }
  if (response.status >= 500) throw foreign(url, `it answered ${response.status}`);
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) {
      return { status: response.status, body: body as Record<string, unknown> };
    }
  } catch {
    // Said below.
  }
  throw foreign(url, 'its answer is no JSON object');
}
