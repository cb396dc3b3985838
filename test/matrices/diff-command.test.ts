import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { diffAction } from '../../src/cli/matrix/diff.ts';

const ACME = 'policies/acme';
const common = { policies: './policies', now: Date.parse('2026-11-24T15:00:00Z') };
const room = mkdtempSync(join(tmpdir(), 'sallyport-diff-'));
afterAll(() => rmSync(room, { recursive: true }));

function copy(...changes: [file: string, from: string, to: string][]): string {
  const folder = mkdtempSync(join(room, 'c-'));
  cpSync(ACME, folder, { recursive: true });
  for (const [file, from, to] of changes) {
    const text = readFileSync(join(folder, file), 'utf8');
    expect(text).toContain(from);
    writeFileSync(join(folder, file), text.replace(from, to));
  }
  return folder;
}

const later = copy(
  ['matrix.yaml', '"2026.11"', '"2026.12"'],
  ['matrix.yaml', 'for: 2h  ', 'for: 4h  '],
  ['matrix.yaml', 'R: [msp/noc]\n', 'R: [msp/security]\n'],
);

describe('matrix diff', () => {
  it('tells what opens access first, kind by kind', () => {
    expect(diffAction(ACME, later, common)).toMatchObject({ code: 0, err: '' });
    expect(diffAction(ACME, later, common).out.replace(/[0-9a-f]{12}/g, 'DIGEST')).toMatchInlineSnapshot(`
      "acme 2026.11 to 2026.12  DIGEST to DIGEST

      Gains access
        - msp/security (sam) gains ssh root on app01 by endpoints/patch, up to 4h,
          when client/it agrees, only during: patch-window: endpoints/patch now names
          msp/security in R.

      Gets easier
        - backups/restore on db01: longest grant 4h, was 2h.

      Loses access
        - msp/noc (noah) loses ssh root on app01 by endpoints/patch: endpoints/patch
          no longer names msp/noc in R.

      Also changed
        - version: 2026.12, was 2026.11.

      4 changes: 1 gains, 1 easier, 1 loses, 1 other.
      "
    `);
  });

  it('fits 80 columns, and colours only where it is told to', () => {
    const { out } = diffAction(ACME, later, common);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(out).not.toContain('\x1b');
    expect(diffAction(ACME, later, { ...common, colour: true }).out).toContain(
      '\x1b[1;31mGains access\x1b[0m',
    );
  });

  it('gives programs each line with what it is about', () => {
    const { lines, counts } = JSON.parse(diffAction(ACME, later, { ...common, json: true }).out);
    expect(counts).toEqual({ gains: 1, easier: 1, answers: 0, harder: 0, loses: 1, other: 1 });
    expect(lines[0]).toMatchObject({
      kind: 'gains',
      topic: 'access',
      squads: ['msp/security'],
      people: ['sam'],
      cells: ['endpoints/patch'],
      targets: ['app01'],
      access: ['ssh root'],
      after: { for: '4h', answer: 'needs-approval', A: 'client/it' },
      paths: ['/matrix/services/endpoints/activities/patch/R'],
    });
  });

  it('says so of two that are the same', () => {
    expect(diffAction(ACME, copy(), common)).toMatchObject({
      code: 0,
      out: expect.stringContaining('The two are the same.'),
    });
  });

  it.each<[string, string, 0 | 1]>([
    ['gains,easier', later, 1],
    ['loses', later, 1],
    ['harder,answers', later, 0],
    ['gains,easier', ACME, 0],
  ])('fails a build on %s', (failOn, folder, code) => {
    expect(diffAction(ACME, folder, { ...common, failOn }).code).toBe(code);
  });

  const elsewhere = copy(['matrix.yaml', 'matrix: acme', 'matrix: other']);
  const broken = copy(['matrix.yaml', 'A: client/it\n', 'A: client/itt\n']);
  it.each<[string, string, object, string]>([
    ['a kind that is none', later, { failOn: 'gain' }, '--fail-on gain'],
    ['another tenant', elsewhere, {}, 'two versions of one tenant'],
    ['bad files', broken, {}, 'unknown squad "client/itt"'],
    ['no folder', join(room, 'nowhere'), {}, 'no tenant'],
  ])('exits 2 for %s', (_, folder, options, message) => {
    const said = diffAction(ACME, folder, { ...common, ...options });
    expect([said.code, said.out]).toEqual([2, '']);
    expect(said.err).toContain(message);
  });
});
