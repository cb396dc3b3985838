import { describe, expect, it } from 'vitest';
import type { Grant } from '../../src/domain/grant.ts';
import type { Person } from '../../src/domain/person.ts';
import { type HeldSession, whyNotRenewed } from '../../src/elevation/renew-leases.ts';
import { engagement } from '../domain/fixture.ts';

const now = new Date('2026-11-20T14:00:00Z');
const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000);

const tiny = engagement();
const [service, { activities }] = Object.entries(tiny.matrix.services)[0]!;
const cell = `${service}/${Object.keys(activities)[0]}`;

const person = {
  id: 'p_olga',
  issuer: tiny.matrix.parties.msp.issuer,
  groups: ['ops'],
  claims: {},
  name: 'Olga',
  email: null,
  emailVerified: false,
  signedInAt: at(-30),
} as unknown as Person;

const grant: Grant = {
  id: 'g_1',
  request: 'req_1',
  tenant: 'tiny',
  person: person.id,
  party: 'msp',
  target: 'db',
  protocol: 'ssh',
  role: 'root',
  cell,
  startsAt: at(-30),
  endsAt: at(30),
  endedAt: null,
  endReason: null,
};

const held: HeldSession = {
  session: { id: 's_1', endedAt: null },
  grant,
  person,
  terminated: false,
  givenUnder: null,
};
const withGrant = (change: Partial<Grant>): HeldSession => ({ ...held, grant: { ...grant, ...change } });
const inForce = { engagement: tiny, lockedOutAt: null };
const under = (bend: Parameters<typeof engagement>[0]) => ({
  engagement: engagement(bend),
  lockedOutAt: null,
});

describe('a session that runs is renewed', () => {
  it.each<[string, HeldSession, typeof inForce | ReturnType<typeof under>]>([
    ['while its grant lasts', held, inForce],
    ['by a clock that was set back to before its start', withGrant({ startsAt: at(5) }), inForce],
    [
      'though the sign-in has grown old meanwhile: that opens nothing new, and ends nothing',
      held,
      under({ row: { sign_in_within: '10m' } }),
    ],
    [
      'though a version that came into force since no longer gives it: its owner decides',
      { ...held, givenUnder: tiny },
      under({ row: { gives: { ssh: ['backup'] } } }),
    ],
    [
      'in a lockout, if it is the client’s own',
      withGrant({ party: 'client' }),
      { ...inForce, lockedOutAt: now as never },
    ],
  ])('%s', (_, session, tenant) => {
    expect(whyNotRenewed(tenant, session, now)).toBeNull();
  });
});

describe('a session that runs is not renewed', () => {
  it.each<[string, HeldSession, Parameters<typeof whyNotRenewed>[0], RegExp]>([
    [
      'when it is written down as ended',
      { ...held, session: { id: 's_1', endedAt: now } },
      inForce,
      /as ended/,
    ],
    ['when somebody ended it', { ...held, terminated: true }, inForce, /has ended it/],
    ['when its grant was revoked', withGrant({ endedAt: now, endReason: 'revoked' }), inForce, /was revoked/],
    [
      'when its grant was handed back',
      withGrant({ endedAt: now, endReason: 'handed-back' }),
      inForce,
      /handed back/,
    ],
    [
      'when a lockout ended its grant',
      withGrant({ endedAt: now, endReason: 'locked-out' }),
      inForce,
      /lockout/,
    ],
    ['when its grant is over', withGrant({ endsAt: now }), inForce, /has ended/],
    [
      'when its end was written down',
      withGrant({ endedAt: now, endReason: 'deadline' }),
      inForce,
      /has ended/,
    ],
    ['in a lockout', held, { engagement: tiny, lockedOutAt: now }, /has shut out/],
    ['when its engagement is not served', held, null, /not served/],
    ['when the matrix has lost the cell', withGrant({ cell: 'data/gone' }), inForce, /has no data\/gone/],
    [
      'when the cell gives another role',
      held,
      under({ row: { gives: { ssh: ['backup'] } } }),
      /no longer gives root/,
    ],
    [
      'when its squad was not responsible under the version that gave it either',
      { ...held, givenUnder: under({ row: { R: ['msp/night'] } }).engagement },
      under({ row: { R: ['msp/night'], for: '5h' } }),
      /no longer in a squad/,
    ],
    ['when its squad is not responsible', held, under({ row: { R: ['msp/night'] } }), /no longer in a squad/],
  ])('%s', (_, session, tenant, why) => {
    expect(whyNotRenewed(tenant, session, now)).toMatch(why);
  });
});
