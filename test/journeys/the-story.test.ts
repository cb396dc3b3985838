import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseStage, type Stage } from '../../src/demo/stage.ts';
import { playStory } from '../../src/demo/story.ts';
import { GREETING } from '../../src/demo/thread.ts';
import { openOperatorLog } from '../../src/vitals/operator-log.ts';
import { freshDatabase } from '../fixtures/database.ts';

let folder: string;
let stage: Stage;
/** Everything that the broker says to whoever runs it, at the level that says the most. */
const lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-story-'));
  const logger = openOperatorLog('trace', { write: line => lines.push(line) });
  stage = await raiseStage({ folder, logger, database: await freshDatabase() });
});

afterAll(async () => {
  await stage?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the story, on real parts', () => {
  it('holds, from the question to the proof', { timeout: 180_000 }, async () => {
    expect(stage.db01.kind).toBe('sshd');
    const told = [];
    for await (const step of playStory(stage)) told.push(step);
    expect(told.filter(({ ok }) => !ok)).toEqual([]);
    expect(told.length).toBeGreaterThan(20);
  });

  it('left the operator a log of it by ids, and nothing of what anybody is called, wrote or typed', async () => {
    const read = lines.map(line => JSON.parse(line) as Record<string, unknown>);
    expect(lines.every(line => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1)).toBe(true);
    expect(read.filter(({ level, time, msg }) => !(Number(level) > 0 && Number(time) > 0 && msg))).toEqual(
      [],
    );
    const of = (msg: string) => read.filter(line => line.msg === msg);
    expect(of('session began').length).toBeGreaterThan(3);
    expect(of('session ended').map(({ session }) => session)).toEqual(
      expect.arrayContaining(of('session began').map(({ session }) => session)),
    );
    expect(of('answered').filter(({ request, status }) => !(request && status))).toEqual([]);
    expect(new Set(of('answered').map(({ route }) => route))).toContain('/api/v1/requests/:id/approve');

    const people = Object.values(stage.cast).flatMap(({ name, email, password, subject }) => [
      ...name.split(' '),
      email,
      email.split('@')[0]!,
      password,
      subject,
    ]);
    const { text } = await stage.api('audrey', 'GET', '/requests?tenant=acme');
    const { requests } = JSON.parse(text) as { requests: { reason: string; ticket: string }[] };
    expect(requests.length).toBeGreaterThan(0);
    const words = requests.flatMap(({ reason, ticket }) => [...reason.split(' '), ticket]);
    const tokens = [await stage.token('maya'), await stage.token('dana')];
    const typed = [GREETING, 'ready-', 'id -un', 'BEGIN', 'ssh-ed25519-cert', 'code=', 'state='];
    // Words of three letters and fewer stand in any sentence.
    for (const word of [...people, ...words, ...tokens, ...typed].filter(one => one?.length > 3)) {
      expect(
        lines.filter(line => new RegExp(`\\b${word.replace(/[^\w]/g, '\\$&')}`, 'i').test(line)),
        word,
      ).toEqual([]);
    }
  });
});
