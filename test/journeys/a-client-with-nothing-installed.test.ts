import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { options } from '../../src/demo/stage.ts';
import { granted, raised } from '../fixtures/raised.ts';

const stage = raised();

/** Stock ssh that knows no key: it prints a link and a code, and waits. */
async function knock() {
  const child = spawn(
    'ssh',
    [
      ...['-F', 'none', '-T'],
      ...options({
        Port: stage().broker.ssh.port,
        PubkeyAuthentication: 'no',
        PreferredAuthentications: 'keyboard-interactive',
        StrictHostKeyChecking: 'no',
        UserKnownHostsFile: '/dev/null',
      }),
      'root@db01@localhost',
      'echo inside as $(id -un)',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SSH_ASKPASS_REQUIRE: 'never' },
    },
  );
  let seen = '';
  const said = new Promise<{ url: string; code: string }>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        seen += text;
        const url = /https?:\/\/\S+\/ssh\/[\w-]+/.exec(seen)?.[0];
        const code = /\b[B-Z]{4}-[B-Z]{4}\b/.exec(seen)?.[0];
        if (url && code) resolve({ url, code });
      });
    }
    child.once('close', () => reject(new Error(`it ended without a link: ${seen}`)));
  });
  const ended = new Promise<string>(resolve => child.once('close', () => resolve(seen)));
  return { said, ended, kill: () => child.kill() };
}

describe('a client with nothing installed', () => {
  it('gets in by the link that the gateway prints, once its person has typed the code in a browser', async () => {
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
    await granted(stage());
    const ssh = await knock();
    const { url, code } = await ssh.said;
    const maya = await stage().as('maya');
    const page = await maya.open(url);
    expect(page.html).toContain('root@db01');
    expect(page.html).toContain('127.0.0.1');
    const wrong = await maya.submit(/code/i, { code: 'BBBB-BBBB' });
    expect(wrong.status).toBeGreaterThanOrEqual(400);
    await maya.open(url);
    const right = await maya.submit(/code/i, { code });
    expect(right.status).toBe(200);
    expect(await ssh.ended).toContain('inside as root');
    expect((await maya.open(url)).status).toBeGreaterThanOrEqual(400);
  });

  it('gets nowhere on a guess: the link is gone after five wrong codes', async () => {
    const ssh = await knock();
    const { url, code } = await ssh.said;
    const noah = await stage().as('noah');
    for (let guess = 0; guess < 5; guess++) {
      await noah.open(url);
      await noah.submit(/code/i, { code: 'BBBB-CCCC' });
    }
    const late = await noah.open(url);
    expect(late.status).toBe(404);
    expect(code).not.toBe('BBBB-CCCC');
    // The client may go on with a fresh link; this one is dead.
    ssh.kill();
    expect(await ssh.ended).not.toContain('inside');
  });
});
