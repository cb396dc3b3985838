import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { run } from '../../src/cli/program.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

/** Answers of the API as it gave them, and a terminal that keeps what is printed. */

export const NOW = new Date('2026-11-20T15:00:00Z');
export const TOKEN = 'tok_0123456789abcdefghijklmnopqrstuv';
export const DIGEST = 'd'.repeat(64);

export interface Called {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

export interface Answer {
  readonly status?: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

type Route = Answer | ((call: Called) => Answer);

/** A server that knows these routes (`GET /requests`), and what it was asked. */
export async function broker(routes: Record<string, Route>) {
  const calls: Called[] = [];
  const server: Server = createServer(async (request, response) => {
    const path = request.url!.replace('/api/v1', '');
    const call = {
      method: request.method!,
      path,
      authorization: request.headers.authorization,
      body: await bodyOf(request),
    };
    calls.push(call);
    const route = routes[`${call.method} ${path}`] ?? routes[`${call.method} ${path.split('?')[0]}`];
    const found = typeof route === 'function' ? route(call) : route;
    const {
      status = 200,
      body,
      text,
      headers,
    } = found ?? problem(404, 'not-found', 'There is nothing at this address.');
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(text ?? JSON.stringify(body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    url,
    calls,
    close: () =>
      new Promise(done => {
        server.close(done);
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of request) text += part;
  if (request.headers['content-type'] === 'application/x-www-form-urlencoded') {
    return Object.fromEntries(new URLSearchParams(text));
  }
  return text === '' ? null : JSON.parse(text);
}

export const problem = (status: number, code: string, title: string, more: object = {}): Answer => ({
  status,
  body: { type: 'about:blank', title, status, code, request_id: '00ff', ...more },
  headers: { 'content-type': 'application/problem+json' },
});

export interface Around {
  readonly url?: URL;
  readonly token?: string | null;
  readonly input?: string;
  readonly interactive?: boolean;
  readonly screen?: boolean;
  readonly colour?: boolean;
  readonly data?: string;
  /** The file that `login` keeps. */
  readonly signIns?: string;
  /** Sees what is printed as it is printed. */
  readonly onErrors?: (text: string) => void;
  /** Passes the time of what waits. */
  readonly pause?: (milliseconds: number) => Promise<void>;
  /** In the place of what `data` stands for. */
  readonly sealing?: Partial<ReturnType<Terminal['sealing']>>;
  readonly kept?: Partial<ReturnType<Terminal['kept']>>;
}

/** Runs `sallyport …` in this process. */
export async function sallyport(argv: readonly string[], around: Around = {}) {
  const output = kept();
  const errors = kept();
  const terminal: Terminal = {
    input: Readable.from(around.input === undefined ? [] : [Buffer.from(around.input)]),
    output: output.stream,
    errors: errors.stream,
    interactive: around.interactive ?? false,
    outputIsScreen: around.screen ?? false,
    errorsAreScreen: false,
    client: () => ({
      url: around.url ?? new URL('http://127.0.0.1:1'),
      token: around.token === undefined ? TOKEN : around.token,
      colour: around.colour ?? false,
      signIns: around.signIns ?? '/nowhere/sallyport/sign-ins.json',
      browser: null,
    }),
    sealing: () => ({
      key: around.data === undefined ? 'a'.repeat(64) : null,
      retired: [],
      file: `${around.data ?? '/nowhere'}/keys/sealing.key`,
      ...around.sealing,
    }),
    kept: () => ({
      data: around.data ?? '/nowhere',
      database: null,
      settings: `${around.data ?? '/nowhere'}/sallyport.yaml`,
      ...around.kept,
    }),
    now: () => NOW,
    pause: around.pause ?? (async () => {}),
  };
  if (around.onErrors) errors.stream.on('data', part => around.onErrors?.(String(part)));
  const code = await run(argv, terminal);
  return { code, out: output.text(), err: errors.text() };
}

function kept() {
  const stream = new PassThrough();
  const parts: Buffer[] = [];
  stream.on('data', part => parts.push(part));
  return { stream, text: () => Buffer.concat(parts).toString() };
}

export const decision = {
  decision: 'needs-approval',
  code: null,
  tenant: 'acme',
  matrix: 'a'.repeat(64),
  cell: 'backups/restore',
  exception: null,
  approvers: ['ada@acme.example'],
  co_approve: [],
  ladder: [
    { squad: 'client/it', people: ['ada@acme.example'], after: '0s' },
    { squad: 'client/leads', people: ['bob@acme.example'], after: '30m' },
  ],
  escalate: [],
  consulted: [],
  informed: [],
  obligations: ['ticket'],
  explanation: ['backups/restore: R msp/noc asks, A client/it (ada@acme.example) at once'],
  ends_by: null,
  answer_seconds: 3600,
};

export const request = {
  id: 'r_0123456789abcdef',
  tenant: 'acme',
  state: 'waiting',
  who: { id: 'p_1', name: 'Maya Okafor', handle: 'maya@msp.example', party: 'msp' },
  target: 'db01',
  cell: 'backups/restore',
  protocol: 'ssh',
  role: 'root',
  seconds: 5400,
  reason: 'restore the table of yesterday',
  ticket: 'CHG-7',
  severity: null,
  starts_at: null,
  created_at: '2026-11-20T14:50:00.000Z',
  expires_at: '2026-11-20T15:47:00.000Z',
  decided_at: null,
  revision: 1,
  digest: DIGEST,
  decision,
  url: 'http://localhost:8080/r/r_0123456789abcdef',
};

export const grant = {
  id: 'g_0123456789abcdef',
  request: request.id,
  tenant: 'acme',
  holder: { id: 'p_1', name: 'Maya Okafor', handle: 'maya@msp.example' },
  target: 'db01',
  protocol: 'ssh',
  role: 'root',
  cell: 'backups/restore',
  starts_at: '2026-11-20T14:55:00.000Z',
  ends_at: '2026-11-20T15:47:00.000Z',
  ended_at: null,
  end_reason: null,
  live: true,
};

export const inFull = { ...request, approvals: [], grant: null, decision_now: decision };

export const session = {
  id: 's_0123456789abcdef',
  grant: grant.id,
  tenant: 'acme',
  person: grant.holder,
  target: 'db01',
  protocol: 'ssh',
  role: 'root',
  cell: 'backups/restore',
  kind: 'shell',
  command: null,
  address: '127.0.0.1',
  started_at: '2026-11-20T14:56:00.000Z',
  deadline: '2026-11-20T15:47:00.000Z',
  ended_at: '2026-11-20T14:59:00.000Z',
  end_reason: 'closed',
  cut_delay_ms: null,
  exit_status: 0,
  bytes_in: 10,
  bytes_out: 20,
  recording: null as null | { size: number; sha256: string; segments: number },
};
