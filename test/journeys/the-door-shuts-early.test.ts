import { describe, expect, it } from 'vitest';
import { openShell } from '../../src/demo/live-shell.ts';
import { granted, logOf, raised } from '../fixtures/raised.ts';

const stage = raised();

async function atAPrompt() {
  await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
  const grant = await granted(stage());
  const shell = await openShell(stage(), 'maya');
  shell.type('echo here-$((1 + 1))\n');
  await shell.sees(/here-2/);
  const { json } = await stage().api('dana', 'GET', '/sessions?live=true');
  const session = json.sessions.find((one: { grant: string }) => one.grant === grant.id);
  return { grant, shell, session };
}

const endOf = (session: string) =>
  expect.poll(async () => (await stage().api('dana', 'GET', `/sessions/${session}`)).json.end_reason, {
    timeout: 10_000,
  });

describe('a live session', () => {
  it('is cut when its grant is revoked, with a word to its terminal', async () => {
    const { grant, shell, session } = await atAPrompt();
    expect((await stage().api('dana', 'POST', `/grants/${grant.id}/revoke`)).status).toBe(200);
    await shell.ended;
    expect(shell.screen()).toContain('was revoked');
    await endOf(session.id).toBe('terminated');
    const actions = (await logOf(stage()))
      .filter(({ subject }) => subject === session.id || subject === grant.id)
      .map(({ action }) => action);
    expect(actions).toEqual(
      expect.arrayContaining(['grant.opened', 'session.admitted', 'grant.ended', 'session.ended']),
    );
    expect(actions.indexOf('grant.ended')).toBeLessThan(actions.indexOf('session.ended'));
  });

  it('is cut by the lockout, and nothing opens until it is lifted', async () => {
    const { shell, session } = await atAPrompt();
    const shut = await stage().api('ravi', 'POST', '/lockout', {});
    expect([shut.status, shut.json.sessions]).toEqual([200, 1]);
    await shell.ended;
    await endOf(session.id).toBe('terminated');
    const again = await openShell(stage(), 'maya');
    await again.ended;
    expect(again.screen()).toContain('has shut out');
    expect((await stage().api('chris', 'DELETE', '/lockout')).status).toBe(200);
  });

  it('is ended alone by an owner, while its grant stays', async () => {
    const { grant, shell, session } = await atAPrompt();
    expect((await stage().api('noah', 'POST', `/sessions/${session.id}/terminate`)).status).toBe(404);
    expect((await stage().api('dana', 'POST', `/sessions/${session.id}/terminate`)).status).toBe(202);
    await shell.ended;
    expect(shell.screen()).toContain('Dana Whitfield ended this session');
    await endOf(session.id).toBe('terminated');
    const { json } = await stage().api('maya', 'GET', '/grants?live=true');
    expect(json.grants.map((one: { id: string }) => one.id)).toContain(grant.id);
    await stage().api('maya', 'POST', `/grants/${grant.id}/handback`);
  });

  it('is refused where no host key is pinned, or another machine answers', async () => {
    await granted(stage());
    const wrong = `ssh-ed25519 ${Buffer.concat([
      Buffer.from([0, 0, 0, 11]),
      Buffer.from('ssh-ed25519'),
      Buffer.from([0, 0, 0, 32]),
      Buffer.alloc(32, 7),
    ]).toString('base64')}`;
    const pinned = await stage().api('dana', 'POST', '/targets/db01/host-keys', {
      host_key: wrong,
      replace: true,
    });
    expect(pinned.status).toBe(200);
    const shell = await openShell(stage(), 'maya');
    await shell.ended;
    expect(shell.screen()).toMatch(/host key/i);
    expect(stage().db01.log()).not.toContain('wrong');
    await expect
      .poll(async () =>
        (await logOf(stage())).some(
          ({ action, data }) => action === 'session.incident' && data.kind === 'host-key-mismatch',
        ),
      )
      .toBe(true);
    expect((await stage().api('maya', 'POST', '/targets/db01/host-keys', { host_key: wrong })).status).toBe(
      403,
    );
  });
});
