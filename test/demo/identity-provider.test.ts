import { createLocalJWKSet, jwtVerify } from 'jose';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { castWithPasswords, PARTY_NAMES, peopleOf } from '../../src/demo/cast.ts';
import { type IdentityProvider, startIdentityProvider } from '../../src/demo/identity-provider.ts';
import { SignInRefused, Visitor } from '../../src/demo/visitor.ts';
import { axeViolations, startBrowser } from './browser.ts';
import { type RelyingParty, startRelyingParty } from './relying-party.ts';

const cast = castWithPasswords();
let broker: RelyingParty;
let northwind: IdentityProvider;
let acme: IdentityProvider;

beforeAll(async () => {
  broker = await startRelyingParty();
  const start = (party: 'msp' | 'client') =>
    startIdentityProvider({
      port: 0,
      party,
      partyName: PARTY_NAMES[party],
      people: peopleOf(cast, party),
      clients: [broker.client(party)],
      showPasswords: true,
    });
  [northwind, acme] = await Promise.all([start('msp'), start('client')]);
  await broker.trust('msp', PARTY_NAMES.msp, northwind.issuer);
  await broker.trust('client', PARTY_NAMES.client, acme.issuer);
});

afterAll(async () => {
  await Promise.all([broker?.close(), northwind?.close(), acme?.close()]);
});

const enter = (visitor: Visitor, who: keyof typeof cast) =>
  visitor.signIn(broker.origin, PARTY_NAMES[cast[who].party], cast[who].email, cast[who].password);

describe('a sign-in', () => {
  test('carries who somebody is, their groups and when they proved it', async () => {
    const before = Math.floor(Date.now() / 1000);
    await enter(new Visitor(), 'maya');
    expect(broker.last.claims).toMatchObject({
      iss: northwind.issuer,
      aud: 'broker-msp',
      sub: cast.maya.subject,
      name: 'Maya Okafor',
      email: 'maya@northwind.example',
      email_verified: true,
      groups: ['backup-ops'],
    });
    expect(broker.last.claims.auth_time).toBeGreaterThanOrEqual(before);
  });

  test('the same subject and group exist at both providers, under different issuers', async () => {
    await enter(new Visitor(), 'maya');
    const maya = broker.last.claims;
    await enter(new Visitor(), 'mallory');
    const mallory = broker.last.claims;
    expect(mallory.sub).toBe(maya.sub);
    expect(mallory.groups).toEqual(maya.groups);
    expect(mallory.iss).not.toBe(maya.iss);
  });

  test('one browser holds a session at both providers, though cookies ignore ports', async () => {
    const visitor = new Visitor();
    await enter(visitor, 'maya');
    await enter(visitor, 'dana');
    // No form is asked for now: each provider still knows its own person.
    await visitor.open(`${broker.origin}/signin/msp`);
    expect(broker.last.claims.email).toBe('maya@northwind.example');
    await visitor.open(`${broker.origin}/signin/client`);
    expect(broker.last.claims.email).toBe('dana@acme.example');
  });

  test('prompt=login asks again, and auth_time moves', async () => {
    const visitor = new Visitor();
    await enter(visitor, 'dana');
    const first = broker.last.claims.auth_time as number;
    await new Promise(done => setTimeout(done, 1100));
    await visitor.open(`${broker.origin}/signin/client?prompt=login&max_age=0`);
    expect(visitor.page.url.origin).toBe(acme.issuer);
    await visitor.submit('Email', { email: cast.dana.email, password: cast.dana.password });
    expect(visitor.page.url.origin).toBe(broker.origin);
    expect(broker.last.claims.auth_time).toBeGreaterThan(first);
  });

  test('without PKCE there is none', async () => {
    const visitor = new Visitor();
    const ask = new URL('/auth', northwind.issuer);
    ask.search = new URLSearchParams({
      client_id: 'broker-msp',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: `${broker.origin}/callback/msp`,
      state: 'whatever',
    }).toString();
    await visitor.open(ask);
    expect(visitor.page.url.searchParams.get('error')).toBe('invalid_request');
  });

  test('another redirect address gets a page and no redirect', async () => {
    const visitor = new Visitor();
    const ask = new URLSearchParams({ client_id: 'broker-msp', redirect_uri: 'http://evil.example/' });
    await visitor.open(`${northwind.issuer}/auth?${ask}&response_type=code&scope=openid`);
    expect(visitor.page.status).toBe(400);
    expect(visitor.page.url.origin).toBe(northwind.issuer);
    expect(visitor.page.text).toContain('redirect_uri');
    expect(visitor.page.text).toContain('You have not been signed in');
  });

  test('groups are those of now', async () => {
    northwind.setGroups('noah@northwind.example', ['noc', 'backup-ops']);
    await enter(new Visitor(), 'noah');
    expect(broker.last.claims.groups).toEqual(['noc', 'backup-ops']);
    northwind.setGroups(cast.noah.subject, ['noc']);
    await enter(new Visitor(), 'noah');
    expect(broker.last.claims.groups).toEqual(['noc']);
    expect(() => northwind.setGroups('dana@acme.example', [])).toThrow('nobody called dana@acme.example');
  });

  test('auth_time follows the clock that was given', async () => {
    const longAgo = new Date('2026-01-01T00:00:00Z');
    const slow = await startIdentityProvider({
      port: 0,
      party: 'msp',
      partyName: 'Slow MSP',
      people: peopleOf(cast, 'msp'),
      clients: [broker.client('slow')],
      clock: () => longAgo,
    });
    await broker.trust('slow', 'Slow MSP', slow.issuer);
    await new Visitor().signIn(broker.origin, 'Slow MSP', cast.maya.email, cast.maya.password);
    expect(broker.last.claims.auth_time).toBe(longAgo.getTime() / 1000);
    await slow.close();
  });
});

