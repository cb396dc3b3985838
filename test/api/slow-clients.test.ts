import type { Socket } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { raised } from '../fixtures/raised.ts';
import { heard, wire } from '../fixtures/wire.ts';

const EACH = 12;

/** A broker with little patience, before which no proxy stands: all of us are one address. */
const stage = raised({
  configure: configuration => ({
    ...configuration,
    web: {
      ...configuration.web,
      headersWithin: 1,
      requestWithin: 2,
      idle: 3,
      connectionsPerAddress: EACH,
    },
  }),
});
const port = () => stage().broker.http.port;
const host = () => `host: ${stage().url.host}`;
const open: Socket[] = [];
const timers: NodeJS.Timeout[] = [];

const letGo = () => {
  for (const timer of timers.splice(0)) clearInterval(timer);
  for (const socket of open.splice(0)) socket.destroy();
};
afterAll(letGo);

async function connected(): Promise<Socket> {
  const socket = await wire(port());
  open.push(socket);
  return socket;
}

/** A byte at a time, for as long as anybody listens. */
function drip(socket: Socket, byte: string): void {
  timers.push(setInterval(() => socket.writable && socket.write(byte), 100));
}

/** Whether the broker answers somebody who means it. */
async function answers(): Promise<boolean> {
  const socket = await connected();
  const hearing = heard(socket);
  socket.write(`GET /healthz HTTP/1.1\r\n${host()}\r\nconnection: close\r\n\r\n`);
  return (await hearing).statuses[0] === 200;
}

describe('a caller who takes their time', () => {
  // Each at a connection of its own, so all at once.
  it.concurrent.each<[string, string, string]>([
    ['with the headers', 'GET / HTTP/1.1\r\nx-slow: ', 'a'],
    ['with the first line', 'GET /', 'a'],
    ['by saying nothing', '', ''],
    [
      'with the body',
      'POST /switch HTTP/1.1\r\nHOST\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 60000\r\n\r\n',
      'a',
    ],
    ['with chunks', 'POST /switch HTTP/1.1\r\nHOST\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\na\r\n'],
  ])('%s is hung up on', async (_, start, more) => {
    const socket = await connected();
    const hearing = heard(socket);
    socket.write(start.replace('HOST', `${host()}\r\norigin: ${stage().url.origin}`));
    if (more !== '') drip(socket, more);
    const { closed, statuses } = await hearing;
    expect(closed).toBe(true);
    for (const status of statuses) expect([400, 408]).toContain(status);
  });

  it('with reading is hung up on, however much was asked for', async () => {
    letGo();
    // Each asks for more than the buffers between us hold, and reads nothing.
    for (let i = 0; i < EACH; i++) {
      const socket = await connected();
      socket.pause();
      const one = `GET /assets/player.js HTTP/1.1\r\n${host()}\r\n\r\n`;
      socket.write(one.repeat(100));
    }
    await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  });

  it('holds no more than their share of connections, and nobody else’s', async () => {
    letGo();
    for (let i = 0; i < EACH * 2; i++) drip(await connected(), 'G');
    // The ones past the share were closed at once; these are in time.
    await expect.poll(() => open.filter(socket => socket.closed).length).toBeGreaterThanOrEqual(EACH);
    for (const socket of open.splice(0)) socket.destroy();
    await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  });
});
