import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigurationError, readConfiguration } from '../src/configuration.ts';
import { openChannels, routeAmong } from '../src/schedule/routing.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-configuration-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configured(yaml: string, environment: Record<string, string> = {}) {
  const file = join(folder, 'sallyport.yaml');
  writeFileSync(file, yaml);
  return () => readConfiguration({ SALLYPORT_CONFIG: file, ...environment });
}

describe('a variable that makes no sense stops the start with one line that says which', () => {
  it.each([
    ['SALLYPORT_URL', 'localhost:8080'],
    ['SALLYPORT_URL', 'ftp://broker.example'],
    ['SALLYPORT_URL', 'https://broker.example/under/a/path'],
    ['SALLYPORT_URL', 'https://user:secret@broker.example'],
    ['SALLYPORT_HTTP', '8080'],
    ['SALLYPORT_HTTP', '127.0.0.1:99999'],
    ['SALLYPORT_SSH', 'localhost'],
    ['DATABASE_URL', 'mysql://db.example/x'],
    ['DATABASE_MIGRATION_URL', 'postgres://owner@db.example/x'],
    ['SALLYPORT_KEY', 'too-short'],
    ['SALLYPORT_LOG', 'loud'],
    ['SALLYPORT_CONFIG', '/nowhere/sallyport.yaml'],
  ])('%s=%s', (name, value) => {
    const error = (() => {
      try {
        readConfiguration({ [name]: value });
      } catch (thrown) {
        return thrown;
      }
      return null;
    })();
    expect(error).toBeInstanceOf(ConfigurationError);
    const { message } = error as ConfigurationError;
    expect(message).toContain(name);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('and does not repeat a key that is wrong', () => {
    expect(() => readConfiguration({ SALLYPORT_KEY: 'hunter2hunter2' })).toThrow(/^(?!.*hunter2)/);
  });
});

describe('without any variable', () => {
  it('the defaults of the contract hold', () => {
    const read = readConfiguration({ SALLYPORT_CONFIG: '' });
    expect([read.url.href, read.http, read.ssh, read.database, read.key]).toEqual([
      'http://localhost:8080/',
      { host: '127.0.0.1', port: 8080 },
      { host: '127.0.0.1', port: 2222 },
      null,
      null,
    ]);
  });
});

describe('sallyport.yaml', () => {
  it.each([
    ['an unknown key', 'listen: 80', /Unrecognized key|listen/],
    [
      'a plain client secret',
      'oidc: [{ issuer: "https://idp.example", client_id: a, client_secret: hunter2 }]',
      /oidc/,
    ],
    [
      'a secret variable that is not set',
      'oidc: [{ issuer: "https://idp.example", client_id: a, client_secret: { env: NOT_SET } }]',
      /NOT_SET/,
    ],
    [
      'a channel named twice',
      'channels: [{ name: a, kind: slack, tenant: t, to: [client] }, { name: a, kind: slack, tenant: t, to: [client] }]',
      /twice/,
    ],
    ['broken YAML', 'oidc: [', /sallyport\.yaml/],
    ['a drain that is no duration', 'drain: soon', /drain.*duration/],
    ['a plain token of the numbers', 'metrics: { token: 0123456789abcdef0123456789abcdef }', /metrics/],
  ])('%s stops the start', (_, yaml, why) => {
    expect(configured(yaml)).toThrow(why);
  });

  it('takes secrets from the environment and from files', () => {
    const file = join(folder, 'secret');
    writeFileSync(file, 'from a file\n');
    const read = configured(
      `oidc:
  - { issuer: "https://one.example/", client_id: a, client_secret: { env: ONE } }
  - { issuer: "https://two.example", client_id: b, client_secret: { file: ${JSON.stringify(file)} } }
`,
      { ONE: 'from the environment' },
    )();
    expect(read.clients.map(client => [client.issuer, client.clientSecret])).toEqual([
      ['https://one.example', 'from the environment'],
      ['https://two.example', 'from a file'],
    ]);
  });

  it('lets sessions run on for ten seconds, and nobody read the numbers, unless it says so', () => {
    expect(configured('')()).toMatchObject({ drain: 10, metricsToken: null });
    const token = 'f'.repeat(32);
    expect(configured('drain: 2m\nmetrics: { token: { env: T } }', { T: token })()).toMatchObject({
      drain: 120,
      metricsToken: token,
    });
  });

  it.each([
    ['short', 'guess-me'],
    ['in two words', `${'a'.repeat(20)} ${'b'.repeat(20)}`],
  ])('takes no token of the numbers that is %s, and does not repeat it', (_, token) => {
    const read = configured('metrics: { token: { env: T } }', { T: token });
    expect(read).toThrow(/metrics\.token/);
    expect(read).not.toThrow(token);
  });

  it('refuses a channel whose secret stands plain', () => {
    const { channels } = configured(
      'channels: [{ name: a, kind: slack, tenant: t, to: [client], url: "https://x.example" }]',
    )();
    const open = () => ({ notifier: { deliver: async () => {} }, secrets: ['url'] });
    expect(() => openChannels(channels, open)).toThrow(/url is a secret/);
  });
});

describe('a letter', () => {
  const channel = (name: string, to: string[], tenant = 'acme') => ({
    name,
    kind: 'slack',
    tenant,
    to,
    settings: {},
    opened: [],
  });
  const route = routeAmong([
    channel('it', ['client/it']),
    channel('dana', ['dana@acme.example']),
    channel('msp', ['msp']),
    channel('elsewhere', ['client/it'], 'globex'),
  ]);
  const letter = (to: string[], party?: 'msp' | 'client') => ({
    kind: 'informed' as const,
    tenant: 'acme',
    to,
    ...(party ? { party } : {}),
    title: '',
    lines: [],
    path: null,
    dueAt: null,
    whileWaiting: null,
  });
  it.each([
    ['by squad', letter(['client/it']), ['it']],
    ['by email', letter(['dana@acme.example']), ['dana']],
    ['by the party of a squad', letter(['msp/noc']), ['msp']],
    ['by the party of the person', letter(['maya@northwind.example'], 'msp'), ['msp']],
    ['to nobody that a channel reaches', letter(['client/legal']), []],
  ])('is routed %s, and never to another tenant', (_, given, channels) => {
    expect(route(given)).toEqual(channels);
  });
});
