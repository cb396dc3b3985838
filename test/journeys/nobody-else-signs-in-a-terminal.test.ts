import { sql } from 'drizzle-orm';
import { afterEach, describe, expect, it } from 'vitest';
import { classifiedRoutes, proofOf } from '../../src/api/proof.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { MOST_WAITING, MOST_WRONG, openDeviceSignIns } from '../../src/identity/device.ts';
import { deviceSignIns, wrongDeviceCodes } from '../../src/store/tables.ts';
import { sallyport } from '../cli/broker.ts';
import { logOf, raised } from '../fixtures/raised.ts';
import { asBearer, confirm, GRANT, oauth, typeCode, waitingTerminal } from '../fixtures/terminal.ts';

// The broker's clock; it stands still for who counts seconds, however long the machine takes.
let ahead = 0;
let stands: number | null = null;
const clock = { now: () => new Date((stands ?? Date.now()) + ahead) };
const stage = raised({ adjust: { clock } });
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Lets time pass, and takes it back: what others of this file hold does not age. */
async function later<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  ahead += milliseconds;
  try {
    return await work();
  } finally {
    ahead -= milliseconds;
  }
}

// Also after a test that failed: what it leaves must not fail the next.
afterEach(async () => {
  stands = null;
  await installation().delete(wrongDeviceCodes);
});

const application = () => stage().broker.application;
const installation = () => application().database.installation;
const page = (path: string) => new URL(path, stage().url);
const errorOf = async (reply: Promise<{ json: { error?: string } }>) => (await reply).json.error;

/** What a page of another site, or a program with a stolen cookie, can send. */
const post = (
  visitor: Visitor,
  path: string,
  form: Record<string, string>,
  headers: Record<string, string>,
) =>
  visitor.ask(page(path), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  });

/** Of a terminal that this person signed in. */
async function tokenOf(name: 'maya' | 'chris'): Promise<string> {
  const terminal = await waitingTerminal(stage());
  await confirm(stage(), await stage().as(name), terminal.code);
  return (await terminal.poll()).json.access_token;
}

