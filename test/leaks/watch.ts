import childProcess, { type ChildProcess } from 'node:child_process';
import crypto, { type KeyObject } from 'node:crypto';
import fs from 'node:fs';
import http, { type ServerResponse } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, vi } from 'vitest';
import { capture, flush, listener, registerSecret, registerSecretBytes } from './evidence.ts';

/**
 * Runs in every worker before its tests: whatever makes a secret is watched as it is made, and whatever speaks is heard,
 * so that no test has to think of it. `vitest.config.ts` holds the two against each other when all is over.
 */
const watched = globalThis as { sallyportWatched?: boolean };
// That many and more are keys, tokens, cookies and secret addresses; fewer name things.
const LEAST_BYTES = 18;
// More is no key, but what a test sends through a session.
const MOST_BYTES = 512;

if (!watched.sallyportWatched) {
  watched.sallyportWatched = true;
  watchRandomness();
  watchPrograms();
  for (const name of ['spawnSync', 'execFileSync', 'execSync'] as const) watchWaiting(name);
  watchAnswers();
  watchOwnStreams();
  watchFolders();
  syncBuiltinESMExports();
  watchFetch();
}
afterAll(flush);

vi.mock('pino', async original => {
  const real = await original<typeof import('pino')>();
  // Every logger speaks at its finest to us, and as it was set to where it was set to.
  const pino = (
    options: import('pino').LoggerOptions = {},
    destination?: import('pino').DestinationStream,
  ) => {
    const level = options.level ?? 'info';
    const { hear } = listener('a log at level trace');
    const streams = [
      { level: 'trace' as const, stream: { write: hear } },
      ...(level === 'silent'
        ? []
        : [{ level: level as 'info', stream: destination ?? real.pino.destination(1) }]),
    ];
    return real.pino({ ...options, level: 'trace' }, real.multistream(streams));
  };
  return { ...real, default: Object.assign(pino, real.pino), pino: Object.assign(pino, real.pino) };
});

vi.mock('../../src/demo/cast.ts', async original => {
  const real = await original<typeof import('../../src/demo/cast.ts')>();
  return {
    ...real,
    castWithPasswords: (...args: Parameters<typeof real.castWithPasswords>) => {
      const cast = real.castWithPasswords(...args);
      for (const { password } of Object.values(cast)) registerSecret('a password', password);
      return cast;
    },
  };
});

function watchRandomness(): void {
  const { randomBytes, generateKeyPairSync } = crypto;
  crypto.randomBytes = ((size: number, callback?: (error: Error | null, bytes: Buffer) => void) => {
    if (callback) return randomBytes(size, callback);
    const bytes = randomBytes(size);
    if (size >= LEAST_BYTES && size <= MOST_BYTES) registerSecretBytes('random bytes', bytes);
    return bytes;
  }) as typeof randomBytes;
  crypto.generateKeyPairSync = ((type: 'ed25519', options: never) => {
    const pair = generateKeyPairSync(type, options) as { privateKey: KeyObject | string | Buffer };
    const { privateKey } = pair;
    if (typeof privateKey === 'string') registerSecret('a private key', privateKey);
    else if (Buffer.isBuffer(privateKey)) registerSecretBytes('a private key', privateKey);
    else {
      registerSecretBytes('a private key', privateKey.export({ format: 'der', type: 'pkcs8' }));
      registerSecret('a private key', String(privateKey.export({ format: 'jwk' }).d ?? ''));
    }
    return pair;
  }) as unknown as typeof generateKeyPairSync;
}

/** What stands in a program's arguments everybody on the machine can read; what it prints may be kept for ever. */
function watchPrograms(): void {
  const prototype = (childProcess as unknown as { ChildProcess: { prototype: ChildProcess } }).ChildProcess
    .prototype as ChildProcess & { spawn(options: Spawned): number };
  const { spawn } = prototype;
  prototype.spawn = function (this: ChildProcess, options: Spawned) {
    const args = options.args ?? [];
    capture('arguments of a program', [options.file, ...args].join('\n'));
    for (const pair of options.envPairs ?? []) secretsOfEnvironment(pair);
    const code = spawn.call(this as never, options);
    hearStream(this.stdout, `standard output of ${args[0] ?? options.file}`);
    hearStream(this.stderr, `standard error of ${args[0] ?? options.file}`);
    const keyFile = /ssh-keygen$/.test(options.file) ? args[args.indexOf('-f') + 1] : undefined;
    if (keyFile) {
      this.prependListener('exit', () => {
        if (fs.existsSync(keyFile)) registerSecret('the private key of a person', keyOf(keyFile));
      });
    }
    return code;
  };
}

type Waiting = (file: string, args?: readonly string[] | object, ...rest: never[]) => unknown;

/** The same of those that are waited for. */
function watchWaiting(name: 'spawnSync' | 'execFileSync' | 'execSync'): void {
  const original = childProcess[name] as Waiting;
  childProcess[name] = ((file: string, args?: readonly string[] | object, ...rest: never[]) => {
    const program = Array.isArray(args) ? [file, ...args] : [file];
    capture('arguments of a program that was waited for', program.join('\n'));
    const result = original(file, args, ...rest);
    const { stdout, stderr } = (result ?? {}) as { stdout?: Uint8Array | null; stderr?: Uint8Array | null };
    for (const said of [result, stdout, stderr]) {
      if (typeof said === 'string' || said instanceof Uint8Array) capture(`what ${file} said`, said);
    }
    return result;
  }) as never;
}

interface Spawned {
  readonly file: string;
  readonly args?: readonly string[];
  readonly envPairs?: readonly string[];
}

