import { spawn } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { visible } from '../domain/visible-text.ts';
import type { Whoami } from './answers.ts';
import { openClient, TIMEOUT_MS } from './client.ts';
import { answerIsNo, type Failure, notReached } from './failure.ts';
import { callOAuth, type OAuthAnswer } from './oauth.ts';
import { jsonText, plain, until, wrapped } from './output.ts';
import { keepSignIn, readSignIn } from './sign-ins.ts';
import type { Terminal } from './terminal.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** Added to what the broker asks for, so that a timer that fires early is not too soon. */
const GRACE_MS = 250;
/** So many polls in a row may find nobody: a broker that restarts is not missed. */
const MOST_FAILURES = 5;

export interface LoginOptions {
  readonly party?: string;
  readonly browser: boolean;
  readonly json?: boolean;
}

interface Started {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly page: URL;
  readonly endsAt: number;
  readonly interval: number;
}

/**
 * `sallyport login`: shows a code and where to type it, waits for the person's answer in their browser, and keeps the
 * token in a file of theirs. 0 signed in; 1 refused, too late or stopped by Ctrl-C.
 */
export async function login(terminal: Terminal, options: LoginOptions): Promise<void> {
  const { url, token: given, signIns, browser } = terminal.client();
  const before = readSignIn(signIns, url);
  const token = await interruptible(async signal => {
    const started = await start(terminal, url, options.party, signal);
    show(terminal, started);
    if (options.browser && terminal.interactive && browser) openBrowser(browser, started.page);
    return wait(terminal, url, started, signal);
  });
  keepSignIn(signIns, url, { token });
  // The one before would live on, known to nobody.
  if (before) await callOAuth(url, 'revoke', { token: before.token }, TIMEOUT_MS).catch(() => {});
  const you = await openClient({ url, token, signIns }).get<Whoami>('/whoami');
  terminal.output.write(
    options.json
      ? jsonText(you)
      : plain`Signed in as ${you.name} (${you.handle}), ${until(you.expires_at, terminal.now())}.\n`,
  );
  if (given !== null) {
    terminal.errors.write('SALLYPORT_TOKEN is set and comes first: unset it to use this sign-in.\n');
  }
}

function show(terminal: Terminal, { page, userCode, endsAt }: Started): void {
  const waits = until(new Date(endsAt).toISOString(), terminal.now());
  terminal.errors.write(
    [
      plain`Open ${page.href}`,
      plain`and type this code:  ${userCode}`,
      '',
      wrapped(`It waits: ${waits}. Give the code to nobody: whoever types it signs this terminal in.`, 0),
      '',
    ].join('\n'),
  );
}

async function start(
  terminal: Terminal,
  url: URL,
  party: string | undefined,
  signal: AbortSignal,
): Promise<Started> {
  const { status, body } = await callOAuth(
    url,
    'device_authorization',
    { label: ownLabel(), ...(party === undefined ? {} : { party }) },
    TIMEOUT_MS,
    signal,
  );
  if (status !== 200) throw refusalOf(body, url);
  const { device_code, user_code, verification_uri, expires_in, interval = 5 } = body;
  const wellFormed =
    typeof device_code === 'string' &&
    typeof user_code === 'string' &&
    typeof verification_uri === 'string' &&
    /^https?:/.test(verification_uri) &&
    URL.canParse(verification_uri) &&
    typeof expires_in === 'number' &&
    typeof interval === 'number';
  if (!wellFormed) throw notReached(`${url.origin} does not sign in terminals: check SALLYPORT_URL`);
  return {
    deviceCode: device_code,
    userCode: user_code,
    page: new URL(verification_uri),
    endsAt: terminal.now().getTime() + expires_in * 1000,
    interval,
  };
}

/** Polls as often as the broker lets it, until there is an answer. */
async function wait(
  terminal: Terminal,
  url: URL,
  { deviceCode, endsAt, interval: first }: Started,
  signal: AbortSignal,
): Promise<string> {
  let interval = first;
  let failures = 0;
  while (terminal.now().getTime() < endsAt) {
    await terminal.pause(interval * 1000 + GRACE_MS, signal);
    let answer: OAuthAnswer;
    try {
      answer = await callOAuth(
        url,
        'token',
        { grant_type: GRANT, device_code: deviceCode },
        TIMEOUT_MS,
        signal,
      );
      failures = 0;
    } catch (error) {
      // RFC 8628, section 3.5: back off where the server does not answer.
      if (signal.aborted || ++failures >= MOST_FAILURES) throw error;
      interval += 5;
      continue;
    }
    const { status, body } = answer;
    if (status === 200 && typeof body.access_token === 'string') return body.access_token;
    if (body.error === 'slow_down') interval += 5;
    else if (body.error !== 'authorization_pending') throw refusalOf(body, url);
  }
  throw answerIsNo('nobody typed the code in time, so nobody is signed in: run sallyport login again');
}

/** Ctrl-C ends the waiting with a word and a new line; nothing is kept, and the code lapses by itself. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.on('SIGINT', stop);
  try {
    return await work(stopped.signal);
  } catch (error) {
    if (stopped.signal.aborted) throw answerIsNo('stopped; nobody is signed in');
    throw error;
  } finally {
    process.off('SIGINT', stop);
  }
}

function refusalOf(body: Readonly<Record<string, unknown>>, url: URL): Failure {
  const said: Readonly<Record<string, string>> = {
    access_denied: 'you refused it in the browser, so nobody is signed in',
    expired_token: 'it took too long, so nobody is signed in: run sallyport login again',
    invalid_grant: 'the broker no longer knows this sign-in: run sallyport login again',
    temporarily_unavailable: 'too many sign-ins wait at the broker: try again in some minutes',
  };
  const code = typeof body.error === 'string' ? body.error : '';
  if (Object.hasOwn(said, code)) return answerIsNo(`${said[code]} (${code})`, body);
  const why = typeof body.error_description === 'string' ? visible(body.error_description) : visible(code);
  return code === ''
    ? notReached(`${url.origin} does not sign in terminals: check SALLYPORT_URL`)
    : answerIsNo(`nobody is signed in: ${why} (${visible(code)})`, body);
}

/** Shown at the browser as this terminal's own word. */
function ownLabel(): string {
  const { username } = userInfo();
  return `${username}@${hostname()}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}

/** The address holds no code. That no browser comes up is no failure: the address is printed. */
function openBrowser(program: string, page: URL): void {
  const child = spawn(program, [page.href], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
