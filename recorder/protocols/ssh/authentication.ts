import { createPublicKey } from 'node:crypto';
import ssh2, {
  type AuthContext,
  type Connection,
  type KeyboardAuthContext,
  type PublicKeyAuthContext,
} from 'ssh2';
import type { Caller, ControlPlane, RequestedChannel } from '../../control-plane.ts';
import { Away } from '../../line.ts';
import { AWAY, clockTime, garbled, spoken } from '../../messages.ts';
import type { Logger } from '../../reports.ts';
import { fingerprint } from './keys.ts';
import type { Visit } from './limits.ts';
import { disconnect } from './ssh2-internals.ts';

/** Who a connection speaks for. It admits nothing: every channel asks for itself. */
export interface Known extends Caller {
  /** As the client sent it, `root@db01`. */
  readonly username: string;
  readonly knownBy: RequestedChannel['knownBy'];
}

export interface AuthenticationParts {
  readonly controlPlane: ControlPlane;
  readonly logger: Logger;
  readonly signInUrlHost: string | undefined;
}

/** What may go on after a refusal (RFC 4252 section 5.1). Passwords and host-based trust are never asked for. */
const METHODS: ['publickey', 'keyboard-interactive'] = ['publickey', 'keyboard-interactive'];
/** RFC 4253 section 11.1. */
const TOO_MANY_CONNECTIONS = 12;
const NO_MORE_METHODS = 14;
const SERVICE_NOT_AVAILABLE = 7;
/** A sign-in may keep a stranger's connection open this long, whatever its expiry says. */
const LONGEST_SIGN_IN_MS = 15 * 60_000;
const LONGEST_USERNAME = 320;
const SMALLEST_RSA_BITS = 2048;
const KEY_TYPES = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
]);

/** Finds out who a connection speaks for; calls `known` once, before the client learns that it is in. */
export function authenticate(
  connection: Connection,
  visit: Visit,
  parts: AuthenticationParts,
  known: (person: Known) => void,
): void {
  const accept = (context: AuthContext, caller: Identified) => {
    const answer = visit.known(caller.person);
    if (answer === 'too-many') {
      const { address } = visit;
      parts.logger.warn({ address, person: caller.person }, 'one person has too many connections');
      disconnect(connection, TOO_MANY_CONNECTIONS, 'Too many connections of yours are open');
    }
    if (answer !== 'welcome') return;
    known({ ...caller, username: context.username });
    context.accept();
  };
  connection.on('authentication', context => {
    void decide(context, connection, visit, parts)
      .then(answer => {
        if (answer === 'ask-signature') context.accept();
        else if (answer === 'question' || answer === 'attempt') refuse(context, connection, visit, answer);
        else if (answer === 'start') context.reject(METHODS);
        else accept(context, answer);
      })
      .catch(error => {
        // A connection that went away throws here too; there is nothing to answer then.
        parts.logger.warn({ err: error, address: visit.address }, 'an authentication failed in the gateway');
        disconnect(connection, SERVICE_NOT_AVAILABLE, error instanceof Away ? AWAY : '');
      });
  });
}

type Identified = Omit<Known, 'username'>;

/** `question`: a key nobody registered; `attempt`: a failure that counts; `start`: the client only asks what to try. */
type Answer = Identified | 'ask-signature' | 'question' | 'attempt' | 'start';

async function decide(
  context: AuthContext,
  connection: Connection,
  visit: Visit,
  parts: AuthenticationParts,
): Promise<Answer> {
  if (context.username.length > LONGEST_USERNAME) return 'attempt';
  if (context.method === 'none') return 'start';
  if (context.method === 'publickey') return byKey(context, visit, parts);
  if (context.method === 'keyboard-interactive') return bySignIn(context, connection, visit, parts);
  return 'attempt';
}

function refuse(
  context: AuthContext,
  connection: Connection,
  visit: Visit,
  why: 'question' | 'attempt',
): void {
  const last = why === 'question' ? visit.asked() : visit.failed();
  if (last) disconnect(connection, NO_MORE_METHODS, 'Too many authentication failures');
  else context.reject(METHODS);
}

