import { createServer, type Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel, type Session as SessionRequests } from 'ssh2';
import type { RequestedChannel } from '../../control-plane.ts';
import type { Desk, Listener, ListenOptions, Protocol } from '../contract.ts';
import { algorithmsForPeople } from './algorithms.ts';
import { authenticate, type Known } from './authentication.ts';
import { PersonChannel, type Pty, ptyOf } from './channel.ts';
import { asOpenSshKey } from './keys.ts';
import { Door, type Visit } from './limits.ts';
import { checkSsh2, refuseOtherChannels, socketOf, terminalModesOf } from './ssh2-internals.ts';
import { reachOverSsh } from './target.ts';

/**
 * What of the client's environment goes on to the target (RFC 4254 section 6.4): the locale, in names and values that
 * can be nothing else. A free `LC_X=…` would carry a command past the record.
 */
const PASSED_ENVIRONMENT =
  /^(?:LANG|LANGUAGE|LC_(?:ALL|CTYPE|COLLATE|MESSAGES|MONETARY|NUMERIC|TIME|PAPER|NAME|ADDRESS|TELEPHONE|MEASUREMENT|IDENTIFICATION))$/;
const LOCALE = /^[\w.@:-]{1,64}$/;
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
  refuseOtherChannels(connection, () => NO_FORWARDING);
  const modes = terminalModesOf(connection);
  let person: Known | null = null;
  let open = 0;
  authenticate(connection, visit, { controlPlane, logger, signInUrlHost: options.signInUrlHost }, known => {
    person = known;
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
    serve({ connection, requests, person, visit, options, desk, modes });
  });
}

interface Served {
  readonly connection: Connection;
  readonly requests: SessionRequests;
  readonly person: Known;
  readonly visit: Visit;
  readonly options: ListenOptions;
  readonly desk: Desk;
  readonly modes: () => Buffer | null;
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
    if (info.name !== 'sftp') return reject();
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
