import { type ExecFileException, execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { BlockList } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { Configuration } from '../configuration.ts';
import type { Party } from '../domain/party.ts';
import { issuerKey } from '../identity/sign-in.ts';
import { standardLimits } from '../limits.ts';
import { type Adjustments, type Broker, startBroker } from '../main.ts';
import {
  type CastMemberWithPassword,
  type CastName,
  castWithPasswords,
  PARTY_NAMES,
  peopleOf,
} from './cast.ts';
import { type ChatRoom, startChatRoom } from './chat-room.ts';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { freePort } from './listening.ts';
import { startSmallHost } from './small-host.ts';
import { startTargetHost, type TargetHost, TargetHostUnavailable } from './target-host.ts';
import { Visitor } from './visitor.ts';

const ACME = fileURLToPath(new URL('../../policies/acme', import.meta.url));

/** Everything that the story plays on, all of it real: providers, broker, gateway, chat room and host. */
export interface Stage {
  readonly folder: string;
  readonly broker: Broker;
  readonly url: URL;
  readonly cast: Readonly<Record<CastName, CastMemberWithPassword>>;
  readonly providers: Readonly<Record<Party, IdentityProvider>>;
  readonly chat: ChatRoom;
  readonly db01: TargetHost;
  /** The session keys that the gateway made, newest last: kept here, and nowhere else, so that one can leak. */
  readonly sessionKeys: readonly KeyObject[];
  /** A browser of this person, signed in through their own provider; the same one each time. */
  as(name: CastName): Promise<Visitor>;
  /** A bearer token of this person, for the API. */
  token(name: CastName): Promise<string>;
  /** Calls the API as this person. */
  api(name: CastName, method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** A registered key of this person: the path of its private half. */
  key(name: CastName): Promise<string>;
  /** Options for the stock client to reach the gateway with this person's key, and nothing else of the machine's. */
  sshOptions(name: CastName): Promise<string[]>;
  close(): Promise<void>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
  /** The parsed body; `unknown` shapes are for the caller to read. */
  // biome-ignore lint/suspicious/noExplicitAny: an API's answer is whatever the test then asserts
  readonly json: any;
}

export interface StageOptions {
  readonly folder: string;
  /** Ports that are preferred; taken ones move. 0: any. */
  readonly ports?: Partial<Record<'http' | 'ssh' | 'msp' | 'client' | 'db01' | 'chat', number>>;
  readonly logger?: Logger;
  readonly showPasswords?: boolean;
  /** The first version is in force unsigned, unless this says otherwise. */
  readonly adjust?: Adjustments;
  /** Changes the installation before it starts. */
  readonly configure?: (configuration: Configuration) => Configuration;
  readonly database?: Configuration['database'];
}

/** Raises the stage. What was started before something fails is ended again. */
export async function raiseStage(options: StageOptions): Promise<Stage> {
  const ends: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return await raise(options, ends, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function raise(
  options: StageOptions,
  ends: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Stage> {
  const { folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const cast = castWithPasswords();
  const port = async (name: keyof NonNullable<StageOptions['ports']>) => freePort(options.ports?.[name] ?? 0);
  const http = await port('http');
  const url = new URL(`http://localhost:${http}`);
  const secrets: Record<Party, string> = { msp: secret(), client: secret() };

  const chat = await startChatRoom({ port: options.ports?.chat ?? 0, title: 'Acme IT' });
  ends.push(() => chat.close());
  const startProvider = async (party: Party): Promise<IdentityProvider> => {
    const preferred = await port(party);
    const issuer = `http://127.0.0.1:${preferred}`;
    const provider = await startIdentityProvider({
      port: preferred,
      party,
      partyName: PARTY_NAMES[party],
      people: peopleOf(cast, party),
      clients: [
        {
          client_id: 'sallyport',
          client_secret: secrets[party],
          client_name: 'Sallyport',
          redirect_uris: [new URL(`/signin/${issuerKey(issuer)}/callback`, url).href],
          post_logout_redirect_uris: [new URL('/signin', url).href],
        },
      ],
      showPasswords: options.showPasswords ?? false,
    });
    ends.push(() => provider.close());
    return provider;
  };
  const providers = { msp: await startProvider('msp'), client: await startProvider('client') };
  const hostPort = await port('db01');
  const policies = join(folder, 'policies');
  await placePolicies(policies, {
    'http://127.0.0.1:4001': providers.msp.issuer,
    'http://127.0.0.1:4002': providers.client.issuer,
    '127.0.0.1:2201': `127.0.0.1:${hostPort}`,
  });

  const sessionKeys: KeyObject[] = [];
  const configuration: Configuration = {
    instance: 'demo.sallyport.example',
    url,
    http: { host: '127.0.0.1', port: http },
    ssh: { host: '127.0.0.1', port: await port('ssh') },
    data: join(folder, 'broker'),
    policies,
    database: options.database ?? null,
    key: null,
    retiredKeys: [],
    clients: (['msp', 'client'] as const).map(party => ({
      issuer: providers[party].issuer,
      clientId: 'sallyport',
      clientSecret: secrets[party],
      groupsClaim: 'groups',
      scope: 'openid profile email',
      stableIds: [],
    })),
    channels: [
      {
        name: 'acme-it',
        kind: 'slack',
        tenant: 'acme',
        to: ['client/it', 'client/ciso'],
        settings: { url: chat.webhookUrl('acme-it') },
        opened: ['url'],
      },
      {
        name: 'northwind',
        kind: 'webhook',
        tenant: 'acme',
        to: ['msp'],
        settings: { url: chat.signedWebhookUrl, secret: chat.secret },
        opened: ['url', 'secret'],
      },
    ],
    signIn: { idle: 3600, absolute: 12 * 3600, gateway: 12 * 3600 },
    trustedProxies: new BlockList(),
    ...standardLimits(),
    logLevel: 'warn',
    drain: 0,
    metricsToken: null,
  };
  const broker = await startBroker(options.configure?.(configuration) ?? configuration, {
    ...(options.logger ? { logger: options.logger } : {}),
    unsignedFirstVersion: true,
    ...options.adjust,
    generateSessionKey: () => {
      const pair = generateKeyPairSync('ed25519');
      sessionKeys.push(pair.privateKey);
      return pair;
    },
  });
  ends.push(() => broker.stop());
  if (broker.problems.length > 0) throw new Error(broker.problems.join('\n'));

  const host = {
    name: 'db01',
    tenant: 'acme',
    port: hostPort,
    userCa: await broker.application.authorities.publicKey('acme', 'ssh'),
    logins: { root: ['sallyport:db01.acme:root'], backup: ['sallyport:db01.acme:backup'] },
    folder: join(folder, 'db01'),
  };
  const db01 = await startTargetHost(host).catch(error => {
    // Only sshd that root started can give `root`; an ordinary user sees the story on a stand-in.
    if (error instanceof TargetHostUnavailable) return startSmallHost(host);
    throw error;
  });
  ends.push(() => db01.close());

  const people = new People({ folder, url, cast, gatewayPort: broker.ssh.port });
  return {
    folder,
    broker,
    url,
    cast,
    providers,
    chat,
    db01,
    sessionKeys,
    as: name => people.as(name),
    token: name => people.token(name),
    api: (name, method, path, body) => people.api(name, method, path, body),
    key: name => people.key(name),
    sshOptions: name => people.sshOptions(name),
    close,
  };
}

/** What the people of the story have: a browser, a token and a key each, made when first needed. */
export class People<Name extends string = CastName> {
  readonly #visitors = new Map<Name, Promise<Visitor>>();
  readonly #tokens = new Map<Name, Promise<string>>();
  readonly #keys = new Map<Name, Promise<string>>();

  constructor(
    private readonly place: {
      folder: string;
      url: URL;
      cast: Readonly<Record<Name, CastMemberWithPassword>>;
      gatewayPort: number;
    },
  ) {}

  as(name: Name): Promise<Visitor> {
    return once(this.#visitors, name, async () => {
      const { email, password, party } = this.place.cast[name];
      const visitor = new Visitor();
      await visitor.signIn(this.place.url, PARTY_NAMES[party], email, password);
      return visitor;
    });
  }

  token(name: Name): Promise<string> {
    return once(this.#tokens, name, async () => {
      const visitor = await this.as(name);
      const answer = await visitor.ask(new URL('/api/v1/tokens', this.place.url), {
        method: 'POST',
        headers: { origin: this.place.url.origin, 'content-type': 'application/json' },
        body: JSON.stringify({ label: 'scripts' }),
      });
      if (answer.status !== 201) throw new Error(`no token for ${name}: ${answer.body.toString()}`);
      return (JSON.parse(answer.body.toString()) as { token: string }).token;
    });
  }

  async api(name: Name, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const response = await fetch(new URL(`/api/v1${path}`, this.place.url), {
      method,
      headers: {
        authorization: `Bearer ${await this.token(name)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson =
      /json/.test(response.headers.get('content-type') ?? '') &&
      !/ndjson/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, text, json: isJson ? JSON.parse(text) : null };
  }

  key(name: Name): Promise<string> {
    return once(this.#keys, name, async () => {
      const folder = join(this.place.folder, 'keys');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = join(folder, name);
      await rm(file, { force: true });
      const made = await execute('ssh-keygen', [
        '-q',
        '-t',
        'ed25519',
        '-N',
        '',
        '-C',
        `${name}@laptop`,
        '-f',
        file,
      ]);
      if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
      const answer = await this.api(name, 'POST', '/keys', {
        public_key: (await readFile(`${file}.pub`, 'utf8')).trim(),
      });
      if (answer.status !== 201) throw new Error(`key of ${name}: ${answer.text}`);
      return file;
    });
  }

  async sshOptions(name: Name): Promise<string[]> {
    return [
      ...['-F', 'none', '-i', await this.key(name)],
      ...options({
        Port: this.place.gatewayPort,
        IdentitiesOnly: 'yes',
        BatchMode: 'yes',
        StrictHostKeyChecking: 'accept-new',
        UserKnownHostsFile: join(this.place.folder, 'known_hosts'),
        LogLevel: 'ERROR',
        ConnectTimeout: 20,
      }),
    ];
  }
}

/** `-o Name=value` for each. */
export const options = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['-o', `${name}=${value}`]);

export interface Executed {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a status other than 0 is an answer, not an error. */
export function execute(command: string, args: readonly string[], input?: string): Promise<Executed> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      { maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
      (error: ExecFileException | null, stdout, stderr) => {
        if (error && typeof error.code !== 'number' && !error.killed) reject(error);
        else resolve({ status: error ? Number(error.code ?? 255) : 0, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

/** The example as it is; only addresses that had to move are written anew. */
export async function placePolicies(folder: string, moves: Readonly<Record<string, string>>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await cp(ACME, join(folder, 'acme'), { recursive: true });
  for (const name of await readdir(join(folder, 'acme'))) {
    const file = join(folder, 'acme', name);
    const source = await readFile(file, 'utf8');
    const moved = Object.entries(moves).reduce((text, [from, to]) => text.replaceAll(from, to), source);
    if (moved !== source) await writeFile(file, moved);
  }
}

function once<K, V>(made: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const known = made.get(key) ?? make();
  made.set(key, known);
  return known;
}

const secret = (): string => crypto.randomUUID() + crypto.randomUUID();
