import { describe, expect, test, vi } from 'vitest';
import { Deadlines } from '../../recorder/deadline.ts';

function setUp() {
  const time = { now: 1_800_000_000_000, monotonic: 5_000 };
  const deadlines = new Deadlines({ now: () => time.now, monotonic: () => time.monotonic });
  const pass = (ms: number, wallJump = 0) => {
    time.now += ms + wallJump;
    time.monotonic += ms;
    deadlines.tick();
  };
  const watch = (remaining: number, warning?: number) => {
    const due = vi.fn();
    const warn = vi.fn();
    const forget = deadlines.watch({
      deadline: time.now + remaining,
      remaining,
      due,
      ...(warning === undefined ? {} : { warning: { before: warning, call: warn } }),
    });
    return { due, warn, forget };
  };
  return { deadlines, pass, watch };
}

const DAY = 86_400_000;

describe('a deadline', () => {
  test('is due once, with the delay that was seen', () => {
    const { deadlines, pass, watch } = setUp();
    const { due } = watch(10_000);
    pass(9_000);
    expect(due).not.toHaveBeenCalled();
    pass(1_120);
    expect(due).toHaveBeenCalledExactlyOnceWith(120);
    pass(10_000);
    expect(due).toHaveBeenCalledOnce();
    deadlines.stop();
  });

  test('is not stretched by a wall clock that goes back', () => {
    const { deadlines, pass, watch } = setUp();
    const { due } = watch(10_000);
    pass(5_000, -3_600_000);
    expect(due).not.toHaveBeenCalled();
    pass(5_000);
    expect(due).toHaveBeenCalledExactlyOnceWith(0);
    deadlines.stop();
  });

  test('is due when the wall clock says so, though less time was counted', () => {
    const { deadlines, pass, watch } = setUp();
    const { due } = watch(10_000);
    pass(1_000, 3_600_000);
    expect(due).toHaveBeenCalledOnce();
    deadlines.stop();
  });

  test('past 24.8 days, where timers overflow, waits', async () => {
    const { deadlines, pass, watch } = setUp();
    const { due } = watch(60 * DAY);
    await new Promise(resolve => setTimeout(resolve, 20));
    pass(59 * DAY);
    expect(due).not.toHaveBeenCalled();
    pass(1 * DAY);
    expect(due).toHaveBeenCalledOnce();
    deadlines.stop();
  });

  test('warns once, and not where too little was left from the start', () => {
    const { deadlines, pass, watch } = setUp();
    const long = watch(100_000, 60_000);
    const short = watch(50_000, 60_000);
    pass(30_000);
    expect(long.warn).not.toHaveBeenCalled();
    pass(15_000);
    pass(1_000);
    expect(long.warn).toHaveBeenCalledOnce();
    expect(short.warn).not.toHaveBeenCalled();
    deadlines.stop();
  });

  test('that was forgotten is not due', () => {
    const { deadlines, pass, watch } = setUp();
    const { due, forget } = watch(1_000);
    forget();
    pass(2_000);
    expect(due).not.toHaveBeenCalled();
    deadlines.stop();
  });
});

test('the last stretch has a timer of its own: real time, a few ms late', async () => {
  const deadlines = new Deadlines();
  const late = await new Promise<number>(resolve => {
    deadlines.watch({ deadline: Date.now() + 250, remaining: 250, due: resolve });
  });
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(100);
  deadlines.stop();
});
