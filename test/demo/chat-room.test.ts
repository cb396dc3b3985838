import type { Browser } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChatRoom, startChatRoom } from '../../src/demo/chat-room.ts';
import { Visitor } from '../../src/demo/visitor.ts';
import { axeViolations, startBrowser } from './browser.ts';

let room: ChatRoom;
beforeEach(async () => {
  room = await startChatRoom({ port: 0 });
  return () => room.close();
});

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Blocks as a notifier would send them; the words of people are escaped by the sender. */
const asking = {
  text: 'Maya asks for root on db01',
  blocks: [
    { type: 'header', text: { type: 'plain_text', text: 'Maya <asks> for root on db01' } },
    { type: 'section', text: { type: 'mrkdwn', text: '*Why*: disk &lt;full&gt; &amp; slow, _see_ `df -h`' } },
    {
      type: 'context',
      elements: [{ type: 'mrkdwn', text: 'cell <https://wiki.example/r?a=1&amp;b=2|backups/restore>' }],
    },
    {
      type: 'actions',
      elements: [
        {
          type: 'button',
          text: { type: 'plain_text', text: 'Open' },
          url: 'http://127.0.0.1:1/r/req_1',
          style: 'primary',
        },
        { type: 'button', text: { type: 'plain_text', text: 'Bad' }, url: 'javascript:alert(1)' },
      ],
    },
  ],
};

describe('a Slack-compatible webhook', () => {
  test('is shown with its link, as words and never as markup', async () => {
    const answer = await post(room.webhookUrl('it-admins'), asking);
    expect([answer.status, await answer.text()]).toEqual([200, 'ok']);

    const [message] = room.messages();
    expect(message).toMatchObject({ via: 'slack', room: 'it-admins', refusal: null });
    expect(message?.text).toBe(
      'Maya <asks> for root on db01\nWhy: disk <full> & slow, see df -h\ncell backups/restore\n[Open]',
    );
    expect(message?.links).toEqual([
      { text: 'backups/restore', url: 'https://wiki.example/r?a=1&b=2' },
      { text: 'Open', url: 'http://127.0.0.1:1/r/req_1' },
    ]);

    const dana = new Visitor();
    await dana.open(room.url);
    expect(dana.link('Open').url.href).toBe('http://127.0.0.1:1/r/req_1');
    expect(dana.page.html).not.toMatch(/<asks>|<full>|javascript:/);
    await dana.follow('it-admins');
    expect(dana.page.text).toContain('disk <full> & slow');
  });

  test('shows an unescaped mention as what it would be in Slack', async () => {
    await post(room.webhookUrl('it-admins'), { text: 'hi <!channel> <https://evil.example|click> <b>x' });
    const [message] = room.messages();
    expect(message?.parts[0]).toMatchObject({
      spans: [
        { kind: 'text', text: 'hi ' },
        { kind: 'mention', text: '@channel' },
        { kind: 'text', text: ' ' },
        { kind: 'link', text: 'click' },
        { kind: 'text', text: ' ' },
        { kind: 'text', text: '<b>' },
        { kind: 'text', text: 'x' },
      ],
    });
  });

  test.each([
    ['not JSON', '{', 400, 'invalid_payload'],
    ['no text', {}, 400, 'no_text'],
    ['a list', [], 400, 'no_text'],
    [
      'blocks of nonsense',
      { blocks: [null, 7, { type: 'section' }, { type: 'actions', elements: 3 }] },
      400,
      'no_text',
    ],
    ['too long', { text: 'x'.repeat(70_000) }, 413, 'payload_too_large'],
  ])('refuses %s', async (_name, body, status, word) => {
    const answer = await post(room.webhookUrl('it-admins'), body);
    expect([answer.status, await answer.text()]).toEqual([status, word]);
    expect(room.messages()).toEqual([]);
  });

  test('refuses an address that was never given out', async () => {
    expect((await post(`${room.url}/slack/guess`, { text: 'hi' })).status).toBe(403);
    expect(room.webhookUrl('a')).toBe(room.webhookUrl('a'));
    expect(room.webhookUrl('a')).not.toBe(room.webhookUrl('b'));
  });
});

