import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import {
  closeBroken,
  closeBrokenAnew,
  createHostKey,
  type GatewayOptions,
  startGateway,
} from '../recorder/main.ts';
import type { Application } from './api/application.ts';
import { openGatewayDoor } from './api/gateway-door.ts';
import { listenWithin } from './api/listener.ts';
import { buildServer } from './api/server.ts';
import { type LogKey, openLogKey } from './audit/log-keys.ts';
import type { Configuration } from './configuration.ts';
import { ConfigurationError, gatewayHost, placeTaken } from './configuration.ts';
import { contextOf } from './credentials/contexts.ts';
import { credentialKinds } from './credentials/kinds.ts';
import { openKeyring, sealingName } from './credentials/seal.ts';
import type { Engagement } from './domain/decision.ts';
import { whyApart } from './elevation/agreed-clocks.ts';
import { openDeviceSignIns } from './identity/device.ts';
import { identityKinds } from './identity/kinds.ts';
import { openSignIns } from './identity/sign-in.ts';
import { engagementOf } from './matrices/read.ts';
import { notifierKinds, openNotifier } from './notifiers/kinds.ts';
import { closeBrokenOff, gatewaysWithOpenSessions } from './schedule/broken-off.ts';
import { takeCheckpoint } from './schedule/checkpoints.ts';
import { expireDue } from './schedule/expiry.ts';
import { startLoop } from './schedule/loop.ts';
import { deliverDue } from './schedule/outbox.ts';
import { openPolicies } from './schedule/policies.ts';
import { openChannels, routeAmong } from './schedule/routing.ts';
import { steadyClock } from './schedule/steady-clock.ts';
import { openAuthorities } from './store/authorities.ts';
import { type Clock, committer } from './store/commit.ts';
import { type Database, openDatabase } from './store/database.ts';
import { openEngagements } from './store/engagements.ts';
import { claimGatewayPlace } from './store/gateway-place.ts';
import { announceLogKey } from './store/log.ts';
import { makeFileOnce } from './store/make-file-once.ts';
import { wasBrokenOff } from './store/restore.ts';
import { type DatabaseTime, databaseTime, skewBetween } from './store/skew.ts';
import { probeLog, readVitals } from './store/vitals.ts';
import { askedOnce, inTime } from './vitals/in-time.ts';
import { Instruments } from './vitals/instruments.ts';
import { openNumbers } from './vitals/numbers.ts';
import { openOperatorLog } from './vitals/operator-log.ts';
import { openReadiness } from './vitals/readiness.ts';
import { recordable } from './vitals/recordings-folder.ts';
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
}

const CHECKPOINT_MS = 60_000;
const POLICIES_MS = 3_000;
const ORPHANS_MS = 15_000;
/** An entry that waits longer for a checkpoint says that none can be signed. */
const OVERDUE_SECONDS = 600;
/** What the last try of the outbox may take. */
const LAST_TRY_MS = 5_000;
/** A part that hangs is left behind, after the time that sessions may run on. */
const PART_MS = 20_000;

/**
 * Assembles and starts everything. The only place that knows all parts.
 *
 * @throws ConfigurationError, DataInUse, EmbeddedPostgresError; nothing is left running then
 */
