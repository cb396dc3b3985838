import { describe, expect, it } from 'vitest';
import type { CastName } from '../../src/demo/cast.ts';
import { execute } from '../../src/demo/stage.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { issuerKey } from '../../src/identity/sign-in.ts';
import { networks } from '../../src/limits.ts';
import { requests, signInAttempts } from '../../src/store/tables.ts';
import { sallyport } from '../cli/broker.ts';
import { caughtCallback } from '../fixtures/caught-callback.ts';
import { logOf, RESTORE, raised } from '../fixtures/raised.ts';
import { waitingTerminal } from '../fixtures/terminal.ts';

const MINUTE = 60_000;
const A_MINUTE = 5;
const AN_HOUR = 12;

// The broker's clock, which these tests move forward.
let ahead = 0;
const stage = raised({
  adjust: { clock: { now: () => new Date(Date.now() + ahead) } },
  configure: configuration => ({
    ...configuration,
    asking: { perMinute: A_MINUTE, perHour: AN_HOUR },
    web: { ...configuration.web, signInsPerMinute: 30 },
    // These tests stand behind a proxy, and so may say where they come from.
    trustedProxies: networks.parse(['127.0.0.1']),
  }),
});
const NOT_GIVEN = { ...RESTORE, ssh: 'nobody' };

const ask = (who: CastName, what: object = RESTORE) => stage().api(who, 'POST', '/requests', what);

/** What is recorded of requests: rows, and entries. */
async function recorded(): Promise<[rows: number, entries: number]> {
  const rows = await stage().broker.application.database.within(['acme'], tx => tx.select().from(requests));
  const entries = (await logOf(stage())).filter(({ action }) => action.startsWith('request.'));
  return [rows.length, entries.length];
}

/** The API's answer with its headers, as this person. */
async function asked(who: CastName): Promise<Response> {
  return fetch(new URL('/api/v1/requests', stage().url), {
    method: 'POST',
    headers: { authorization: `Bearer ${await stage().token(who)}`, 'content-type': 'application/json' },
    body: JSON.stringify(RESTORE),
  });
}

describe('making things that stand in the log', () => {
  const post = async (who: CastName, path: string, body: object) => {
    const visitor = await stage().as(who);
    const { status, body: answer } = await visitor.ask(new URL(`/api/v1${path}`, stage().url), {
      method: 'POST',
      headers: { origin: stage().url.origin, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status, json: JSON.parse(answer.toString()) };
  };

  it('tokens come to an end within the hour, also when all are asked for at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 25 }, () => post('chris', '/tokens', { label: 'x' })),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(20);
    const { json } = made.find(({ status }) => status === 429)!;
    expect(json.code).toBe('too-many-requests');
    const other = await post('dana', '/tokens', { label: 'x' });
    expect(other.status).toBe(201);
  });

  it('tokens of terminals are in the same count, fetched or only promised', async () => {
    const noah = await stage().as('noah');
    // One is made here already: others of this file ask with it.
    await stage().token('noah');
    const answered = async () => {
      const terminal = await waitingTerminal(stage());
      const { status } = await noah.ask(new URL('/device/answer', stage().url), {
        method: 'POST',
        headers: { origin: stage().url.origin, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ code: terminal.code, answer: 'yes' }).toString(),
      });
      return { status, terminal };
    };
    for (let i = 0; i < 19; i++) {
      const { status, terminal } = await answered();
      expect(status).toBe(200);
      if (i % 2) expect((await terminal.poll()).json.access_token).toBeTruthy();
    }
    const { status, terminal } = await answered();
    expect(status).toBe(429);
    expect((await terminal.poll()).json.error).toBe('authorization_pending');
    expect((await post('noah', '/tokens', { label: 'x' })).status).toBe(429);
  });

  it('keys too, also when each is removed again', async () => {
    const line = async (i: number) => {
      const file = `${stage().folder}/many-${i}`;
      await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
      const { readFile } = await import('node:fs/promises');
      return (await readFile(`${file}.pub`, 'utf8')).trim();
    };
    const statuses: number[] = [];
    for (let i = 0; i < 31; i++) {
      const { status, json } = await stage().api('audrey', 'POST', '/keys', { public_key: await line(i) });
      statuses.push(status);
      if (status === 201) {
        await stage().api('audrey', 'DELETE', `/keys?fingerprint=${encodeURIComponent(json.fingerprint)}`);
      } else expect(json.code).toBe('too-many-requests');
    }
    expect(statuses.slice(0, 30)).toEqual(Array(30).fill(201));
    expect(statuses[30]).toBe(429);
  });
});