/** RFC 4252 section 7. Without a signature the client only asks whether the key would do. */
async function byKey(
  context: PublicKeyAuthContext,
  visit: Visit,
  parts: AuthenticationParts,
): Promise<Answer> {
  const signed = context.signature !== undefined;
  const no = signed ? 'attempt' : 'question';
  // The signature first: whoever cannot sign learns nothing, and costs the control plane nothing.
  if (signed ? !signatureHolds(context) : !usable(context)) return no;
  const offered = fingerprint(context.key.data);
  const caller = await parts.controlPlane.identifyKey({ fingerprint: offered, address: visit.address });
  if (caller === null) return no;
  const { person, name } = caller;
  return signed ? { person, name, knownBy: { kind: 'key', fingerprint: offered } } : 'ask-signature';
}

function usable(context: PublicKeyAuthContext): ReturnType<typeof parseKey> {
  const { algo, data } = context.key;
  if (!KEY_TYPES.has(algo)) return null;
  const key = parseKey(data);
  if (key === null || key.type !== algo) return null;
  if (algo !== 'ssh-rsa') return key;
  // `hashAlgo` is unset for the algorithm "ssh-rsa", which signs with SHA-1 (RFC 8332 section 2).
  const bits = createPublicKey(key.getPublicPEM()).asymmetricKeyDetails?.modulusLength ?? 0;
  return context.hashAlgo !== undefined && bits >= SMALLEST_RSA_BITS ? key : null;
}

function parseKey(data: Buffer) {
  const key = ssh2.utils.parseKey(data);
  return key instanceof Error ? null : key;
}

function signatureHolds(context: PublicKeyAuthContext): boolean {
  const key = usable(context);
  if (!key || context.blob === undefined || context.signature === undefined) return false;
  // An error is an object, and so true; only `true` is yes.
  return key.verify(context.blob, context.signature, context.hashAlgo) === true;
}

/** RFC 4256: a text without questions; the client shows it and waits for our answer. */
async function bySignIn(
  context: KeyboardAuthContext,
  connection: Connection,
  visit: Visit,
  parts: AuthenticationParts,
): Promise<Answer> {
  const { username } = context;
  // Whom a key makes known is told why when a channel is asked for; nobody is sent to a page with such a name.
  if (garbled({ username, command: null })) return 'attempt';
  const waiting = visit.signIn();
  if (waiting === null) {
    parts.logger.warn({ address: visit.address }, 'too many sign-ins wait, one was refused');
    return 'attempt';
  }
  const gone = new AbortController();
  const abort = () => gone.abort();
  context.once('abort', abort);
  connection.once('close', abort);
  try {
    const signIn = await parts.controlPlane.openSignIn({ username, address: visit.address });
    if (gone.signal.aborted) return 'attempt';
    waiting.pauseFor(Math.min(Math.max(0, signIn.expiresAt - Date.now()), LONGEST_SIGN_IN_MS) + 1_000);
    const url = shownUrl(signIn.url, parts.signInUrlHost);
    context.prompt([], 'Sallyport', signInText(url, signIn.code, signIn.expiresAt), () => {});
    const signedIn = await parts.controlPlane.awaitSignIn(signIn.id, gone.signal);
    if (signedIn === null) return 'attempt';
    const { person, name, at } = signedIn;
    return { person, name, knownBy: { kind: 'sign-in', at } };
  } finally {
    context.removeListener('abort', abort);
    connection.removeListener('close', abort);
    waiting.over();
  }
}

function signInText(url: string, code: string, expiresAt: number): string {
  return [
    '',
    spoken('your key is not known here. To go on, sign in with your browser:'),
    '',
    `    ${url}`,
    '',
    spoken(`and type this code there: ${code}`),
    spoken(`this waits until ${clockTime(expiresAt)}; Ctrl-C gives up.`),
    '',
  ].join('\n');
}

function shownUrl(url: string, host: string | undefined): string {
  const shown = new URL(url);
  if (host !== undefined) shown.host = host;
  return shown.href;
}
