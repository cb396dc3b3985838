import { describe, expect, it } from 'vitest';
import type { Grant } from '../../src/domain/grant.ts';
import type { Activity, Gives } from '../../src/domain/matrix.ts';
import type { Person } from '../../src/domain/person.ts';
import { admitSession, type Knock } from '../../src/elevation/admit-session.ts';
import type { Look, Outside } from '../../src/elevation/contract.ts';
import { engagement, row } from '../domain/fixture.ts';

const now = new Date('2026-11-24T11:00:00Z');
const minutes = (count: number) => new Date(now.getTime() + count * 60_000);

const grant = (id: string, cell: string, lasts: number): Grant => ({
  ...{ id, request: 'req_1', tenant: 'tiny', person: 'p_olga', party: 'msp', target: 'db', protocol: 'ssh' },
  ...{ role: 'root', cell, startsAt: minutes(-5), endsAt: minutes(lasts), endedAt: null, endReason: null },
});

/** Olga knocks at db as root, holding these grants of cells that give this; everything else is in order. */
async function knock(cells: Record<string, Gives>, grants: Grant[], asked: Partial<Knock>) {
  const activities = Object.fromEntries(
    Object.entries(cells).map(([name, gives]): [string, Activity] => [name, { ...row, gives }]),
  );
  const { issuer } = engagement().matrix.parties.msp;
  const look: Partial<Look> = {
    tenant: async () => ({
      engagement: engagement({ activities }),
      lockedOutAt: null,
      unsettled: null,
      observedUntil: null,
      base: null,
    }),
    clockSkew: async () => 0,
    liveGrants: async () => grants,
    clockPutBack: async () => false,
    hostKeys: async () => ['ssh-ed25519 AAAA'],
  };
  const outside = { now, id: (kind: string) => `${kind}_1`, salt: () => Buffer.alloc(16) };
  const olga = { id: 'p_olga', issuer, groups: ['ops'], claims: {}, boundEmail: null, signedInAt: now };
  const step = await admitSession(look as Look, outside as Outside, olga as unknown as Person, {
    ...{ tenant: 'tiny', target: 'db', role: 'root', protocol: 'ssh', kind: 'exec', command: 'uptime' },
    ...{ pty: false, address: '192.0.2.1', username: 'root@db', gateway: 'local-1', signInWithin: 3600 },
    ...asked,
  });
  return step;
}

const one = [grant('g_1', 'data/fix', 60)];
const shellAlone: Gives = { ssh: { logins: ['root'] } };
const withExec: Gives = { ssh: { logins: ['root'], exec: true } };
const withTransfer: Gives = { ssh: { logins: ['root'], transfer: true } };

describe('a grant opens what its cell gives', () => {
  it.each<[string, Gives, Partial<Knock>, 'opens' | string]>([
    ['a shell, of a shell alone', shellAlone, { kind: 'shell', command: null, pty: true }, 'opens'],
    ['a command, of the short form', { ssh: ['root'] }, {}, 'opens'],
    ['a copy, of the short form', { ssh: ['root'] }, { command: 'scp -t x' }, 'opens'],
    ['a piped shell, of the short form', { ssh: ['root'] }, { kind: 'shell', command: null }, 'opens'],
    ['a command, of a shell alone', shellAlone, {}, 'data/fix gives root no commands (exec).'],
    [
      'a piped shell, of a shell alone',
      shellAlone,
      { kind: 'shell', command: null },
      'data/fix gives root no commands (exec) and no file transfer (transfer).',
    ],
    [
      'sftp, of commands',
      withExec,
      { kind: 'subsystem', command: 'sftp' },
      'data/fix gives root no file transfer (transfer).',
    ],
    [
      'a copy within a command, of commands',
      withExec,
      { command: "sh -c 'scp -t x'" },
      'data/fix gives root no file transfer (transfer).',
    ],
    ['sftp, of transfers', withTransfer, { kind: 'subsystem', command: 'sftp' }, 'opens'],
    ['a copy, of transfers', withTransfer, { command: 'scp -t x' }, 'opens'],
    [
      'a copy with something beside it, of transfers',
      withTransfer,
      { command: 'scp -t x; id' },
      'data/fix gives root no commands (exec).',
    ],
  ])('%s', async (_, gives, asked, expected) => {
    const { result, changes = [], events } = await knock({ fix: gives }, one, asked);
    expect(result.admitted ? 'opens' : result.lines[0]).toBe(expected);
    if (result.admitted) return;
    expect(result.code).toBe('not-given');
    expect(changes).toEqual([]);
    expect(events?.[0]).toMatchObject({ action: 'session.refused', data: { code: 'not-given' } });
  });

  it('among several grants takes the one that gives it, though another lasts longer', async () => {
    const cells = { look: shellAlone, fix: withExec };
    const grants = [grant('g_long', 'data/look', 60), grant('g_short', 'data/fix', 10)];
    const { result } = await knock(cells, grants, {});
    expect(result).toMatchObject({ admitted: true, grant: { id: 'g_short' }, takesInput: false });
    const shell = await knock(cells, grants, { kind: 'shell', command: null, pty: true });
    expect(shell.result).toMatchObject({ admitted: true, grant: { id: 'g_long' }, takesInput: true });
  });
});