describe('the form', () => {
  test('a wrong password is refused in words, and the email stays', async () => {
    const visitor = new Visitor();
    const attempt = visitor.signIn(broker.origin, PARTY_NAMES.msp, cast.maya.email, cast.dana.password);
    await expect(attempt).rejects.toThrow(SignInRefused);
    expect(visitor.page.status).toBe(401);
    expect(visitor.page.text).toContain('No account has this email and password together');
    const email = visitor.form('Sign in').fields.find(field => field.name === 'email');
    expect(email?.value).toBe(cast.maya.email);
    // And the right one afterwards, from the same page.
    await visitor.submit('Sign in', { password: cast.maya.password });
    expect(visitor.page.url.origin).toBe(broker.origin);
  });

  test("a person of the other party's provider is nobody here", async () => {
    const attempt = new Visitor().signIn(broker.origin, PARTY_NAMES.msp, cast.dana.email, cast.dana.password);
    await expect(attempt).rejects.toThrow(SignInRefused);
  });

  test('hostile input comes back as text', async () => {
    const visitor = new Visitor();
    const hostile = '"><script>alert(1)</script>@x';
    const attempt = visitor.signIn(broker.origin, PARTY_NAMES.msp, hostile, 'x');
    await expect(attempt).rejects.toThrow(SignInRefused);
    expect(visitor.page.html).not.toContain('<script');
    expect(visitor.form('Sign in').fields.find(field => field.name === 'email')?.value).toBe(hostile);
  });

  test('a login hint is escaped too', async () => {
    const visitor = new Visitor();
    await visitor.open(`${broker.origin}/signin/msp?login_hint=${encodeURIComponent('"><img src=x>')}`);
    expect(visitor.page.html).not.toContain('<img');
  });

  test('one click makes somebody Maya', async () => {
    const visitor = new Visitor();
    await visitor.open(`${broker.origin}/signin/msp`);
    await visitor.submit(/Sign in as Maya/);
    expect(broker.last.claims.name).toBe('Maya Okafor');
  });

  test('refuses what is no sign-in: other sites, huge bodies, stale and foreign pages', async () => {
    const visitor = new Visitor();
    await visitor.open(`${broker.origin}/signin/msp`);
    const { url } = visitor.page;
    const post = (body: string, origin = northwind.issuer) =>
      visitor.ask(url, {
        method: 'POST',
        body,
        headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
      });
    expect((await post('email=a', 'http://evil.example')).status).toBe(403);
    expect((await post(`email=${'a'.repeat(20_000)}`)).status).toBe(413);
    expect((await new Visitor().open(url)).status).toBe(400);
    expect((await new Visitor().open(`${northwind.issuer}/interaction/made-up`)).text).toContain(
      'no longer valid',
    );
    // The page itself still works after all that.
    await visitor.submit('Sign in', { email: cast.sam.email, password: cast.sam.password });
    expect(broker.last.claims.name).toBe('Sam Ortiz');
  });

  test('the passwords are shown only where they are meant to be', async () => {
    const discreet = await startIdentityProvider({
      port: 0,
      party: 'client',
      partyName: 'Discreet',
      people: peopleOf(cast, 'client'),
      clients: [broker.client('discreet')],
    });
    await broker.trust('discreet', 'Discreet', discreet.issuer);
    const visitor = new Visitor();
    await visitor.open(`${broker.origin}/signin/discreet`);
    expect(visitor.page.forms).toHaveLength(1);
    expect(visitor.page.html).not.toContain(cast.dana.password);
    await discreet.close();
  });
});