describe('asking again and again', () => {
  it('comes to an end within the minute, with a word when to come again, and records nothing more', async () => {
    for (let i = 0; i < A_MINUTE; i++) expect((await ask('maya')).status).toBe(201);
    const before = await recorded();
    const refused = await asked('maya');
    const problem = await refused.json();
    expect([refused.status, problem.code]).toEqual([429, 'too-many-requests']);
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBe(problem.retry_after);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(await recorded()).toEqual(before);
  });

  it('is one person’s: nobody else is shut out by it', async () => {
    expect((await ask('maya')).status).toBe(429);
    expect((await ask('mallory', NOT_GIVEN)).status).toBe(403);
    const { json } = await stage().api('dana', 'GET', '/requests?state=waiting');
    expect(json.requests).toHaveLength(A_MINUTE);
  });

  it('is told on the page, and by the command line, in the same words', async () => {
    const maya = await stage().as('maya');
    await maya.open(new URL('/ask', stage().url));
    const refused = await maya.ask(new URL('/ask', stage().url), {
      method: 'POST',
      headers: {
        origin: stage().url.origin,
        accept: 'text/html',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: await formOf(maya),
    });
    expect(refused.status).toBe(429);
    expect(refused.body.toString()).toContain('try again in');
    const what = ['--activity', RESTORE.activity, '--ssh', 'root', '--for', '1h', '--ticket', 'INC-7'];
    const cli = await sallyport(['request', 'db01', ...what, '--reason', 'x'], {
      url: stage().url,
      token: await stage().token('maya'),
    });
    expect(cli.err).toMatch(/too-many-requests/);
    expect(cli.code).toBe(1);
  });

  it('counts what was refused too, since each no stands in the log', async () => {
    ahead += 2 * MINUTE;
    const codes: string[] = [];
    for (let i = 0; i < A_MINUTE + 1; i++) codes.push((await ask('noah', NOT_GIVEN)).json.code);
    expect(codes.at(-1)).toBe('too-many-requests');
    expect(new Set(codes.slice(0, A_MINUTE))).not.toContain('too-many-requests');
  });

  it('lets exactly as many through when all come at once', async () => {
    ahead += 2 * MINUTE;
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('maya')));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter(status => status === 201)).toHaveLength(A_MINUTE);
    expect(statuses.filter(status => status === 429)).toHaveLength(20 - A_MINUTE);
  });

  it('has a share for the hour besides', async () => {
    ahead += 2 * MINUTE;
    const left = AN_HOUR - 2 * A_MINUTE;
    for (let i = 0; i < left; i++) expect((await ask('maya')).status).toBe(201);
    const { status, json } = await ask('maya');
    expect([status, json.code]).toEqual([429, 'too-many-requests']);
    expect(json.retry_after).toBeGreaterThan(60);
    ahead += json.retry_after * 1000;
    expect((await ask('maya')).status).toBe(201);
  });

  it('is what changing a request counts as', async () => {
    ahead += 61 * MINUTE;
    const { id } = (await ask('maya')).json;
    const amend = () => stage().api('maya', 'PATCH', `/requests/${id}`, { reason: 'Another table' });
    for (let i = 1; i < A_MINUTE; i++) expect((await amend()).status).toBe(200);
    const { status, json } = await amend();
    expect([status, json.code]).toEqual([429, 'too-many-requests']);
  });
});

