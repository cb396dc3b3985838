import { describe, expect, it } from 'vitest';
import { raised } from '../fixtures/raised.ts';

const stage = raised();

const document = async () => (await fetch(new URL('/api/v1/openapi.json', stage().url))).json();

describe('the API', () => {
  it('describes itself by OpenAPI 3.1, with every path of the contract', async () => {
    const { openapi, paths } = await document();
    expect(openapi).toBe('3.1.0');
    for (const path of [
      '/requests',
      '/requests/{id}',
      '/requests/{id}/approve',
      '/requests/{id}/deny',
      '/requests/{id}/withdraw',
      '/grants/{id}/handback',
      '/grants/{id}/revoke',
      '/sessions/{id}',
      '/sessions/{id}/recording',
      '/sessions/{id}/terminate',
      '/decisions',
      '/preflight',
      '/owners',
      '/matrix',
      '/matrix/what-if',
      '/audit',
      '/audit/checkpoint',
      '/lockout',
    ]) {
      expect(Object.keys(paths).map(known => known.replace('/api/v1', ''))).toContain(path);
    }
  });

  it('gives nobody anything without a sign-in, on any path', async () => {
    const { paths } = await document();
    const answers: string[] = [];
    for (const [path, methods] of Object.entries(paths as Record<string, Record<string, unknown>>)) {
      for (const method of Object.keys(methods)) {
        const address = new URL(
          `/api/v1${path.replace('/api/v1', '').replace('{id}', 'req_0').replace('{name}', 'db01')}`,
          stage().url,
        );
        const body = method === 'get' || method === 'delete' ? null : '{}';
        const answer = await fetch(address, {
          method: method.toUpperCase(),
          headers: { origin: stage().url.origin, ...(body ? { 'content-type': 'application/json' } : {}) },
          body,
        });
        const { code } = await answer.json();
        // A body or query of a wrong shape may be refused before anybody is asked who they are.
        if (
          !(answer.status === 401 && code === 'sign-in-needed') &&
          !(answer.status === 400 && code === 'invalid')
        ) {
          answers.push(`${method} ${path}: ${answer.status} ${code}`);
        }
      }
    }
    expect(answers).toEqual([]);
  });

  it('refuses as problem details, with a code and the id of the request', async () => {
    const answer = await fetch(new URL('/api/v1/requests', stage().url));
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const problem = await answer.json();
    expect(problem).toMatchObject({ status: 401, code: 'sign-in-needed', title: expect.any(String) });
    expect(answer.headers.get('x-request-id')).toBe(problem.request_id);
  });

  it('is alive and ready', async () => {
    expect((await fetch(new URL('/healthz', stage().url))).status).toBe(200);
    expect(await (await fetch(new URL('/readyz', stage().url))).json()).toEqual({
      ready: true,
      ailments: [],
    });
  });

  it('has no numbers where nobody was given the token for them', async () => {
    const headers = { authorization: `Bearer ${await stage().token('audrey')}` };
    expect((await fetch(new URL('/metrics', stage().url))).status).toBe(404);
    expect((await fetch(new URL('/metrics', stage().url), { headers })).status).toBe(404);
  });
});