describe('a Standard Webhook', () => {
  const event = {
    type: 'request.submitted',
    timestamp: '2026-11-24T10:00:00Z',
    data: { who: 'Maya <b>', url: 'http://127.0.0.1:1/r/1' },
  };
  const signed = (body: string, secret: string, id = 'msg_1', at = new Date()) => ({
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  });

  test('is taken when its signature holds, and once', async () => {
    const body = JSON.stringify(event);
    const headers = signed(body, room.secret);
    expect((await post(room.signedWebhookUrl, body, headers)).status).toBe(200);
    expect((await post(room.signedWebhookUrl, body, headers)).status).toBe(200);
    expect(room.messages()).toHaveLength(1);
    expect(room.messages()[0]).toMatchObject({ verified: true, payload: event });
    expect(room.messages()[0]?.links).toEqual([{ text: event.data.url, url: event.data.url }]);
    expect((await new Visitor().open(room.url)).text).toContain('signature verified');
  });

  test.each([
    ['no signature', () => ({})],
    ["another's secret", (body: string) => signed(body, `whsec_${Buffer.alloc(24, 7).toString('base64')}`)],
    ['another body', (_body: string, secret: string) => signed('{"type":"other"}', secret)],
    [
      'an old one',
      (body: string, secret: string) => signed(body, secret, 'msg_2', new Date(Date.now() - 3600_000)),
    ],
  ])('is refused with %s, and shown as that without its words', async (_name, headers) => {
    const body = JSON.stringify(event);
    expect((await post(room.signedWebhookUrl, body, headers(body, room.secret))).status).toBe(401);
    expect(room.messages()[0]).toMatchObject({ verified: false, parts: [], payload: null });
    const page = await new Visitor().open(room.url);
    expect(page.text).toContain('Refused:');
    expect(page.text).not.toContain('Maya');
  });
});

test('waits for a message, and says what there was when none comes', async () => {
  const coming = room.waitFor(message => message.text.includes('second'));
  await post(room.webhookUrl('x'), { text: 'first' });
  await post(room.webhookUrl('x'), { text: 'second' });
  expect((await coming).id).toBe(2);
  expect((await room.waitFor(message => message.text === 'first')).id).toBe(1);
  await expect(room.waitFor(() => false, 50)).rejects.toThrow('there were: "first", "second"');
});

test('can be down for a while', async () => {
  const url = room.webhookUrl('x');
  room.failNext(2);
  expect((await post(url, { text: 'a' })).status).toBe(503);
  expect((await post(url, { text: 'a' })).status).toBe(503);
  expect((await post(url, { text: 'a' })).status).toBe(200);
  expect(room.messages()).toHaveLength(1);
});

test('keeps the newest only', async () => {
  const url = room.webhookUrl('x');
  for (let n = 1; n <= 510; n += 1) await post(url, { text: `message ${n}` });
  expect(room.messages()).toHaveLength(500);
  expect(room.messages()[0]?.text).toBe('message 11');
});

describe('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  test.each(['light', 'dark'] as const)(
    'a message appears by itself, without axe violations in %s',
    async colorScheme => {
      const context = await browser.newContext({ colorScheme, viewport: { width: 390, height: 844 } });
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', one => problems.push(one.text()));
      await page.goto(room.url);
      await page.getByText('Nothing yet').waitFor();
      await post(room.webhookUrl('it-admins'), asking);
      await post(room.signedWebhookUrl, '{}');
      await page.getByRole('link', { name: 'Open' }).waitFor();
      await page.getByText('Refused:').waitFor();
      expect(await axeViolations(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)).toBe(false);
      expect(problems).toEqual([]);
      await context.close();
    },
  );
});
