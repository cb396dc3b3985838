import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Visitor } from '../../src/demo/visitor.ts';
import { deviceSignIns, tokens } from '../../src/store/tables.ts';
import { sallyport } from '../cli/broker.ts';
import { axeViolations, startBrowser } from '../demo/browser.ts';
import { logOf, raised } from '../fixtures/raised.ts';
import { asBearer, confirm, oauth, typeCode, waitingTerminal } from '../fixtures/terminal.ts';

const PROGRAM = fileURLToPath(new URL('../../src/cli/sallyport.js', import.meta.url));

// The broker's clock; waiting for a poll moves it.
let ahead = 0;
const stage = raised({ adjust: { clock: { now: () => new Date(Date.now() + ahead) } } });
const home = () => mkdtempSync(join(tmpdir(), 'sallyport-home-'));

/** `sallyport …` as a program of its own, in a home of its own. */
function program(folder: string, ...argv: string[]) {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, XDG_CONFIG_HOME: folder, SALLYPORT_URL: stage().url.origin },
  });
  let out = '';
  let err = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const code = new Promise<string>((resolve, reject) => {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      const found = /code: {2}([B-Z]{4}-[B-Z]{4})/.exec(err)?.[1];
      if (found) resolve(found);
    });
    child.once('close', () => reject(new Error(`it ended without a code: ${err}`)));
  });
  code.catch(() => {});
  const ended = new Promise<{ exit: number | null; out: string; err: string }>(resolve =>
    child.once('close', exit => resolve({ exit, out, err })),
  );
  return { code, ended, interrupt: () => child.kill('SIGINT') };
}

/** The same in this process. */
const here = (signIns: string, ...argv: string[]) =>
  sallyport(argv, { url: stage().url, token: null, signIns });

/** `login` in this process: its waiting lasts until the person has answered, and moves the broker's clock. */
function loginHere(signIns: string) {
  let answered = () => {};
  const answer = new Promise<void>(resolve => {
    answered = resolve;
  });
  let shown: (code: string) => void = () => {};
  const code = new Promise<string>(resolve => {
    shown = resolve;
  });
  const ended = sallyport(['login'], {
    url: stage().url,
    token: null,
    signIns,
    onErrors: text => shown(/[B-Z]{4}-[B-Z]{4}/.exec(text)?.[0] ?? ''),
    pause: async milliseconds => {
      await answer;
      ahead += milliseconds;
    },
  });
  return { code, answered, ended };
}

