import { readFileSync } from 'node:fs';
import type { BlockList } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { type AskingPace, askingShape, duration, networks, type WebSettings, webShape } from './limits.ts';

/** What the installation is told from outside. The only reader of `process.env`. */
export interface Configuration {
  /** Named in checkpoints (`<instance>/<tenant>`) and in what people see. */
  readonly instance: string;
  readonly url: URL;
  readonly http: Listener;
  readonly ssh: Listener;
  readonly data: string;
  readonly policies: string;
  /** null: the embedded PostgreSQL under `data`. */
  readonly database: { readonly url: string; readonly migrationUrl: string } | null;
  /** 32 bytes as hex or base64; null: a file under `data`. */
  readonly key: string | null;
  /** Keys that only open what was sealed before `key`. */
  readonly retiredKeys: readonly string[];
  readonly clients: readonly OidcClient[];
  readonly channels: readonly Channel[];
  /** Seconds. */
  readonly signIn: { readonly idle: number; readonly absolute: number; readonly gateway: number };
  /** Proxies, as addresses or ranges, whose `X-Forwarded-For` is taken; of anybody else's nothing is read. */
  readonly trustedProxies: BlockList;
  readonly web: WebSettings;
  readonly asking: AskingPace;
  readonly logLevel: string;
  /** Seconds that sessions may run on once the broker is told to stop. */
  readonly drain: number;
  /** Who may read `/metrics`; null: nobody. */
  readonly metricsToken: string | null;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** Sallyport's registration at one OIDC issuer. */
export interface OidcClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
  readonly groupsClaim: string;
  readonly scope: string;
  /** Claims that identify a person in the place of `sub` (Entra: `tid`, `oid`); empty: `sub`. */
  readonly stableIds: readonly string[];
}

/** A place messages go to; `settings` is read by the notifier of that kind. */
export interface Channel {
  readonly name: string;
  readonly kind: string;
  readonly tenant: string;
  /** Squads (`client/it`), parties (`client`) or emails. */
  readonly to: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
  /** The settings that were given as `{env}`, `{file}` or `{sealed}`. */
  readonly opened: readonly string[];
}

/** A setting that makes no sense. The message is one line: which, why. */
export class ConfigurationError extends Error {
  readonly code = 'configuration';
}

type Environment = Readonly<Record<string, string | undefined>>;

const secret = z.union([
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ sealed: z.string().min(1) }),
]);
type Secret = z.infer<typeof secret>;

const file = z.strictObject({
  instance: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'expected lower-case letters, digits, dots and dashes')
    .optional(),
  oidc: z
    .array(
      z.strictObject({
        issuer: z.url(),
        client_id: z.string().min(1),
        client_secret: secret.optional(),
        groups_claim: z.string().min(1).default('groups'),
        scope: z.string().default('openid profile email'),
        stable_ids: z.array(z.string().min(1)).max(4).default([]),
      }),
    )
    .default([]),
  channels: z
    .array(
      z.looseObject({
        name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
        kind: z.string(),
        tenant: z.string(),
        to: z.array(z.string()).min(1),
      }),
    )
    .default([]),
  sign_in: z
    .strictObject({
      idle: duration.default(3600),
      absolute: duration.default(12 * 3600),
      gateway: duration.default(12 * 3600),
    })
    .prefault({}),
  trusted_proxies: networks.prefault([]),
  drain: duration.default(10),
  metrics: z.strictObject({ token: secret }).optional(),
  web: webShape.prefault({}),
  asking: askingShape.prefault({}),
});

/** As many characters as 128 random bits need in hex: a token is made, not thought of. */
const LEAST_TOKEN = 32;

/**
 * Reads the environment and `sallyport.yaml`.
 *
 * @param unseal opens a `{sealed: …}` secret; it needs the key, which only the caller may hold.
 * @throws ConfigurationError with one line for the first thing that makes no sense
 */
