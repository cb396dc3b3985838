import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { closeServer, listenOnLoopback, readBody } from '../../src/demo/listening.ts';
import type { Random } from './random.ts';

/** Takes signed messages and keeps what came under which id. */
export interface Receiver {
  readonly url: string;
  readonly secret: string;
  /** By webhook-id: how often it came, and each different body that it came with. */
  readonly messages: ReadonlyMap<string, { readonly times: number; readonly bodies: ReadonlySet<string> }>;
  /** Deliveries that were turned away on purpose, or whose signature did not hold. */
  readonly turnedAway: { readonly onPurpose: number; readonly forged: number };
  close(): Promise<void>;
}

/** One in ten it turns away, and it takes its time: so deliveries are under way when something is killed. */
export async function startReceiver(random: Random): Promise<Receiver> {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const verifier = new Webhook(secret);
  const messages = new Map<string, { times: number; bodies: Set<string> }>();
  const turnedAway = { onPurpose: 0, forged: 0 };
  const server = createServer(async (request, response) => {
    const body = (await readBody(request, 65_536).catch(() => null))?.toString() ?? '';
    const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
    const headers = Object.fromEntries(names.map(name => [name, String(request.headers[name] ?? '')]));
    try {
      verifier.verify(body, headers);
    } catch {
      turnedAway.forged += 1;
      response.writeHead(401).end();
      return;
    }
    if (random.chance(0.1)) {
      turnedAway.onPurpose += 1;
      response.writeHead(503).end();
      return;
    }
    const id = headers['webhook-id']!;
    const known = messages.get(id) ?? { times: 0, bodies: new Set() };
    messages.set(id, known);
    known.times += 1;
    known.bodies.add(body);
    setTimeout(() => response.writeHead(200).end(), random.between(0, 40));
  });
  const port = await listenOnLoopback(server, 0);
  return {
    url: `http://127.0.0.1:${port}/`,
    secret,
    messages,
    turnedAway,
    close: () => closeServer(server),
  };
}
