import { type Decision, decide, type Engagement, type Question } from '../domain/decision.ts';
import { meantBy } from '../domain/meant.ts';
import { memberOf, membersOf } from '../domain/membership.ts';
import type { Member, Person } from '../domain/person.ts';
import type { Protocol } from '../domain/request.ts';
import { type Look, Refused, type TenantInForce } from './contract.ts';

/** What is asked for, before anything is known of it. */
export interface Ask {
  readonly target: string;
  readonly activity: string | null;
  readonly protocol: Protocol;
  readonly role: string;
  readonly seconds: number;
  readonly ticket: string | null;
  readonly severity: string | null;
  readonly startsAt: Date | null;
}

export interface Assessment {
  readonly engagement: Engagement;
  readonly inForce: TenantInForce;
  readonly member: Member;
  readonly question: Question;
  readonly people: readonly Person[];
  readonly decision: Decision;
}

/**
 * Answers an ask from the version in force, the people known at this moment and the clock. Every step that opens
 * something comes through here, each time anew.
 *
 * @throws Refused `no-such-tenant` for those on neither side of it, `no-such-target`
 */
export async function assess(
  look: Pick<Look, 'tenant' | 'peopleMeant'>,
  tenant: string,
  asker: Person,
  ask: Ask,
  now: Date,
): Promise<Assessment> {
  const inForce = await look.tenant(tenant);
  const member = inForce && memberOf(inForce.engagement, asker);
  if (!inForce || !member)
    throw new Refused('no-such-tenant', `There is no engagement "${tenant}" for you.`, 404);
  if (!Object.hasOwn(inForce.engagement.targets.targets, ask.target)) {
    throw new Refused('no-such-target', `There is no target "${ask.target}" in ${tenant}.`, 404);
  }
  const people = await look.peopleMeant(meantBy(inForce.engagement, ask));
  return assessAmong(inForce, member, people, ask, now);
}

/** The same, where the people whom it looks for are at hand: of an ask on the same target, for the same activity. */
export function assessAmong(
  inForce: TenantInForce,
  member: Member,
  people: readonly Person[],
  ask: Ask,
  now: Date,
): Assessment {
  const { engagement } = inForce;
  const question: Question = {
    asker: member,
    target: ask.target,
    activity: ask.activity,
    protocol: ask.protocol,
    role: ask.role,
    seconds: ask.seconds,
    ticket: ask.ticket,
    severity: ask.severity,
    at: Math.max(ask.startsAt?.getTime() ?? 0, now.getTime()),
  };
  const decision = decide(engagement, question, {
    people: membersOf(engagement, people),
    lockedOut: inForce.lockedOutAt !== null,
  });
  return { engagement, inForce, member, question, people, decision };
}
