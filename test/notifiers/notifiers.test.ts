import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { shortened, visible } from '../../src/domain/visible-text.ts';
import { DeliveryError, type Message } from '../../src/notifiers/contract.ts';
import { notifierKinds, openNotifier } from '../../src/notifiers/kinds.ts';
import { post } from '../../src/notifiers/post.ts';
import { slackPayload } from '../../src/notifiers/slack.ts';

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  path: string;
}
const received: Received[] = [];
let answer: (response: ServerResponse) => void;
let base: string;
const ok = (response: ServerResponse) => response.end('ok');
const never = new AbortController().signal;

const receiver = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  received.push({
    headers: request.headers,
    body: Buffer.concat(chunks).toString(),
    path: request.url ?? '',
  });
  answer(response);
});
beforeAll(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});
afterAll(() => {
  receiver.closeAllConnections();
  receiver.close();
});
beforeEach(() => {
  received.length = 0;
  answer = ok;
});

const message: Message = {
  id: 'msg_01',
  kind: 'approval-asked',
  tenant: 'acme',
  to: ['Dana Whitfield'],
  title: 'Maya Okafor asks for root on db01',
  lines: [
    { label: 'Reason', text: 'restore of the records database' },
    { label: 'For', text: '1 hour' },
  ],
  url: 'http://localhost:8080/r/req_01',
  at: '2026-11-20T10:00:00.000Z',
};
const slackChannel = () => ({
  name: 'dana',
  kind: 'slack',
  settings: { url: `${base}/services/T0/B0/topsecret` },
});

async function failure(promise: Promise<void>): Promise<DeliveryError> {
  const error = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(DeliveryError);
  const shown = `${(error as Error).message} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
  for (const secret of ['topsecret', '127.0.0.1', 'localhost']) expect(shown).not.toContain(secret);
  return error as DeliveryError;
}

describe('Slack', () => {
  test('gets text, blocks and a link', async () => {
    await openNotifier(slackChannel()).deliver(message, never);
    const { body, headers, path } = received[0]!;
    expect(path).toBe('/services/T0/B0/topsecret');
    expect(headers['content-type']).toBe('application/json');
    const payload = JSON.parse(body);
    expect(payload.text.split('\n')).toEqual([
      '`Maya Okafor asks for root on db01`',
      '`Reason: restore of the records database`',
      '`For: 1 hour`',
      '`To: Dana Whitfield`',
      'http://localhost:8080/r/req_01',
    ]);
    expect(payload.blocks.map((block: { type: string }) => block.type)).toEqual([
      'header',
      'section',
      'actions',
    ]);
    expect(payload.blocks[2].elements[0]).toMatchObject({ type: 'button', url: message.url });
  });

  test.each([
    ['a mention of everybody', '<!channel> please', '`x: &lt;!channel&gt; please`'],
    [
      'a link with another face',
      '<https://evil.example|Sallyport>',
      '`x: &lt;https://evil.example|Sallyport&gt;`',
    ],
    ['a link of Markdown', '[Approve](https://evil.example)', '`x: [Approve](https://evil.example)`'],
    ['the end of a code span', '` @channel *now* `', '`x: ’ @channel *now* ’`'],
    ['an entity', '&lt;!here&gt;', '`x: &amp;lt;!here&amp;gt;`'],
    ['a line of its own', 'ok\nApproved by: Dana', '`x: ok ⏎ Approved by: Dana`'],
    ['reversed text', 'a\u202egnp.exe', '`x: a‹U+202E›gnp.exe`'],
    ['a terminal sequence', '\u001b[31mred', '`x: ‹U+001B›[31mred`'],
    ['half a character', 'a\ud800', '`x: a‹U+D800›`'],
    ['letters of two alphabets', 'pаypal', '`x: pаypal‹mixed scripts: Latin + Cyrillic›`'],
    ['an alphabet that looks like another', 'Мауа Okafor', '`x: Мауа‹Cyrillic letters› Okafor`'],
    ['letters in disguise', '𝐌𝐚𝐲𝐚', '`x: 𝐌𝐚𝐲𝐚‹letters in disguise›`'],
    ['wide letters', 'Ｍａｙａ', '`x: Ｍａｙａ‹wide letters›`'],
    ['letters of phonetics', 'Mɑya', '`x: Mɑya‹mixed scripts: Latin + phonetic›`'],
    [
      'another alphabet, honestly',
      'Иван Smith, Ελένη, 山田 Taro, Łukasz, Şükrü',
      '`x: Иван Smith, Ελένη, 山田 Taro, Łukasz, Şükrü`',
    ],
    ['a heap of marks', 'a\u0301\u0302\u0303\u0304', '`x: a\u0301\u0302\u0303‹U+0304›`'],
    ['a hidden selector', 'a\u{e0101}b', '`x: a‹U+E0101›b`'],
    ['a letter that is not drawn', 'a\u3164b', '`x: a‹U+3164›b`'],
  ])('is not moved by %s', (_, text, expected) => {
    const payload = slackPayload({ ...message, to: [], lines: [{ label: 'x', text }] });
    expect((payload.text as string).split('\n')[1]).toBe(expected);
    // In blocks: no other kind of text than plain, without emoji codes.
    const kinds = JSON.stringify(payload.blocks).match(/"(mrkdwn|plain_text|emoji":[a-z]+)/g) ?? [];
    expect(new Set(kinds)).toEqual(new Set(['"plain_text', '"emoji":false']));
  });

  test('stays within its limits whatever comes', () => {
    const long = '😀'.repeat(5000);
    const lines = Array.from({ length: 200 }, (_, i) => ({ label: `l${i}`, text: long }));
    const payload = slackPayload({
      ...message,
      title: long,
      lines,
      to: [long],
      url: `https://x.example/${'a'.repeat(3000)}`,
    });
    const blocks = payload.blocks as { type: string; text?: { text: string }; fields?: { text: string }[] }[];
    expect(blocks.length).toBeLessThanOrEqual(50);
    expect(blocks[0]!.text!.text.length).toBeLessThanOrEqual(150);
    for (const { fields = [] } of blocks) {
      expect(fields.length).toBeLessThanOrEqual(10);
      for (const { text } of fields) expect(text.length).toBeLessThanOrEqual(2000);
    }
    expect((payload.text as string).length).toBeLessThan(40_000);
    expect(JSON.stringify(payload)).not.toMatch(/\\ud83d(?!\\ude00)/);
    expect(blocks.some(({ type }) => type === 'actions')).toBe(false);
  });

  test('gets no empty text, which it would refuse', () => {
    const payload = slackPayload({ ...message, title: ' ', lines: [], to: [], url: null });
    expect(payload.blocks).toEqual([
      expect.objectContaining({ text: expect.objectContaining({ text: 'Sallyport' }) }),
    ]);
  });
});

