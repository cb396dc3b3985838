import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import type { ChatMessage } from './chat-message.ts';
import { CHAT_CSS, CHAT_JS, chatPage, messageList, notFoundPage } from './chat-pages.ts';
import { closeServer, listenOnLoopback, readBody } from './listening.ts';
import { isWebAddress, linksOf, type Part, readSlackMessage, wordsOf } from './slack-message.ts';

export interface ChatRoomOptions {
  /** 0: any. A port that is taken is left alone, and any free one used. */
  readonly port: number;
  readonly title?: string;
  /** The secret of the signed webhook, `whsec_…`; without it one is made. */
  readonly secret?: string;
}

export interface ChatRoom {
  readonly port: number;
  readonly url: string;
  /** The Slack-compatible address of a room; asking for the same name again gives the same address. */
  webhookUrl(room: string): string;
  /** Where Standard Webhooks signed with `secret` go. */
  readonly signedWebhookUrl: string;
  readonly secret: string;
  messages(): readonly ChatMessage[];
  /** The first message, past or future, that fits. Fails after `timeout` ms and says what there was. */
  waitFor(fits: (message: ChatMessage) => boolean, timeout?: number): Promise<ChatMessage>;
  /** The next `count` deliveries get this status and are not taken, as when a chat service is down. */
  failNext(count: number, status?: number): void;
  close(): Promise<void>;
}

const LONGEST_BODY = 64 * 1024;
const MOST_MESSAGES = 500;
const MOST_ROOMS = 50;
const SIGNED_ROOM = 'signed webhooks';

/**
 * A small chat service: it takes what the broker sends to Slack-compatible and to Standard Webhooks addresses,
 * and shows it on a page for a phone, so that somebody can click the link as an owner would.
 */
