import type { ControlPlane } from '../../recorder/control-plane.ts';
import { Refused } from '../elevation/contract.ts';
import type { Commit } from '../store/commit.ts';
import type { Instruments } from './instruments.ts';

/** Takes the time of what is appended to the log, and counts what failed on the way. A refusal is an answer. */
async function appended<T>(instruments: Instruments, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    const result = await work();
    instruments.append.observe((performance.now() - started) / 1000);
    return result;
  } catch (error) {
    if (!(error instanceof Refused)) instruments.appendFailures.add();
    throw error;
  }
}

export const watchedCommit =
  (commit: Commit, instruments: Instruments): Commit =>
  (tenant, step) =>
    appended(instruments, () => commit(tenant, step));

/** The door with its numbers taken; once `leaving` says so, it lets nobody new in. */
export function watchedDoor<D extends ControlPlane>(
  door: D,
  instruments: Instruments,
  leaving: () => boolean,
): D {
  return {
    ...door,
    admit: async channel =>
      leaving()
        ? { admitted: false, code: 'stopping', lines: ['This gateway is stopping: try again in a minute.'] }
        : door.admit(channel),
    recordSegment: segment => appended(instruments, () => door.recordSegment(segment)),
    endSession: async ending => {
      await door.endSession(ending);
      // Repeated until it is taken, and taken once: so it is counted once.
      if (ending.cutDelay !== null) instruments.cutDelay.observe(ending.cutDelay / 1000);
    },
  };
}
