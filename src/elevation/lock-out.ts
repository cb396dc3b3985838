import type { Engagement } from '../domain/decision.ts';
import { memberOf } from '../domain/membership.ts';
import { mayLiftLockout, mayLockOut } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { saltedHash } from '../domain/request.ts';
import { type Letter, type Look, type Outside, Refused, type Step } from './contract.ts';
import { closing } from './end-grant.ts';

/**
 * The client shuts every MSP grant and session of its tenant at once; none opens until it is lifted. The tenant is
 * held alone, so a yes that is being given at the same moment comes before, and is ended, or after, and is refused.
 *
 * @throws Refused `not-yours`
 */
export async function lockOut(
  look: Look,
  outside: Outside,
  person: Person,
  of: { readonly tenant: string; readonly reason: string | null },
): Promise<Step<{ since: Date; grants: number; sessions: readonly string[] }>> {
  const { lockedOutAt, engagement } = await governor(look, person, of.tenant, mayLockOut);
  const grants = await look.openGrants(of.tenant, 'msp', outside.now);
  const sessions = (await look.openSessions(grants.map(grant => grant.id))).map(session => session.id);
  const ends = grants.map(grant => closing(grant, outside.now, 'locked-out', `person:${person.id}`));
  const since = lockedOutAt ?? outside.now;
  const salt = of.reason === null ? null : outside.salt();
  if (lockedOutAt !== null && ends.length === 0) return { result: { since, grants: 0, sessions } };
  return {
    result: { since, grants: grants.length, sessions },
    changes: [
      {
        update: 'tenant',
        id: of.tenant,
        set: { lockedOutAt: since, lockedOutBy: person.id, lockoutReason: of.reason, lockoutSalt: salt },
      },
      ...ends.map(end => end.change),
    ],
    events: [
      {
        tenant: of.tenant,
        action: 'lockout.begun',
        actor: `person:${person.id}`,
        subject: `tenant:${of.tenant}`,
        data: {
          reason_hash: salt && saltedHash(salt, of.reason!),
          grants: grants.length,
          sessions: sessions.length,
        },
      },
      ...ends.map(end => end.event),
    ],
    letters: tellBoth(
      engagement,
      `${person.name} (${engagement.matrix.parties.client.name}) has shut out ${engagement.matrix.parties.msp.name}`,
      [
        { label: 'Ended', text: `${grants.length} grants, ${sessions.length} sessions` },
        ...(of.reason === null ? [] : [{ label: 'Because', text: of.reason }]),
      ],
    ),
    cuts: { sessions, reason: 'locked-out', message: 'the client has shut out all sessions of its provider' },
  };
}

/** @throws Refused `not-yours`: only the first squad that `governance.lockout` names lifts it */
export async function liftLockout(
  look: Look,
  _outside: Outside,
  person: Person,
  of: { readonly tenant: string },
): Promise<Step<{ lifted: boolean }>> {
  const { lockedOutAt, engagement } = await governor(look, person, of.tenant, mayLiftLockout);
  if (lockedOutAt === null) return { result: { lifted: false } };
  return {
    result: { lifted: true },
    changes: [
      {
        update: 'tenant',
        id: of.tenant,
        set: { lockedOutAt: null, lockedOutBy: null, lockoutReason: null, lockoutSalt: null },
      },
    ],
    events: [
      {
        tenant: of.tenant,
        action: 'lockout.lifted',
        actor: `person:${person.id}`,
        subject: `tenant:${of.tenant}`,
        data: {},
      },
    ],
    letters: tellBoth(engagement, `${person.name} has lifted the lockout`, []),
  };
}

/** A lockout is news for either side. */
function tellBoth(engagement: Engagement, title: string, lines: Letter['lines']): Letter[] {
  const { tenant, matrix } = engagement;
  const letter = {
    kind: 'lockout' as const,
    tenant,
    title,
    lines,
    path: '/',
    dueAt: null,
    whileWaiting: null,
  };
  return [
    { ...letter, to: [...matrix.governance.lockout] },
    { ...letter, to: [matrix.parties.msp.name], party: 'msp' },
  ];
}

async function governor(look: Look, person: Person, tenant: string, may: typeof mayLockOut) {
  const inForce = await look.tenantAlone(tenant);
  const member = inForce && memberOf(inForce.engagement, person);
  if (!member) throw new Refused('no-such-tenant', `There is no engagement "${tenant}" for you.`, 404);
  if (!may(inForce.engagement, member)) {
    const { lockout } = inForce.engagement.matrix.governance;
    const whose = may === mayLiftLockout ? lockout.slice(0, 1) : lockout;
    throw new Refused('not-yours', `The matrix gives this to ${whose.join(', ') || 'nobody'} alone.`, 403);
  }
  return inForce;
}
