import { createServer, type Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel, type Session as SessionRequests } from 'ssh2';
import type { RequestedChannel } from '../../control-plane.ts';
import type { Desk, Listener, ListenOptions, Protocol } from '../contract.ts';
import { algorithmsForPeople, SIGNATURES_OF_PEOPLE } from './algorithms.ts';
import { authenticate, type Known } from './authentication.ts';
import { PersonChannel, type Pty, ptyOf } from './channel.ts';
import { awaitIdentification } from './identification.ts';
import { asOpenSshKey } from './keys.ts';
import { Door, type Visit } from './limits.ts';
import {
  checkSsh2,
  disconnect,
  refuseOtherChannels,
  socketOf,
  tellSignatures,
  terminalModesOf,
} from './ssh2-internals.ts';
import { reachOverSsh } from './target.ts';
import { Upkeep } from './upkeep.ts';

/**
 * What of the client's environment goes on to the target (RFC 4254 section 6.4): the locale, in names and values that
 * can be nothing else. A free `LC_X=…` would carry a command past the record.
 */
const PASSED_ENVIRONMENT =
  /^(?:LANG|LANGUAGE|LC_(?:ALL|CTYPE|COLLATE|MESSAGES|MONETARY|NUMERIC|TIME|PAPER|NAME|ADDRESS|TELEPHONE|MEASUREMENT|IDENTIFICATION))$/;
const LOCALE = /^[\w.@:-]{1,64}$/;
/** RFC 4253 section 11.1. */
const PROTOCOL_ERROR = 2;
const BY_APPLICATION = 11;
/** Shown to a client that asks for what is not a session. */
const NO_FORWARDING = 'sallyport: port forwarding is not open here; ask for a session on the target itself';

export const ssh: Protocol = { listen };

async function listen(options: ListenOptions, desk: Desk): Promise<Listener> {
  checkSsh2();
  const hostKey = asOpenSshKey(options.hostKey);
  const parsed = ssh2.utils.parseKey(hostKey);
  if (parsed instanceof Error || parsed.type !== 'ssh-ed25519')
    throw new Error('the host key is no Ed25519 private key');
  const door = new Door(options.limits);
  const visits = new WeakMap<Socket, Visit>();
  const server = new ssh2.Server({
    hostKeys: [hostKey],
    algorithms: algorithmsForPeople(),
    ident: 'Sallyport',
  });
  server.on('connection', (connection: Connection) => {
    // First of all: without a listener, an error of a stranger's making would end the process.
    connection.on('error', error => desk.logger.debug({ err: error }, 'an ssh connection failed'));
    const visit = visits.get(socketOf(connection));
    if (visit) greet(connection, visit, options, desk);
    else connection.end();
  });
  server.on('error', (error: Error) => desk.logger.warn({ err: error }, 'the ssh server failed'));

  const sockets = createServer({ noDelay: true, pauseOnConnect: true }, socket => {
    socket.on('error', () => {});
    const visit = door.enter(socket);
    if (visit === null) {
      desk.logger.warn({ address: socket.remoteAddress }, 'too many connections, one was dropped');
      socket.destroy();
      return;
    }
    visits.set(socket, visit);
    awaitIdentification(socket);
    server.injectSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    sockets.once('error', reject);
    sockets.listen(options.port, options.host, resolve);
  });
  sockets.on('error', error => desk.logger.error({ err: error }, 'the ssh listener failed'));
  const address = sockets.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    hostKeyLine: `ssh-ed25519 ${parsed.getPublicSSH().toString('base64')}`,
    stop: () => sockets.close(),
    destroy: () => door.destroy(),
  };
}

