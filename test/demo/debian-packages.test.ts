import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensurePrograms, NEEDS } from '../../src/demo/debian-packages.js';

let folder: string;
let policyFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'packages-'));
  policyFile = join(folder, 'policy-rc.d');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A machine that has some programs, and gets the others by its apt-get. */
function machine(has: string[], { isRoot = true, failing = '' } = {}) {
  const ran: string[] = [];
  const said: string[] = [];
  let installed = false;
  return {
    ran,
    said,
    policyFile,
    find: (program: string) => has.includes(program) || installed,
    isRoot: () => isRoot,
    say: (line: string) => void said.push(line),
    run(program: string, args: string[]) {
      ran.push([program, ...args].join(' '));
      expect(readFileSync(policyFile, 'utf8')).toContain('exit 101');
      expect(statSync(policyFile).mode & 0o111).toBe(0o111);
      if (failing && args.includes(failing)) return 'exit 100';
      installed ||= args[0] === 'install';
      return null;
    },
  };
}

test('says and does nothing when all is there', () => {
  const full = machine(Object.values(NEEDS).map(need => need.program));
  expect(ensurePrograms(Object.values(NEEDS), full)).toEqual([]);
  expect([full.ran, full.said]).toEqual([[], []]);
});

test('installs what is missing, each package once, and no daemon may start', () => {
  const bare = machine(['apt-get']);
  const packages = ensurePrograms(Object.values(NEEDS), bare);
  expect(packages).toContain('fonts-dejavu-core');
  expect(packages.filter(name => name === 'openssh-client')).toHaveLength(1);
  expect(bare.ran).toEqual([
    'apt-get update -q',
    `apt-get install -q -y --no-install-recommends ${packages.join(' ')}`,
  ]);
  expect(existsSync(policyFile)).toBe(false);
});

test('leaves a policy that stands there already as it is', () => {
  writeFileSync(policyFile, '#!/bin/sh\n# mine\nexit 101\n', { mode: 0o755 });
  ensurePrograms([NEEDS.sshd], machine(['apt-get', 'ssh']));
  expect(readFileSync(policyFile, 'utf8')).toContain('# mine');
});

test.each([
  ['without apt-get', [], {}, 'Install them (Debian calls them openssh-server)'],
  ['as somebody else than root', ['apt-get'], { isRoot: false }, 'As root: apt-get install'],
  ['when apt-get fails', ['apt-get'], { failing: 'install' }, 'apt-get failed (exit 100)'],
  ['when its lists cannot be had', ['apt-get'], { failing: 'update' }, 'apt-get failed (exit 100)'],
] as const)('says in one line what to install %s', (_name, has, more, words) => {
  const attempt = () => ensurePrograms([NEEDS.sshd], machine([...has], more));
  expect(attempt).toThrow(words);
  expect(attempt).toThrow(
    expect.objectContaining({ code: 'needs-packages', message: expect.not.stringContaining('\n') }),
  );
  expect(existsSync(policyFile)).toBe(false);
});
