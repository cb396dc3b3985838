// A program of the tests: one command through the gateway to a real sshd, told as JSON. `ssh2 …/crypto.js` says
// whether its native part was loaded.
import { createRequire } from 'node:module';
import { House } from '../recorder/house.ts';
import { startSshd } from '../recorder/sshd.ts';

const require = createRequire(import.meta.url);
const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as { bindingAvailable: boolean };
const sshd = await startSshd();
const house = await House.open(sshd);
try {
  const ciphers = ['aes128-gcm@openssh.com', 'aes256-ctr'];
  const said: Record<string, string> = {};
  for (const cipher of ciphers) {
    const ran = await house.ssh(
      ['-c', cipher, 'head -c 300000 /dev/zero | wc -c; cat'],
      Buffer.alloc(100_000, 'x'),
    ).ended;
    said[cipher] = `${ran.status} ${ran.stdout.length} ${ran.stdout.subarray(0, 6)}${ran.stderr}`;
  }
  process.stdout.write(JSON.stringify({ native: bindingAvailable, said }));
} finally {
  await house.close();
  await sshd.stop();
}
