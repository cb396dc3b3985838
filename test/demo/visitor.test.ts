import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { CookieJar } from '../../src/demo/cookie-jar.ts';
import { closeServer, listenOnLoopback, readBody } from '../../src/demo/listening.ts';
import { readPage } from '../../src/demo/page.ts';
import { Visitor } from '../../src/demo/visitor.ts';

const here = new URL('http://127.0.0.1:1/a/b');

describe('reading a page', () => {
  test('finds text, links and forms in tolerable and intolerable markup', () => {
    const page = readPage(
      `<!DOCTYPE html><title>A &amp; B</title><!-- <a href=/no>no</a> --><script>"<form>"</script>
       <p>One<br>two <b>thr</b>ee &lt;x&gt; &#39;&#x1F511; &unknown;</p>
       <a href="../c?d=1&amp;e=2">See <em>it</em></a><A HREF='/up' class=x>Up</A><a name=anchor>none</a>
       <form id=f action=/go method=POST><input type=hidden name=h value='a"b'><input name=t value="v > w">
       <textarea name=area>
line &lt;1&gt;</textarea><select name=s><option value=1>One<option value=2 selected>Two</select>
       <input type=checkbox name=c checked><input type=checkbox name=d value=x><input disabled name=off value=1>
       <button name=act value=yes>Yes</button><input type=submit value=No></form>
       <button form=f name=late value=1>Late</button><input form=f name=outside value=o><p`,
      here,
    );
    expect(page.title).toBe('A & B');
    expect(page.text).toContain("One two three <x> '\u{1F511} &unknown;");
    expect(page.links.map(link => [link.url.href, link.text])).toEqual([
      ['http://127.0.0.1:1/c?d=1&e=2', 'See it'],
      ['http://127.0.0.1:1/up', 'Up'],
    ]);
    const [form] = page.forms;
    expect(page.forms).toHaveLength(1);
    expect([form?.method, form?.action.href]).toEqual(['POST', 'http://127.0.0.1:1/go']);
    expect(form?.fields.map(field => [field.name, field.value])).toEqual([
      ['h', 'a"b'],
      ['t', 'v > w'],
      ['area', 'line <1>'],
      ['s', '2'],
      ['c', 'on'],
      ['d', 'x'],
      ['off', '1'],
      ['outside', 'o'],
    ]);
    expect(form?.buttons.map(button => button.text)).toEqual(['Yes', 'No', 'Late']);
  });

  test('takes hostile markup in stride', () => {
    const nested = `${'<form><a href=x>'.repeat(20_000)}${'<'.repeat(100_000)}`;
    const started = Date.now();
    expect(readPage(nested, here).forms.length).toBe(20_000);
    expect(readPage(`<a ${'"'.repeat(50_001)}`, here).links).toEqual([]);
    expect(Date.now() - started).toBeLessThan(5000);
  });
});

describe('the cookie jar', () => {
  const jar = (...headers: string[]) => {
    const made = new CookieJar();
    made.receive(new URL('http://127.0.0.1:1/a/b'), headers);
    return made;
  };
  const at = (url: string) => new URL(url);

  test.each([
    ['any port of the host', 'x=1', 'http://127.0.0.1:2/a/c', 'x=1'],
    ['not another host', 'x=1', 'http://localhost:1/a/c', ''],
    ['the folder it was set in', 'x=1', 'http://127.0.0.1:1/', ''],
    ['its path and below', 'x=1; Path=/q', 'http://127.0.0.1:1/q/r', 'x=1'],
    ['not what only starts like its path', 'x=1; Path=/q', 'http://127.0.0.1:1/qr', ''],
    ['loopback when secure', 'x=1; Secure; Path=/', 'http://127.0.0.1:1/', 'x=1'],
    ['nobody once expired', 'x=1; Path=/; Max-Age=0', 'http://127.0.0.1:1/', ''],
    ['nobody when of another domain', 'x=1; Path=/; Domain=evil.example', 'http://127.0.0.1:1/', ''],
    ['nobody when its prefix is not kept', '__Host-x=1; Path=/', 'http://127.0.0.1:1/', ''],
    ['all of the host with that prefix', '__Host-x=1; Path=/; Secure', 'http://127.0.0.1:1/z', '__Host-x=1'],
  ])('sends a cookie to %s', (_name, header, url, sent) => {
    expect(jar(header).header(at(url), 'GET')).toBe(sent);
  });

  test('minds SameSite where the navigation starts', () => {
    const cookies = jar(
      'strict=1; Path=/; SameSite=Strict',
      'lax=1; Path=/',
      'none=1; Path=/; SameSite=None; Secure',
    );
    const to = at('http://127.0.0.1:1/');
    expect(cookies.header(to, 'GET')).toBe('strict=1; lax=1; none=1');
    expect(cookies.header(to, 'GET', at('http://127.0.0.1:9/'))).toBe('strict=1; lax=1; none=1');
    expect(cookies.header(to, 'GET', at('http://localhost:1/'))).toBe('lax=1; none=1');
    expect(cookies.header(to, 'POST', at('http://localhost:1/'))).toBe('none=1');
  });
});

