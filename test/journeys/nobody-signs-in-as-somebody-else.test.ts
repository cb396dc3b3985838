import { describe, expect, it } from 'vitest';
import { Visitor } from '../../src/demo/visitor.ts';
import { issuerKey } from '../../src/identity/sign-in.ts';
import { caughtCallback } from '../fixtures/caught-callback.ts';
import { raised } from '../fixtures/raised.ts';

const stage = raised();

const whoami = (visitor: Visitor) => visitor.ask(new URL('/api/v1/whoami', stage().url));

describe('coming back from the provider', () => {
  it('works once: a replayed state and code are refused', async () => {
    const maya = new Visitor();
    const callback = await caughtCallback(stage(), maya, 'maya');
    expect((await maya.ask(callback)).status).toBe(303);
    expect((await whoami(maya)).status).toBe(200);
    const replayed = await maya.ask(callback);
    expect(replayed.status).toBe(400);
  });

  it('in another browser is refused, so nobody can be signed in as the attacker', async () => {
    const attacker = new Visitor();
    const callback = await caughtCallback(stage(), attacker, 'maya');
    const victim = new Visitor();
    expect((await victim.ask(callback)).status).toBe(400);
    expect((await whoami(victim)).status).toBe(401);
  });

  it('to the other issuer’s address is refused: no mix-up', async () => {
    const maya = new Visitor();
    const callback = await caughtCallback(stage(), maya, 'maya');
    const other = new URL(callback);
    other.pathname = `/signin/${issuerKey(stage().providers.client.issuer)}/callback`;
    expect((await maya.ask(other)).status).toBe(400);
    expect((await whoami(maya)).status).toBe(401);
  });

  it('with another state, or none, is refused', async () => {
    const maya = new Visitor();
    const callback = await caughtCallback(stage(), maya, 'maya');
    for (const state of ['', 'x'.repeat(43)]) {
      const forged = new URL(callback);
      forged.searchParams.set('state', state);
      expect((await maya.ask(forged)).status).toBe(400);
    }
  });

  it('of an issuer that nobody configured is refused', async () => {
    const answer = await new Visitor().ask(new URL('/signin/000000000000', stage().url));
    expect(answer.status).toBe(400);
  });

  it('lands nowhere but here, whatever return address was given', async () => {
    for (const target of [
      '//evil.example',
      'https://evil.example/',
      '/\\evil.example',
      'javascript:alert(1)',
    ]) {
      const visitor = new Visitor();
      const { email, password } = stage().cast.maya;
      const page = await visitor.signIn(
        stage().url,
        'Northwind',
        email,
        password,
        `/signin?return_to=${encodeURIComponent(target)}`,
      );
      expect(page.url.origin).toBe(stage().url.origin);
    }
  });
});

describe('a session', () => {
  it('is not fixed by a cookie that was there before', async () => {
    const maya = new Visitor();
    const fixed = 'A'.repeat(43);
    const before = await maya.ask(new URL('/api/v1/whoami', stage().url), {
      headers: { cookie: `sallyport=${fixed}` },
    });
    expect(before.status).toBe(401);
    const { email, password } = stage().cast.maya;
    await maya.signIn(stage().url, 'Northwind', email, password);
    const cookie = maya.cookies.header(stage().url, 'GET') ?? '';
    expect(cookie).toContain('sallyport=');
    expect(cookie).not.toContain(fixed);
  });

  it('changes nothing on the word of another site', async () => {
    const dana = await stage().as('dana');
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, {}] as Record<
      string,
      string
    >[]) {
      const forged = await dana.ask(new URL('/api/v1/lockout', stage().url), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{}',
      });
      expect(forged.status).toBe(403);
      expect(JSON.parse(forged.body.toString()).code).toBe('wrong-origin');
    }
  });

  it('ends when its person signs out, also for a copy of the cookie', async () => {
    const maya = new Visitor();
    const { email, password } = stage().cast.maya;
    await maya.signIn(stage().url, 'Northwind', email, password);
    const cookie = maya.cookies.header(stage().url, 'GET')!;
    const out = await maya.ask(new URL('/signout', stage().url), {
      method: 'POST',
      headers: { origin: stage().url.origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: '',
    });
    expect(out.status).toBeLessThan(400);
    const copy = await new Visitor().ask(new URL('/api/v1/whoami', stage().url), { headers: { cookie } });
    expect(copy.status).toBe(401);
  });

  it('lets one browser be two people, and says which one acts', async () => {
    const both = new Visitor();
    const { maya, dana } = stage().cast;
    await both.signIn(stage().url, 'Northwind', maya.email, maya.password);
    await both.signIn(stage().url, 'Acme', dana.email, dana.password);
    expect(JSON.parse((await whoami(both)).body.toString()).name).toBe('Dana Whitfield');
    await both.open(stage().url);
    await both.submit(/Maya Okafor/);
    expect(JSON.parse((await whoami(both)).body.toString()).name).toBe('Maya Okafor');
  });
});