export function readConfiguration(
  environment: Environment = process.env,
  unseal?: (sealed: string) => string,
): Configuration {
  const url = urlOf(environment, 'SALLYPORT_URL', 'http://localhost:8080');
  const named = text(environment, 'SALLYPORT_CONFIG');
  const path = named ?? 'sallyport.yaml';
  const settings = readSettings(path, named !== null);
  const open = (value: Secret, where: string) => openSecret(value, where, environment, unseal);
  const names = new Set<string>();
  for (const { name } of settings.channels) {
    if (names.has(name)) throw new ConfigurationError(`${path}: channels: the name "${name}" is used twice`);
    names.add(name);
  }
  return {
    instance: settings.instance ?? url.hostname,
    url,
    http: listenerOf(environment, 'SALLYPORT_HTTP', '127.0.0.1:8080'),
    ssh: listenerOf(environment, 'SALLYPORT_SSH', '127.0.0.1:2222'),
    data: dataFolderOf(environment),
    policies: resolve(text(environment, 'SALLYPORT_POLICIES') ?? './policies'),
    database: databaseOf(environment),
    key: keyOf(environment),
    retiredKeys: retiredKeysOf(environment),
    clients: settings.oidc.map((client, i) => ({
      issuer: client.issuer.replace(/\/$/, ''),
      clientId: client.client_id,
      clientSecret: client.client_secret ? open(client.client_secret, `oidc[${i}].client_secret`) : null,
      groupsClaim: client.groups_claim,
      scope: client.scope,
      stableIds: client.stable_ids,
    })),
    channels: settings.channels.map(({ name, kind, tenant, to, ...rest }) => ({
      name,
      kind,
      tenant,
      to,
      opened: Object.keys(rest).filter(key => secret.safeParse(rest[key]).success),
      settings: Object.fromEntries(
        Object.entries(rest).map(([key, value]) => {
          const parsed = secret.safeParse(value);
          return [key, parsed.success ? open(parsed.data, `channels.${name}.${key}`) : value];
        }),
      ),
    })),
    signIn: settings.sign_in,
    trustedProxies: settings.trusted_proxies,
    web: settings.web,
    asking: settings.asking,
    logLevel: levelOf(environment),
    drain: settings.drain,
    metricsToken: settings.metrics ? tokenOf(open(settings.metrics.token, 'metrics.token')) : null,
  };
}

function tokenOf(value: string): string {
  // The value itself is a secret: it is not repeated.
  if (!/^[\x21-\x7e]*$/.test(value) || value.length < LEAST_TOKEN) {
    throw new ConfigurationError(`metrics.token: expected at least ${LEAST_TOKEN} characters without spaces`);
  }
  return value;
}

/** Where the sealing key is: what must be known before sealed settings can be read. */
export const readSealing = (environment: Environment = process.env) => ({
  key: keyOf(environment),
  retired: retiredKeysOf(environment),
  file: join(dataFolderOf(environment), 'keys', 'sealing.key'),
});

/** What an installation keeps, and where: for the commands that work on it as a whole, beside the broker. */
export interface Kept {
  readonly data: string;
  readonly database: Configuration['database'];
  /** Where `sallyport.yaml` is, or would be. */
  readonly settings: string;
}

export const readKept = (environment: Environment = process.env): Kept => ({
  data: dataFolderOf(environment),
  database: databaseOf(environment),
  settings: text(environment, 'SALLYPORT_CONFIG') ?? 'sallyport.yaml',
});

/** Where the command line finds the broker, and what it shows to be let in. */
export function readClientConfiguration(environment: Environment = process.env) {
  return {
    url: urlOf(environment, 'SALLYPORT_URL', 'http://localhost:8080'),
    token: text(environment, 'SALLYPORT_TOKEN'),
    /** What `login` keeps (XDG Base Directory Specification: a relative path there counts as none). */
    signIns: join(
      environment.XDG_CONFIG_HOME?.startsWith('/') ? environment.XDG_CONFIG_HOME : join(homedir(), '.config'),
      'sallyport',
      'sign-ins.json',
    ),
    /** The program that opens an address in a browser; null where there is no screen to open one on. */
    browser: browserOf(environment),
    policies: resolve(text(environment, 'SALLYPORT_POLICIES') ?? './policies'),
    data: dataFolderOf(environment),
    /** Where the demo would like to listen. */
    ports: {
      http: listenerOf(environment, 'SALLYPORT_HTTP', '127.0.0.1:8080').port,
      ssh: listenerOf(environment, 'SALLYPORT_SSH', '127.0.0.1:2222').port,
    },
    colour: process.stdout.isTTY === true && !environment.NO_COLOR,
  };
}

function browserOf(environment: Environment): string | null {
  if (process.platform === 'darwin') return 'open';
  const screen = environment.DISPLAY || environment.WAYLAND_DISPLAY;
  return process.platform !== 'win32' && screen ? 'xdg-open' : null;
}

const dataFolderOf = (environment: Environment): string =>
  resolve(text(environment, 'SALLYPORT_DATA') ?? './data');

