import type { AuditEvent } from '../domain/audit-event.ts';
import type { Engagement } from '../domain/decision.ts';
import { issuersOf, memberOf, partyOf } from '../domain/membership.ts';
import { namedEmails } from '../domain/named-people.ts';
import { PARTIES } from '../domain/party.ts';
import { mayPropose, signsFor } from '../domain/permission.ts';
import type { Member, Person } from '../domain/person.ts';
import type { Proposal, ProposalState, VersionTexts } from '../domain/proposal.ts';
import { saltedHash } from '../domain/request.ts';
import { findSquad } from '../domain/squad.ts';
import { bindingsFor, documentDigest, type VersionDocument } from '../domain/version.ts';
import { secondsUntilFree, tooOften } from './asking-pace.ts';
import { type Change, type Look, type Outside, Refused, type Step, type TenantInForce } from './contract.ts';

/** So many of one person, and of one party, can wait at once: a version is agreed on by talking, not by trying. */
const MOST_OPEN = { person: 3, party: 10 };

/** What is put up: a sound version of this tenant, its tests passed. */
export interface VersionAsk {
  readonly tenant: string;
  readonly engagement: Engagement;
  readonly expectations: object | null;
  readonly texts: VersionTexts | null;
  readonly change: string | null;
  readonly note: string | null;
  /** Ids of people who take the place of whom a named email meant before. */
  readonly confirm: readonly string[];
  /** Issuers of other engagements: whom they know is told to nobody here. */
  readonly elsewhere: readonly string[];
}

/**
 * Puts a version up for both parties to sign. It has no effect until they have: nothing here is a permission. The
 * document that is signed is made now, from the version, the installation as it runs and the people as known.
 *
 * @throws Refused `no-such-tenant` (404), `not-yours` (403), `too-many-requests` (429), `too-many-proposals`,
 *   `in-force-already`, `already-proposed`, `not-named`, `no-signer` (409)
 */
export async function proposeVersion(
  look: Look,
  outside: Outside,
  person: Person,
  ask: VersionAsk,
): Promise<Step<Proposal>> {
  const { inForce, member } = await standing(look, person, ask.tenant, mayPropose);
  await requireProposingPace(look, outside, person, ask.tenant);
  const { engagement } = ask;
  const known = await look.peopleOf([...issuersOf(inForce.engagement), ...issuersOf(engagement)]);
  const people = known.filter(
    one => memberOf(inForce.engagement, one) !== null || !ask.elsewhere.includes(one.issuer),
  );
  const document: VersionDocument = {
    matrix: engagement.matrix,
    targets: engagement.targets,
    expectations: ask.expectations,
    installation: outside.installation(engagement.matrix),
    bindings: bindingsFor(
      engagement,
      [...ask.confirm.map(id => confirmedAs(engagement, people, id)), ...(inForce.engagement.bindings ?? [])],
      people,
    ),
  };
  requireSigners({ ...engagement, bindings: document.bindings });
  const digest = documentDigest(document);
  if (digest === inForce.base) {
    throw new Refused('in-force-already', 'This is what is in force already: there is nothing to sign.', 409);
  }
  const open = await look.openProposals(ask.tenant);
  const same = open.find(proposal => proposal.document === digest && proposal.base === inForce.base);
  if (same) {
    throw new Refused('already-proposed', `The same waits to be signed already, as ${same.id}.`, 409, {
      proposal: same.id,
    });
  }
  const party = (id: string | null) => {
    const proposer = known.find(one => one.id === id);
    return proposer ? partyOf(inForce.engagement, proposer) : null;
  };
  const mine = open.filter(({ proposedBy }) => proposedBy === person.id).length;
  const ours = open.filter(({ proposedBy }) => party(proposedBy) === member.party).length;
  if (mine >= MOST_OPEN.person || ours >= MOST_OPEN.party) {
    throw new Refused(
      'too-many-proposals',
      `${mine >= MOST_OPEN.person ? `${mine} of yours` : `${ours} of your party`} wait to be signed; withdraw one first.`,
      409,
    );
  }
  const salt = ask.note === null ? null : outside.salt();
  const proposal: Proposal = {
    id: outside.id('mp'),
    tenant: ask.tenant,
    digest: engagement.digest,
    document: digest,
    source: JSON.stringify(document),
    texts: ask.texts,
    version: engagement.matrix.version,
    change: ask.change,
    note: ask.note,
    noteSalt: salt,
    base: inForce.base,
    proposedBy: person.id,
    proposedAt: outside.now,
    state: 'open',
    closedAt: null,
    closedBy: null,
  };
  const { governance } = inForce.engagement.matrix;
  return {
    result: proposal,
    changes: [{ insert: 'proposal', record: proposal }],
    events: [
      {
        tenant: ask.tenant,
        action: 'matrix.proposed',
        actor: `person:${person.id}`,
        subject: proposal.id,
        data: {
          digest: proposal.digest,
          document: digest,
          version: proposal.version,
          change: ask.change,
          base: inForce.base,
          note_hash: salt && saltedHash(salt, ask.note!),
        },
      },
    ],
    letters: [
      {
        kind: 'version-proposed',
        tenant: ask.tenant,
        to: [...governance.sign],
        title: `${person.name} put up version ${proposal.version} of the matrix of ${ask.tenant}: it waits for your signature`,
        lines: [
          ...(ask.change === null ? [] : [{ label: 'Change', text: ask.change }]),
          ...(ask.note === null ? [] : [{ label: 'Why', text: ask.note }]),
        ],
        path: `/matrix/proposals/${proposal.id}`,
        dueAt: null,
        whileWaiting: null,
      },
    ],
  };
}

