import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { castWithPasswords } from '../../src/demo/cast.ts';

/** Leaks of every kind, planted: each test passes, and the run must fail. Not one of the suite's own tests. */
const secret = () => randomBytes(32).toString('base64url');

async function answering(answer: (request: IncomingMessage, response: ServerResponse) => void, path: string) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`).then(got => got.text());
  server.close();
}

describe('a secret', () => {
  it('in a log, at a level that is not shown', () => {
    pino({ level: 'silent' }).debug({ session: secret() }, 'planted');
  });

  it('on the console', () => {
    console.log(`planted: ${castWithPasswords().maya.password}`);
  });

  it('in the arguments of a program', async () => {
    await once(spawn('true', ['--token', secret()]), 'exit');
  });

  it('in the arguments of a program that is waited for', () => {
    expect(spawnSync('true', [secret()]).status).toBe(0);
  });

  it('in what a program says, in pieces', async () => {
    const child = spawn('sh', ['-c', 'read a; read b; printf %s "$a"; sleep 0.2; echo "$b"'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
    const text = key.toString('hex');
    child.stdin.end(`${text.slice(0, 40)}\n${text.slice(40)}\n`);
    await once(child, 'close');
  });

  it('that a program was given in its environment, on its standard error', async () => {
    const child = spawn('sh', ['-c', 'echo "$SALLYPORT_TOKEN" >&2'], {
      env: { ...process.env, SALLYPORT_TOKEN: `sp_${'planted-'.repeat(4)}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await once(child, 'close');
  });

  it('in an address', () => answering((_, response) => response.end('ok'), `/planted?session=${secret()}`));

  it('in a problem', () =>
    answering((_, response) => {
      response.statusCode = 500;
      response.end(JSON.stringify({ code: 'internal', detail: secret() }));
    }, '/api/v1/planted'));

  it('in a recording', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-planted-'));
    await writeFile(join(folder, 's_1.cast'), `[0.1,"o","${secret()}"]\n`);
    await rm(folder, { recursive: true });
  });
});