describe('Maya, at a terminal', () => {
  it('signs in with the code that she types in her browser, and out again', async () => {
    const folder = home();
    const login = program(folder, 'login', '--no-browser');
    const code = await login.code;
    const maya = await stage().as('maya');
    const asked = await typeCode(stage(), maya, code.toLowerCase().replace('-', ' '));
    for (const told of ['127.0.0.1', 'Maya Okafor', 'Northwind MSP', 'maya@northwind.example', 'acme']) {
      expect(asked.html).toContain(told);
    }
    expect(asked.text).toMatch(/sallyport on linux.*its own word/s);
    await maya.submit(/sign this terminal in/i, {}, /sign this terminal in/i);
    const { exit, out, err } = await login.ended;
    expect([exit, out]).toEqual([0, expect.stringMatching(/^Signed in as Maya Okafor .*1[12] h .*\n$/)]);

    const file = join(folder, 'sallyport', 'sign-ins.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { token } = JSON.parse(readFileSync(file, 'utf8'))[stage().url.origin];
    expect(out + err).not.toContain(token);
    const you = await here(file, 'whoami');
    expect([you.code, you.out]).toEqual([0, expect.stringMatching(/Maya Okafor.*acme.*msp\/backup-ops/s)]);
    expect(JSON.parse((await here(file, 'whoami', '--json')).out)).toMatchObject({ by: 'token' });

    expect((await here(file, 'logout')).code).toBe(0);
    expect(existsSync(file)).toBe(false);
    expect((await asBearer(stage(), token, 'GET', '/whoami')).status).toBe(401);
    const again = await here(file, 'logout');
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('Nobody is signed in')]);
  });

  it('is told that it was refused, and keeps nothing', async () => {
    const file = join(home(), 'sign-ins.json');
    const waiting = loginHere(file);
    const maya = await stage().as('maya');
    await typeCode(stage(), maya, await waiting.code);
    const page = await maya.submit(/refuse/i, {}, /refuse/i);
    expect(page.text).toContain('given nothing');
    waiting.answered();
    const { code, out, err } = await waiting.ended;
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/sallyport: you refused it in the browser[^\n]*\n$/);
    expect(existsSync(file)).toBe(false);
  });

  it('stops with Ctrl-C, in one line, and keeps nothing', async () => {
    const folder = home();
    const login = program(folder, 'login');
    await login.code;
    login.interrupt();
    const { exit, out, err } = await login.ended;
    expect([exit, out]).toEqual([1, '']);
    expect(err).toMatch(/\nsallyport: stopped; nobody is signed in\n$/);
    expect(existsSync(join(folder, 'sallyport'))).toBe(false);
  });

  it('replaces an earlier sign-in, whose token is revoked', async () => {
    const file = join(home(), 'sign-ins.json');
    const maya = await stage().as('maya');
    const signIn = async () => {
      const waiting = loginHere(file);
      await confirm(stage(), maya, await waiting.code);
      waiting.answered();
      expect((await waiting.ended).code).toBe(0);
      return JSON.parse(readFileSync(file, 'utf8'))[stage().url.origin].token as string;
    };
    const [first, second] = [await signIn(), await signIn()];
    expect((await asBearer(stage(), first, 'GET', '/whoami')).status).toBe(401);
    expect((await asBearer(stage(), second, 'GET', '/whoami')).status).toBe(200);
  });

  it('is led to the sign-in of the party that she named', async () => {
    const { json } = await oauth(stage(), 'device_authorization', { party: 'client' });
    expect(json.verification_uri).toBe(new URL('/device?party=client', stage().url).href);
    const nobody = new Visitor();
    const { headers } = await nobody.ask(json.verification_uri);
    expect(headers.location).toMatch(/^\/signin\/[0-9a-f]{12}\?return_to=%2Fdevice$/);
    const page = await nobody.open(json.verification_uri);
    expect(page.url.origin).toBe(stage().providers.client.issuer);
    const maya = await stage().as('maya');
    expect((await maya.open(json.verification_uri)).text).toMatch(/another sign-in.*Acme Health/s);
  });
});

