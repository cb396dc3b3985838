import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHostKey, type Gateway, startGateway } from '../../recorder/main.ts';
import type { ProbeOrder } from '../../src/domain/probe.ts';
import { FakeControlPlane } from './control-plane.ts';
import { quiet } from './house.ts';
import { freePort, makeKey, type Sshd, startSshd } from './sshd.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-tries-'));
let sshd: Sshd;
let controlPlane: FakeControlPlane;
let gateway: Gateway;

beforeAll(async () => {
  sshd = await startSshd({ more: ['LogLevel VERBOSE'] });
  controlPlane = new FakeControlPlane(sshd);
  gateway = await startGateway(
    { listen: { host: '127.0.0.1', port: 0 }, recordings: folder, hostKey: createHostKey(), logger: quiet },
    controlPlane,
  );
});
afterAll(async () => {
  await gateway.close();
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
});

const order = (change: Partial<ProbeOrder> = {}): ProbeOrder => ({
  preflight: 'pf_1',
  tenant: 'acme',
  target: 'db01',
  protocol: 'ssh',
  host: '127.0.0.1',
  port: sshd.port,
  tls: false,
  hostKeys: [sshd.hostKey],
  logins: ['root'],
  ...change,
});
const tried = (change: Partial<ProbeOrder> = {}) =>
  gateway.probe(order(change), new AbortController().signal);

describe('a try of an SSH target', () => {
  it('is let in as a session would be, and leaves without a channel', async () => {
    const before = sshd.log().length;
    const { reached, from, ssh } = await tried();
    expect({ reached, from }).toEqual({ reached: { ms: expect.any(Number) }, from: '127.0.0.1' });
    expect(ssh).toMatchObject({
      software: expect.stringMatching(/^OpenSSH_\d/),
      shown: { type: 'ssh-ed25519', line: sshd.hostKey },
      hostKey: 'pinned',
      entries: [{ login: 'root', outcome: 'let-in', why: null }],
      arrivals: { tried: 3, answered: 3, turnedAway: null },
    });
    expect(controlPlane.probes.at(-1)).toMatchObject({
      preflight: 'pf_1',
      target: 'db01',
      login: 'root',
      sourceAddress: '127.0.0.1',
    });
    const said = () => sshd.log().slice(before);
    await expect.poll(said).toMatch(/Disconnected from user root/);
    expect(said()).toMatch(/Accepted certificate ID "pf_1"/);
    expect(said()).not.toMatch(/Starting session|subsystem request/);
  });

  it('is refused where the CA is another one, and says so of two logins at most', async () => {
    const other = await startSshd({ userCa: makeKey(join(folder, 'another-authority')) });
    try {
      const { ssh } = await tried({
        port: other.port,
        hostKeys: [other.hostKey],
        logins: ['root', 'backup', 'bin'],
      });
      expect(ssh!.entries.map(({ login, outcome }) => `${login} ${outcome}`)).toEqual([
        'root refused',
        'backup refused',
        'bin not-tried',
      ]);
    } finally {
      await other.stop();
    }
  });

  it('lets one login in and not the other where only one has the principal', async () => {
    // The file of principals serves both, but nobody signs in as bin here.
    const { ssh } = await tried({ logins: ['root', 'nobody-here'] });
    expect(ssh!.entries.map(({ outcome }) => outcome)).toEqual(['let-in', 'refused']);
  });

  it('signs in to nothing that shows another host key', async () => {
    const orders = controlPlane.probes.length;
    const { ssh } = await tried({
      hostKeys: [makeKey(join(folder, 'not-its-key'))],
      logins: ['root', 'backup'],
    });
    expect(ssh).toMatchObject({ hostKey: 'other', shown: { line: sshd.hostKey }, entries: [] });
    expect(controlPlane.probes.length).toBe(orders + 1);
  });

  it('says that a host has no key of the pinned type', async () => {
    const { ssh } = await tried({ hostKeys: [makeKey(join(folder, 'its-rsa-key'), 'rsa')] });
    expect(ssh).toMatchObject({ hostKey: 'no-key-of-a-pinned-type', entries: [] });
  });

  it.each([
    ['no key is pinned', []],
    ['what is pinned is no key', ['ssh-ed25519 nonsense']],
  ])('shows the key, and signs in to nothing, where %s', async (_, hostKeys) => {
    const { ssh } = await tried({ hostKeys });
    expect(ssh).toMatchObject({ hostKey: 'unusable', shown: { line: sshd.hostKey }, entries: [] });
  });

  it('looks at the key alone where no login is to be tried', async () => {
    expect((await tried({ logins: [] })).ssh).toMatchObject({ hostKey: 'pinned', entries: [] });
  });

  it('tells a certificate that was not issued from one that was refused', async () => {
    controlPlane.probeAnswer = { admitted: false, code: 'clock-skew', lines: ['The clocks differ.'] };
    const { ssh } = await tried();
    controlPlane.probeAnswer = null;
    expect(ssh!.entries).toMatchObject([
      { outcome: 'not-issued', why: 'the control plane refused: clock-skew' },
    ]);
  });

  it('says that nothing answers', async () => {
    expect(await tried({ port: await freePort() })).toMatchObject({
      reached: { why: 'ECONNREFUSED' },
      ssh: null,
    });
  });

  it('sees that sshd turns away who comes at once with others', async () => {
    const narrow = await startSshd({ userCa: '', more: ['MaxStartups 1'] });
    try {
      const { ssh } = await tried({ port: narrow.port, hostKeys: [narrow.hostKey] });
      expect(ssh!.arrivals).toMatchObject({ tried: 3, turnedAway: 'too-many' });
      expect(ssh!.arrivals!.answered).toBeLessThan(2);
    } finally {
      await narrow.stop();
    }
  });

  it('never rejects, and is over when it is called off', async () => {
    expect(await gateway.probe(order(), AbortSignal.abort())).toMatchObject({ ssh: null });
  });
});

describe('what answers, and is no sshd', () => {
  const listeners: Server[] = [];
  afterAll(() => {
    for (const each of listeners) each.close();
  });
  async function saying(text: string | null): Promise<number> {
    const server = createServer(socket => {
      socket.on('error', () => {});
      if (text === null) socket.destroy();
      else if (text.endsWith('\n')) socket.end(text);
      else socket.write(text);
    });
    listeners.push(server);
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  }

  it.each([
    ['hangs up', null, null],
    ['speaks of penalties, as sshd 9.8 does', 'Not allowed at this time\r\n', 'penalty'],
  ])('one that %s', async (_, text, turnedAway) => {
    const port = await saying(text);
    const { ssh } = await tried({ port });
    expect(ssh).toMatchObject({ hostKey: 'not-seen', software: null, arrivals: { answered: 0, turnedAway } });
  });

  it('a PostgreSQL is asked for TLS alone, a console for a connection', async () => {
    const without = await saying('N');
    expect(await tried({ protocol: 'postgres', port: without })).toMatchObject({
      reached: { ms: expect.any(Number) },
      tls: 'not-offered',
      ssh: null,
    });
    expect(await tried({ protocol: 'web', port: without })).toMatchObject({ tls: null });
    expect(await tried({ protocol: 'web', port: await saying(null), tls: true })).toMatchObject({
      tls: 'failed',
    });
    expect(await tried({ protocol: 'postgres', port: await freePort() })).toMatchObject({
      reached: { why: 'ECONNREFUSED' },
    });
  });
});
