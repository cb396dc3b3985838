import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import {
  closeBroken,
  closeBrokenAnew,
  createHostKey,
  type Gateway,
  type GatewayOptions,
  startGateway,
} from '../recorder/main.ts';
import type { Application } from './api/application.ts';
import { openGatewayDoor } from './api/gateway-door.ts';
import { listenWithin } from './api/listener.ts';
import { buildServer } from './api/server.ts';
import { openLogKeys } from './audit/log-keys.ts';
import type { Configuration } from './configuration.ts';
import { ConfigurationError, gatewayHost, placeTaken } from './configuration.ts';
import { openGatewayHostKey } from './credentials/gateway-host-key.ts';
import { credentialKinds } from './credentials/kinds.ts';
import { openKeyring, sealingName } from './credentials/seal.ts';
import type { Engagement } from './domain/decision.ts';
import type { Matrix } from './domain/matrix.ts';
import { openDeviceSignIns } from './identity/device.ts';
import { identityKinds } from './identity/kinds.ts';
import { openSignIns } from './identity/sign-in.ts';
import { installationOf } from './installation.ts';
import { engagementOf } from './matrices/read.ts';
import { notifierKinds, openNotifier } from './notifiers/kinds.ts';
import { closeBrokenOff, gatewaysWithOpenSessions } from './schedule/broken-off.ts';
import { takeCheckpoint } from './schedule/checkpoints.ts';
import { openPolicies } from './schedule/policies.ts';
import { startRounds } from './schedule/rounds.ts';
import { openChannels, routeAmong } from './schedule/routing.ts';
import { steadyClock } from './schedule/steady-clock.ts';
import { type Books, openBooks } from './store/books.ts';
import type { Clock } from './store/commit.ts';
import { openDatabase } from './store/database.ts';
import { claimGatewayPlace } from './store/gateway-place.ts';
import { announceLogKey } from './store/log.ts';
import { takeIn } from './store/proposals.ts';
import { wasBrokenOff } from './store/restore.ts';
import { type DatabaseTime, databaseTime } from './store/skew.ts';
import { readVitals } from './store/vitals.ts';
import { checksOf } from './vitals/checks.ts';
import { askedOnce, inTime } from './vitals/in-time.ts';
import { Instruments } from './vitals/instruments.ts';
import { openNumbers } from './vitals/numbers.ts';
import { openOperatorLog } from './vitals/operator-log.ts';
import { openReadiness, type Readiness } from './vitals/readiness.ts';
import { watchedCommit, watchedDoor } from './vitals/watched.ts';
import { mountPages } from './web/pages.tsx';
import { renderProblem } from './web/problem.tsx';

/** A broker that serves: both planes in one process. */
export interface Broker {
  readonly http: { readonly host: string; readonly port: number };
  readonly ssh: { readonly host: string; readonly port: number; readonly hostKey: string };
  readonly application: Application;
  /** What stopped a folder of the policies from coming into force; empty when all did. */
  readonly problems: readonly string[];
  /** Reads the policies again; what is wrong leaves the version in force untouched. */
  reload(): Promise<readonly string[]>;
  /** Stops taking work, ends sessions with a word, and closes the database last. */
  stop(): Promise<void>;
}

export interface Adjustments {
  readonly clock?: Clock;
  /** What the database says that the time is; with a `clock` of its own and without this, the same. */
  readonly databaseTime?: DatabaseTime;
  readonly logger?: Logger;
  /** Makes a session's key pair in the place of the gateway: how the demo leaks one on purpose. */
  readonly generateSessionKey?: GatewayOptions['generateSessionKey'];
  readonly gatewayLimits?: GatewayOptions['limits'];
  /** In milliseconds: how often what dead gateways left is looked for, and after how long away one is dead. */
  readonly deadGateways?: { readonly every: number; readonly after?: number };
  /** The first version of a tenant is in force without signatures. No setting does this: the demo alone. */
  readonly unsignedFirstVersion?: boolean;
}

/** A part that hangs is left behind, after the time that sessions may run on. */
const PART_MS = 20_000;

/** What every part of the assembly is built on. */
interface Ground {
  readonly configuration: Configuration;
  readonly adjust: Adjustments;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Ends a part when the broker stops: the last that was begun comes first. */
  onStop(end: () => Promise<unknown>): void;
}

/**
 * Assembles and starts everything. The only place that knows all parts.
 *
 * @throws ConfigurationError, DataInUse, EmbeddedPostgresError; nothing is left running then
 */
