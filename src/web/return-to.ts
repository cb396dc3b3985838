import { issuerKey } from '../identity/sign-in.ts';

const HERE = 'http://sallyport.invalid';
const LONGEST = 1000;
/** Pages that only lead on; returning to them would go in circles. */
const DOORS = /^\/(signin|signout|switch)(\/|$)/;

/**
 * Where to go after signing in: a path of ours, or the first screen. A browser reads `//host`, `/\host` and either
 * of them with a tab inside as another site, so anything that could be one is not taken.
 */
export function safeReturn(value: string | undefined): string {
  if (!value || value.length > LONGEST || !/^\/(?![/\\])[\x21-\x7e]*$/.test(value) || value.includes('\\'))
    return '/';
  if (!URL.canParse(value, HERE)) return '/';
  const url = new URL(value, HERE);
  // `/.//host` has a path of `//host` once its dots are resolved.
  if (url.origin !== HERE || url.pathname.startsWith('//') || DOORS.test(url.pathname)) return '/';
  return `${url.pathname}${url.search}${url.hash}`;
}

export const signInPath = (returnTo: string): string => {
  const safe = safeReturn(returnTo);
  return safe === '/' ? '/signin' : `/signin?return_to=${encodeURIComponent(safe)}`;
};

/** To the provider of somebody who is signed in already, which has to see them prove it once more. */
export const signInAgainPath = (issuer: string, returnTo: string): string =>
  `/signin/${issuerKey(issuer)}?${new URLSearchParams({ return_to: safeReturn(returnTo), again: '1' })}`;
