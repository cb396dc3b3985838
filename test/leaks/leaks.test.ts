import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execute } from '../../src/demo/stage.ts';
import { findLeaks } from './evidence.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-leaks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a run of tests in which secrets are said', () => {
  let run: { status: number; stdout: string; stderr: string };
  beforeAll(async () => {
    run = await execute(process.execPath, [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'test/leaks/planted.config.ts',
    ]);
  });

  it('fails, although each of its tests passed, and says so in its last line', () => {
    expect(run.status).toBe(1);
    expect(run.stdout.trim().split('\n').at(-1)).toBe('9 passed, 9 failed, 0 skipped');
  });

  it.each([
    ['random bytes', 'a log at level trace'],
    ['a password', 'standard output of the run'],
    ['random bytes', 'arguments of a program'],
    ['random bytes', 'arguments of a program that was waited for'],
    ['a private key', 'standard output of sh'],
    ['the variable SALLYPORT_TOKEN', 'standard error of sh'],
    ['random bytes', 'an address that was asked for'],
    ['random bytes', 'the answer to GET /api/v1/planted'],
    ['random bytes', 'a recording'],
  ])('finds %s in %s', (kind, place) => {
    expect(run.stderr.split('\n')).toContain(`A secret was said: ${kind}, in ${place}`);
  });
});

describe('looking for secrets', () => {
  it('finds exactly those that stand in what was said', () => {
    const text = fc
      .uint8Array({ minLength: 18, maxLength: 40 })
      .map(bytes => Buffer.from(bytes).toString('base64url'));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), fc.array(text), (secrets, others) => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        const kinds = secrets.map((part, i) => `${JSON.stringify({ kind: `kind ${i}`, part })}\n`);
        writeFileSync(join(folder, 'secrets-1'), kinds.join(''));
        const said = [...secrets.filter((_, i) => i % 2 === 0).map(part => `x${part}y`), ...others];
        writeFileSync(join(folder, 'said-1'), said.map(run => `here\t${run}\n`).join(''));
        const expected = secrets.flatMap((part, i) =>
          said.some(run => run.includes(part)) ? [`kind ${i}`] : [],
        );
        expect(
          findLeaks(folder)
            .map(({ kind }) => kind)
            .sort(),
        ).toEqual(expected.sort());
      }),
      { numRuns: 60 },
    );
  });

  it('takes no longer over ten million characters than a run can spare', () => {
    const secrets = Array.from({ length: 2000 }, () => randomBytes(32).toString('base64'));
    writeFileSync(
      join(folder, 'secrets-1'),
      secrets.map(part => `${JSON.stringify({ kind: 'key', part })}\n`).join(''),
    );
    const said = randomBytes(7_500_000).toString('base64url') + secrets[1999];
    writeFileSync(join(folder, 'said-1'), `here\t${said}\n`);
    expect(findLeaks(folder)).toEqual([{ kind: 'key', place: 'here' }]);
    expect(readFileSync(join(folder, 'said-1')).length).toBeGreaterThan(10_000_000);
  });
});
