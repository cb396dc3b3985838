import type { Clock } from '../store/commit.ts';

/** A clock that was put back by no more than this is waited for; further back is somebody's doing. */
const WAITED_FOR_MS = 30_000;
/** How fast time passes for us while we wait: put back by 30 s, we are with the wall again after a minute. */
const WAITING_RATE = 0.5;

/**
 * The wall clock, except that it never goes back: when somebody puts it back, time goes on from where it was, counted
 * by the monotonic clock. So no grant, sign-in or deadline lives longer by it. Put forward, it is believed: everything
 * ends early then. Either way the database's clock tells, and nothing new is opened (see `agreed-clocks`).
 */
export function steadyClock(
  wall: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): Clock {
  let reached = wall();
  let counted = monotonic();
  return {
    now() {
      const shown = wall();
      const passed = Math.max(0, monotonic() - counted);
      counted += passed;
      const behind = reached + passed - shown;
      reached =
        behind <= 0
          ? shown
          : behind <= WAITED_FOR_MS
            ? Math.max(shown, reached + passed * WAITING_RATE)
            : reached + passed;
      return new Date(reached);
    },
  };
}
