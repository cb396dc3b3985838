import type { AuditEvent } from '../domain/audit-event.ts';
import type { Binding } from '../domain/binding.ts';
import type { Engagement } from '../domain/decision.ts';
import { sameDigest } from '../domain/digest.ts';
import { memberOf } from '../domain/membership.ts';
import { PARTIES } from '../domain/party.ts';
import { signsFor } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import type { Signature } from '../domain/proposal.ts';
import { sameEmail } from '../domain/squad.ts';
import { installationDigest } from '../domain/version.ts';
import { requireAgreedClocks } from './agreed-clocks.ts';
import {
  type Change,
  type Letter,
  type Look,
  type Outside,
  type Proposed,
  Refused,
  type Step,
  type TenantInForce,
} from './contract.ts';
import { closing, noSuchProposal, requireOpen, standing } from './propose-version.ts';

export interface Signing {
  readonly tenant: string;
  readonly proposal: string;
  /** Digest of the document as it was shown. */
  readonly document: string;
  /** Of the sign-in behind this; that it is fresh is asked at the door. */
  readonly authenticatedAt: Date;
}

/**
 * One party's signature. The one that completes it puts the version in force in the same transaction, for every
 * decision from then on; grants that run go on, and are listed to their owners where it no longer allows them.
 *
 * @throws Refused `no-such-tenant`, `no-such-proposal` (404), `not-yours` (403), `identity-not-in-document`, `moved`,
 *   `already-decided`, `already-signed`, `signature-lapsed`, `outdated`, `installation-changed` (409), `clock-skew` (503)
 */
export async function signVersion(
  look: Look,
  outside: Outside,
  person: Person,
  signing: Signing,
): Promise<Step<{ inForce: boolean }>> {
  const { inForce } = await standing(look, person, signing.tenant, () => true);
  const proposed = await look.proposal(signing.proposal);
  if (!proposed || proposed.proposal.tenant !== signing.tenant) throw noSuchProposal();
  const { proposal, document, signatures } = proposed;
  const { party, squad } = signerIn(inForce.engagement, document.bindings, person);
  requireOpen(proposal);
  if (proposal.base !== inForce.base) {
    throw new Refused('outdated', 'Another version came into force since: put this one up again.', 409);
  }
  if (!sameDigest(proposal.document, signing.document)) {
    throw new Refused('moved', 'This is not what was shown to you. Nothing was signed: read it again.', 409);
  }
  if (
    installationDigest(outside.installation(document.matrix)) !== installationDigest(document.installation)
  ) {
    throw new Refused(
      'installation-changed',
      'The issuers or channels of this installation changed since it was put up: put it up again.',
      409,
    );
  }
  if (signatures.some(given => given.party === party)) {
    throw new Refused('already-signed', `It is signed for this party already.`, 409);
  }
  for (const given of signatures) {
    const other = await look.person(given.person);
    if (given.person === person.id || sameEmail(other?.email, person.email)) {
      throw new Refused('already-signed', 'One person signs for one party.', 409);
    }
    requireStanding(inForce.engagement, document.bindings, given, other, outside.now);
  }
  await requireAgreedClocks(look);
  const signature: Signature = {
    tenant: signing.tenant,
    proposal: proposal.id,
    party,
    person: person.id,
    squad,
    document: proposal.document,
    authenticatedAt: signing.authenticatedAt,
    at: outside.now,
  };
  const signed: AuditEvent = {
    tenant: signing.tenant,
    action: 'matrix.signed',
    actor: `person:${person.id}`,
    subject: proposal.id,
    data: {
      digest: proposal.digest,
      document: proposal.document,
      party,
      squad,
      authenticated_at: signing.authenticatedAt.toISOString(),
    },
  };
  const all = [...signatures, signature];
  const complete = PARTIES.every(name => all.some(given => given.party === name));
  const change: Change = { insert: 'signature', record: signature };
  if (!complete) return { result: { inForce: false }, changes: [change], events: [signed] };
  const put = await putInForce(look, outside, person, inForce, { ...proposed, signatures: all });
  return {
    result: { inForce: true },
    changes: [change, ...put.changes],
    events: [signed, ...put.events],
    letters: put.letters,
  };
}

/**
 * For whom somebody signs: by the version in force, never by what is to be signed. Before anything was signed, nobody
 * has said who the named people are: then the document says it, and who signs must be the one that it means.
 */
function signerIn(engagement: Engagement, bindings: readonly Binding[], person: Person) {
  const certain = engagement.bindings === undefined ? { ...engagement, bindings } : engagement;
  const member = memberOf(certain, person);
  const squad = member && signsFor(certain, member);
  if (squad) return { party: member.party, squad };
  const presumed = memberOf(engagement, person);
  if (presumed && signsFor(engagement, presumed) !== null) {
    throw new Refused(
      'identity-not-in-document',
      'This does not say yet that you are whom the matrix names: put it up again, then sign.',
      409,
    );
  }
  const { sign } = engagement.matrix.governance;
  throw new Refused('not-yours', `The matrix gives this to ${sign.join(', ')} alone.`, 403);
}

