import { decide, type Engagement } from '../domain/decision.ts';
import type { Grant } from '../domain/grant.ts';
import { issuersOf, memberOf, membersOf } from '../domain/membership.ts';
import { PARTIES } from '../domain/party.ts';
import { mayEndGrant } from '../domain/permission.ts';
import type { Member, Person } from '../domain/person.ts';
import type { RefusalCode } from '../domain/refusal.ts';
import { type Look, type Outside, Refused, type Step } from './contract.ts';
import { closing } from './end-grant.ts';

/** A running grant that the version in force would refuse if it were asked for now. */
export interface Disallowed {
  readonly grant: Grant;
  readonly holder: Person;
  readonly code: RefusalCode;
  readonly because: readonly string[];
}

/** Reasons that speak of the moment of asking and not of what was given. */
const OF_THE_MOMENT: readonly (RefusalCode | null)[] = ['locked-out', 'no-approver'];

/**
 * Running grants that the version in force no longer allows, as far as this person may see them: their owners by this
 * version or by the one that gave them, and those who may lock out. A change of version ends none of them by itself.
 *
 * @throws Refused `no-such-tenant`
 */
export async function disallowedGrants(
  look: Look,
  person: Person,
  tenant: string,
  now: Date,
): Promise<Disallowed[]> {
  const inForce = await look.tenant(tenant);
  const member = inForce && memberOf(inForce.engagement, person);
  if (!member) throw new Refused('no-such-tenant', `There is no engagement "${tenant}" for you.`, 404);
  const { engagement } = inForce;
  const open = (await Promise.all(PARTIES.map(party => look.openGrants(tenant, party, now)))).flat();
  if (open.length === 0) return [];
  const people = membersOf(engagement, await look.peopleOf(issuersOf(engagement)));
  const found: Disallowed[] = [];
  for (const grant of open) {
    const request = await look.request(grant.request);
    const holder = await look.person(grant.person);
    if (!request || !holder || request.decision.matrix === engagement.digest) continue;
    const asker = memberOf(engagement, holder) ?? stranger(holder, grant);
    const { decision, code, explanation } = decide(
      engagement,
      {
        asker,
        target: grant.target,
        activity: grant.cell,
        protocol: grant.protocol,
        role: grant.role,
        seconds: request.seconds,
        ticket: request.ticket,
        severity: request.severity,
        at: grant.startsAt.getTime(),
      },
      { people, lockedOut: false },
    );
    if (decision !== 'refused' || code === null || OF_THE_MOMENT.includes(code)) continue;
    const gaveIt = await look.version(tenant, request.decision.matrix);
    const mine = [engagement, ...(gaveIt ? [gaveIt] : [])].some(by =>
      ends(by, engagement, member, person, grant),
    );
    if (mine) found.push({ grant, holder, code, because: explanation });
  }
  return found;
}

/** The owners are those whom a version names, as the people are known today. */
const ends = (by: Engagement, today: Engagement, member: Member, person: Person, grant: Grant): boolean =>
  mayEndGrant(today.bindings ? { ...by, bindings: today.bindings } : by, member, person, grant);

/** Somebody whom no party of the version in force speaks for: nothing is given to them any more. */
const stranger = (person: Person, { party }: Grant): Member => ({
  handle: `${person.issuer}#${person.subject}`,
  party,
  email: null,
  groups: [],
});

/**
 * Ends those of them that are named: what was shown is what is ended. One that ended meanwhile changes nothing.
 *
 * @throws Refused `no-such-tenant`
 */
export async function endDisallowed(
  look: Look,
  outside: Outside,
  person: Person,
  of: { readonly tenant: string; readonly grants: readonly string[] },
): Promise<Step<{ grants: number; sessions: number }>> {
  const listed = (await disallowedGrants(look, person, of.tenant, outside.now)).filter(({ grant }) =>
    of.grants.includes(grant.id),
  );
  const sessions = (await look.openSessions(listed.map(({ grant }) => grant.id))).map(({ id }) => id);
  const ends = listed.map(({ grant }) => closing(grant, outside.now, 'revoked', `person:${person.id}`));
  return {
    result: { grants: listed.length, sessions: sessions.length },
    changes: ends.map(({ change }) => change),
    events: ends.map(({ event }) => event),
    ...(sessions.length > 0
      ? {
          cuts: {
            sessions,
            reason: 'revoked' as const,
            message: 'the matrix in force no longer allows this grant, and its owner ended it',
          },
        }
      : {}),
  };
}
