import { expect, it } from 'vitest';
import type { Engagement } from '../../src/domain/decision.ts';
import type { Grant } from '../../src/domain/grant.ts';
import type { Activity } from '../../src/domain/matrix.ts';
import type { Reader } from '../../src/web/reader.ts';
import { GrantCard } from '../../src/web/requester/grant-card.tsx';
import { engagement } from '../domain/fixture.ts';

const now = new Date('2026-11-24T11:00:00Z');
const hours = (count: number) => new Date(now.getTime() + count * 3_600_000);

const grant: Grant = {
  ...{ id: 'g_1', request: 'req_1', tenant: 'tiny', person: 'p_olga', party: 'msp', target: 'db' },
  ...{ protocol: 'ssh', role: 'root', cell: 'data/fix', endedAt: null, endReason: null },
  ...{ startsAt: hours(-1), endsAt: hours(1) },
};

const card = (row: Partial<Activity>, reader: string, ended = false): string => {
  const seen: Engagement = engagement({ row });
  return String(
    <GrantCard
      app={{ gateway: { host: 'gate.example', port: 22 } as never }}
      grant={ended ? { ...grant, endedAt: now, endReason: 'handed-back' } : grant}
      reader={{ now, person: { id: reader }, memberships: [], csrf: 'x' } as unknown as Reader}
      engagement={seen}
      holder={null}
      returnTo="/"
    />,
  );
};

const row: Partial<Activity> = {
  takeover: ['Read the <shift> log'],
  handback: ['Monitoring is green'],
  runbook: 'https://wiki.example/fix',
  rollback: 'https://wiki.example/undo',
};

it('whoever holds a grant reads what its cell asks for, and nobody else there', () => {
  const mine = card(row, 'p_olga');
  for (const part of [
    '<p>To take over</p><ul><li>Read the &lt;shift&gt; log</li></ul>',
    '<p>Before you hand it back</p><ul><li>Monitoring is green</li></ul>',
    '<a href="https://wiki.example/fix" rel="noreferrer">Runbook</a>',
    '<a href="https://wiki.example/undo" rel="noreferrer">Rollback</a>',
  ]) {
    expect(mine).toContain(part);
  }
  for (const other of [card(row, 'p_ida'), card(row, 'p_olga', true), card({}, 'p_olga')]) {
    expect(other).not.toMatch(/To take over|Before you hand|Runbook|Rollback/);
  }
});
