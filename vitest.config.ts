import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule } from 'vitest/node';

/** The last line of a run, for programs: how many passed and how many did not. */
const count: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const tests = modules.flatMap(module => [...module.children.allTests()]);
    const of = (state: string) => tests.filter(test => test.result().state === state).length;
    const broken = modules.filter(module => module.errors().length > 0).length;
    console.log(`${of('passed')} passed, ${of('failed') + broken} failed, ${of('skipped')} skipped`);
  },
};

export default defineConfig({
  test: {
    // Journeys talk to real servers; a hang is a failure, a slow machine is not.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ['default', count],
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