export async function startBroker(configuration: Configuration, adjust: Adjustments = {}): Promise<Broker> {
  const logger = adjust.logger ?? openOperatorLog(configuration.logLevel);
  const clock = adjust.clock ?? steadyClock();
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) {
      await inTime(configuration.drain * 1000 + PART_MS, end()).catch(error =>
        logger.error({ err: error }, 'a part did not stop cleanly'),
      );
    }
  };
  try {
    const broker = await assemble({
      configuration,
      adjust,
      logger,
      clock,
      onStop: end => {
        ends.push(end);
      },
    });
    return { ...broker, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Each part in the order in which it can start: what is kept, what is decided by, who may ask, and then the doors. */
async function assemble(ground: Ground): Promise<Omit<Broker, 'stop'>> {
  const { configuration, adjust, logger, clock, onStop } = ground;
  const { url, instance } = configuration;
  const unsigned = adjust.unsignedFirstVersion ?? false;
  const installation = (matrix: Matrix) => installationOf(configuration, matrix);
  const { keys, recordings } = await openFolders(configuration);
  const channels = openChannels(configuration.channels, channel => ({
    notifier: openNotifier(channel, () => clock.now()),
    secrets: notifierKinds[channel.kind]!.secrets,
  }));
  const keyring = await openKeyring({
    key: configuration.key,
    retired: configuration.retiredKeys,
    file: join(keys, 'sealing.key'),
  });
  const instruments = new Instruments();
  const route = routeAmong(configuration.channels);
  const opened = await openDatabase({ ...configuration, sealing: sealingName(keyring) }, logger);
  onStop(() => opened.close());
  const { books, reserved, apart } = openBooks(opened, {
    keyring,
    parse: source => {
      const { matrix, targets } = JSON.parse(source) as Pick<Engagement, 'matrix' | 'targets'>;
      return engagementOf(matrix, targets);
    },
    createAuthority: protocol => credentialKinds[protocol as keyof typeof credentialKinds].createAuthority(),
    watched: commit => watchedCommit(commit, instruments),
    route,
    url,
    asking: configuration.asking,
    installation,
    unsigned,
    clock,
    databaseTime: adjust.databaseTime ?? (adjust.clock ? async () => clock.now() : databaseTime),
  });
  const { database, engagements, commit, authorities } = books;
  const logKey = openLogKeys(keys, keyring, instance);

  const vitals = askedOnce(() => readVitals(database, clock.now()));
  const readiness = openReadiness(checksOf({ database, recordings, apart, vitals }), ailments =>
    ailments.length > 0
      ? logger.warn({ ailments }, 'not ready: new sessions would fail')
      : logger.info({}, 'ready again'),
  );

  const policies = openPolicies({
    folder: configuration.policies,
    engagements,
    takeIn: version =>
      takeIn(database, version, {
        installation: installation(version.engagement.matrix),
        unsigned,
        now: clock.now(),
      }),
    welcome: async tenant => {
      await authorities.publicKey(tenant, 'ssh');
      await announceLogKey(database, tenant, (await logKey(tenant)).vkey);
    },
    logger,
  });
  const problems = await policies.reload();

  const signIns = openSignIns({
    database,
    engagements,
    providers: configuration.clients.map(client => identityKinds.oidc(client)),
    clock,
    url,
    limits: configuration.signIn,
    keyring,
  });
  const devices = openDeviceSignIns({ database, engagements, clock });

  const { gateway, probe, closeOrphans } = await openGateway(ground, {
    books,
    reserved,
    recordings,
    hostKey: await openGatewayHostKey(keys, keyring, createHostKey),
    instruments,
    readiness,
  });
  const numbers = openNumbers({
    instruments,
    vitals,
    ready: async () => (await readiness.ailments()).length === 0,
    live: () => gateway.sessions().map(({ protocol }) => protocol),
    protocols: Object.keys(credentialKinds),
    channels: configuration.channels.map(({ name }) => name),
  });
  onStop(async () => numbers.stop());

  const application: Application = {
    instance,
    url,
    web: configuration.web,
    gateway: { host: gatewayHost(configuration), port: gateway.port, hostKey: () => gateway.hostKeyLine },
    recordings,
    database,
    commit,
    engagements,
    authorities,
    signIns,
    devices,
    proxies: configuration.trustedProxies,
    clock,
    logger,
    logKey,
    checkpoint: async tenant => takeCheckpoint(database, await logKey(tenant), { tenant }, clock),
    readiness,
    numbers,
    instruments,
    preflight: {
      signInWithin: configuration.signIn.gateway,
      channelsTo: (tenant, to) => route({ tenant, to }),
      probe,
    },
    metricsToken: configuration.metricsToken,
  };
  const rounds = await startRounds({
    database,
    commit,
    engagements,
    channels,
    policies,
    signIns: [signIns, devices],
    apart,
    closeOrphans,
    orphansEvery: adjust.deadGateways?.every,
    checkpoint: application.checkpoint,
    clock,
    logger,
  });
  onStop(() => rounds.stop());

  const server = buildServer(application, { mount: mountPages, problem: renderProblem });
  const { http: address, web, trustedProxies } = configuration;
  const http = await listenWithin(server.fetch, address, web, trustedProxies).catch(error => {
    throw placeTaken(error, 'SALLYPORT_HTTP', address);
  });
  onStop(async () => {
    readiness.leave();
    // Pages and probes answer while sessions end: their people may still want to hand back, their balancer to look away.
    await gateway.close({ drainMs: configuration.drain * 1000 });
    await http.close();
  });
  return {
    http: http.address,
    ssh: { host: configuration.ssh.host, port: gateway.port, hostKey: gateway.hostKeyLine },
    application,
    problems,
    reload: () => policies.reload(),
  };
}

/** Looks at the folders, and makes what is ours, before anything is started: one that is not there leaves nothing half-done. */
async function openFolders({ policies, data }: Configuration): Promise<{ keys: string; recordings: string }> {
  await readdir(policies).catch(error => {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(`SALLYPORT_POLICIES: cannot read ${policies}: ${code}`);
  });
  if (await wasBrokenOff(data)) {
    throw new ConfigurationError(`SALLYPORT_DATA: a restore into ${data} was broken off: call it again`);
  }
  const keys = join(data, 'keys');
  const recordings = join(data, 'recordings');
  for (const folder of [data, recordings, keys]) await mkdir(folder, { recursive: true, mode: 0o700 });
  return { keys, recordings };
}

/** The gateway in this process, after what a dead one left is closed. */
async function openGateway(
  { configuration, adjust, logger, clock, onStop }: Ground,
  parts: {
    books: Books;
    reserved: Books;
    recordings: string;
    hostKey: string;
    instruments: Instruments;
    readiness: Readiness;
  },
): Promise<{
  gateway: Gateway;
  probe: Application['preflight']['probe'];
  closeOrphans: () => Promise<void>;
}> {
  const { database, commit } = parts.books;
  const { recordings, hostKey, readiness } = parts;
  // An embedded PostgreSQL has one broker.
  const alone = configuration.database === null;
  const place = await claimGatewayPlace(database, alone, adjust.deadGateways?.after);
  onStop(() => place.release());
  const closeDead = (dead: string) =>
    closeBrokenOff({
      database,
      commit,
      recordings,
      closeBroken: alone ? closeBroken : closeBrokenAnew,
      gateway: dead,
      clock,
      logger,
    });
  const closeOrphans = async () => place.eachDead(await gatewaysWithOpenSessions(database), closeDead);
  await closeOrphans();
  const door = await openGatewayDoor({
    ...parts.reserved,
    sign: signSessionKey,
    signProbe: signProbeKey,
    clock,
    url: configuration.url,
    gateway: place.name,
    mayAdmit: () => place.held(),
    signInWithin: configuration.signIn.gateway,
  });
  onStop(() => door.close());
  const gateway = await startGateway(
    {
      listen: configuration.ssh,
      recordings,
      hostKey,
      logger,
      ...(adjust.generateSessionKey ? { generateSessionKey: adjust.generateSessionKey } : {}),
      ...(adjust.gatewayLimits ? { limits: adjust.gatewayLimits } : {}),
    },
    watchedDoor(door, parts.instruments, () => readiness.leaving),
  ).catch(error => {
    throw placeTaken(error, 'SALLYPORT_SSH', configuration.ssh);
  });
  onStop(() => gateway.close());
  const probe: Application['preflight']['probe'] = (order, asker, signal) => {
    const over = door.expect(order, asker);
    return gateway.probe(order, signal).finally(over);
  };
  return { gateway, probe, closeOrphans };
}

const signSessionKey: Parameters<typeof openGatewayDoor>[0]['sign'] = (authority, order) =>
  credentialKinds.ssh.issue(authority, {
    publicKey: order.publicKey,
    serial: randomBytes(8).readBigUInt64BE() >> 1n,
    keyId: `${order.session} ${order.person}`,
    target: order.target,
    tenant: order.tenant,
    login: order.role,
    sourceAddresses: [order.sourceAddress],
    pty: order.pty,
    now: order.now,
    grantEndsAt: order.grantEndsAt,
  });

const signProbeKey: Parameters<typeof openGatewayDoor>[0]['signProbe'] = (authority, order) =>
  credentialKinds.ssh.issueProbe(authority, {
    publicKey: order.publicKey,
    serial: randomBytes(8).readBigUInt64BE() >> 1n,
    keyId: `${order.preflight} preflight`,
    target: order.target,
    tenant: order.tenant,
    login: order.login,
    sourceAddresses: [order.sourceAddress],
    now: order.now,
  });
