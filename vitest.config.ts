import { defineConfig } from 'vitest/config';
import { reporters } from './test/leaks/reporter.ts';
import { BRING_THEIR_OWN, onServer, THE_SAME_ON_ANY } from './test/server/project.ts';

export default defineConfig({
  test: {
    // Journeys talk to real servers; a hang is a failure, a slow machine is not.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes of rounds of a second or more: one second, the default, is a race.
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 2,
    // A worker that raised a stage ends real processes; on a busy machine that takes its time.
    teardownTimeout: 60_000,
    setupFiles: 'test/leaks/watch.ts',
    reporters,
    projects: [
      {
        extends: true,
        test: { name: 'embedded', include: ['test/**/*.test.{ts,tsx}'], exclude: ['test/server/**'] },
      },
      // Again on a PostgreSQL that somebody else runs: every journey whose outcome rests on transactions, locks, roles,
      // row level security, notifications, or what is restored. A new journey is among them until it is named here.
      onServer(`{${[...BRING_THEIR_OWN, ...THE_SAME_ON_ANY].join(',')}}`),
    ],
  },
});
