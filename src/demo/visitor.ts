import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CookieJar } from './cookie-jar.ts';
import { type Button, type Form, type Link, type PageContent, readPage } from './page.ts';

/** What came back for one request. */
export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer as somebody reads it in a browser. */
export interface Page extends Answer, PageContent {
  readonly html: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const MOST_REDIRECTS = 20;
const LONGEST_ANSWER = 64 * 1024 * 1024;
const PATIENCE_MS = 30_000;

/**
 * A person with a browser that has no screen: cookies, redirects, links and forms, no scripts. It says `Origin`,
 * `Referer` and `Sec-Fetch-*` as Chromium does, so a server's checks meet here what they meet there. Whatever a
 * page does not offer (a link, a form, a field) is an error that quotes what it does offer.
 */
export class Visitor {
  readonly cookies = new CookieJar();
  #page: Page | undefined;

  /** The page that is open now. */
  get page(): Page {
    if (!this.#page) throw new Error('no page is open yet');
    return this.#page;
  }

  /** Types an address. */
  open(url: string | URL): Promise<Page> {
    return this.#navigate(new URL(url), {});
  }

  /** Clicks a link: one of the open page, or the first whose text contains, or matches, `which`. */
  async follow(which: Link | string | RegExp): Promise<Page> {
    const link = isPart(which) ? which : this.link(which);
    return this.#navigate(link.url, {}, this.page);
  }

  link(which: string | RegExp): Link {
    const found = this.page.links.find(link => says(link.text, which));
    return (
      found ??
      this.#missing(
        `link ${which}`,
        this.page.links.map(link => link.text),
      )
    );
  }

  /** The first form whose text, buttons or address contain, or match, `which`; without it, the first. */
  form(which: string | RegExp = ''): Form {
    const words = (form: Form) =>
      [form.text, ...form.buttons.map(button => button.text), form.action.pathname].join(' ');
    const found = this.page.forms.find(form => says(words(form), which));
    return found ?? this.#missing(`form ${which}`, this.page.forms.map(words));
  }

  /**
   * Fills and sends a form of the open page. What is not in `values` goes as the page has it. A tick box takes
   * `true` or `false`. `button` is the text of the one to press; without it the first.
   */
  async submit(
    which: Form | string | RegExp,
    values: Readonly<Record<string, string | boolean>> = {},
    button?: string | RegExp,
  ): Promise<Page> {
    const form = isPart(which) ? which : this.form(which);
    const pressed = button === undefined ? form.buttons[0] : form.buttons.find(one => says(one.text, button));
    if (button !== undefined && !pressed) {
      this.#missing(
        `button ${button}`,
        form.buttons.map(one => one.text),
      );
    }
    const sent = this.#filled(form, values, pressed);
    const target = pressed?.formAction ? new URL(pressed.formAction, this.page.url) : new URL(form.action);
    if (form.method === 'GET') {
      target.search = sent.toString();
      return this.#navigate(target, {}, this.page);
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#navigate(target, { method: 'POST', headers, body: sent.toString() }, this.page);
  }

  /**
   * One request with the cookies of this browser and no more: redirects are not followed, no page opens. For
   * APIs, and for what a form would never send.
   */
  async ask(url: string | URL, ask: Ask = {}): Promise<Answer> {
    const target = new URL(url);
    const cookie = this.cookies.header(target, ask.method ?? 'GET');
    const answer = await send(target, { ...ask, headers: { ...(cookie ? { cookie } : {}), ...ask.headers } });
    this.cookies.receive(target, answer.headers['set-cookie'] ?? []);
    return answer;
  }

  /**
   * Signs in at `broker` through the provider of `party` (its name as the broker's sign-in page shows it, or
   * any part of the link, an issuer for instance) and comes back. `path` is what the broker opens first: its
   * own sign-in page, or any page that leads there.
   *
   * @throws {SignInRefused} when the provider does not take email and password, or the broker not the person.
   */
  async signIn(
    broker: string | URL,
    party: string,
    email: string,
    password: string,
    path = '/signin',
  ): Promise<Page> {
    const home = new URL(broker);
    await this.open(new URL(path, home));
    const link = this.page.links.find(one => says(`${one.text} ${one.url.href}`, party));
    if (link) await this.follow(link);
    else await this.submit(party);

    // A provider that still knows this browser sends it straight back.
    if (this.page.url.origin !== home.origin) {
      const form = this.page.forms.find(one => one.fields.some(field => field.type === 'password'));
      if (!form) throw new SignInRefused(this.page);
      const name = form.fields.find(field => field.type === 'email' || /mail|login|user/i.test(field.name));
      const secret = form.fields.find(field => field.type === 'password');
      await this.submit(form, { [name?.name ?? 'email']: email, [secret?.name ?? 'password']: password });
    }
    if (this.page.url.origin !== home.origin || this.page.status >= 400) throw new SignInRefused(this.page);
    return this.page;
  }