describe('an account', () => {
  it('is issuer and subject: the same subject at the other provider is somebody else', async () => {
    const [maya, mallory] = await Promise.all([
      stage().api('maya', 'GET', '/whoami'),
      stage().api('mallory', 'GET', '/whoami'),
    ]);
    expect(maya.json.subject).toBe(mallory.json.subject);
    expect(maya.json.id).not.toBe(mallory.json.id);
    expect(mallory.json.engagements).toEqual([{ tenant: 'acme', party: 'client', squads: [] }]);
  });

  it('is not a token’s to widen: a token makes no token', async () => {
    const answer = await stage().api('maya', 'POST', '/tokens', { label: 'another' });
    expect([answer.status, answer.json.code]).toEqual([403, 'browser-needed']);
  });

  it('has tokens that end when they are revoked', async () => {
    const noah = await stage().as('noah');
    const made = await noah.ask(new URL('/api/v1/tokens', stage().url), {
      method: 'POST',
      headers: { origin: stage().url.origin, 'content-type': 'application/json' },
      body: JSON.stringify({ label: 'once' }),
    });
    const { id, token } = JSON.parse(made.body.toString());
    const call = () =>
      fetch(new URL('/api/v1/whoami', stage().url), { headers: { authorization: `Bearer ${token}` } });
    expect((await call()).status).toBe(200);
    expect((await stage().api('noah', 'DELETE', `/tokens/${id}`)).status).toBe(200);
    expect((await call()).status).toBe(401);
  });

  it.each(['', 'Bearer', 'Bearer x', `Bearer sp_${'A'.repeat(43)}`, 'Basic bWF5YTpwdw=='])(
    'is nobody by the header %j',
    async authorization => {
      const answer = await fetch(new URL('/api/v1/whoami', stage().url), { headers: { authorization } });
      expect(answer.status).toBe(401);
    },
  );
});

describe('an email that the matrix names', () => {
  const squadsOf = async (name: 'chris' | 'mallory', email: string) => {
    const visitor = new Visitor();
    await visitor.signIn(stage().url, 'Acme', email, stage().cast[name].password);
    const { engagements } = JSON.parse((await whoami(visitor)).body.toString());
    return engagements[0].squads as string[];
  };

  it('stays with whom it was bound to, when it has changed hands', async () => {
    const { client } = stage().providers;
    const { chris, mallory } = stage().cast;
    expect(await squadsOf('chris', chris.email)).toContain('client/ciso');
    client.setEmail(chris.subject, 'chris.adeyemi@acme.example', true);
    client.setEmail(mallory.subject, chris.email, true);
    expect(await squadsOf('mallory', chris.email)).not.toContain('client/ciso');
    client.setEmail(mallory.subject, mallory.email, true);
    client.setEmail(chris.subject, chris.email, true);
    expect(await squadsOf('chris', chris.email)).toContain('client/ciso');
  });

  it('is nobody’s while the provider has not verified it', async () => {
    const { client } = stage().providers;
    const { robin, mallory } = stage().cast;
    client.setEmail(robin.subject, 'robin.castell@acme.example', true);
    client.setEmail(mallory.subject, robin.email, false);
    expect(await squadsOf('mallory', robin.email)).not.toContain('client/ciso');
    client.setEmail(mallory.subject, robin.email, true);
    expect(await squadsOf('mallory', robin.email)).toContain('client/ciso');
    client.setEmail(mallory.subject, mallory.email, true);
    client.setEmail(robin.subject, robin.email, true);
  });
});
