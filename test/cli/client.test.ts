import { afterEach, describe, expect, it } from 'vitest';
import { openClient } from '../../src/cli/client.ts';
import { type Answer, broker, problem, request, sallyport, TOKEN } from './broker.ts';

const NOWHERE = '/nowhere/sallyport/sign-ins.json';

const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.close()));
});

async function answering(answer: Answer, argv = ['requests']) {
  const server = await broker({ 'GET /requests': answer });
  running.push(server);
  return { ...(await sallyport(argv, { url: server.url })), calls: server.calls };
}

describe('the exit code says what to do next', () => {
  it.each([
    [200, 0],
    [400, 2],
    [401, 1],
    [403, 1],
    [404, 1],
    [409, 1],
    [410, 1],
    [422, 1],
    [500, 3],
    [503, 3],
  ])('%i from the broker ends with %i', async (status, code) => {
    const answer = status === 200 ? { body: { requests: [] } } : problem(status, 'some-code', 'It is so.');
    const { code: got, out, err } = await answering(answer);
    expect(got).toBe(code);
    if (code === 0) expect(err).toBe('');
    else {
      expect(out).toBe('');
      expect(err).toMatch(/^sallyport: [^\n]*It is so\.[^\n]*\n$/);
    }
  });

  it('no token is a wrong call, and the command that gets one is named', async () => {
    const { code, err } = await sallyport(['requests'], { token: null });
    expect(code).toBe(2);
    expect(err).toBe('sallyport: not signed in at http://127.0.0.1:1: run sallyport login\n');
  });

  it('nobody listening is not reached', async () => {
    const { code, err } = await sallyport(['requests']);
    expect(code).toBe(3);
    expect(err).toMatch(/^sallyport: cannot reach http:\/\/127\.0\.0\.1:1 .*SALLYPORT_URL right\?\n$/);
  });

  it('an answer that never comes is not reached', async () => {
    const { createServer } = await import('node:net');
    const silent = createServer(() => {});
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const client = openClient(
      { url: new URL(`http://127.0.0.1:${port}`), token: TOKEN, signIns: NOWHERE },
      100,
    );
    await expect(client.get('/requests')).rejects.toMatchObject({
      exit: 3,
      message: /did not answer within 0\.1 s/,
    });
    silent.close();
  });

  it.each<[string, Answer]>([
    ['a page', { text: '<html>', headers: { 'content-type': 'text/html' } }],
    ['a plain 404', { status: 404, text: 'nope' }],
    ['a list', { body: [] }],
  ])('%s is not a broker', async (_, answer) => {
    const { code, err } = await answering(answer);
    expect(code).toBe(3);
    expect(err).toMatch(/is no Sallyport broker/);
  });

  it('prints the problem for a script with --json', async () => {
    const { code, out } = await answering(problem(403, 'not-yours', 'No.'), ['requests', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ code: 'not-yours', status: 403 });
  });
});

describe('the token', () => {
  it('goes as bearer', async () => {
    const { calls } = await answering({ body: { requests: [] } });
    expect(calls[0]!.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it('does not cross a network in the clear', async () => {
    const { code, err } = await sallyport(['requests'], { url: new URL('http://broker.example') });
    expect(code).toBe(2);
    expect(err).toMatch(/unencrypted.*https/);
  });

  it.each(['https://broker.example', 'http://localhost:8080', 'http://127.3.2.1', 'http://[::1]:8080'])(
    'may go to %s',
    url => {
      expect(() => openClient({ url: new URL(url), token: TOKEN, signIns: NOWHERE })).not.toThrow();
    },
  );

  it('does not follow a redirect', async () => {
    const elsewhere = await broker({ 'GET /requests': { body: { requests: [] } } });
    running.push(elsewhere);
    const location = new URL('/api/v1/requests', elsewhere.url).href;
    const { code } = await answering({ status: 307, text: '', headers: { location } });
    expect(code).toBe(3);
    expect(elsewhere.calls).toEqual([]);
  });

  it('is never printed, malformed or refused', async () => {
    const malformed = await sallyport(['requests'], { token: 'oh no a secret' });
    expect(malformed.code).toBe(2);
    expect(malformed.err).not.toContain('secret');
    const refused = await answering(problem(401, 'token-refused', 'This token is not, or no longer, valid.'));
    expect(refused.out + refused.err).not.toContain(TOKEN);
    expect(refused.err).toMatch(/unset SALLYPORT_TOKEN and run sallyport login/);
  });
});

describe('what a server says cannot move the cursor or turn text around', () => {
  const hostile = 'x\x1b[2J\u202eevil\u0007\r\nsecond line\u009b31m';
  const HIDES = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/;

  it('in a table', async () => {
    const body = { requests: [{ ...request, role: hostile, who: { ...request.who, name: hostile } }] };
    const { out } = await answering({ body });
    expect(out).not.toMatch(HIDES);
    expect(out.split('\n')).toHaveLength(3);
  });

  it('in JSON, which parses to the same', async () => {
    const body = { requests: [{ ...request, reason: hostile }] };
    const { out } = await answering({ body }, ['requests', '--json']);
    expect(out).not.toMatch(HIDES);
    expect(JSON.parse(out)).toEqual(body);
  });

  it('in an error', async () => {
    const { err } = await answering(problem(403, hostile, hostile));
    expect(err).not.toMatch(HIDES);
    expect(err.split('\n')).toHaveLength(2);
  });
});