function databaseOf(environment: Environment): Configuration['database'] {
  const databaseUrl = text(environment, 'DATABASE_URL');
  const migrationUrl = text(environment, 'DATABASE_MIGRATION_URL');
  for (const [name, value] of [
    ['DATABASE_URL', databaseUrl],
    ['DATABASE_MIGRATION_URL', migrationUrl],
  ] as const) {
    if (value !== null && !/^postgres(ql)?:\/\//.test(value)) {
      throw new ConfigurationError(`${name} is not a postgres:// address`);
    }
  }
  if (databaseUrl === null && migrationUrl === null) return null;
  if (databaseUrl === null || migrationUrl === null) {
    const [set, missing] =
      databaseUrl === null
        ? ['DATABASE_MIGRATION_URL', 'DATABASE_URL']
        : ['DATABASE_URL', 'DATABASE_MIGRATION_URL'];
    throw new ConfigurationError(`${set} is set and ${missing} is not: set both, of two roles, or neither`);
  }
  return { url: databaseUrl, migrationUrl };
}

const text = (environment: Environment, name: string): string | null => environment[name]?.trim() || null;

function urlOf(environment: Environment, name: string, standard: string): URL {
  const value = text(environment, name) ?? standard;
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new ConfigurationError(`${name} is not an http(s) address: ${JSON.stringify(value)}`);
  }
  const url = new URL(value);
  if (url.username || url.password || url.search || url.hash || url.pathname !== '/') {
    throw new ConfigurationError(`${name} must be scheme, host and port alone: ${JSON.stringify(value)}`);
  }
  return url;
}

function listenerOf(environment: Environment, name: string, standard: string): Listener {
  const value = text(environment, name) ?? standard;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw new ConfigurationError(`${name} is not host:port: ${JSON.stringify(value)}`);
  }
  return { host: (match[1] ?? match[2])!, port };
}

function keyOf(environment: Environment): string | null {
  const value = text(environment, 'SALLYPORT_KEY');
  return value === null ? null : keyIn(value, 'SALLYPORT_KEY');
}

const retiredKeysOf = (environment: Environment): string[] =>
  (text(environment, 'SALLYPORT_KEY_RETIRED')?.split(/[\s,]+/) ?? []).map(value =>
    keyIn(value, 'SALLYPORT_KEY_RETIRED'),
  );

function keyIn(value: string, name: string): string {
  const bytes = /^[0-9a-fA-F]{64}$/.test(value) ? 32 : Buffer.from(value, 'base64').length;
  // The value itself is a secret: it is not repeated.
  if (bytes !== 32) throw new ConfigurationError(`${name} is not 32 bytes as hex or base64`);
  return value;
}

function levelOf(environment: Environment): string {
  const value = text(environment, 'SALLYPORT_LOG') ?? 'info';
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  if (!levels.includes(value)) throw new ConfigurationError(`SALLYPORT_LOG is none of ${levels.join(', ')}`);
  return value;
}

function readSettings(path: string, required: boolean): z.infer<typeof file> {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return file.parse({});
    throw new ConfigurationError(
      `SALLYPORT_CONFIG: cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
  const document = parseDocument(source);
  const problem = document.errors[0];
  if (problem) throw new ConfigurationError(`${path}: ${problem.message.split('\n')[0]}`);
  const parsed = file.safeParse(document.toJS({ maxAliasCount: 20 }) ?? {});
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new ConfigurationError(`${path}: ${issue.path.join('.') || 'top level'}: ${issue.message}`);
  }
  return parsed.data;
}

function openSecret(
  value: Secret,
  where: string,
  environment: Environment,
  unseal?: (sealed: string) => string,
): string {
  if ('env' in value) {
    const found = text(environment, value.env);
    if (found === null) throw new ConfigurationError(`${where}: the variable ${value.env} is not set`);
    return found;
  }
  if ('file' in value) {
    try {
      return readFileSync(value.file, 'utf8').trim();
    } catch (error) {
      throw new ConfigurationError(
        `${where}: cannot read ${value.file}: ${(error as NodeJS.ErrnoException).code}`,
      );
    }
  }
  if (!unseal) throw new ConfigurationError(`${where}: sealed, and no key to open it was given`);
  try {
    return unseal(value.sealed);
  } catch {
    throw new ConfigurationError(`${where}: sealed under another key, or damaged`);
  }
}

/** Says which setting is at fault when somebody else listens there already. */
export function placeTaken(error: Error, name: string, { host, port }: Listener): Error {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL'
    ? new ConfigurationError(`${name}: cannot listen on ${host}:${port}: ${code}; set it to another`)
    : error;
}

/** What people type after the last `@`: the public host, unless the gateway listens elsewhere on purpose. */
export const gatewayHost = ({ url, ssh }: Configuration): string =>
  ['0.0.0.0', '::', '127.0.0.1', '::1'].includes(ssh.host) ? url.hostname : ssh.host;