test('sign-out tells the broker through the back channel, and forgets the person', async () => {
  const visitor = new Visitor();
  await enter(visitor, 'audrey');
  const { claims, idToken } = broker.last;
  const out = new URLSearchParams({
    id_token_hint: idToken,
    post_logout_redirect_uri: `${broker.origin}/signin`,
  });
  await visitor.open(`${acme.issuer}/session/end?${out}`);
  await visitor.submit('', {}, 'Sign out');
  expect(visitor.page.url.href).toBe(`${broker.origin}/signin`);

  const keys = JSON.parse((await visitor.ask(`${acme.issuer}/jwks`)).body.toString());
  const { payload } = await jwtVerify(broker.logoutTokens.at(-1) ?? '', createLocalJWKSet(keys), {
    issuer: acme.issuer,
    audience: 'broker-client',
  });
  expect(payload.sub).toBe(cast.audrey.subject);
  expect(payload.sid).toBe(claims.sid);

  await visitor.open(`${broker.origin}/signin/client`);
  expect(visitor.page.url.origin).toBe(acme.issuer);
});

test('nothing is said on standard output or error by the library', async () => {
  const { spawnSync } = await import('node:child_process');
  const script = `
    const { startIdentityProvider } = await import('./src/demo/identity-provider.ts');
    const start = party => startIdentityProvider({ port: 0, party, partyName: party, people: [], clients: [] });
    await Promise.all((await Promise.all([start('msp'), start('client')])).map(one => one.close()));
    console.info('done');`;
  const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: new URL('../..', import.meta.url),
  });
  expect(ran.stderr.toString()).toBe('');
  expect(ran.stdout.toString()).toBe('done\n');
});

describe('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  test.each(['light', 'dark'] as const)('the pages have no axe violations in %s', async colorScheme => {
    const context = await browser.newContext({ colorScheme, viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('console', message => problems.push(message.text()));
    for (const key of ['msp', 'client']) {
      await page.goto(`${broker.origin}/signin/${key}`);
      expect(await axeViolations(page)).toEqual([]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      expect(wide).toBe(false);
    }
    await page.goto(acme.issuer);
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });

  test('the form, the refusal and the redirect to the broker pass our own policy', async () => {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('console', message => problems.push(message.text()));
    await page.goto(`${broker.origin}/signin/client`);
    await page.getByLabel('Email').fill(cast.ravi.email);
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Sign in as Ravi' }).click();
    await page.waitForURL(`${broker.origin}/**`);
    expect(broker.last.claims.name).toBe('Ravi Menon');

    await page.goto(`${acme.issuer}/session/end`);
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    // Signed out already: the library's own page sends its form by an inline script that the policy must know.
    await page.goto(`${acme.issuer}/session/end`);
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    expect(problems.filter(text => !text.includes('401'))).toEqual([]);
    await page.close();
  });
});
