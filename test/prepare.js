// What the tests need beyond npm: real SSH programs, a real browser, a real player, and what watches processes. `npm test` runs this first.
import { ensurePrograms, NEEDS } from '../src/demo/debian-packages.js';

try {
  ensurePrograms(Object.values(NEEDS));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
