// What the tests need beyond npm: real SSH programs and a real browser. `npm test` runs this first.
import { ensurePrograms, NEEDS } from '../src/demo/debian-packages.js';

try {
  ensurePrograms([NEEDS.sshd, NEEDS.ssh, NEEDS.scp, NEEDS.chromium]);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