describe('a token of a terminal', () => {
  it('is listed with where it came from, and revoked there', async () => {
    const terminal = await waitingTerminal(stage(), { label: 'maya@laptop' });
    const maya = await stage().as('maya');
    await confirm(stage(), maya, terminal.code);
    const token = (await terminal.poll()).json.access_token;
    const { json } = await asBearer(stage(), token, 'GET', '/tokens');
    const [listed] = json.tokens;
    expect(listed).toMatchObject({ label: 'maya@laptop', client: 'sallyport-cli', address: '127.0.0.1' });
    const page = await maya.open(new URL('/me', stage().url));
    expect(page.text).toMatch(/maya@laptop signed in by the command line.*127\.0\.0\.1/s);
    await maya.submit(listed.id);
    expect((await asBearer(stage(), token, 'GET', '/whoami')).status).toBe(401);
  });

  it('outlives the browser that confirmed it, but not a sign-out everywhere', async () => {
    const { email, password } = stage().cast.sam;
    const sam = new Visitor();
    await sam.signIn(stage().url, 'Northwind', email, password);
    const terminal = await waitingTerminal(stage());
    const other = await waitingTerminal(stage());
    await confirm(stage(), sam, terminal.code);
    const { access_token: token, expires_in } = (await terminal.poll()).json;
    expect(expires_in).toBeGreaterThan(11 * 3600);
    expect(expires_in).toBeLessThanOrEqual(12 * 3600);
    await sam.open(stage().url);
    await sam.submit(/sign out/i);
    expect((await asBearer(stage(), token, 'GET', '/whoami')).status).toBe(200);

    await sam.signIn(stage().url, 'Northwind', email, password);
    // Confirmed and not yet fetched: that ends as well.
    await confirm(stage(), sam, other.code);
    await sam.open(new URL('/me', stage().url));
    await sam.submit(/sign out everywhere/i);
    expect((await asBearer(stage(), token, 'GET', '/whoami')).status).toBe(401);
    expect((await other.poll()).json.error).toBe('invalid_grant');
    expect((await sam.ask(new URL('/api/v1/whoami', stage().url))).status).toBe(401);
  });

  it('stands in the log, never itself; the database has hashes alone', async () => {
    const terminal = await waitingTerminal(stage(), { label: 'Maya Okafor her phone' });
    const maya = await stage().as('maya');
    await confirm(stage(), maya, terminal.code);
    const token = (await terminal.poll()).json.access_token as string;
    const entries = await logOf(stage());
    const confirmed = entries.findLast(({ action }) => action === 'device.confirmed');
    const { address, client, ...same } = confirmed.data;
    expect({ address, client }).toEqual({ address: '127.0.0.1', client: 'sallyport-cli' });
    expect(
      entries.filter(({ action, data }) => action === 'token.issued' && data.token === same.token),
    ).toEqual([expect.objectContaining({ actor: confirmed.actor, data: same })]);
    const log = JSON.stringify(entries);
    const { installation } = stage().broker.application.database;
    const waiting = await waitingTerminal(stage());
    const rows = JSON.stringify([
      await installation.select().from(tokens),
      await installation.select().from(deviceSignIns),
    ]);
    const codes = [terminal, waiting].flatMap(({ device, code }) => [device, code, code.replace('-', '')]);
    for (const secret of [token, ...codes]) {
      expect(log).not.toContain(secret);
      expect(rows).not.toContain(secret);
    }
    expect(log).not.toContain('her phone');
  });
});

describe('the pages of it', () => {
  it('read well on a phone, in light and in dark', { timeout: 120_000 }, async () => {
    const browser = await startBrowser();
    try {
      const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
      const { email, password } = stage().cast.dana;
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', message => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(new URL('/device?party=client', stage().url).href);
      await page.getByLabel(/email/i).fill(email);
      await page.getByLabel(/password/i).fill(password);
      await page
        .getByRole('button', { name: /sign in/i })
        .first()
        .click();
      await page.waitForURL(url => url.origin === stage().url.origin);
      complaints.length = 0;
      const look = async (name: string) => {
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          expect(await axeViolations(page), `${name}, ${colorScheme}`).toEqual([]);
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect(wider, `${name} overflows`).toBeLessThanOrEqual(0);
          if (process.env.SALLYPORT_PICTURES) {
            await page.screenshot({
              path: join(process.env.SALLYPORT_PICTURES, `${name}-${colorScheme}.png`),
            });
          }
        }
      };
      await look('device-code');
      const terminal = await waitingTerminal(stage(), { label: `dana@${'a-long-host-name-'.repeat(4)}x` });
      await page.getByLabel(/code/i).fill(terminal.code);
      await page.getByRole('button', { name: /what asks/i }).click();
      await page.getByRole('heading', { name: /is this your terminal/i }).waitFor();
      await look('device-confirm');
      await page.getByRole('button', { name: /sign this terminal in/i }).click();
      await page.getByRole('heading', { name: /carries on/i }).waitFor();
      await look('device-confirmed');
      expect((await terminal.poll()).status).toBe(200);
      await page.goto(new URL('/me', stage().url).href);
      await look('me-tokens');
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
