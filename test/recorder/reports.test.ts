import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ControlPlane, Segment, SessionEnding } from '../../recorder/control-plane.ts';
import { checkSsh2 } from '../../recorder/protocols/ssh/ssh2-internals.ts';
import { Reports } from '../../recorder/reports.ts';
import { quiet } from './house.ts';

const segment = (index: number): Segment => ({ session: 's_1', index, offset: 0, length: 1, sha256: '' });
const ending = { session: 's_1', reason: 'closed' } as SessionEnding;
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setUp(take: () => Promise<void>) {
  const told: string[] = [];
  const controlPlane = {
    recordSegment: async ({ index }: Segment) => {
      await take();
      told.push(`segment ${index}`);
    },
    reportIncident: async () => void told.push('incident'),
    endSession: async () => void told.push('ending'),
  } as unknown as ControlPlane;
  return { told, reports: new Reports(controlPlane, clock, quiet) };
}

test('reports arrive in order, however often one of them fails', async () => {
  let failures = 4;
  const { told, reports } = setUp(async () => {
    failures -= 1;
    if (failures >= 0) throw new Error('away');
  });
  reports.segment(segment(0));
  reports.segment(segment(1));
  reports.incident({ session: 's_1', kind: 'recording-failed', detail: '' });
  reports.ending(ending);
  await vi.advanceTimersByTimeAsync(10_000);
  await reports.settled();
  expect(told).toEqual(['segment 0', 'segment 1', 'incident', 'ending']);
});

test('an answer that never comes counts as waiting, and so does a refusal', async () => {
  const { reports } = setUp(() => new Promise(() => {}));
  expect(reports.segmentWaiting).toBe(0);
  reports.segment(segment(0));
  await vi.advanceTimersByTimeAsync(16_000);
  expect(reports.segmentWaiting).toBeGreaterThanOrEqual(16_000);
});

test('reports given up end the wait', async () => {
  const { told, reports } = setUp(async () => {
    throw new Error('away');
  });
  reports.segment(segment(0));
  reports.ending(ending);
  await vi.advanceTimersByTimeAsync(1_000);
  reports.abandon();
  await reports.settled();
  expect(told).toEqual([]);
});

test('the ssh2 that is installed is the one we reach into', () => {
  expect(checkSsh2).not.toThrow();
});