/** A signature that waits this long was given to another time. */
const SIGNATURE_DAYS = 7;

/**
 * Both signatures must hold when the second is given: whoever signed first signs for their party still, and lately.
 *
 * @throws Refused `signature-lapsed`
 */
function requireStanding(
  engagement: Engagement,
  bindings: readonly Binding[],
  given: Signature,
  signer: Person | null,
  now: Date,
): void {
  const lapsed = (why: string) =>
    new Refused('signature-lapsed', `${signer?.name ?? 'Somebody'} ${why}: put the version up again.`, 409);
  if (now.getTime() - given.at.getTime() > SIGNATURE_DAYS * 86_400_000) {
    throw lapsed(`signed more than ${SIGNATURE_DAYS} days ago`);
  }
  const certain = engagement.bindings === undefined ? { ...engagement, bindings } : engagement;
  const member = signer && memberOf(certain, signer);
  if (!member || member.party !== given.party || signsFor(certain, member) === null) {
    throw lapsed('signed, and does not sign for their party any more');
  }
}

async function putInForce(
  look: Look,
  outside: Outside,
  person: Person,
  inForce: TenantInForce,
  { proposal, document, engagement, signatures }: Proposed,
): Promise<{ changes: Change[]; events: AuditEvent[]; letters: Letter[] }> {
  const { tenant } = proposal;
  const actor = `person:${person.id}`;
  const others = (await look.openProposals(tenant)).filter(({ id }) => id !== proposal.id);
  const closed = others.map(other => closing(other, 'outdated', 'broker', outside.now));
  const { matrix, targets } = document;
  const previous = inForce.base === null ? null : inForce.engagement.digest;
  const known = inForce.engagement.bindings ?? [];
  const confirmed = document.bindings.filter(
    ({ email, issuer, subject }) =>
      !known.some(one => one.email === email && one.issuer === issuer && one.subject === subject),
  );
  return {
    changes: [
      {
        insert: 'version',
        record: {
          tenant,
          digest: proposal.digest,
          version: proposal.version,
          source: JSON.stringify({ matrix, targets }),
          at: outside.now,
        },
      },
      {
        update: 'tenant',
        id: tenant,
        set: {
          matrix: proposal.digest,
          proposal: proposal.id,
          document: proposal.document,
          installation: installationDigest(document.installation),
          bindings: [...document.bindings],
        },
      },
      {
        update: 'proposal',
        id: proposal.id,
        set: { state: 'in-force', closedAt: outside.now, closedBy: actor },
      },
      ...closed.map(({ change }) => change),
    ],
    events: [
      {
        tenant,
        action: 'matrix.in-force',
        actor,
        subject: `tenant:${tenant}`,
        data: {
          digest: proposal.digest,
          version: proposal.version,
          previous,
          signed: true,
          document: proposal.document,
          proposal: proposal.id,
          signatures: signatures.map(given => ({
            party: given.party,
            person: given.person,
            squad: given.squad,
          })),
        },
      },
      ...confirmed.map(
        ({ email, issuer, subject }): AuditEvent => ({
          tenant,
          action: 'binding.confirmed',
          actor,
          subject: `tenant:${tenant}`,
          data: {
            email,
            issuer,
            subject,
            previous: known.find(one => one.email === email && one.issuer === issuer)?.subject ?? null,
          },
        }),
      ),
      ...closed.map(({ event }) => event),
    ],
    letters: [
      {
        kind: 'version-in-force',
        tenant,
        to: ownersAndSigners(inForce.engagement, engagement),
        title: `Version ${proposal.version} of the matrix of ${tenant} is in force, signed by both parties`,
        lines: [
          ...(proposal.change === null ? [] : [{ label: 'Change', text: proposal.change }]),
          { label: 'Running grants', text: 'those that it no longer allows are listed on the page' },
        ],
        path: `/matrix/proposals/${proposal.id}`,
        dueAt: null,
        whileWaiting: null,
      },
    ],
  };
}

/** Who answered and who answers, and who signs: all of them must know by what they decide from now on. */
function ownersAndSigners(...engagements: readonly Engagement[]): string[] {
  return [
    ...new Set(
      engagements.flatMap(({ matrix }) => [
        ...matrix.governance.sign,
        ...Object.values(matrix.services).flatMap(({ activities }) =>
          Object.values(activities).flatMap(({ A, A2 }) => (A2 ? [A, A2] : [A])),
        ),
      ]),
    ),
  ];
}
