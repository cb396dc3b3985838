import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CastName } from '../../src/demo/cast.ts';
import { execute } from '../../src/demo/stage.ts';
import type { Visitor } from '../../src/demo/visitor.ts';
import { people } from '../../src/store/tables.ts';
import { sallyport } from '../cli/broker.ts';
import { ask, granted, raised } from '../fixtures/raised.ts';
import { putInForce } from '../fixtures/signed.ts';

const stage = raised();

/** A name as a hostile provider could tell it: markup of pages and chats, a terminal's, and what hides or pretends. */
const NAME = [
  'Dаna', // its second letter is Cyrillic
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  '\u202ednecrever\u202c',
  'zero\u200bwidth',
  '\u001b]0;title\u0007\u001b[31mred',
  '<!channel>',
  '[link](https://evil.example)',
  '\u009b2J',
].join(' ');
/** What the API takes in a reason: nothing hidden, all of the markup. */
const REASON = '<b>bold</b> <!here> <https://evil.example|here> `code` *x* раураl';
/** What may stand in a matrix. */
const PARTY = 'Northwind MSP <script>alert(1)</script> МSР';

const RAW = /<img src=x|<script>alert|<b>bold|[\u202a-\u202e\u2066-\u2069\u200b\u001b\u0007\u009b]/;

beforeAll(async () => {
  for (const name of ['maya', 'dana', 'chris', 'audrey'] as const) await stage().token(name);
  await stage().key('maya');
  const path = join(stage().folder, 'policies', 'acme', 'matrix.yaml');
  const source = readFileSync(path, 'utf8');
  writeFileSync(path, source.replace('name: Northwind MSP', `name: ${JSON.stringify(PARTY)}`));
  await putInForce(stage());
  await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
  for (const name of ['maya', 'dana'] as const) {
    const { id } = (await stage().api(name, 'GET', '/whoami')).json;
    const email = `${name}\u200b@<img src=x>.example`;
    await stage()
      .broker.application.database.installation.update(people)
      .set({ name: NAME, ...(name === 'maya' ? { email } : {}) })
      .where(eq(people.id, id));
  }
});

/** Every page that somebody reaches by links from these, each once. */
async function pagesOf(visitor: Visitor, ...from: string[]): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  const waiting = [...from];
  for (let path = waiting.pop(); path !== undefined && seen.size < 60; path = waiting.pop()) {
    if (seen.has(path)) continue;
    const page = await visitor.open(new URL(path, stage().url));
    seen.set(path, page.html);
    for (const { url } of page.links) {
      const next = `${url.pathname}${url.search}`;
      if (url.origin === stage().url.origin && !/^\/(signin|api|assets)/.test(next)) waiting.push(next);
    }
  }
  return seen;
}

describe('what people write', () => {
  it('is words on every page that anybody can reach', async () => {
    const grant = await granted(stage(), { reason: REASON });
    const { id } = await ask(stage(), { reason: REASON });
    await execute('ssh', [
      ...(await stage().sshOptions('maya')),
      '-T',
      'root@db01@localhost',
      'echo "<b>bold</b>"',
    ]);
    for (const name of ['maya', 'dana', 'audrey'] as const) {
      const pages = await pagesOf(
        await stage().as(name),
        '/',
        '/me',
        '/sessions',
        '/log',
        '/matrix',
        '/matrix/swimlane',
        `/r/${id}`,
      );
      expect(pages.size).toBeGreaterThan(5);
      for (const [path, html] of pages) expect([path, RAW.exec(html)?.[0]]).toEqual([path, undefined]);
      const all = [...pages.values()].join();
      expect(all).toContain('‹U+202E›');
      expect(all).toContain('Dаna‹mixed scripts: Latin + Cyrillic›');
      expect(all).toContain('МSР‹mixed scripts: Latin + Cyrillic›');
      expect(all).toContain('раураl‹mixed scripts: Latin + Cyrillic›');
    }
    await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });

  it('is words in the chat, and to a program that gets the message', async () => {
    const { id } = await ask(stage(), { reason: REASON });
    const slack = await stage().chat.waitFor(
      one => one.via === 'slack' && one.links.some(link => link.url.endsWith(id)),
    );
    await stage().api('dana', 'POST', `/requests/${id}/deny`, {
      digest: (await stage().api('dana', 'GET', `/requests/${id}`)).json.digest,
      reason: REASON,
    });
    const hook = await stage().chat.waitFor(
      one => one.via === 'webhook' && JSON.stringify(one.payload).includes(id),
    );
    const { text, blocks } = slack.payload as { text: string; blocks: unknown[] };
    expect(text).not.toMatch(/<!channel>|<!here>|<https/);
    expect(JSON.stringify(blocks)).not.toMatch(/mrkdwn/);
    for (const sent of [JSON.stringify(slack.payload), JSON.stringify(hook.payload)]) {
      expect(sent).toContain('‹U+202E›');
      expect(sent).toContain('mixed scripts: Latin + Cyrillic');
      expect(sent.replace(/<[^>]*>/g, '')).not.toMatch(/[\u202a-\u202e\u200b]|\\u001b|\\u202e/);
    }
  });

  it.each<[CastName, string[]]>([
    ['dana', ['requests']],
    ['dana', ['show', 'REQUEST']],
    ['dana', ['grants']],
    ['dana', ['owners', 'db01']],
    ['audrey', ['sessions']],
    ['maya', ['whoami']],
    ['maya', ['requests', '--json']],
    ['maya', ['whoami', '--json']],
  ])('moves no cursor of %s, who types sallyport %j', async (who, args) => {
    const { id } = await ask(stage(), { reason: REASON });
    const filled = args.map(arg => (arg === 'REQUEST' ? id : arg));
    const around = { url: stage().url, token: await stage().token(who) };
    const { code, out, err } = await sallyport(filled, around);
    expect([code, err]).toEqual([0, '']);
    expect(out).not.toBe('');
    expect(out).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u001b\u0007\u009b]/);
  });

  it('moves no cursor of a stock client at the gateway, whatever its user name says', async () => {
    const { stderr } = await execute('ssh', [
      ...(await stage().sshOptions('maya')),
      ...['-l', 'root@db01\u202e\u200b\u001b[31m', '-T', 'localhost', 'true'],
    ]);
    expect(stderr).not.toMatch(/[\u202e\u200b\u001b]/);
    const locked = await stage().api('chris', 'POST', '/lockout', { reason: 'look' });
    expect(locked.status).toBe(200);
    const shut = await execute('ssh', [
      ...(await stage().sshOptions('maya')),
      '-T',
      'root@db01@localhost',
      'true',
    ]);
    expect(shut.stderr).toContain('has shut out');
    await stage().api('chris', 'DELETE', '/lockout');
  });
});