describe('a visitor', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map(closeServer));
  });
  const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
    const server = createServer(answer);
    servers.push(server);
    return `http://127.0.0.1:${await listenOnLoopback(server, 0)}`;
  };
  const echo =
    (page: string, headers: Record<string, string> = {}) =>
    (request: IncomingMessage, response: ServerResponse) => {
      readBody(request, 10_000).then(body => {
        response.setHeader('content-type', 'text/html');
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        const { origin = 'none' } = request.headers;
        response.end(
          `${page}<p>${request.method} origin=${origin} site=${request.headers['sec-fetch-site']} body=${body}`,
        );
      });
    };
  const form =
    '<form method=post action=/do><input name=a><input type=hidden name=k value=1><select name=s><option>x<option>y</select><input type=checkbox name=t><button name=b value=1>Do</button><button name=b value=2>Other</button></form>';

  test('fills a form and says where it comes from', async () => {
    const visitor = new Visitor();
    await visitor.open(await serve(echo(form)));
    expect(visitor.page.text).toContain('site=none');
    await visitor.submit('', { a: 'ä&b', s: 'y', t: true }, 'Other');
    expect(visitor.page.text).toContain(`POST origin=${visitor.page.url.origin} site=same-origin`);
    expect(visitor.page.text).toContain('body=a=%C3%A4%26b&k=1&s=y&t=on&b=2');
  });

  test('hides where it comes from when the page says so', async () => {
    const visitor = new Visitor();
    await visitor.open(await serve(echo(form, { 'referrer-policy': 'no-referrer' })));
    await visitor.submit('');
    expect(visitor.page.text).toContain('origin=null');
  });

  test('names what is there when something is not', async () => {
    const visitor = new Visitor();
    await visitor.open(await serve(echo(`<a href=/x>Here</a>${form}`)));
    await expect(visitor.follow('There')).rejects.toThrow('there are: "Here"');
    await expect(visitor.submit('', { wrong: '1' })).rejects.toThrow('no field wrong');
    await expect(visitor.submit('', { s: 'z' })).rejects.toThrow('no choice z in s');
    await expect(visitor.submit('', {}, 'Undo')).rejects.toThrow('there are: "Do", "Other"');
  });

  test('follows redirects, keeps the method where they say so, and gives up in a circle', async () => {
    const origin = await serve((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://x');
      if (pathname === '/do') response.writeHead(307, { location: '/again' }).end();
      else if (pathname === '/again')
        response.writeHead(303, { location: '/done', 'set-cookie': 'c=1' }).end();
      else if (pathname === '/round') response.writeHead(302, { location: '/round' }).end();
      else echo(`${form} cookie=${request.headers.cookie}`)(request, response);
    });
    const visitor = new Visitor();
    await visitor.open(`${origin}/#top`);
    await visitor.submit('', { a: '1' });
    expect(visitor.page.url.pathname).toBe('/done');
    expect(visitor.page.text).toContain('cookie=c=1');
    expect(visitor.page.text).toContain('GET');
    await expect(visitor.open(`${origin}/round`)).rejects.toThrow('more than 20 redirects');
  });
});
