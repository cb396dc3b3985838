import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';

/** How many people one browser may be at once, say a consultant with an account on either side. */
const MOST_SESSIONS = 6;

/** Over https the name forbids other hosts of the domain to set it (RFC 6265bis, section 4.1.3.2). */
const nameOf = (url: URL, name: string): string => (url.protocol === 'https:' ? `__Host-${name}` : name);

const attributes = (url: URL): CookieOptions => ({
  path: '/',
  httpOnly: true,
  sameSite: 'Lax',
  secure: url.protocol === 'https:',
});

/** The browser's sessions; the first is who the browser is now. */
export function sessionTokens(c: Context, url: URL): string[] {
  const value = getCookie(c, nameOf(url, 'sallyport')) ?? '';
  return value
    .split('.')
    .filter(token => /^[\w-]{43}$/.test(token))
    .slice(0, MOST_SESSIONS);
}

export function setSessionTokens(c: Context, url: URL, tokens: readonly string[]): void {
  const name = nameOf(url, 'sallyport');
  const kept = [...new Set(tokens)].slice(0, MOST_SESSIONS);
  if (kept.length === 0) deleteCookie(c, name, attributes(url));
  else setCookie(c, name, kept.join('.'), attributes(url));
}

/** Ties a sign-in that has left for the provider to the browser that it left from. */
export const pendingSignIn = {
  set: (c: Context, url: URL, value: string) =>
    setCookie(c, nameOf(url, 'sallyport-signin'), value, { ...attributes(url), maxAge: 600 }),
  take(c: Context, url: URL): string {
    const name = nameOf(url, 'sallyport-signin');
    const value = getCookie(c, name) ?? '';
    deleteCookie(c, name, attributes(url));
    return value;
  },
};