export async function startChatRoom(options: ChatRoomOptions): Promise<ChatRoom> {
  const secret = options.secret ?? `whsec_${randomBytes(24).toString('base64')}`;
  const verifier = new Webhook(secret);
  const rooms = new Map<string, string>();
  const seen = new Set<string>();
  const messages: ChatMessage[] = [];
  const waiting = new Set<(message: ChatMessage) => void>();
  let count = 0;
  let failing = { left: 0, status: 503 };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const port = await listenOnLoopback(server, options.port);
  const url = `http://127.0.0.1:${port}`;

  function take(message: Pick<ChatMessage, 'via' | 'room' | 'verified' | 'refusal' | 'parts' | 'payload'>) {
    count += 1;
    const text = wordsOf(message.parts);
    const whole = { ...message, id: count, at: new Date(), text, links: linksOf(message.parts) };
    messages.push(whole);
    if (messages.length > MOST_MESSAGES) messages.shift();
    for (const tell of [...waiting]) tell(whole);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('content-security-policy', POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    response.setHeader('cache-control', 'no-store');
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    const say = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': `${type}; charset=utf-8` }).end(body);

    if (request.method === 'POST') {
      const [status, body] = await receive(request, pathname);
      say(status, 'text/plain', body);
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      say(405, 'text/plain', 'GET or POST');
    } else if (pathname === '/chat.css') {
      say(200, 'text/css', CHAT_CSS);
    } else if (pathname === '/chat.js') {
      say(200, 'text/javascript', CHAT_JS);
    } else if (pathname === '/messages') {
      say(200, 'text/html', String(await messageList(shown(searchParams.get('room') ?? '/') ?? [])));
    } else {
      const list = shown(pathname);
      const title = options.title ?? 'Chat room';
      const page = list ? chatPage(title, [...rooms.keys(), SIGNED_ROOM], list) : notFoundPage();
      say(list ? 200 : 404, 'text/html', String(await page));
    }
  }

  /** The messages that an address of a page shows, null when it is none. */
  function shown(pathname: string): ChatMessage[] | null {
    if (pathname === '/') return messages;
    const name = /^\/room\/([^/]+)$/.exec(pathname)?.[1];
    const room = [...rooms.keys(), SIGNED_ROOM].find(one => encodeURIComponent(one) === name);
    return room === undefined ? null : messages.filter(message => message.room === room);
  }

  async function receive(request: IncomingMessage, pathname: string): Promise<[number, string]> {
    const body = await readBody(request, LONGEST_BODY);
    if (body === null) return [413, 'payload_too_large'];
    if (failing.left > 0) {
      failing = { ...failing, left: failing.left - 1 };
      return [failing.status, 'failing as it was told to'];
    }
    if (pathname === '/webhook') return receiveSigned(request, body);

    const room = [...rooms].find(([, path]) => path === pathname)?.[0];
    if (room === undefined) return [403, 'invalid_token'];
    const payload = parse(body);
    if (payload === undefined) return [400, 'invalid_payload'];
    const parts = readSlackMessage(payload);
    if (parts === null) return [400, 'no_text'];
    take({ via: 'slack', room, verified: false, refusal: null, parts, payload });
    return [200, 'ok'];
  }

  function receiveSigned(request: IncomingMessage, body: Buffer): [number, string] {
    const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
    const headers = Object.fromEntries(names.map(name => [name, String(request.headers[name] ?? '')]));
    const about = { via: 'webhook', room: SIGNED_ROOM } as const;
    try {
      verifier.verify(body, headers, { jsonParse: false });
    } catch (error) {
      const refusal = `${error instanceof Error ? error.message : 'the signature does not hold'}.`;
      take({ ...about, verified: false, refusal, parts: [], payload: null });
      return [401, 'signature refused'];
    }
    const payload = parse(body);
    if (payload === undefined) return [400, 'not JSON'];

    // Deliveries come at least once; the id says that two of them are the same message.
    const id = headers['webhook-id'] ?? '';
    if (seen.has(id)) return [200, 'seen before'];
    seen.add(id);
    if (seen.size > MOST_MESSAGES) seen.delete(seen.values().next().value ?? '');
    take({ ...about, verified: true, refusal: null, parts: readEvent(payload), payload });
    return [200, 'ok'];
  }

  return {
    port,
    url,
    secret,
    signedWebhookUrl: `${url}/webhook`,
    webhookUrl(room) {
      const known = rooms.get(room);
      if (!known && rooms.size >= MOST_ROOMS) throw new Error(`more than ${MOST_ROOMS} rooms`);
      const path = known ?? `/slack/${randomBytes(18).toString('base64url')}`;
      rooms.set(room, path);
      return `${url}${path}`;
    },
    messages: () => [...messages],
    waitFor(fits, timeout = 10_000) {
      const past = messages.find(fits);
      if (past) return Promise.resolve(past);
      return new Promise((resolve, reject) => {
        const tell = (message: ChatMessage) => {
          if (!fits(message)) return;
          clearTimeout(timer);
          waiting.delete(tell);
          resolve(message);
        };
        const timer = setTimeout(() => {
          waiting.delete(tell);
          const had = messages.map(one => JSON.stringify(one.text.slice(0, 80))).join(', ') || 'none';
          reject(new Error(`no such message within ${timeout} ms; there were: ${had}`));
        }, timeout);
        waiting.add(tell);
      });
    },
    failNext(times, status = 503) {
      failing = { left: times, status };
    },
    close: () => closeServer(server),
  };
}

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A signed event `{type, timestamp, data}` for the eye: its type, then each plain value of its data. */
function readEvent(payload: unknown): Part[] {
  const { type, data } = Object(payload) as { type?: unknown; data?: unknown };
  const parts: Part[] = [{ kind: 'heading', spans: [{ kind: 'text', text: String(type ?? 'event') }] }];
  for (const [key, value] of Object.entries(Object(data ?? payload) as object).slice(0, 40)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const spans = isWebAddress(value)
      ? [{ kind: 'link' as const, text: value, url: value }]
      : [{ kind: 'text' as const, text: String(text) }];
    parts.push({ kind: 'paragraph', spans: [{ kind: 'bold', text: `${key}: ` }, ...spans] });
  }
  return parts;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
