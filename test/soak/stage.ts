import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  type CastMemberWithPassword,
  castWithPasswords,
  PARTY_NAMES,
  peopleOf,
  randomPassword,
} from '../../src/demo/cast.ts';
import { startIdentityProvider } from '../../src/demo/identity-provider.ts';
import { freePort } from '../../src/demo/listening.ts';
import { startSmallHost } from '../../src/demo/small-host.ts';
import { People, placePolicies } from '../../src/demo/stage.ts';
import { startTargetHost, TargetHostUnavailable } from '../../src/demo/target-host.ts';
import type { Party } from '../../src/domain/party.ts';
import { issuerKey } from '../../src/identity/sign-in.ts';
import { signFirst } from '../fixtures/signed.ts';
import { BrokerProcess } from './broker-process.ts';
import type { Random } from './random.ts';
import { type Receiver, startReceiver } from './receiver.ts';

/** Maya's colleagues, so that each can hold one grant at a time while others hold others. */
export const COLLEAGUES = ['noor', 'owen', 'priya'] as const;
export type SoakName = 'maya' | 'alex' | 'dana' | 'ravi' | 'chris' | 'audrey' | (typeof COLLEAGUES)[number];

/** The broker as a process of its own; providers, host and receiver stay up whatever happens to it. */
export interface SoakStage {
  readonly folder: string;
  readonly data: string;
  readonly recordings: string;
  readonly broker: BrokerProcess;
  readonly people: People<SoakName>;
  readonly receiver: Receiver;
  readonly gatewayPort: number;
  close(): Promise<void>;
}

export async function raiseSoakStage(folder: string, random: Random): Promise<SoakStage> {
  const ends: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    return await raise(folder, random, ends, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function raise(
  folder: string,
  random: Random,
  ends: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<SoakStage> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const cast = { ...castWithPasswords(), ...colleagues() };
  const [http, ssh, hostPort] = [await freePort(), await freePort(), await freePort()];
  const url = new URL(`http://localhost:${http}`);
  const receiver = await startReceiver(random);
  ends.push(() => receiver.close());

  const secret = crypto.randomUUID() + crypto.randomUUID();
  const issuers: Record<Party, string> = { msp: '', client: '' };
  for (const party of ['msp', 'client'] as const) {
    const port = await freePort();
    const provider = await startIdentityProvider({
      port,
      party,
      partyName: PARTY_NAMES[party],
      people: peopleOf(cast, party),
      clients: [
        {
          client_id: 'sallyport',
          client_secret: secret,
          client_name: 'Sallyport',
          redirect_uris: [new URL(`/signin/${issuerKey(`http://127.0.0.1:${port}`)}/callback`, url).href],
          post_logout_redirect_uris: [new URL('/signin', url).href],
        },
      ],
      showPasswords: false,
    });
    ends.push(() => provider.close());
    issuers[party] = provider.issuer;
  }
  const policies = join(folder, 'policies');
  await placePolicies(policies, {
    'http://127.0.0.1:4001': issuers.msp,
    'http://127.0.0.1:4002': issuers.client,
    '127.0.0.1:2201': `127.0.0.1:${hostPort}`,
  });
  const data = join(folder, 'data');
  const settings = join(folder, 'sallyport.yaml');
  const channel = { kind: 'webhook', tenant: 'acme', url: receiver.url, secret: { env: 'SOAK_HOOK_SECRET' } };
  await writeFile(
    settings,
    stringify({
      instance: 'soak.sallyport.example',
      // Its people ask all the time, and nobody could.
      asking: { per_minute: 100_000, per_hour: 1_000_000 },
      oidc: [issuers.msp, issuers.client].map(issuer => ({
        issuer,
        client_id: 'sallyport',
        client_secret: { env: 'SOAK_CLIENT_SECRET' },
      })),
      channels: [
        { name: 'acme-it', to: ['client/it', 'client/ciso'], ...channel },
        { name: 'northwind', to: ['msp'], ...channel },
      ],
    }),
  );
  const broker = new BrokerProcess({
    SALLYPORT_URL: url.href,
    SALLYPORT_HTTP: `127.0.0.1:${http}`,
    SALLYPORT_SSH: `127.0.0.1:${ssh}`,
    SALLYPORT_DATA: data,
    SALLYPORT_POLICIES: policies,
    SALLYPORT_CONFIG: settings,
    SALLYPORT_LOG: 'warn',
    SOAK_CLIENT_SECRET: secret,
    SOAK_HOOK_SECRET: receiver.secret,
  });
  broker.spawn();
  ends.push(() => broker.kill('SIGTERM'));
  await broker.ready();

  const people = new People<SoakName>({ folder, url, cast, gatewayPort: ssh });
  for (const name of ['dana', 'ravi'] as const) await people.as(name);
  await signFirst({ url, as: name => people.as(name), api: (...call) => people.api(...call) }, [
    'alex',
    'chris',
  ]);
  const { json: enrolment } = await people.api('dana', 'GET', '/targets/db01/enrolment');
  const target = {
    name: 'db01',
    tenant: 'acme',
    port: hostPort,
    userCa: enrolment.user_ca as string,
    logins: { root: ['sallyport:db01.acme:root'] },
    folder: join(folder, 'db01'),
  };
  const host = await startTargetHost(target).catch(error => {
    if (error instanceof TargetHostUnavailable) return startSmallHost(target);
    throw error;
  });
  ends.push(() => host.close());
  const pinned = await people.api('dana', 'POST', '/targets/db01/host-keys', { host_key: host.hostKeyLine });
  if (pinned.status !== 200) throw new Error(`the host key was not pinned: ${pinned.text}`);
  // Everybody signs in, and has a key, before the first thing is killed.
  for (const name of ['dana', 'ravi', 'audrey'] as const) await people.token(name);
  for (const name of ['maya', ...COLLEAGUES] as const) await people.key(name);
  return {
    folder,
    data,
    recordings: join(data, 'recordings'),
    broker,
    people,
    receiver,
    gatewayPort: ssh,
    close,
  };
}

function colleagues(): Record<(typeof COLLEAGUES)[number], CastMemberWithPassword> {
  const members = COLLEAGUES.map((name, i) => [
    name,
    {
      party: 'msp',
      name: `${name[0]!.toUpperCase()}${name.slice(1)} Backup`,
      email: `${name}@northwind.example`,
      emailVerified: true,
      subject: `u-soak-${i}`,
      groups: ['backup-ops'],
      role: 'backup engineer',
      password: randomPassword(),
    },
  ]);
  return Object.fromEntries(members);
}