/** What an OpenSSH key file says besides its beginning, which is the same in all and holds the public part. */
const keyOf = (file: string): string => fs.readFileSync(file, 'utf8').split('\n').slice(3, -2).join('\n');

function secretsOfEnvironment(pair: string): void {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
  if (name === undefined || value === undefined) return;
  if (/^SALLYPORT_(KEY|TOKEN)|SECRET|PASSWORD/.test(name)) registerSecret(`the variable ${name}`, value);
  if (/^DATABASE_/.test(name) && URL.canParse(value)) {
    registerSecret(`the password in ${name}`, decodeURIComponent(new URL(value).password));
  }
}

/** By its `push`, since a listener would set the stream going before its reader is there. */
function hearStream(stream: Readable | null, place: string): void {
  if (stream === null) return;
  const { hear, end } = listener(place);
  const { push } = stream;
  stream.push = function (this: Readable, chunk: unknown, ...rest: never[]) {
    if (chunk === null) end();
    else hear(chunk as Uint8Array);
    return push.call(this, chunk, ...rest);
  };
}

/**
 * Answers whose purpose is to hand a secret to its owner: a token to a person, and at the sign-out the browser's own
 * ID token to take to its provider (OpenID Connect RP-Initiated Logout).
 */
const HANDS_OUT = /^POST \/(.*(token|device)|signout$)/;
/** Pages of the providers that stand in for the parties' own; the demo's show passwords on purpose. */
const PROVIDER = /^[A-Z]+ \/(auth|interaction|session\/end)(\/|$)/;
/** A chat's address for messages is its secret; the chat room of the stage hears it asked for. */
const SECRET_ADDRESS = /^\/slack\//;

type Forward = (this: ServerResponse, chunk: unknown, ...rest: never[]) => never;

function watchAnswers(): void {
  const { write, end } = http.ServerResponse.prototype;
  const hear = (response: ServerResponse, chunk: unknown) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    const { method, url = '' } = response.req;
    const path = url.split('?')[0]!;
    if (!SECRET_ADDRESS.test(path)) capture('an address that was asked for', publicAddress(url));
    const asked = `${method} ${path}`;
    if (PROVIDER.test(asked) || (response.statusCode < 400 && HANDS_OUT.test(asked))) return;
    capture(`the answer to ${asked}`, chunk);
  };
  http.ServerResponse.prototype.write = function (this: ServerResponse, chunk: unknown, ...rest: never[]) {
    hear(this, chunk);
    return (write as Forward).call(this, chunk, ...rest);
  } as typeof write;
  http.ServerResponse.prototype.end = function (this: ServerResponse, chunk?: unknown, ...rest: never[]) {
    hear(this, chunk);
    return (end as Forward).call(this, chunk, ...rest);
  } as typeof end;
}

/** Without what OpenID Connect itself puts there: codes that serve once, and the hint of who signs out. */
function publicAddress(url: string): string {
  const { pathname, searchParams } = new URL(url, 'http://any');
  for (const name of ['code', 'state', 'id_token_hint']) {
    const value = searchParams.get(name);
    if (value !== null && name === 'code') registerSecret('an authorization code', value);
    searchParams.delete(name);
  }
  return `${pathname}?${searchParams}`;
}

/** Requests that this process makes: what it shows to be let in, and the tokens that it is given. */
function watchFetch(): void {
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const address = new URL(input instanceof Request ? input.url : String(input));
    const headers = new Headers(init?.headers);
    const [scheme, credentials] = headers.get('authorization')?.split(' ') ?? [];
    if (credentials) {
      registerSecret('credentials of a request', credentials);
      if (scheme === 'Basic') {
        registerSecret('a client secret', decodeURIComponent(atob(credentials).split(':')[1] ?? ''));
      }
    }
    if (init?.body instanceof URLSearchParams || typeof init?.body === 'string') {
      const fields = new URLSearchParams(String(init.body));
      for (const name of ['client_secret', 'code_verifier', 'code', 'device_code']) {
        registerSecret(`the field ${name}`, fields.get(name) ?? '');
      }
    }
    const response = await fetch(input, init);
    if (/\/token$/.test(address.pathname) && response.ok) {
      const answer = (await response
        .clone()
        .json()
        .catch(() => ({}))) as Record<string, unknown>;
      for (const name of ['access_token', 'id_token', 'refresh_token']) {
        // The signature alone: the rest of a token says what is no secret.
        registerSecret(
          `an ${name}`,
          String(answer[name] ?? '')
            .split('.')
            .at(-1)!,
        );
      }
    }
    return response;
  };
}

function watchOwnStreams(): void {
  for (const [name, stream] of [
    ['output', process.stdout],
    ['error', process.stderr],
  ] as const) {
    const { hear } = listener(`standard ${name} of a worker`);
    const { write } = stream;
    stream.write = function (this: typeof stream, chunk: string | Uint8Array, ...rest: never[]) {
      hear(chunk);
      return write.call(this, chunk, ...rest);
    } as typeof write;
  }
}

/** Recordings and exported logs are read before a test sweeps its folder. */
function watchFolders(): void {
  const { rm } = fs.promises;
  fs.promises.rm = async (path, options) => {
    if (options?.recursive && String(path).startsWith(tmpdir())) hearFiles(String(path));
    return rm(path, options);
  };
}

function hearFiles(folder: string): void {
  for (const entry of fs.existsSync(folder) ? fs.readdirSync(folder, { withFileTypes: true }) : []) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) hearFiles(path);
    else if (/\.(cast|ndjson)$/.test(entry.name) && fs.statSync(path).size < 32_000_000) {
      capture(entry.name.endsWith('.cast') ? 'a recording' : 'an export', fs.readFileSync(path));
    }
  }
}