describe('somebody who would have Maya sign their terminal in', () => {
  it('gets nowhere with a link that carries the code: no page reads one from an address', async () => {
    const terminal = await waitingTerminal(stage());
    const maya = await stage().as('maya');
    for (const name of ['user_code', 'code', 'answer']) {
      const shown = await maya.open(page(`/device?${name}=${terminal.code}&answer=yes`));
      expect(shown.html).not.toContain(terminal.code);
    }
    const { json } = await oauth(stage(), 'device_authorization', {});
    expect(json).not.toHaveProperty('verification_uri_complete');
    expect(await errorOf(terminal.poll())).toBe('authorization_pending');
  });

  it.each([
    ['from another site', { origin: 'https://evil.example' }],
    ['from a sandboxed frame', { origin: 'null' }],
    ['with no origin', {}],
  ])('cannot have her browser confirm %s', async (_, headers) => {
    const terminal = await waitingTerminal(stage());
    const maya = await stage().as('maya');
    for (const path of ['/device', '/device/answer']) {
      const answer = await post(maya, path, { code: terminal.code, answer: 'yes' }, headers);
      expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([403, 'wrong-origin']);
    }
    expect(await errorOf(terminal.poll())).toBe('authorization_pending');
  });

  it('cannot frame the page', async () => {
    const { headers } = await (await stage().as('maya')).ask(page('/device'));
    expect(headers['content-security-policy']).toMatch(/frame-ancestors 'none'/);
  });

  it('cannot use a browser where nobody is signed in', async () => {
    const terminal = await waitingTerminal(stage());
    const headers = { origin: stage().url.origin };
    const answer = await post(
      new Visitor(),
      '/device/answer',
      { code: terminal.code, answer: 'yes' },
      headers,
    );
    expect([answer.status, answer.headers.location]).toEqual([303, '/signin?return_to=%2Fdevice']);
    expect(await errorOf(terminal.poll())).toBe('authorization_pending');
  });

  it('cannot use a browser that she left an hour ago: the sign-in has to be fresh', async () => {
    const terminal = await waitingTerminal(stage());
    const maya = await stage().as('maya');
    await later(11 * MINUTE, async () => {
      expect((await maya.open(page('/device'))).text).toContain('Sign in once more first');
      const headers = { origin: stage().url.origin };
      const answer = await post(maya, '/device/answer', { code: terminal.code, answer: 'yes' }, headers);
      expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([403, 'fresh-sign-in-needed']);
    });
    expect(await errorOf(terminal.poll())).toBe('authorization_pending');
  });

  it('shows her their words as words, and as their own', async () => {
    const label = '<img src=x onerror=alert(1)><b>Acme IT</b>';
    const terminal = await waitingTerminal(stage(), { label });
    const shown = await typeCode(stage(), await stage().as('maya'), terminal.code);
    expect(shown.html).not.toContain('<img src=x');
    expect(shown.text).toMatch(/<img src=x onerror=alert\(1\)>.*its own word, not checked/s);
    for (const hidden of ['maya\u202eevil', 'a\nb', 'x'.repeat(101)]) {
      expect((await oauth(stage(), 'device_authorization', { label: hidden })).json.error).toBe(
        'invalid_request',
      );
    }
  });

  it('cannot say where they are: no stranger’s word on addresses is taken', async () => {
    const { json } = await oauth(stage(), 'device_authorization', {}, { 'x-forwarded-for': '10.9.9.9' });
    const shown = await typeCode(stage(), await stage().as('maya'), json.user_code);
    expect(shown.text).not.toContain('10.9.9.9');
    expect(shown.text).toContain('127.0.0.1');
  });

  it('is on record when she refuses', async () => {
    const terminal = await waitingTerminal(stage());
    const maya = await stage().as('maya');
    await typeCode(stage(), maya, terminal.code);
    await maya.submit(/refuse/i, {}, /refuse/i);
    expect(await errorOf(terminal.poll())).toBe('access_denied');
    expect((await logOf(stage())).findLast(({ action }) => action === 'device.refused')?.data).toEqual({
      address: '127.0.0.1',
      client: 'sallyport-cli',
    });
    // It is used up, also for a second thought.
    expect((await typeCode(stage(), maya, terminal.code)).status).toBe(422);
  });

  it('cannot race: of two people who confirm at once, one does', async () => {
    for (let round = 0; round < 5; round++) {
      const terminal = await waitingTerminal(stage());
      const people = await Promise.all((['maya', 'dana'] as const).map(name => stage().as(name)));
      const answers = await Promise.all(
        people.map(visitor =>
          post(
            visitor,
            '/device/answer',
            { code: terminal.code, answer: 'yes' },
            { origin: stage().url.origin },
          ),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
      const winner = (['maya', 'dana'] as const)[answers.findIndex(({ status }) => status === 200)]!;
      const { access_token: token } = (await terminal.poll()).json;
      const { json } = await asBearer(stage(), token, 'GET', '/whoami');
      expect(json.name).toBe(stage().cast[winner].name);
    }
  });
});

describe('a guesser of codes', () => {
  it('has five tries, and then the right one is not looked at', async () => {
    const terminal = await waitingTerminal(stage());
    const noah = await stage().as('noah');
    for (let guess = 0; guess < MOST_WRONG.person; guess++) {
      expect((await typeCode(stage(), noah, 'BBBB-BBBB')).status).toBe(422);
    }
    const right = await typeCode(stage(), noah, terminal.code);
    expect([right.status, right.text]).toEqual([429, expect.stringContaining('Too many wrong codes')]);
    // It is Noah who has to wait, not Maya.
    await confirm(stage(), await stage().as('maya'), terminal.code);
    expect((await terminal.poll()).status).toBe(200);
  });

  it('counts each of many tries at once', async () => {
    const { person } = (await tokenPerson('noah'))!;
    const tries = await Promise.all(
      Array.from({ length: 30 }, () => application().devices.find(person, 'BBBB-CCCC')),
    );
    expect(tries.filter(outcome => outcome === 'wrong')).toHaveLength(MOST_WRONG.person);
  });

  it('finds no more with many accounts: there is a limit for all together', async () => {
    const terminal = await waitingTerminal(stage());
    const at = new Date();
    await installation()
      .insert(wrongDeviceCodes)
      .values(Array.from({ length: MOST_WRONG.total }, (_, i) => ({ id: `wc_${i}`, person: `p_${i}`, at })));
    expect((await typeCode(stage(), await stage().as('maya'), terminal.code)).status).toBe(429);
    await installation().delete(wrongDeviceCodes);
    expect((await typeCode(stage(), await stage().as('maya'), terminal.code)).status).toBe(200);
  });

  it('is not who mistypes: what cannot be a code is no guess', async () => {
    const maya = await stage().as('maya');
    for (const typed of ['AEIO-UYYY', 'BCD', '12345678', '<script>']) {
      expect((await typeCode(stage(), maya, typed)).status).toBe(422);
    }
    expect(await installation().select().from(wrongDeviceCodes)).toEqual([]);
  });
});

describe('a thief of the device code', () => {
  it('gets nothing after the terminal has its token, nor two of them at once', async () => {
    const terminal = await waitingTerminal(stage());
    await confirm(stage(), await stage().as('maya'), terminal.code);
    const polls = await Promise.all(Array.from({ length: 8 }, () => terminal.poll()));
    expect(polls.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await errorOf(terminal.poll())).toBe('invalid_grant');
  });

  it('has no use for it as another client', async () => {
    const terminal = await waitingTerminal(stage());
    await confirm(stage(), await stage().as('maya'), terminal.code);
    const stolen = { grant_type: GRANT, device_code: terminal.device, client_id: 'another-client' };
    const answer = await oauth(stage(), 'token', stolen);
    expect([answer.status, answer.json.error]).toEqual([401, 'invalid_client']);
    // One that the broker would know has no use for it either.
    expect(await application().devices.poll('another-client', terminal.device)).toBe('invalid_grant');
    expect((await terminal.poll()).status).toBe(200);
  });

  it('is slowed down, by five seconds more each time', async () => {
    const terminal = await waitingTerminal(stage());
    const steps: [wait: number, answer: string][] = [
      [0, 'authorization_pending'],
      [1, 'slow_down'],
      [6, 'slow_down'],
      [11, 'slow_down'],
      [21, 'authorization_pending'],
      [10, 'slow_down'],
    ];
    let waited = 0;
    stands = Date.now();
    for (const [wait, answer] of steps) {
      waited += wait * SECOND;
      expect(await later(waited, () => errorOf(terminal.poll())), `${waited} ms`).toBe(answer);
    }
  });

  it('finds it expired after ten minutes, confirmed or not', async () => {
    const [one, other] = [await waitingTerminal(stage()), await waitingTerminal(stage())];
    await confirm(stage(), await stage().as('maya'), other.code);
    const { person } = await tokenPerson('maya');
    await later(10 * MINUTE, async () => {
      expect(await errorOf(one.poll())).toBe('expired_token');
      expect(await errorOf(other.poll())).toBe('expired_token');
      expect(await application().devices.find(person, one.code)).toBe('wrong');
    });
  });
});

describe('the endpoints', () => {
  it('say what they are, as RFC 8414 has it', async () => {
    const origin = stage().url.origin;
    const answer = await fetch(page('/.well-known/oauth-authorization-server'));
    expect(await answer.json()).toEqual({
      issuer: origin,
      token_endpoint: `${origin}/oauth/token`,
      device_authorization_endpoint: `${origin}/oauth/device_authorization`,
      revocation_endpoint: `${origin}/oauth/revoke`,
      grant_types_supported: [GRANT],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
    });
  });

  it('answer as RFC 8628 has it, and are kept by no cache', async () => {
    const { headers, json } = await oauth(stage(), 'device_authorization', {});
    expect(json).toEqual({
      device_code: expect.stringMatching(/^[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: page('/device').href,
      expires_in: 600,
      interval: 5,
    });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    const refused = await oauth(stage(), 'token', { grant_type: GRANT, device_code: 'x'.repeat(43) });
    expect([refused.status, refused.json.error]).toEqual([400, 'invalid_grant']);
    expect([refused.headers.get('cache-control'), refused.headers.get('pragma')]).toEqual([
      'no-store',
      'no-cache',
    ]);
  });

  const device = { device_code: 'x'.repeat(43) };
  it.each<[string, 'token' | 'device_authorization' | 'revoke', Record<string, string>, string]>([
    ['another grant', 'token', { grant_type: 'password', ...device }, 'unsupported_grant_type'],
    ['no grant', 'token', device, 'invalid_request'],
    ['no device code', 'token', { grant_type: GRANT }, 'invalid_request'],
    ['no client', 'token', { grant_type: GRANT, ...device, client_id: '' }, 'invalid_request'],
    ['a strange client', 'device_authorization', { client_id: 'x' }, 'invalid_client'],
    ['a party that is none', 'device_authorization', { party: 'both' }, 'invalid_request'],
    ['no token', 'revoke', {}, 'invalid_request'],
    ['far too much', 'revoke', { token: 'x'.repeat(9000) }, 'invalid_request'],
  ])('refuse %s', async (_, endpoint, form, error) => {
    const { status, json } = await oauth(stage(), endpoint, form);
    expect([json.error, status >= 400 && status < 500]).toEqual([error, true]);
  });

  it('refuse a parameter that is given twice, and what is no form', async () => {
    const send = (body: string, type: string) =>
      fetch(page('/oauth/token'), { method: 'POST', headers: { 'content-type': type }, body });
    const form = `client_id=sallyport-cli&client_id=other&grant_type=${GRANT}&device_code=${'x'.repeat(43)}`;
    for (const answer of [
      await send(form, 'application/x-www-form-urlencoded'),
      await send(JSON.stringify({ client_id: 'sallyport-cli' }), 'application/json'),
      await send('client_id=sallyport-cli', 'text/plain'),
    ]) {
      expect([answer.status, (await answer.json()).error]).toEqual([400, 'invalid_request']);
    }
    expect((await fetch(page('/oauth/token'))).status).toBe(404);
  });

  it('serve no page of any site, ours neither, and read no cookie', async () => {
    for (const origin of ['https://evil.example', 'null', stage().url.origin]) {
      const { status, json } = await oauth(stage(), 'device_authorization', {}, { origin });
      expect([status, json.error]).toEqual([403, 'invalid_request']);
    }
    const maya = await stage().as('maya');
    const cookie = maya.cookies.header(stage().url, 'POST')!;
    const terminal = await waitingTerminal(stage());
    const { json } = await oauth(
      stage(),
      'token',
      { grant_type: GRANT, device_code: terminal.device },
      { cookie },
    );
    expect(json.error).toBe('authorization_pending');
    // The exemption is for these paths as they are written, and for nothing below or beside them.
    for (const path of ['/oauth/token/', '/oauth/token/x', '/oauth//token', '/device', '/me/tokens']) {
      const answer = await post(maya, path, {}, {});
      expect([path, answer.status]).toEqual([path, 403]);
    }
  });

  it('let so many wait from one address, and so many in all', async () => {
    await installation().delete(deviceSignIns);
    for (let i = 0; i < MOST_WAITING.network; i++) await waitingTerminal(stage());
    const full = await oauth(stage(), 'device_authorization', {});
    expect([full.status, full.json.error]).toEqual([429, 'temporarily_unavailable']);
    const elsewhere = {
      client: 'sallyport-cli',
      address: '203.0.113.7',
      network: '203.0.113.7',
      userAgent: null,
      label: null,
      party: null,
    };
    expect(await application().devices.start(elsewhere)).not.toBeNull();
    // Those that nobody answers make room.
    expect(
      await later(10 * MINUTE, () => application().devices.start({ ...elsewhere, network: '127.0.0.1' })),
    ).not.toBeNull();
    await installation().execute(sql`
      insert into device_sign_in
        (device, user_code, client, address, network, interval_seconds, created_at, expires_at, state)
      select 'd' || n, 'u' || n, 'sallyport-cli', 'x', 'n' || n, 5, now(), now() + interval '10 minutes', 'waiting'
      from generate_series(1, ${MOST_WAITING.total}) n`);
    expect(await application().devices.start(elsewhere)).toBeNull();
    await installation().delete(deviceSignIns);
  });

  it('count at once what comes at once', async () => {
    const starts = await Promise.all(
      Array.from({ length: 40 }, () => oauth(stage(), 'device_authorization', {})),
    );
    expect(starts.filter(({ status }) => status === 200)).toHaveLength(MOST_WAITING.network);
    await installation().delete(deviceSignIns);
  });

  it('forget what is long over', async () => {
    await waitingTerminal(stage());
    const { database, engagements } = application();
    const hoursOn = openDeviceSignIns({
      database,
      engagements,
      clock: { now: () => new Date(Date.now() + 2 * 60 * MINUTE) },
    });
    await hoursOn.sweep();
    expect(await installation().select().from(deviceSignIns)).toEqual([]);
  });
});

describe('a token of a terminal', () => {
  it('makes no token, and confirms no other terminal', async () => {
    const token = await tokenOf('maya');
    const made = await asBearer(stage(), token, 'POST', '/tokens', { label: 'another' });
    expect([made.status, made.json.code]).toEqual([403, 'browser-needed']);
    const terminal = await waitingTerminal(stage());
    const headers = { authorization: `Bearer ${token}` };
    for (const [path, form] of [
      ['/device/answer', { code: terminal.code, answer: 'yes' }],
      ['/me/tokens', { label: 'another' }],
      ['/me/keys', { key: 'ssh-ed25519 AAAA' }],
    ] as const) {
      const answer = await post(new Visitor(), path, form, headers);
      expect([path, answer.status, JSON.parse(answer.body.toString()).code]).toEqual([
        path,
        403,
        'browser-needed',
      ]);
    }
    expect(await errorOf(terminal.poll())).toBe('authorization_pending');
  });

  it('is revoked by its own client alone, and then it is nobody’s', async () => {
    const token = await tokenOf('maya');
    expect(await application().devices.revoke('another-client', token)).toBe(false);
    const browserMade = await stage().token('maya');
    expect((await oauth(stage(), 'revoke', { token: browserMade })).json.error).toBe('invalid_grant');
    expect((await asBearer(stage(), token, 'GET', '/whoami')).status).toBe(200);
    expect((await oauth(stage(), 'revoke', { token })).status).toBe(200);
    expect((await asBearer(stage(), token, 'GET', '/whoami')).status).toBe(401);
    expect((await logOf(stage())).findLast(({ action }) => action === 'token.revoked')).toBeDefined();
    // RFC 7009, section 2.2: what is no token is as gone as it was to be.
    expect((await oauth(stage(), 'revoke', { token: `sp_${'A'.repeat(43)}` })).status).toBe(200);
  });

  it('lasts twelve hours and not a second more', async () => {
    const token = await tokenOf('maya');
    const { status, json } = await asBearer(stage(), token, 'GET', '/whoami');
    const left = Date.parse(json.expires_at) - clock.now().getTime();
    expect([status, left <= 12 * 60 * MINUTE]).toEqual([200, true]);
    const call = async () => (await asBearer(stage(), token, 'GET', '/whoami')).status;
    expect(await later(left - MINUTE, call)).toBe(200);
    expect(await later(left, call)).toBe(401);
  });
});

describe('what each route demands', () => {
  interface Documented {
    readonly paths: Record<string, Record<string, unknown>>;
  }
  const documented = async () => {
    const { paths } = (await (await fetch(page('/api/v1/openapi.json'))).json()) as Documented;
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replace('/api/v1', '')}`),
    );
  };

  it('is said for every route that the OpenAPI document names, and for no other', async () => {
    expect([...classifiedRoutes].sort()).toEqual([...(await documented()), 'GET /openapi.json'].sort());
    expect(() => proofOf('api', 'POST /new')).toThrow(/POST \/new/);
    expect(() => proofOf('form', '/new')).toThrow(/\/new/);
  });

  it('holds for a token of a sign-in that is not fresh, and of one that is', async () => {
    const token = await tokenOf('chris');
    const codeOf = async (route: string) => {
      const [method, path] = route.split(' ') as [string, string];
      const filled = path.replace('{id}', 'req_0').replace('{name}', 'nowhere');
      const answer = await asBearer(stage(), token, method, filled, method === 'POST' ? {} : undefined);
      return answer.json?.code ?? answer.status;
    };
    const of = (proof: string) => classifiedRoutes.filter(route => proofOf('api', route) === proof);
    const demanding = of('fresh');
    expect(demanding).toEqual(['POST /targets/{name}/host-keys', 'DELETE /lockout', 'POST /keys']);
    // However fresh: no token of a terminal signs for its party.
    const browsers = of('fresh-browser');
    expect(browsers).toEqual(['POST /matrix/proposals/{id}/sign']);
    for (const route of browsers) expect(await codeOf(route), route).toBe('browser-needed');
    for (const route of demanding) expect(await codeOf(route), route).not.toBe('fresh-sign-in-needed');
    await later(11 * MINUTE, async () => {
      for (const route of demanding) expect(await codeOf(route), route).toBe('fresh-sign-in-needed');
      // Shutting out needs nothing fresh: it is for an emergency.
      expect(await codeOf('POST /lockout')).toBe(200);
    });
    expect(await codeOf('DELETE /lockout')).toBe(200);
  });

  it('is not met by a sign-in elsewhere: a token is as fresh as what it stems from', async () => {
    const token = await tokenOf('maya');
    const { email, password } = stage().cast.maya;
    await later(11 * MINUTE, async () => {
      await new Visitor().signIn(stage().url, 'Northwind', email, password);
      const answer = await asBearer(stage(), token, 'POST', '/keys', { public_key: 'ssh-ed25519 AAAA' });
      expect([answer.status, answer.json.code]).toEqual([403, 'fresh-sign-in-needed']);
    });
  });

  it('is told at the terminal, with what to do', async () => {
    const token = await tokenOf('maya');
    const key =
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9 maya@laptop';
    const { code, err } = await later(11 * MINUTE, () =>
      sallyport(['keys', 'add', '-'], { url: stage().url, token, input: key }),
    );
    expect(code).toBe(1);
    expect(err).toMatch(/run sallyport login again.*fresh-sign-in-needed/);
    expect((await asBearer(stage(), token, 'GET', '/keys')).json.keys).toEqual([]);
  });

  it('is told on the page, with the way there', async () => {
    const maya = await stage().as('maya');
    await maya.open(page('/me'));
    await later(11 * MINUTE, async () => {
      const told = await maya.submit(/public key/i, { key: 'ssh-ed25519 AAAA' });
      expect([told.status, told.text]).toEqual([403, expect.stringContaining('Sign in again for this')]);
      expect(maya.link(/sign in again/i).url.search).toBe('?return_to=%2Fme&again=1');
    });
  });
});

async function tokenPerson(name: 'maya' | 'noah') {
  const credentials = await application().signIns.bearer(await stage().token(name));
  return credentials!;
}