/** What the form of the open page sends when Maya fills it in. */
async function formOf(maya: Visitor): Promise<string> {
  const { id } = JSON.parse((await maya.ask(new URL('/api/v1/whoami', stage().url))).body.toString());
  const { activity, ssh, reason, ticket } = RESTORE;
  return new URLSearchParams({
    as: id,
    target: 'db01',
    tenant: 'acme',
    activity,
    login: `ssh ${ssh}`,
    for: '1h',
    reason,
    ticket,
  }).toString();
}

describe('beginning sign-ins', () => {
  const begin = (visitor: Visitor, forwarded: string) =>
    visitor.ask(new URL(`/signin/${issuerKey(stage().providers.msp.issuer)}`, stage().url), {
      headers: { 'x-forwarded-for': forwarded },
    });

  it('by the thousand takes no place that somebody else needs', async () => {
    const honest = new Visitor();
    const callback = await caughtCallback(stage(), honest, 'maya');
    const crowd = Array.from({ length: 1000 }, (_, i) => `198.51.${i >> 8}.${i & 255}`);
    const answers = await Promise.all(crowd.map(address => begin(new Visitor(), address)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([303]));
    const rows = await stage().broker.application.database.installation.select().from(signInAttempts);
    // What is kept are the ones that came back.
    expect(rows.length).toBeLessThan(20);
    expect((await honest.ask(callback)).status).toBe(303);
    expect((await honest.ask(new URL('/api/v1/whoami', stage().url))).status).toBe(200);
  });

  it('from one address comes to an end, and nobody at another notices', async () => {
    const flood = await Promise.all(Array.from({ length: 60 }, () => begin(new Visitor(), '203.0.113.7')));
    const refused = flood.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(25);
    expect(Number(refused[0]!.headers['retry-after'])).toBeGreaterThan(0);
    expect((await begin(new Visitor(), '203.0.113.8')).status).toBe(303);
    const { email, password } = stage().cast.noah;
    await new Visitor().signIn(stage().url, 'Northwind', email, password);
  });

  it('is counted for the address that our proxy saw, whatever was written before it', async () => {
    const flood = await Promise.all(
      Array.from({ length: 60 }, (_, i) => begin(new Visitor(), `192.0.2.${i}, 203.0.113.9`)),
    );
    expect(flood.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(25);
  });
});

describe('what needs no sign-in', () => {
  const flood = (count: number, call: () => Promise<Response>) =>
    Promise.all(Array.from({ length: count }, async () => (await call()).status));

  it('tokens that are none come to an end for their address, and no other notices', async () => {
    const guess = (from: string) =>
      fetch(new URL('/api/v1/whoami', stage().url), {
        headers: { authorization: `Bearer sp_${'x'.repeat(40)}`, 'x-forwarded-for': from },
      });
    expect(await flood(300, () => guess('203.0.113.20'))).toContain(429);
    expect((await guess('203.0.113.21')).status).toBe(401);
    expect((await stage().api('maya', 'GET', '/whoami')).status).toBe(200);
  });

  it('terminals that begin to sign in wait at no lock with a connection of everybody’s', async () => {
    const start = (from: string) =>
      fetch(new URL('/oauth/device_authorization', stage().url), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': from },
        body: 'client_id=sallyport-cli',
      });
    const answers = await flood(700, () => start('203.0.113.30'));
    // Twenty may wait from there; past its pace a network is told so without a look at the database.
    expect(answers.filter(status => status === 200)).toHaveLength(20);
    expect(new Set(answers)).toEqual(new Set([200, 429]));
    expect((await start('203.0.113.31')).status).toBe(200);
    expect((await stage().api('maya', 'GET', '/whoami')).status).toBe(200);
  });
});
