import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { machinesDie } from './machines-die.ts';

it('kill -9 of the broker, of PostgreSQL and of both loses and doubles nothing that anybody was told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'soak-'));
  const told: string[] = [];
  try {
    const { losses, counts } = await machinesDie({
      folder,
      rounds: 3,
      seed: 2026,
      faults: ['postgres', 'broker', 'both'],
      load: { colleagues: 2, terminals: 1, requests: 1 },
      calm: [500, 1_000],
      settle: false,
      tell: line => told.push(line),
    });
    expect(losses, told.join('\n')).toEqual([]);
    const of = (what: string) => Number(new Map(counts).get(what) ?? 0);
    for (const what of [
      'acknowledged: request',
      'acknowledged: approval',
      'grants opened',
      'sessions',
      'recordings held against the log',
      'lines that clients saw',
      'messages: delivered',
    ]) {
      expect(of(what), what).toBeGreaterThan(0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
