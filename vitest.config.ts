import { defineConfig } from 'vitest/config';
import { reporters } from './test/leaks/reporter.ts';

export default defineConfig({
  test: {
    // Journeys talk to real servers; a hang is a failure, a slow machine is not.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes of rounds of a second or more: one second, the default, is a race.
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 2,
    setupFiles: 'test/leaks/watch.ts',
    reporters,
    projects: [
      {
        extends: true,
        test: { name: 'embedded', include: ['test/**/*.test.{ts,tsx}'], exclude: ['test/server/**'] },
      },
      // Again on a PostgreSQL that somebody else runs, what talks to one.
      {
        extends: true,
        test: {
          name: 'server',
          include: ['test/{journeys,server}/**/*.test.ts'],
          // These bring the PostgreSQL that they do things to.
          exclude: ['test/journeys/the-{database-goes-away,disk-fails,data-disk-runs-full}.test.ts'],
          globalSetup: 'test/fixtures/server.ts',
        },
      },
    ],
  },
});
