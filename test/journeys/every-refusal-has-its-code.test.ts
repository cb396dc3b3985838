import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CastName } from '../../src/demo/cast.ts';
import { REFUSAL_CODES } from '../../src/domain/refusal.ts';
import { logOf, RESTORE, raised } from '../fixtures/raised.ts';

// A Tuesday morning in New York: the patch window is shut, the year-end freeze has not begun.
const began = Date.now();
let morning = true;
const clock = {
  now: () => new Date(morning ? Date.parse('2026-11-24T15:00:00Z') + (Date.now() - began) : Date.now()),
};

const stage = raised({
  adjust: { clock },
  configure: configuration => {
    // A cell whose only owners are a group that nobody is in.
    const file = join(configuration.policies, 'acme', 'matrix.yaml');
    const orphaned = 'gives: { ssh: [orphan] }, for: 1h }';
    const cell = `      adopt: { label: Nobody answers, R: [msp/backup-ops], A: client/app-owner, ${orphaned}\n`;
    const source = readFileSync(file, 'utf8');
    writeFileSync(file, source.replace('  endpoints:\n', `${cell}\n  endpoints:\n`));
    return configuration;
  },
});

type Case = readonly [code: string, who: CastName, ask: Record<string, unknown>];

const CASES: readonly Case[] = [
  ['no-cell', 'noah', { target: 'legacy01', ssh: 'root', for: '1h' }],
  ['activity-needed', 'sam', { target: 'db01', ssh: 'root', for: '1h', ticket: 'INC-1' }],
  ['not-responsible', 'noah', RESTORE],
  ['not-given', 'maya', { ...RESTORE, ssh: 'postgres' }],
  ['outside-window', 'noah', { target: 'app01', activity: 'endpoints/patch', ssh: 'root', for: '2h' }],
  ['duration-too-long', 'maya', { ...RESTORE, for: '3h' }],
  ['ticket-required', 'maya', { ...RESTORE, ticket: undefined }],
  [
    'no-approver',
    'maya',
    { target: 'db01', activity: 'backups/adopt', ssh: 'orphan', for: '1h', ticket: 'INC-1' },
  ],
];

describe('a request that the matrix does not allow', () => {
  it.each(CASES)('is refused as %s', async (code, who, ask) => {
    const body = { reason: 'Because', ...ask };
    const refused = await stage().api(who, 'POST', '/requests', body);
    expect([refused.status, refused.json.code]).toEqual([403, code]);
    expect(refused.json.explanation.join(' ')).not.toBe('');
    const dryRun = await stage().api(who, 'POST', '/decisions', body);
    expect([dryRun.status, dryRun.json.decision, dryRun.json.code]).toEqual([200, 'refused', code]);
    const entry = (await logOf(stage())).find(({ subject }) => subject === refused.json.request);
    expect([entry.action, entry.data.code]).toEqual(['request.refused', code]);
  });

  it('is refused as locked-out while the client has shut its provider out, and nobody of the provider lifts that', async () => {
    const shut = await stage().api('dana', 'POST', '/lockout', { reason: 'A session looks wrong' });
    expect([shut.status, shut.json.locked_out]).toEqual([200, true]);
    const refused = await stage().api('maya', 'POST', '/requests', RESTORE);
    expect([refused.status, refused.json.code]).toEqual([403, 'locked-out']);
    for (const who of ['maya', 'dana'] as const) {
      expect((await stage().api(who, 'DELETE', '/lockout')).status).toBe(403);
    }
    // A fresh sign-in is one by the provider's clock, which nobody moved.
    morning = false;
    expect((await stage().api('chris', 'DELETE', '/lockout')).status).toBe(200);
    morning = true;
    expect((await stage().api('maya', 'POST', '/requests', RESTORE)).status).toBe(201);
  });

  it('has a code of the contract, each of which is shown here', () => {
    expect([...CASES.map(([code]) => code), 'locked-out'].sort()).toEqual([...REFUSAL_CODES].sort());
  });
});

describe('a call that makes no sense', () => {
  const calls: readonly [string, Record<string, unknown>, number, string][] = [
    ['a target that does not exist', { ...RESTORE, target: 'db02' }, 404, 'no-such-target'],
    ['a target of the prototype', { ...RESTORE, target: '__proto__' }, 404, 'no-such-target'],
    ['an engagement that is not mine', { ...RESTORE, tenant: 'globex' }, 404, 'no-such-target'],
    ['no protocol', { ...RESTORE, ssh: undefined }, 400, 'invalid'],
    ['two protocols', { ...RESTORE, web: 'admin' }, 400, 'invalid'],
    ['a duration of nothing', { ...RESTORE, for: '0s' }, 400, 'invalid'],
    ['a duration in words', { ...RESTORE, for: 'an hour' }, 400, 'invalid'],
    ['a start in the past', { ...RESTORE, at: '2020-01-01T00:00' }, 400, 'invalid'],
    ['an unknown field', { ...RESTORE, approve: true }, 400, 'invalid'],
    ['no reason', { ...RESTORE, reason: '  ' }, 400, 'invalid'],
    ['a reason that turns the line round', { ...RESTORE, reason: 'safe \u202egnp.exe' }, 400, 'invalid'],
    ['a reason of a novel', { ...RESTORE, reason: 'x'.repeat(2001) }, 400, 'invalid'],
  ];
  it.each(calls)('%s: says so, and nothing happens', async (_, body, status, code) => {
    const asked = async () =>
      (await logOf(stage())).filter(({ action }) => action.startsWith('request.')).length;
    const before = await asked();
    const answer = await stage().api('maya', 'POST', '/requests', body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(await asked()).toBe(before);
  });

  it('a body past the limit is refused unread', async () => {
    const answer = await stage().api('maya', 'POST', '/requests', {
      ...RESTORE,
      reason: 'x'.repeat(100_000),
    });
    expect([answer.status, answer.json.code]).toEqual([413, 'too-large']);
  });
});
