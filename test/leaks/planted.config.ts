import { defineConfig } from 'vitest/config';
import { reporters } from './reporter.ts';

/** A run that must fail: `leaks.test.ts` looks at how. */
export default defineConfig({
  test: { include: ['test/leaks/planted.ts'], setupFiles: 'test/leaks/watch.ts', reporters, maxWorkers: 1 },
});