export async function startBroker(configuration: Configuration, adjust: Adjustments = {}): Promise<Broker> {
  const logger = adjust.logger ?? openOperatorLog(configuration.logLevel);
  const clock = adjust.clock ?? steadyClock();
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) {
      await inTime(configuration.drain * 1000 + PART_MS, end()).catch(error =>
        logger.error({ err: error }, 'a part did not stop cleanly'),
      );
    }
  };
  try {
    return await assemble(configuration, adjust, logger, clock, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  configuration: Configuration,
  adjust: Adjustments,
  logger: Logger,
  clock: Clock,
  stops: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Broker> {
  const { data, url, instance } = configuration;
  // Before anything is started: nothing is left half-done by a folder that is not there.
  await readdir(configuration.policies).catch(error => {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(`SALLYPORT_POLICIES: cannot read ${configuration.policies}: ${code}`);
  });
  if (await wasBrokenOff(data)) {
    throw new ConfigurationError(`SALLYPORT_DATA: a restore into ${data} was broken off: call it again`);
  }
  const keys = join(data, 'keys');
  const recordings = join(data, 'recordings');
  await mkdir(data, { recursive: true, mode: 0o700 });
  await mkdir(recordings, { recursive: true, mode: 0o700 });
  await mkdir(keys, { recursive: true, mode: 0o700 });
  const channels = openChannels(configuration.channels, channel => ({
    notifier: openNotifier(channel, () => clock.now()),
    secrets: notifierKinds[channel.kind]!.secrets,
  }));
  const keyring = await openKeyring({
    key: configuration.key,
    retired: configuration.retiredKeys,
    file: join(keys, 'sealing.key'),
  });
  const database = await openDatabase({ ...configuration, sealing: sealingName(keyring) }, logger);
  stops.push(() => database.close());

  const parse = (source: string) => {
    const { matrix, targets } = JSON.parse(source) as Pick<Engagement, 'matrix' | 'targets'>;
    return engagementOf(matrix, targets);
  };
  const engagements = openEngagements(database, parse);
  const askTime = adjust.databaseTime ?? (adjust.clock ? async () => clock.now() : databaseTime);
  const apart = async () => whyApart(await skewBetween(clock, () => askTime(database.installation)));
  const instruments = new Instruments();
  const surroundings = {
    clock,
    engagements,
    route: routeAmong(configuration.channels),
    url,
    asking: configuration.asking,
    databaseTime: askTime,
  };
  const commit = watchedCommit(committer(database, surroundings), instruments);
  const vitals = askedOnce(() => readVitals(database, clock.now()));
  const readiness = openReadiness(
    [
      { of: 'the database', ask: () => database.ping().then(() => null) },
      { of: 'the clock', ask: apart },
      { of: 'the log', ask: () => probeLog(database).then(() => null) },
      { of: 'the recordings folder', ask: () => recordable(recordings) },
      {
        of: 'the log',
        ask: async () =>
          (await vitals()).tenants.some(({ uncovered }) => uncovered > OVERDUE_SECONDS)
            ? 'a checkpoint is overdue'
            : null,
      },
    ],
    ailments =>
      ailments.length > 0
        ? logger.warn({ ailments }, 'not ready: new sessions would fail')
        : logger.info({}, 'ready again'),
  );
  const authoritiesOver = (by: Database) =>
    openAuthorities(
      by,
      keyring,
      protocol => credentialKinds[protocol as keyof typeof credentialKinds].createAuthority(),
      clock,
    );
  const authorities = authoritiesOver(database);
  const logKeys = new Map<string, Promise<LogKey>>();
  const logKey = (tenant: string) => {
    const known = logKeys.get(tenant) ?? openLogKey(keys, keyring, { instance, tenant });
    logKeys.set(tenant, known);
    return known;
  };

  const policies = openPolicies({
    folder: configuration.policies,
    engagements,
    welcome: async tenant => {
      await authorities.publicKey(tenant, 'ssh');
      await announceLogKey(database, tenant, (await logKey(tenant)).vkey);
    },
    clock,
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

  // An embedded PostgreSQL has one broker.
  const alone = configuration.database === null;
  const place = await claimGatewayPlace(database, alone);
  stops.push(() => place.release());
  const closeDead = (gateway: string) =>
    closeBrokenOff({
      database,
      commit,
      recordings,
      closeBroken: alone ? closeBroken : closeBrokenAnew,
      gateway,
      clock,
      logger,
    });
  const closeOrphans = async () => place.eachDead(await gatewaysWithOpenSessions(database), closeDead);
  await closeOrphans();
  const { reserved } = database;
  const door = await openGatewayDoor({
    database: reserved,
    commit: watchedCommit(committer(reserved, surroundings), instruments),
    engagements: openEngagements(reserved, parse),
    authorities: authoritiesOver(reserved),
    sign: (authority, order) =>
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
      }),
    clock,
    url,
    gateway: place.name,
    mayAdmit: () => place.held(),
    signInWithin: configuration.signIn.gateway,
  });
  stops.push(() => door.close());
  await makeFileOnce(join(keys, 'gateway-host.sealed'), () =>
    keyring.seal(Buffer.from(createHostKey()), contextOf.gatewayHostKey),
  );
  const hostKey = keyring
    .unseal((await readFile(join(keys, 'gateway-host.sealed'), 'utf8')).trim(), contextOf.gatewayHostKey)
    .toString();
  const gateway = await startGateway(
    {
      listen: configuration.ssh,
      recordings,
      hostKey,
      logger,
      ...(adjust.generateSessionKey ? { generateSessionKey: adjust.generateSessionKey } : {}),
      ...(adjust.gatewayLimits ? { limits: adjust.gatewayLimits } : {}),
    },
    watchedDoor(door, instruments, () => readiness.leaving),
  ).catch(error => {
    throw placeTaken(error, 'SALLYPORT_SSH', configuration.ssh);
  });
  stops.push(() => gateway.close());

  const numbers = openNumbers({
    instruments,
    vitals,
    ready: async () => (await readiness.ailments()).length === 0,
    live: () => gateway.sessions().map(({ protocol }) => protocol),
    protocols: Object.keys(credentialKinds),
    channels: configuration.channels.map(({ name }) => name),
  });
  stops.push(async () => numbers.stop());

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
    metricsToken: configuration.metricsToken,
  };

  const cancelled = new AbortController();
  const failed = (doing: string) => (error: unknown) => logger.error({ err: error }, doing);
  const deliver = async () => {
    while ((await deliverDue(database, channels, clock, cancelled.signal)) > 0 && !cancelled.signal.aborted);
  };
  const outbox = startLoop(5000, deliver, failed('delivering messages'));
  const wake = () => outbox.wake();
  const { unlisten } = await database.listener.listen('sallyport_outbox', wake, wake);
  let agreed = true;
  const expiry = startLoop(
    1000,
    async () => {
      const why = await apart();
      if ((why === null) !== agreed) logger[why ? 'error' : 'info'](why ?? 'The clocks agree again.');
      agreed = why === null;
      // Written by a clock that is wrong, an end would be for good.
      if (agreed) await expireDue(database, commit, clock);
    },
    failed('writing down what expired'),
  );
  const orphans = startLoop(ORPHANS_MS, closeOrphans, failed('closing what a dead gateway left'));
  const newcomers = startLoop(
    POLICIES_MS,
    () => policies.lookForNew(),
    failed('looking for new engagements'),
  );
  const signCheckpoints = async () => {
    for (const { tenant } of await engagements.all()) {
      // A log whose key or edge is damaged must not keep the others' from being signed.
      await application
        .checkpoint(tenant)
        .catch(error => logger.error({ tenant, err: error }, 'signing a checkpoint'));
    }
  };
  const checkpoints = startLoop(CHECKPOINT_MS, signCheckpoints, failed('signing checkpoints'));
  const sweep = startLoop(
    CHECKPOINT_MS,
    async () => {
      await signIns.sweep();
      await devices.sweep();
    },
    failed('sweeping old sign-ins'),
  );
  stops.push(async () => {
    const hurry = setTimeout(() => cancelled.abort(), LAST_TRY_MS);
    await unlisten();
    await Promise.all([outbox, expiry, checkpoints, sweep, orphans, newcomers].map(loop => loop.stop()));
    // What the last requests and sessions left behind: told if it can be, and covered by a checkpoint in any case.
    await deliver().catch(failed('delivering the last messages'));
    clearTimeout(hurry);
    await signCheckpoints();
  });

  const pages = { mount: mountPages, problem: renderProblem };
  const server = buildServer(application, pages);
  const { http: address, web, trustedProxies } = configuration;
  const http = await listenWithin(server.fetch, address, web, trustedProxies).catch(error => {
    throw placeTaken(error, 'SALLYPORT_HTTP', address);
  });
  stops.push(async () => {
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
    stop,
  };
}
