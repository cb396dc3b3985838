import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CastName } from '../../src/demo/cast.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { raised } from '../fixtures/raised.ts';
import { heard, wire } from '../fixtures/wire.ts';

const stage = raised();

const PROVIDERS = { maya: 'Northwind', noah: 'Northwind', chris: 'Acme' } as const;

/** A browser of their own, so that nobody else's ends with it. */
async function browserOf(name: keyof typeof PROVIDERS & CastName): Promise<Visitor> {
  const { email, password } = stage().cast[name];
  const visitor = new Visitor();
  await visitor.signIn(stage().url, PROVIDERS[name], email, password);
  return visitor;
}

/** As its person does it, in another browser, on the page. */
async function signOutEverywhere(name: keyof typeof PROVIDERS): Promise<void> {
  const victim = await browserOf(name);
  await victim.open(new URL('/me', stage().url));
  const out = await victim.submit(/everywhere/i, {}, /everywhere/i);
  expect(out.status).toBeLessThan(400);
}

/** Sends the headers, and keeps the body back. */
async function begun(path: string, header: string, type: string, body: string) {
  const socket = await wire(stage().broker.http.port);
  const hearing = heard(socket);
  const { host, origin } = stage().url;
  socket.write(
    [
      `POST ${path} HTTP/1.1`,
      `host: ${host}`,
      `origin: ${origin}`,
      header,
      `content-type: ${type}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '\r\n',
    ].join('\r\n'),
  );
  return () => {
    socket.write(body);
    return hearing;
  };
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
const LABEL = JSON.stringify({ label: 'x' });

describe('a request whose body is kept back until its person has signed out everywhere', () => {
  it.each<[string, number, string, string, string]>([
    ['a token', 401, '/api/v1/tokens', JSON_TYPE, LABEL],
    ['a key', 401, '/api/v1/keys', JSON_TYPE, '{"public_key":"ssh-ed25519 AAAA"}'],
    ['a token on the page', 303, '/me/tokens', FORM_TYPE, 'label=x'],
  ])('makes no more of a stolen cookie: %s', async (_, status, path, type, body) => {
    const thief = await browserOf('maya');
    const cookie = `cookie: ${thief.cookies.header(stage().url, 'POST')}`;
    const finish = await begun(path, cookie, type, body);
    // What it would take to look up who calls, were that done by the headers.
    await sleep(300);
    await signOutEverywhere('maya');
    const { statuses, text } = await finish();
    expect(statuses).toEqual([status]);
    expect(text).toMatch(status === 303 ? /^location: \/signin\b/im : /sign-in-needed/);
    expect(text).not.toMatch(/sp_[\w-]{20}/);
  });

  it('makes no more of a stolen token', async () => {
    const thief = await browserOf('noah');
    const made = await thief.ask(new URL('/api/v1/tokens', stage().url), {
      method: 'POST',
      headers: { origin: stage().url.origin, 'content-type': JSON_TYPE },
      body: LABEL,
    });
    const { token } = JSON.parse(made.body.toString());
    const finish = await begun('/api/v1/requests', `authorization: Bearer ${token}`, JSON_TYPE, '{}');
    await sleep(300);
    await signOutEverywhere('noah');
    const { statuses, text } = await finish();
    expect([statuses, text]).toEqual([[401], expect.stringContaining('token-refused')]);
  });

  it('is done as ever where nobody signed out', async () => {
    const chris = await browserOf('chris');
    const cookie = `cookie: ${chris.cookies.header(stage().url, 'POST')}`;
    const finish = await begun('/api/v1/tokens', cookie, JSON_TYPE, LABEL);
    await sleep(100);
    expect((await finish()).statuses).toEqual([201]);
  });
});
