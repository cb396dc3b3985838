interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
  readonly secure: boolean;
  readonly sameSite: 'strict' | 'lax' | 'none';
  readonly expires: number;
}

/**
 * Cookies as a browser keeps them (RFC 6265bis), for host-only cookies. As there, the port does not count: what
 * the broker sets on 127.0.0.1, a provider on another port of 127.0.0.1 gets to see.
 */
export class CookieJar {
  #cookies: Cookie[] = [];

  /** Takes in the `Set-Cookie` headers of an answer from `url`; what a browser would refuse is left out. */
  receive(url: URL, headers: readonly string[], now = Date.now()): void {
    for (const header of headers) {
      const cookie = parse(url, header, now);
      if (!cookie) continue;
      this.#cookies = this.#cookies.filter(
        known => !(known.name === cookie.name && known.host === cookie.host && known.path === cookie.path),
      );
      if (cookie.expires > now) this.#cookies.push(cookie);
    }
  }

  /**
   * The `Cookie` header for a navigation to `url`, empty when there is none. `from` is the page that it started
   * on (none when somebody typed the address), which SameSite looks at.
   */
  header(url: URL, method: string, from?: URL, now = Date.now()): string {
    const crossSite = from !== undefined && siteOf(from) !== siteOf(url);
    return this.#cookies
      .filter(cookie => cookie.expires > now && cookie.host === url.hostname && pathMatches(url, cookie.path))
      .filter(cookie => !cookie.secure || isTrustworthy(url))
      .filter(
        cookie => !crossSite || cookie.sameSite === 'none' || (cookie.sameSite === 'lax' && method === 'GET'),
      )
      .sort((a, b) => b.path.length - a.path.length)
      .map(cookie => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }

  /** The value of one cookie that a host would get, for tests that look at it. */
  get(host: string, name: string): string | undefined {
    return this.#cookies.find(cookie => cookie.host === host && cookie.name === name)?.value;
  }

  clear(): void {
    this.#cookies = [];
  }
}

function parse(url: URL, header: string, now: number): Cookie | undefined {
  const [pair = '', ...attributes] = header.split(';').map(part => part.trim());
  const equals = pair.indexOf('=');
  if (equals < 1) return undefined;
  const name = pair.slice(0, equals);
  const value = pair.slice(equals + 1);

  const given = new Map(
    attributes.map(attribute => {
      const [key = '', ...rest] = attribute.split('=');
      return [key.toLowerCase(), rest.join('=')] as const;
    }),
  );
  const domain = given.get('domain')?.replace(/^\./, '');
  if (domain && domain !== url.hostname) return undefined;
  const secure = given.has('secure');
  if (secure && !isTrustworthy(url)) return undefined;

  const path = given.get('path')?.startsWith('/') ? given.get('path')! : defaultPath(url);
  if (name.startsWith('__Secure-') && !secure) return undefined;
  if (name.startsWith('__Host-') && (!secure || path !== '/' || domain !== undefined)) return undefined;

  const maxAge = Number(given.get('max-age') || Number.NaN);
  const date = Date.parse(given.get('expires') ?? '');
  let expires = Number.POSITIVE_INFINITY;
  if (!Number.isNaN(maxAge)) expires = now + maxAge * 1000;
  else if (!Number.isNaN(date)) expires = date;

  const asked = given.get('samesite')?.toLowerCase();
  const sameSite = asked === 'strict' || (asked === 'none' && secure) ? asked : 'lax';
  return { name, value, host: url.hostname, path, secure, sameSite, expires };
}

/** Browsers treat loopback as secure, so `Secure` cookies work there over plain http. */
function isTrustworthy(url: URL): boolean {
  return url.protocol === 'https:' || /^(127\.\d+\.\d+\.\d+|localhost|.+\.localhost)$/.test(url.hostname);
}

/** Near enough to "registrable domain" for the hosts of a demo: an address or a whole name. */
function siteOf(url: URL): string {
  return `${url.protocol}//${url.hostname}`;
}

function pathMatches(url: URL, path: string): boolean {
  if (!url.pathname.startsWith(path)) return false;
  return path.endsWith('/') || url.pathname.length === path.length || url.pathname[path.length] === '/';
}

function defaultPath(url: URL): string {
  const end = url.pathname.lastIndexOf('/');
  return end > 0 ? url.pathname.slice(0, end) : '/';
}