/** @throws Refused `too-many-requests`: each is a letter to all who sign, and is kept for good */
async function requireProposingPace(look: Look, outside: Outside, person: Person, tenant: string) {
  const most = outside.asking.perMinute;
  const { count, first } = await look.proposalsSince(
    person.id,
    tenant,
    new Date(outside.now.getTime() - 3_600_000),
  );
  if (count < most) return;
  throw tooOften(
    `put up ${most} versions in one hour here`,
    secondsUntilFree(first ?? outside.now, 3600, outside.now),
  );
}

/**
 * A version under which nobody could sign the next for a party would be the last.
 *
 * @throws Refused `no-signer`
 */
function requireSigners(engagement: Engagement): void {
  const { governance, parties } = engagement.matrix;
  for (const party of PARTIES) {
    const some = governance.sign.some(name => {
      const found = findSquad(engagement, name);
      if (found?.party !== party) return false;
      const { group, people = [] } = found.squad;
      const bound = (email: string) =>
        engagement.bindings!.some(
          one => one.email === email.toLowerCase() && one.issuer === parties[party].issuer,
        );
      return group !== undefined || people.some(bound);
    });
    if (some) continue;
    throw new Refused(
      'no-signer',
      `Under this nobody could sign for ${parties[party].name}: no squad that signs has a group, or a named person who has signed in.`,
      409,
    );
  }
}

/** The binding of somebody whose provider verified an email that the matrix names. */
function confirmedAs(engagement: Engagement, people: readonly Person[], id: string) {
  const person = people.find(one => one.id === id);
  const named =
    person &&
    namedEmails(engagement.matrix).find(
      ({ party, email }) => email === person.verifiedEmail && partyOf(engagement, person) === party,
    );
  if (!person || !named) {
    throw new Refused('not-named', 'The matrix does not name whom you would confirm.', 409);
  }
  return { email: named.email, issuer: person.issuer, subject: person.subject };
}

/**
 * Takes a proposal back, or turns it down: its proposer, or anybody who signs for either party.
 *
 * @throws Refused `no-such-proposal` (404), `not-yours` (403), `already-decided` (409)
 */
export async function withdrawProposal(
  look: Look,
  outside: Outside,
  person: Person,
  of: { readonly tenant: string; readonly proposal: string },
): Promise<Step<Proposal>> {
  const { inForce, member } = await standing(look, person, of.tenant, () => true);
  const proposed = await look.proposal(of.proposal);
  if (!proposed || proposed.proposal.tenant !== of.tenant) throw noSuchProposal();
  const { proposal } = proposed;
  if (proposal.proposedBy !== person.id && signsFor(inForce.engagement, member) === null) {
    throw new Refused('not-yours', 'Who put it up takes it back, or who would sign it.', 403);
  }
  requireOpen(proposal);
  const { change, event, closed } = closing(proposal, 'withdrawn', `person:${person.id}`, outside.now);
  return { result: closed, changes: [change], events: [event] };
}

export const notInASquad = (): Refused =>
  new Refused('not-yours', 'People who are in a squad of this engagement do this.', 403);

export const noSuchProposal = (): Refused =>
  new Refused('no-such-proposal', 'There is no such proposal for you.', 404);

export function requireOpen({ state }: Proposal): void {
  if (state === 'open') return;
  const is = state === 'in-force' ? 'in force' : state;
  throw new Refused('already-decided', `This version is ${is} already; nothing was changed.`, 409, { state });
}

/** What closing a proposal changes and says. */
export function closing(
  proposal: Proposal,
  state: Exclude<ProposalState, 'open' | 'in-force'>,
  actor: string,
  now: Date,
): { closed: Proposal; change: Change; event: AuditEvent } {
  const set = { state, closedAt: now, closedBy: actor };
  return {
    closed: { ...proposal, ...set },
    change: { update: 'proposal', id: proposal.id, set },
    event: {
      tenant: proposal.tenant,
      action: 'matrix.closed',
      actor,
      subject: proposal.id,
      data: { document: proposal.document, reason: state },
    },
  };
}

/**
 * The tenant, alone until the transaction ends, and this person's side of it.
 *
 * @throws Refused `no-such-tenant`, `not-yours`
 */
export async function standing(
  look: Look,
  person: Person,
  tenant: string,
  may: (engagement: Engagement, member: Member) => boolean,
): Promise<{ inForce: TenantInForce; member: Member }> {
  const inForce = await look.tenantAlone(tenant);
  const member = inForce && memberOf(inForce.engagement, person);
  if (!member) throw new Refused('no-such-tenant', `There is no engagement "${tenant}" for you.`, 404);
  if (!may(inForce.engagement, member)) {
    throw notInASquad();
  }
  return { inForce, member };
}
