import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { buildServer, MAX_BODY } from '../../src/api/server.ts';
import type { CastName } from '../../src/demo/cast.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { issuerKey } from '../../src/identity/sign-in.ts';
import { logEntries, requests } from '../../src/store/tables.ts';
import { mountPages, renderProblem } from '../../src/web/pages.tsx';
import { startBrowser } from '../demo/browser.ts';
import { caughtCallback } from '../fixtures/caught-callback.ts';
import { ask, RESTORE, raised } from '../fixtures/raised.ts';
import { heard, said, wire } from '../fixtures/wire.ts';

const stage = raised();
const port = () => stage().broker.http.port;
const here = () => stage().url.host;
const at = (path: string) => new URL(path, stage().url);
const get = (path: string, ...headers: string[]) =>
  said(
    port(),
    [`GET ${path} HTTP/1.1`, `host: ${here()}`, 'connection: close', ...headers, '', ''].join('\r\n'),
  );

/** Every route that the broker has, API and pages: what is added later is in here by itself. */
function routes(): { method: string; path: string }[] {
  const { routes } = buildServer(stage().broker.application, { mount: mountPages, problem: renderProblem });
  const filled = routes
    .filter(({ method }) => method !== 'ALL')
    .map(
      ({ method, path }) =>
        `${method} ${path.replace(':name', 'db01').replace(/:\w+(\{[^}]*\})?/g, 'req_0')}`,
    );
  return [...new Set(filled)].map(one => {
    const [method = '', path = ''] = one.split(' ');
    return { method, path };
  });
}

/** What stands in the log by this person's doing, reading aside. */
const doneBy = async (name: CastName) => {
  const { id } = (await stage().api(name, 'GET', '/whoami')).json;
  const entries = await stage().broker.application.database.within(['acme'], tx =>
    tx
      .select()
      .from(logEntries)
      .where(eq(logEntries.actor, `person:${id}`)),
  );
  return entries.map(({ action }) => action).filter(action => !action.endsWith('.viewed'));
};

