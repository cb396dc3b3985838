import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../../src/api/problem.ts';
import { openShell } from '../../src/demo/live-shell.ts';
import { execute } from '../../src/demo/stage.ts';
import { ConnectionLost } from '../../src/store/postgres-pool.ts';
import { readPidFile } from '../../src/store/postgres-process.ts';
import { ask, granted, RESTORE, raised } from '../fixtures/raised.ts';

const stage = raised({ logger: pino({ level: 'silent' }) });

/** Kills PostgreSQL; resolves when another runs, with what the API answered meanwhile. */
async function killed(): Promise<number[]> {
  const data = join(stage().folder, 'broker', 'postgres');
  const before = await readPidFile(data);
  process.kill(before!.pid, 'SIGKILL');
  const answers: number[] = [];
  await expect
    .poll(
      async () => {
        const { status, json } = await stage().api('maya', 'GET', '/grants');
        answers.push(status);
        if (status !== 200) expect(json).toMatchObject({ status: 503, code: 'database-away' });
        return status === 200 && (await readPidFile(data))?.pid !== before!.pid;
      },
      { timeout: 30_000, interval: 10 },
    )
    .toBe(true);
  return answers;
}

describe('when PostgreSQL is killed under a running broker', () => {
  it('it comes back by itself: Maya asks, Dana’s chat is told, Dana answers', async () => {
    const before = await ask(stage());
    await killed();
    const { json: kept } = await stage().api('maya', 'GET', `/requests/${before.id}`);
    expect(kept).toMatchObject({ id: before.id, state: 'waiting' });
    const after = await ask(stage());
    await stage().chat.waitFor(message => message.links.some(link => link.url.endsWith(after.id)), 30_000);
    const { json: shown } = await stage().api('dana', 'GET', `/requests/${after.id}`);
    const { status } = await stage().api('dana', 'POST', `/requests/${after.id}/approve`, {
      digest: shown.digest,
    });
    expect(status).toBe(200);
  });

  it('a terminal stays open, and a revocation afterwards still cuts it', async () => {
    await stage().api('dana', 'POST', '/targets/db01/host-keys', { host_key: stage().db01.hostKeyLine });
    const grant = await granted(stage(), RESTORE);
    // A name is held again a moment after the database is back: until then nobody is admitted.
    const options = await stage().sshOptions('maya');
    await expect
      .poll(async () => (await execute('ssh', [...options, '-T', 'root@db01@localhost', 'true'])).status, {
        timeout: 30_000,
      })
      .toBe(0);
    const shell = await openShell(stage(), 'maya');
    shell.type('echo before-$((40 + 2))\n');
    await shell.sees(/before-42/);
    await killed();
    shell.type('echo after-$((40 + 3))\n');
    await shell.sees(/after-43/);
    const { json } = await stage().api('maya', 'GET', '/grants?live=true');
    for (const { id } of json.grants) await stage().api('dana', 'POST', `/grants/${id}/revoke`, {});
    expect(json.grants.map(({ id }: { id: string }) => id)).toContain(grant.id);
    await shell.ended;
    expect(shell.screen()).toMatch(/revoked|ended/);
  });

  it('a call that was cut off is told that the database is away, not that nothing was done', () => {
    const wrapped = new Error('Failed query', { cause: new ConnectionLost() });
    expect(problemOf(wrapped)).toMatchObject({ status: 503, code: 'database-away' });
    expect(problemOf(new Error('something else'))).toBeNull();
  });
});