describe('the standard webhook', () => {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const channel = () => ({ name: 'psa', kind: 'webhook', settings: { url: `${base}/hook`, secret } });

  test('is one that the reference implementation verifies, hostile text and all', async () => {
    const hostile = {
      ...message,
      title: 'a "b" <c> \u202e \u0000 \ud800 é',
      lines: [{ label: '\n', text: '</script>' }],
    };
    await openNotifier(channel()).deliver(hostile, never);
    const { body, headers } = received[0]!;
    const verified = new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(verified).toEqual({
      type: 'sallyport.approval_asked',
      timestamp: '2026-11-20T10:00:00.000Z',
      data: {
        id: 'msg_01',
        tenant: 'acme',
        to: message.to,
        // What hides is written out; markup is for who shows it to escape.
        title: 'a "b" <c> ‹U+202E› ‹U+0000› ‹U+D800› é',
        lines: [{ label: '', text: '</script>' }],
        url: message.url,
      },
    });
    expect(headers['webhook-id']).toBe('msg_01');
    expect(() =>
      new Webhook(secret).verify(body.replace('acme', 'evil'), headers as Record<string, string>),
    ).toThrow();
    const other = `whsec_${randomBytes(32).toString('base64')}`;
    expect(() => new Webhook(other).verify(body, headers as Record<string, string>)).toThrow();
  });

  test('keeps its id over attempts and signs the time of each', async () => {
    let at = new Date('2026-11-20T10:00:00Z');
    const notifier = openNotifier(channel(), () => at);
    await notifier.deliver(message, never);
    at = new Date('2026-11-20T10:05:00Z');
    await notifier.deliver(message, never);
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(['msg_01', 'msg_01']);
    expect(received.map(({ headers }) => Number(headers['webhook-timestamp']))).toEqual([
      1795168800, 1795169100,
    ]);
  });
});