describe('a page of somebody else', () => {
  it('is in the list of routes that these tests go through, the API’s with it', async () => {
    const { paths } = await (await fetch(at('/api/v1/openapi.json'))).json();
    const known = new Set(routes().map(({ method, path }) => `${method} ${path}`));
    for (const [path, methods] of Object.entries(paths as Record<string, object>)) {
      const filled = path.replace('{name}', 'db01').replace(/\{\w+\}/g, 'req_0');
      for (const method of Object.keys(methods)) {
        expect(known).toContain(`${method.toUpperCase()} /api/v1${filled}`);
      }
    }
    expect(known).toContain('POST /signout');
    expect(known).toContain('POST /r/req_0/approve');
  });

  it('changes nothing on any route, whatever it says where it is', async () => {
    const dana = await stage().as('dana');
    const before = await doneBy('dana');
    const { host, port: number } = stage().url;
    const origins = [
      'https://evil.example',
      'null',
      '',
      `http://${host}.evil.example`,
      `https://${host}`,
      `http://localhost:${Number(number) + 1}`,
      `http://evil.example@${host}`,
      `http://127.0.0.1:${number}`,
      `${stage().url.origin}/`,
    ];
    const changing = routes().filter(
      ({ method, path }) => !['GET', 'HEAD'].includes(method) && !path.startsWith('/oauth/'),
    );
    expect(changing.length).toBeGreaterThan(20);
    const passed: string[] = [];
    for (const { method, path } of changing) {
      for (const origin of [undefined, ...origins]) {
        const type = path.startsWith('/api/') ? 'text/plain' : 'application/x-www-form-urlencoded';
        const answer = await dana.ask(at(path), {
          method,
          headers: { 'content-type': type, ...(origin === undefined ? {} : { origin }) },
          ...(method === 'DELETE' ? {} : { body: path.startsWith('/api/') ? '{}' : 'reason=x' }),
        });
        const code = answer.body.toString().includes('wrong-origin');
        if (answer.status !== 403 || !code) passed.push(`${method} ${path} from ${origin}: ${answer.status}`);
      }
    }
    expect(passed).toEqual([]);
    expect(await doneBy('dana')).toEqual(before);
    expect((await dana.ask(at('/api/v1/whoami'))).status).toBe(200);
  });

  it('gets nothing where terminals sign in: no browser’s cookie counts there', async () => {
    const dana = await stage().as('dana');
    const before = await doneBy('dana');
    for (const { method, path } of routes().filter(one => one.path.startsWith('/oauth/'))) {
      const { status, headers } = await dana.ask(at(path), {
        method,
        headers: { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
        body: 'client_id=sallyport-cli&token=x',
      });
      expect([path, headers['set-cookie'], headers['access-control-allow-origin']]).toEqual([
        path,
        undefined,
        undefined,
      ]);
      expect([400, 401, 403]).toContain(status);
    }
    expect(await doneBy('dana')).toEqual(before);
  });

  it('gets no leave to send more than a form could, and no other verb for one', async () => {
    const dana = await stage().as('dana');
    const preflight = await dana.ask(at('/api/v1/lockout'), {
      method: 'OPTIONS',
      headers: {
        origin: 'https://evil.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect(Object.keys(preflight.headers).filter(name => name.startsWith('access-control'))).toEqual([]);
    const before = await doneBy('dana');
    for (const { path } of routes().filter(({ method }) => method === 'POST')) {
      for (const headers of [{ 'x-http-method-override': 'POST' }, { 'x-method-override': 'POST' }]) {
        await dana.ask(at(`${path}?_method=POST`), { headers });
      }
    }
    expect(await doneBy('dana')).toEqual(before);
  });

  it('shows no page of ours in a frame', async () => {
    const dana = await stage().as('dana');
    for (const { path } of routes().filter(({ method }) => method === 'GET')) {
      const { headers, status } = await dana.ask(at(path), { headers: { accept: 'text/html' } });
      expect([path, status, headers['x-frame-options']]).toEqual([path, status, 'DENY']);
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    }
    const evil = createServer((_, answer) => {
      answer.setHeader('content-type', 'text/html').end(`<iframe src="${at('/signin')}"></iframe>`);
    }).listen(0, '127.0.0.1');
    await once(evil, 'listening');
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      const refusals: string[] = [];
      page.on('console', message => refusals.push(message.text()));
      await page.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`);
      await expect.poll(() => refusals.join('\n')).toContain("frame-ancestors 'none'");
      expect(await page.frames()[1]?.evaluate(() => document.body.textContent)).not.toContain('Sign in');
    } finally {
      await browser.close();
      evil.closeAllConnections();
      evil.close();
    }
  });
});

describe('a return address', () => {
  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%09/evil.example',
    '/\t/evil.example',
    '%2f%2fevil.example',
    '/%2f/evil.example/..//evil.example',
    'https:evil.example',
    'http://localhost@evil.example/',
    '//localhost:80@evil.example',
    'javascript:alert(1)',
    'JaVaScRiPt://%0aalert(1)',
    'data:text/html,x',
    '/\u2215evil.example',
    '//evil\u3002example',
    '/r/../..//evil.example',
    '/;@evil.example/..//evil.example',
  ])('of %j leads nowhere but here', async given => {
    const dana = await stage().as('dana');
    const page = await dana.open(at(`/signin?return_to=${encodeURIComponent(given)}`));
    for (const { url } of page.links) expect(url.origin).toBe(stage().url.origin);
    for (const { action } of page.forms) expect(action.origin).toBe(stage().url.origin);
    const me = JSON.parse((await dana.ask(at('/api/v1/whoami'))).body.toString());
    const switched = await dana.ask(at('/switch'), {
      method: 'POST',
      headers: { origin: stage().url.origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ person: me.id, return_to: given }).toString(),
    });
    expect(switched.status).toBe(303);
    expect(new URL(switched.headers.location!, stage().url).origin).toBe(stage().url.origin);
  });
});

describe('the way back from a provider', () => {
  it('takes no code of somebody else’s sign-in', async () => {
    const attacker = new Visitor();
    const victim = new Visitor();
    const stolen = await caughtCallback(stage(), attacker, 'dana');
    const own = await caughtCallback(stage(), victim, 'dana');
    own.searchParams.set('code', stolen.searchParams.get('code')!);
    const answer = await victim.ask(own);
    expect(answer.status).toBe(400);
    expect((await victim.ask(at('/api/v1/whoami'))).status).toBe(401);
  });

  it('takes no answer that names another issuer', async () => {
    const visitor = new Visitor();
    const callback = await caughtCallback(stage(), visitor, 'dana');
    callback.searchParams.set('iss', stage().providers.msp.issuer);
    expect((await visitor.ask(callback)).status).toBe(400);
    expect((await visitor.ask(at('/api/v1/whoami'))).status).toBe(401);
  });

  it('shows an error’s words as words', async () => {
    const visitor = new Visitor();
    const key = issuerKey(stage().providers.client.issuer);
    const left = await visitor.ask(at(`/signin/${key}`));
    const back = at(`/signin/${key}/callback`);
    back.search = new URLSearchParams({
      error: 'access_denied"><script>alert(1)</script>',
      error_description: '<img src=x onerror=alert(1)>',
      state: new URL(left.headers.location!).searchParams.get('state')!,
    }).toString();
    const { status, body } = await visitor.ask(back, { headers: { accept: 'text/html' } });
    expect(status).toBe(400);
    expect(body.toString()).not.toMatch(/<script>alert|<img src=x/);
  });

  it('ends the session that this browser had, so a copied cookie ends with it', async () => {
    const dana = new Visitor();
    const { email, password } = stage().cast.dana;
    await dana.signIn(stage().url, 'Acme', email, password);
    const cookie = dana.cookies.header(stage().url, 'GET')!;
    await dana.ask(await caughtCallback(stage(), dana, 'dana', '?again=1'));
    expect((await dana.ask(at('/api/v1/whoami'))).status).toBe(200);
    expect((await new Visitor().ask(at('/api/v1/whoami'), { headers: { cookie } })).status).toBe(401);
  });
});

describe('a name that somebody else pointed at us', () => {
  it.each([
    ['another name', (port: number) => `evil.example:${port}`],
    ['one that ends like ours', () => 'localhost.evil.example'],
    ['one that begins with ours', () => 'evil-localhost'],
    ['an address written oddly', () => '0x7f.1'],
    ['credentials before it', (port: number) => `evil.example@localhost:${port}`],
  ])('%s is refused, before anybody is looked up', async (_, host) => {
    const { text, statuses } = await said(
      port(),
      `GET /api/v1/whoami HTTP/1.1\r\nhost: ${host(port())}\r\nconnection: close\r\n\r\n`,
    );
    expect([400, 421]).toContain(statuses[0]);
    if (statuses[0] === 421) expect(text).toContain('wrong-host');
  });

  it('is no use in the address of the request either', async () => {
    const { statuses } = await said(
      port(),
      `GET http://evil.example/signin HTTP/1.1\r\nhost: ${here()}\r\nconnection: close\r\n\r\n`,
    );
    expect(statuses).toEqual([421]);
  });

  it('makes no link: what we send and show is of the configured address', async () => {
    const { text, statuses } = await said(
      port(),
      `GET /signin HTTP/1.1\r\nhost: 127.0.0.1:1\r\nx-forwarded-host: evil.example\r\nforwarded: host=evil.example\r\nconnection: close\r\n\r\n`,
    );
    expect(statuses).toEqual([200]);
    expect(text).not.toMatch(/evil\.example|127\.0\.0\.1:1\b/);
  });

  it('keeps nobody from asking whether we live', async () => {
    const probe = await said(
      port(),
      'GET /healthz HTTP/1.1\r\nhost: 10-0-0-7.pod.cluster.local\r\nconnection: close\r\n\r\n',
    );
    expect(probe.statuses).toEqual([200]);
  });
});

const post = (path: string, headers: readonly string[], body: string | Buffer) =>
  said(
    port(),
    Buffer.concat([
      Buffer.from(
        [`POST ${path} HTTP/1.1`, `host: ${here()}`, 'connection: close', ...headers, '', ''].join('\r\n'),
      ),
      Buffer.from(body),
    ]),
  );

describe('a request of odd shape', () => {
  it.each<[string, () => Promise<{ statuses: readonly number[] }>, number[]]>([
    ['a header of 32 kB', () => get('/signin', `x-long: ${'a'.repeat(32_768)}`), [431]],
    [
      'a hundred and fifty headers',
      () => get('/signin', ...Array.from({ length: 150 }, (_, i) => `x-${i}: 1`)),
      [431],
    ],
    ['two Hosts', () => get('/signin', 'host: evil.example'), [400]],
    ['two Origins', () => get('/signin', 'origin: a', 'origin: b'), [400]],
    ['no Host', () => said(port(), 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n'), [400]],
    [
      'a length of two minds',
      () => post('/signout', ['content-length: 5', 'content-length: 6'], 'aaaaaa'),
      [400],
    ],
    [
      'a length and chunks',
      () => post('/signout', ['content-length: 4', 'transfer-encoding: chunked'], '0\r\n\r\n'),
      [400],
    ],
    ['chunks by another name', () => post('/signout', ['transfer-encoding: xchunked'], '0\r\n\r\n'), [400]],
    [
      'chunks that are not last',
      () => post('/signout', ['transfer-encoding: chunked, identity'], '0\r\n\r\n'),
      [400],
    ],
    ['a negative length', () => post('/signout', ['content-length: -1'], ''), [400]],
    ['a length with a sign', () => post('/signout', ['content-length: +1'], 'a'), [400]],
    ['a folded header', () => get('/signin', 'x-folded: a', ' b'), [400]],
    ['a space before the colon', () => get('/signin', 'content-length : 0'), [400]],
    ['a null in a header', () => get('/signin', 'x-null: a\0b'), [400]],
    ['a bare carriage return', () => get('/signin', 'x-cr: a\rx-other: b'), [400]],
    [
      'lines that end in a bare line feed',
      () => said(port(), `POST /signout HTTP/1.1\nhost: ${here()}\ncontent-length: 0\nconnection: close\n\n`),
      [400],
    ],
    [
      'a chunk that lies about its size',
      () => post('/signout', ['transfer-encoding: chunked'], 'zz\r\n\r\n'),
      [400],
    ],
    ['an unknown version', () => said(port(), `GET / HTTP/3.7\r\nhost: ${here()}\r\n\r\n`), [400]],
    ['a method of no kind', () => said(port(), `BREW / HTTP/1.1\r\nhost: ${here()}\r\n\r\n`), [400]],
  ])('%s is refused', async (_, send, expected) => {
    const { statuses } = await send();
    expect(statuses).toEqual(expected);
  });

  it('smuggles no second request behind a first', async () => {
    const hidden = `GET /api/v1/whoami HTTP/1.1\r\nhost: ${here()}\r\n\r\n`;
    for (const first of [
      `POST /signout HTTP/1.1\r\nhost: ${here()}\r\ncontent-length: ${hidden.length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /signout HTTP/1.1\r\nhost: ${here()}\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n`,
      `GET / HTTP/1.1\r\nhost: ${here()}\r\ncontent-length: 0x10\r\n\r\n`,
    ]) {
      const { statuses } = await said(port(), `${first}${hidden}`);
      expect(statuses).toEqual([400]);
    }
  });
});

describe('a body', () => {
  const asMaya = async () => [`authorization: Bearer ${await stage().token('maya')}`];
  const json = async (body: string | Buffer, ...more: string[]) =>
    post(
      '/api/v1/requests',
      [
        ...(await asMaya()),
        'content-type: application/json',
        ...(more.length > 0 ? more : [`content-length: ${Buffer.byteLength(body)}`]),
      ],
      body,
    );
  const count = () =>
    stage().broker.application.database.within(
      ['acme'],
      async tx => (await tx.select({ id: requests.id }).from(requests)).length,
    );

  it('past the limit is refused by its announced length, without being read', async () => {
    const { statuses } = await json('', `content-length: ${MAX_BODY + 1}`);
    expect(statuses).toEqual([413]);
  });

  it('past the limit is refused while it comes, when nothing was announced', async () => {
    const socket = await wire(port());
    const hearing = heard(socket, { enough: text => text.includes('\r\n\r\n') });
    socket.write(
      [
        'POST /api/v1/requests HTTP/1.1',
        `host: ${here()}`,
        ...(await asMaya()),
        'content-type: application/json',
        'transfer-encoding: chunked',
        '',
        '',
      ].join('\r\n'),
    );
    for (let i = 0; i < 10; i++) socket.write(`4000\r\n${'a'.repeat(0x4000)}\r\n`);
    expect((await hearing).statuses).toEqual([413]);
  });

  it.each<[string, (() => string | Buffer) | string, string[], number[]]>([
    [
      'packed: what unpacks to a gigabyte',
      () => gzipSync('['.repeat(1e6)),
      ['content-encoding: gzip'],
      [415],
    ],
    ['thirty thousand arrays deep', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, [], [400]],
    ['ten thousand objects deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, [], [400]],
    ['no JSON', '{"target":', [], [400]],
    ['with a number of a million digits’ size', '{"target":1e999999}', [], [400]],
    ['with a name of a prototype', '{"__proto__":{"reason":"x"}}', [], [400]],
    ['with a constructor', '{"constructor":{"prototype":{"tenant":"x"}}}', [], [400]],
    ['a list', '[]', [], [400]],
    ['null', 'null', [], [400]],
    ['a byte order mark before it', '\ufeff{}', [], [400]],
    ['halves of characters', `{"target":"db01","reason":"\\ud800"}`, [], [400]],
  ])('%s, is refused', async (_, body, headers, expected) => {
    const before = await count();
    const bytes = Buffer.from(typeof body === 'string' ? body : body());
    const { statuses } = await json(bytes, ...headers, `content-length: ${bytes.length}`);
    expect(statuses).toEqual(expected);
    expect(await count()).toBe(before);
    expect(({} as Record<string, unknown>).reason).toBeUndefined();
  });

  it('with prototype names beside good fields asks for nothing', async () => {
    const before = await count();
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
      const body = JSON.stringify(RESTORE).replace('{', `{"${name}":{"polluted":true},`);
      expect((await json(body)).statuses).toEqual([400]);
    }
    expect(await count()).toBe(before);
  });

  it('that says a thing twice means the last, and shows that to who answers', async () => {
    const body = JSON.stringify(RESTORE).replace('{', '{"for":"2h","reason":"harmless",');
    expect((await json(body)).statuses).toEqual([201]);
    const { json: mine } = await stage().api('maya', 'GET', '/requests?mine=true');
    const { id } = mine.requests[0];
    const { json: shown } = await stage().api('dana', 'GET', `/requests/${id}`);
    expect([shown.seconds, shown.reason]).toEqual([3600, RESTORE.reason]);
    await stage().api('maya', 'POST', `/requests/${id}/withdraw`);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json,application/json',
  ])('of type %s is not taken for JSON', async type => {
    const body = JSON.stringify(RESTORE);
    const before = await count();
    const { statuses } = await post(
      '/api/v1/requests',
      [...(await asMaya()), `content-type: ${type}`, `content-length: ${body.length}`],
      body,
    );
    expect(statuses).toEqual([415]);
    expect(await count()).toBe(before);
  });

  it('of a form takes a prototype’s name, a repeated field or a file for nothing', async () => {
    const maya = await stage().as('maya');
    for (const body of ['__proto__[as]=x&__proto__=y', 'as=a&as=b', 'constructor=x&toString=y']) {
      const answer = await maya.ask(at('/switch'), {
        method: 'POST',
        headers: { origin: stage().url.origin, 'content-type': 'application/x-www-form-urlencoded' },
        body,
      });
      expect(answer.status).toBe(303);
    }
    expect(({} as Record<string, unknown>).as).toBeUndefined();
  });
});

describe('a path', () => {
  const secrets = () => /SALLYPORT|root:|PRIVATE KEY|sealing|BEGIN |"dependencies"/;
  const tricks = [
    '/assets/../../package.json',
    '/assets/..%2f..%2fpackage.json',
    '/assets/..%252f..%252fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/assets/..%5c..%5cpackage.json',
    '/assets/style.css%00.js',
    '/assets/style.css.',
    '/assets/STYLE.CSS',
    '/assets/style.css/',
    '/assets//style.css',
    '/assets/__proto__',
    '/assets/constructor',
    '/assets/%E0%A4%A',
    '/assets/style.css%20',
    '/./assets/../api/v1/requests',
    '/api/v1/sessions/..%2f..%2fkeys/recording',
    '/api/v1/sessions/s_0%00/recording',
    '/api/v1/sessions/%2e%2e%2fkeys%2fsealing.key/recording',
    '/api/v1/sessions/s_0/recording/../../../../keys/sealing.key',
    '/api/v1/requests/REQ_0',
    '/api/v1/requests/req_0.',
    '/api/v1/requests/req_0%2e',
    '/api/v1/requests/req_0%0a',
    '/api/v1/requests/req_0;x=1',
    "/api/v1/requests/req_0'--",
    '/API/V1/requests',
    '/api/v1//requests',
    '/r/..%2fapi%2fv1%2frequests',
    '/r/%00',
    '/sessions/..%2f..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/..;/api/v1/requests',
  ];

  it.each(tricks)('%s gives nobody anything, signed in or not', async path => {
    for (const headers of [[], [`authorization: Bearer ${await stage().token('audrey')}`]]) {
      const { statuses, text } = await get(path, ...headers);
      const [status] = statuses;
      expect(statuses).toHaveLength(1);
      // What is left after the dots are resolved may be a page like any other, under its own rules.
      const resolved = new URL(path, stage().url).pathname;
      if (resolved === '/api/v1/requests') expect(status).toBe(headers.length > 0 ? 200 : 401);
      else expect([400, 401, 403, 404, 303]).toContain(status);
      expect(text).not.toMatch(secrets());
    }
  });

  it('with a backslash, or none at all, is not understood', async () => {
    expect((await get('/assets\\..\\..\\package.json')).statuses).toEqual([400]);
    expect((await get('assets/style.css')).statuses).toEqual([400]);
    expect((await get('*')).statuses).toEqual([400]);
  });

  it('of one request does not open another tenant’s or kind’s id', async () => {
    const { id } = await ask(stage());
    for (const path of [`/api/v1/sessions/${id}`, `/api/v1/sessions/${id}/recording`]) {
      expect((await stage().api('audrey', 'GET', path.slice('/api/v1'.length))).status).toBe(404);
    }
    await stage().api('maya', 'POST', `/requests/${id}/withdraw`);
  });
});