  #filled(form: Form, values: Readonly<Record<string, string | boolean>>, pressed?: Button): URLSearchParams {
    const names = new Set(form.fields.map(field => field.name));
    for (const name of Object.keys(values)) {
      if (!names.has(name)) this.#missing(`field ${name}`, [...names]);
    }
    const sent = new URLSearchParams();
    for (const field of form.fields) {
      if (!field.name || field.disabled) continue;
      const given = values[field.name];
      if (field.type === 'checkbox' || field.type === 'radio') {
        const on = given === undefined ? field.checked : given === true || given === field.value;
        if (on) sent.append(field.name, field.value);
        continue;
      }
      const value = given === undefined ? field.value : String(given);
      if (field.type === 'select' && given !== undefined && !field.options.includes(value)) {
        this.#missing(`choice ${value} in ${field.name}`, field.options);
      }
      sent.append(field.name, value);
    }
    if (pressed?.name) sent.append(pressed.name, pressed.value);
    return sent;
  }

  async #navigate(start: URL, ask: Ask, from?: Page): Promise<Page> {
    let url = start;
    let current = ask;
    for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
      const method = current.method ?? 'GET';
      const cookie = this.cookies.header(url, method, from?.url);
      const answer = await send(url, {
        ...current,
        headers: { ...current.headers, ...browserHeaders(url, method, from), ...(cookie ? { cookie } : {}) },
      });
      this.cookies.receive(url, answer.headers['set-cookie'] ?? []);

      const location = answer.headers.location;
      if (!location || answer.status < 300 || answer.status > 399) {
        const type = String(answer.headers['content-type'] ?? '');
        const html = /html|text|json|xml/.test(type) ? answer.body.toString() : '';
        this.#page = { ...answer, html, ...readPage(type.includes('html') ? html : '', url) };
        return this.#page;
      }
      // A fragment is kept from the address before when the new one has none, as browsers do.
      const next = new URL(location, url);
      if (!next.hash) next.hash = url.hash;
      url = next;
      if (answer.status !== 307 && answer.status !== 308) current = {};
    }
    throw new Error(`more than ${MOST_REDIRECTS} redirects, the last to ${url.origin}${url.pathname}`);
  }

  #missing(what: string, offered: readonly string[]): never {
    const { url, status } = this.page;
    const list = offered.length > 0 ? offered.map(one => `"${one.slice(0, 80)}"`).join(', ') : 'none';
    throw new Error(`no ${what} on ${url.origin}${url.pathname} (${status}); there are: ${list}`);
  }
}

/** The sign-in ended somewhere else than it should; `page` is where. */
export class SignInRefused extends Error {
  readonly code = 'sign-in-refused';
  readonly page: Page;

  constructor(page: Page) {
    super(
      `the sign-in ended at ${page.url.origin}${page.url.pathname} (${page.status}): ${page.text.slice(0, 200)}`,
    );
    this.page = page;
  }
}

/** What a browser adds to a navigation by itself. */
function browserHeaders(url: URL, method: string, from?: Page): Record<string, string> {
  const policy = String(from?.headers['referrer-policy'] ?? 'strict-origin-when-cross-origin');
  const sameOrigin = from?.url.origin === url.origin;
  const headers: Record<string, string> = {
    accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
    'accept-language': 'en-US,en;q=0.9',
    'user-agent': 'Mozilla/5.0 (a person of the demo)',
    'sec-fetch-dest': 'document',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-user': '?1',
    'sec-fetch-site': 'none',
  };
  if (!from) return headers;

  const sameSite = from.url.hostname === url.hostname && from.url.protocol === url.protocol;
  headers['sec-fetch-site'] = sameOrigin ? 'same-origin' : sameSite ? 'same-site' : 'cross-site';
  if (method !== 'GET' && method !== 'HEAD') {
    // Fetch, "append a request Origin header": some referrer policies make it the word null.
    const hidden = policy.includes('no-referrer') && !policy.includes('downgrade');
    headers.origin = hidden || (policy.endsWith('same-origin') && !sameOrigin) ? 'null' : from.url.origin;
  }
  if (!policy.startsWith('no-referrer') && (sameOrigin || !policy.endsWith('same-origin'))) {
    headers.referer = sameOrigin ? from.url.href.split('#')[0]! : `${from.url.origin}/`;
  }
  return headers;
}

/** A link or form itself, rather than words to find one by. */
function isPart<P extends Link | Form>(which: P | string | RegExp): which is P {
  return typeof which === 'object' && !(which instanceof RegExp);
}

function says(text: string, which: string | RegExp): boolean {
  return typeof which === 'string' ? text.toLowerCase().includes(which.toLowerCase()) : which.test(text);
}

function send(url: URL, ask: Ask): Promise<Answer> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: ask.method ?? 'GET',
      headers: ask.headers ?? {},
      // One connection a request: a visitor holds nothing open, so whatever it visits can stop at any time.
      agent: false,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    sent.once('error', reject);
    sent.once('response', response => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > LONGEST_ANSWER)
          sent.destroy(new Error(`${url.origin}${url.pathname} sends without an end`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          url,
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.end(ask.body);
  });
}
