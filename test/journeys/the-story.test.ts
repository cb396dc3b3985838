import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseStage, type Stage } from '../../src/demo/stage.ts';
import { playStory } from '../../src/demo/story.ts';
import { freshDatabase } from '../fixtures/database.ts';

let folder: string;
let stage: Stage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-story-'));
  stage = await raiseStage({ folder, database: await freshDatabase() });
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
});