function greet(connection: Connection, visit: Visit, options: ListenOptions, desk: Desk): void {
  const { controlPlane, logger } = desk;
  connection.setMaxListeners(0);
  socketOf(connection).setMaxListeners(0);
  tellSignatures(connection, SIGNATURES_OF_PEOPLE);
  refuseOtherChannels(connection, () => NO_FORWARDING);
  const modes = terminalModesOf(connection);
  const upkeep = new Upkeep(connection, options.limits, why => {
    logger.warn({ address: visit.address, person: person?.person, why }, 'a connection was cut');
    disconnect(connection, PROTOCOL_ERROR, why);
  });
  const use = new Use(options.limits.unusedMs, connection);
  let person: Known | null = null;
  let open = 0;
  authenticate(connection, visit, { controlPlane, logger, signInUrlHost: options.signInUrlHost }, known => {
    person = known;
    upkeep.settle();
    use.none();
  });
  // Remote forwards get their plain no; other requests of a connection are answered by ssh2.
  connection.on('request', (_accept, reject) => reject?.());
  connection.on('session', (accept, reject) => {
    if (person === null || open >= options.limits.channels) return reject();
    open += 1;
    const requests = accept() as unknown as SessionRequests;
    requests.once('close', () => {
      open -= 1;
    });
    serve({ connection, requests, person, visit, options, desk, modes, use });
  });
}

/** Ends a connection of a known person on which nothing has run for a while; it holds a place that others need. */
class Use {
  readonly #ms: number;
  readonly #connection: Connection;
  #timer: NodeJS.Timeout | undefined;
  #running = 0;

  constructor(ms: number, connection: Connection) {
    this.#ms = ms;
    this.#connection = connection;
    connection.once('close', () => clearTimeout(this.#timer));
  }

  /** A session runs until `requests` closes. */
  begin(requests: SessionRequests): void {
    clearTimeout(this.#timer);
    this.#running += 1;
    requests.once('close', () => {
      this.#running -= 1;
      if (this.#running === 0) this.none();
    });
  }

  none(): void {
    clearTimeout(this.#timer);
    if (socketOf(this.#connection).destroyed) return;
    this.#timer = setTimeout(
      () => disconnect(this.#connection, BY_APPLICATION, 'no session runs here any more'),
      this.#ms,
    );
  }
}

interface Served {
  readonly connection: Connection;
  readonly requests: SessionRequests;
  readonly person: Known;
  readonly visit: Visit;
  readonly options: ListenOptions;
  readonly desk: Desk;
  readonly modes: () => Buffer | null;
  readonly use: Use;
}

/** Collects what a session channel asks for before it starts (RFC 4254 section 6), then hands it to the desk. */
function serve(served: Served): void {
  const { requests, modes } = served;
  const environment: Record<string, string> = {};
  let pty: Pty | null = null;
  requests.on('pty', (accept, _reject, info) => {
    pty = ptyOf(info, modes());
    accept?.();
  });
  requests.on('env', (accept, reject, info) => {
    const { key, val } = info as unknown as { key: string; val: string };
    if (!PASSED_ENVIRONMENT.test(key) || !LOCALE.test(val)) return reject?.();
    environment[key] = val;
    accept?.();
  });
  requests.on('shell', accept => begin(served, accept(), 'shell', null, pty, environment));
  requests.on('exec', (accept, _reject, info) =>
    begin(served, accept(), 'exec', info.command, pty, environment),
  );
  requests.on('subsystem', (accept, reject, info) => {
    // Who asks for no answer leaves us nothing to refuse with.
    if (info.name !== 'sftp') return (reject as (() => void) | undefined)?.();
    // Through `subsystem` and not `sftp`, the channel stays a stream of bytes that we pass on.
    begin(served, accept(), 'subsystem', info.name, null, {});
  });
}

/** Accepts at once and connects outward while the channel buffers: a client may give up on a slow answer. */
function begin(
  served: Served,
  channel: ServerChannel | undefined,
  kind: RequestedChannel['kind'],
  command: string | null,
  pty: Pty | null,
  environment: Readonly<Record<string, string>>,
): void {
  // Nothing comes of a second start on one channel, or of one after its end.
  if (channel === undefined) return;
  const { connection, requests, person, visit, options, desk } = served;
  served.use.begin(requests);
  const reach = reachOverSsh(
    { kind, command, pty, environment },
    { controlPlane: desk.controlPlane, options },
  );
  desk.begin(
    {
      protocol: 'ssh',
      person: person.person,
      username: person.username,
      kind,
      command,
      pty: pty !== null,
      address: visit.address,
      knownBy: person.knownBy,
    },
    new PersonChannel(connection, requests, channel, pty, environment),
    reach,
  );
}