describe('an answer', () => {
  const deliver = (signal = never) => openNotifier(slackChannel()).deliver(message, signal);

  test.each([
    [400, 'refused', true],
    [403, 'refused', true],
    [404, 'refused', true],
    [410, 'gone', true],
    [301, 'redirected', true],
    [307, 'redirected', true],
    [408, 'unavailable', false],
    [429, 'rate-limited', false],
    [500, 'unavailable', false],
    [503, 'unavailable', false],
  ])('%i is %s', async (status, code, permanent) => {
    answer = response => response.writeHead(status, { location: `${base}/elsewhere` }).end('topsecret');
    expect(await failure(deliver())).toMatchObject({ code, status, permanent });
    expect(received).toHaveLength(1);
  });

  test.each([200, 201, 204])('%i is delivered', async status => {
    answer = response => response.writeHead(status).end();
    await deliver();
  });

  test.each([
    ['30', 30],
    [new Date(Date.now() + 60_000).toUTCString(), 60],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['999999999', 86_400],
    ['soon', null],
  ])('asks to wait: %s', async (header, seconds) => {
    answer = response => response.writeHead(429, { 'retry-after': header }).end();
    const { retryAfter } = await failure(deliver());
    if (seconds === null) expect(retryAfter).toBeNull();
    else expect(Math.abs(retryAfter! - seconds)).toBeLessThanOrEqual(2);
  });

  test('without end is not read to it', async () => {
    answer = response => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await deliver();
  });

  test('that stalls is still the answer when its status was good, once the time is up', async () => {
    answer = response => void response.writeHead(200).write('o');
    await post(`${base}/x`, Buffer.from('{}'), {}, never, 200);
  });

  test('that never comes is a timeout, or cancelled where the caller has had enough', async () => {
    answer = () => {};
    const late = await failure(post(`${base}/x`, Buffer.from('{}'), {}, never, 100));
    expect(late).toMatchObject({ code: 'timeout', permanent: false });
    expect(await failure(deliver(AbortSignal.timeout(100)))).toMatchObject({
      code: 'cancelled',
      permanent: false,
    });
  });

  test('from nobody is unreachable, a connection cut in the middle too', async () => {
    answer = response => response.destroy();
    expect(await failure(deliver())).toMatchObject({ code: 'unreachable', permanent: false });
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const error = await failure(post(`http://127.0.0.1:${port}/topsecret`, Buffer.from('{}'), {}, never));
    expect(error).toMatchObject({ code: 'unreachable', message: 'no connection (ECONNREFUSED)' });
  });
});

describe('a channel', () => {
  test.each<[string, string, Record<string, unknown>, string]>([
    ['of no known kind', 'pager', {}, 'unknown kind "pager"; there are slack, webhook'],
    ['of a kind that every object has', 'constructor', {}, 'unknown kind'],
    ['without its address', 'slack', {}, 'url: '],
    ['over plain http', 'slack', { url: 'http://chat.example/topsecret' }, 'url: expected an https address'],
    ['of a file', 'slack', { url: 'file:///topsecret' }, 'url: expected'],
    ['with a user name', 'slack', { url: 'https://topsecret:x@chat.example/' }, 'url: expected'],
    ['with an unknown setting', 'slack', { url: 'https://chat.example/', colour: 'red' }, 'colour'],
    [
      'with a short secret',
      'webhook',
      { url: 'https://psa.example/', secret: 'whsec_topsecret' },
      'secret: expected',
    ],
  ])('%s stops the start', (_, kind, settings, expected) => {
    const open = () => openNotifier({ name: 'c', kind, settings });
    expect(open).toThrow(expect.objectContaining({ code: 'channel' }));
    try {
      open();
    } catch (error) {
      expect((error as Error).message).toContain(`channel c: `);
      expect((error as Error).message).toContain(expected);
      expect((error as Error).message).not.toContain('topsecret');
    }
  });

  test('says which of its settings are secrets', () => {
    expect(notifierKinds.slack!.secrets).toEqual(['url']);
    expect(notifierKinds.webhook!.secrets).toEqual(['secret']);
  });
});

test('text is made visible and cut between characters', () => {
  expect(visible(' a\r\nb\tc\u00ad\u200b\ufeff\u{e0041} ')).toBe('a ⏎ b c‹U+00AD›‹U+200B›‹U+FEFF›‹U+E0041›');
  expect(visible('naïve 日本語 😀 — “ok”')).toBe('naïve 日本語 😀 — “ok”');
  expect(shortened('ab😀cd', 4)).toBe('ab…');
  expect(shortened('abcd', 4)).toBe('abcd');
});
