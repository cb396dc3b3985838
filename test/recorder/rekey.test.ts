import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, type GatewayLimits } from '../../recorder/main.ts';
import { checkedCast } from './cast.ts';
import { House } from './house.ts';
import { freePort, type Sshd, startSshd } from './sshd.ts';
import { knownClient, sendPayload, sshString } from './wire.ts';

// Who asked for new keys is seen from outside: `ssh -vv` and sshd's own log say what came in, in which order.

let sshd: Sshd;
let talkative: Talkative;
let house: House;
beforeAll(async () => {
  sshd = await startSshd();
  talkative = await Talkative.start(sshd);
});
afterAll(async () => {
  await talkative.stop();
  await sshd.stop();
});
afterEach(() => house.close());

const open = async (limits: Partial<GatewayLimits>) => {
  house = await House.open({ ...sshd, port: talkative.port }, { limits });
  talkative.forget();
};

/** The same host once more, on a port of its own, saying what its connections do. */
class Talkative {
  readonly port: number;
  readonly #child: ChildProcess;
  #said = '';

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    child.stderr!.on('data', chunk => {
      this.#said += chunk;
    });
  }

  static async start(host: Sshd): Promise<Talkative> {
    const port = await freePort();
    const options = ['-D', '-e', '-f', join(host.folder, 'config'), '-p', `${port}`, '-o', 'LogLevel=DEBUG1'];
    const pid = ['-o', `PidFile=${join(host.folder, 'talkative')}`];
    const child = spawn('/usr/sbin/sshd', [...options, ...pid], { stdio: ['ignore', 'ignore', 'pipe'] });
    const one = new Talkative(port, child);
    while (!one.#said.includes('Server listening')) {
      if (child.exitCode !== null) throw new Error(`sshd ended: ${one.#said}`);
      await new Promise(resolve => child.stderr!.once('data', resolve));
    }
    return one;
  }

  forget(): void {
    this.#said = '';
  }

  /** Exchanges after the first that its clients finished. */
  get renewals(): number {
    return count(this.#said, 'SSH2_MSG_NEWKEYS received') - 1;
  }

  /** What it says may come after what it does. */
  async renewed(times: number): Promise<void> {
    while (this.renewals < times) await new Promise(resolve => this.#child.stderr!.once('data', resolve));
  }

  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

const count = (text: string, what: string) => text.split(what).length - 1;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** What a stock client with `-v` says it did. The client here never wants new keys of its own accord. */
function seenByClient(stderr: string): { renewals: number; first: string } {
  const exchanges = [...stderr.matchAll(/SSH2_MSG_KEXINIT (sent|received)/g)].map(match => match[1]!);
  return { renewals: count(stderr, 'SSH2_MSG_NEWKEYS received') - 1, first: exchanges[2] ?? 'none' };
}

const TALK = ['-vv', '-o', 'RekeyLimit=default none'];
/** Text, so that the recording has all of it; different everywhere, so that a lost or doubled piece shows. */
const TEXT = Buffer.from(randomBytes(4 * 1024 * 1024).toString('base64'));

describe('by bytes, the gateway asks both sides for new keys, and nothing of a transfer changes:', () => {
  test('towards the person', async () => {
    await open({ rekeyBytes: 512 * 1024 });
    writeFileSync(join(house.folder, 'big'), TEXT);
    const ran = await house.ssh([...TALK, `cat ${join(house.folder, 'big')}`]).ended;
    expect(ran.status, ran.stderr.slice(-3000)).toBe(0);
    expect(sha256(ran.stdout)).toBe(sha256(TEXT));
    const seen = seenByClient(ran.stderr);
    expect(seen.renewals).toBeGreaterThanOrEqual(3);
    expect(seen.first).toBe('received');
    await talkative.renewed(3);
    const cast = checkedCast(house, await house.controlPlane.ended());
    const shown = Buffer.from(cast.text('o'));
    // Before it, a line or two of the talkative host's own.
    expect(sha256(shown.subarray(shown.length - TEXT.length))).toBe(sha256(TEXT));
  });

  test('towards the target', async () => {
    await open({ rekeyBytes: 512 * 1024 });
    const ran = await house.ssh([...TALK, 'sha256sum'], TEXT).ended;
    expect(ran.stdout.toString()).toContain(sha256(TEXT));
    expect(seenByClient(ran.stderr).renewals).toBeGreaterThanOrEqual(3);
    await talkative.renewed(3);
  });

  test('in both directions at once', async () => {
    await open({ rekeyBytes: 512 * 1024 });
    const ran = await house.ssh([...TALK, 'cat'], TEXT).ended;
    expect(ran.status, ran.stderr.slice(-3000)).toBe(0);
    expect(sha256(ran.stdout)).toBe(sha256(TEXT));
    expect(seenByClient(ran.stderr).renewals).toBeGreaterThanOrEqual(6);
    await talkative.renewed(3);
  });

  test('while the client wants new keys too', async () => {
    await open({ rekeyBytes: 512 * 1024 });
    const ran = await house.ssh(['-vv', '-o', 'RekeyLimit=512K', 'cat'], TEXT).ended;
    expect(ran.status, ran.stderr.slice(-3000)).toBe(0);
    expect(sha256(ran.stdout)).toBe(sha256(TEXT));
    expect(seenByClient(ran.stderr).renewals).toBeGreaterThanOrEqual(6);
  });

  test.each(['scp', 'sftp'] as const)('%s', async tool => {
    await open({ rekeyBytes: 512 * 1024 });
    const here = join(house.folder, 'here');
    const there = join(house.folder, 'there');
    const back = join(house.folder, 'back');
    writeFileSync(here, TEXT);
    const far = 'root@db01@127.0.0.1';
    const runs =
      tool === 'scp'
        ? [house.copy('scp', [here, `${far}:${there}`])]
        : [house.copy('sftp', ['-b', '-', far], Buffer.from(`put ${here} ${there}\nget ${there} ${back}\n`))];
    if (tool === 'scp') {
      expect((await runs[0]!.ended).status).toBe(0);
      runs.push(house.copy('scp', [`${far}:${there}`, back]));
    }
    for (const run of runs) expect((await run.ended).status).toBe(0);
    expect(sha256(readFileSync(there))).toBe(sha256(TEXT));
    expect(sha256(readFileSync(back))).toBe(sha256(TEXT));
    await talkative.renewed(3);
  });
});

test('by time, a shell that says nothing gets new keys, and goes on', async () => {
  await open({ rekeyMs: 100 });
  const run = house.ssh([...TALK, 'read line; echo "got $line"'], 'open');
  while (seenByClient(run.said).renewals < 3 || talkative.renewals < 3) {
    await Promise.race([
      run.says(/SSH2_MSG_NEWKEYS received/),
      run.ended.then(() => Promise.reject(new Error(run.said))),
    ]);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  run.type('hello\n');
  expect((await run.ended).stdout.toString()).toBe('got hello\n');
});

test('by default a gigabyte or an hour, as RFC 4253 has it', () => {
  expect(DEFAULT_LIMITS).toMatchObject({ rekeyBytes: 2 ** 30, rekeyMs: 3_600_000 });
});

describe('a client is cut', () => {
  /** Resolves with what the client learnt, when its connection has closed. */
  const closed = (client: ssh2.Client) => {
    let words = '';
    client.on('error', error => {
      words += error.message;
    });
    return new Promise<string>(resolve => client.once('close', () => resolve(words)));
  };

  test('that exchanges keys in a loop', async () => {
    await open({ exchangesInARow: 3 });
    const client = await knownClient(house);
    const over = closed(client);
    let exchanges = 0;
    const again = () => {
      exchanges += 1;
      (client as unknown as { _protocol: { rekey(): void } })._protocol.rekey();
    };
    client.on('handshake', again);
    again();
    expect(await over).toContain('keys were exchanged over and over');
    expect(exchanges).toBeLessThan(8);
  });

  test('that exchanges keys twice before it is known', async () => {
    await open({});
    const client = new ssh2.Client();
    const over = closed(client);
    client.once('handshake', () => (client as unknown as { _protocol: { rekey(): void } })._protocol.rekey());
    client.connect({
      host: '127.0.0.1',
      port: house.gateway.port,
      username: 'root@db01',
      // Never decides on a method, so that it stays a stranger.
      authHandler: (() => {}) as never,
    });
    expect(await over).toContain('keys were exchanged twice by a stranger');
  });

  test('that begins an exchange and never finishes it', async () => {
    await open({ exchangeMs: 300 });
    const client = await knownClient(house);
    const over = closed(client);
    const protocol = (client as unknown as { _protocol: { _kex: { start(): void } } })._protocol;
    const kex = Object.getPrototypeOf(Object.getPrototypeOf(protocol._kex));
    const { start } = kex;
    kex.start = () => {};
    (protocol as unknown as { rekey(): void }).rekey();
    await over;
    kex.start = start;
  });

  test('that is asked for new keys and gives none', async () => {
    await open({ exchangeMs: 300, rekeyMs: 100 });
    const client = await knownClient(house);
    const over = closed(client);
    const decipher = (
      client as unknown as { _protocol: { _onPayload: unknown; _decipher: { _onPayload: unknown } } }
    )._protocol._decipher;
    decipher._onPayload = () => {};
    await over;
  });

  test('that asks without end while it is asked for new keys', async () => {
    await open({ exchangeMs: 60_000, rekeyMs: 100 });
    const client = await knownClient(house);
    const over = closed(client);
    const decipher = (client as unknown as { _protocol: { _decipher: { _onPayload: unknown } } })._protocol
      ._decipher;
    let asked = false;
    decipher._onPayload = (payload: Buffer) => {
      if (payload[0] === 20) asked = true;
    };
    const flood = setInterval(() => {
      if (!asked) return;
      const request = Buffer.concat([Buffer.of(80), sshString('keepalive@openssh.com'), Buffer.of(1)]);
      for (let at = 0; at < 1000; at += 1) sendPayload(client, request);
    }, 5);
    await over;
    clearInterval(flood);
    expect(asked).toBe(true);
  });
});
