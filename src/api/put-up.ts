import { inArray } from 'drizzle-orm';
import type { Engagement } from '../domain/engagement.ts';
import { issuersOf, membersOf } from '../domain/membership.ts';
import { mayPropose } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import type { ProposalState, VersionTexts } from '../domain/proposal.ts';
import type { VersionDocument } from '../domain/version.ts';
import { type Proposed, Refused } from '../elevation/contract.ts';
import { noSuchProposal, notInASquad, proposeVersion } from '../elevation/propose-version.ts';
import { signVersion } from '../elevation/sign-version.ts';
import type { Credentials } from '../identity/sign-in.ts';
import { comparable } from '../matrices/diff.ts';
import { type Problem, placeText, problemText } from '../matrices/problem.ts';
import { readTexts } from '../matrices/read.ts';
import { failingTests, type Review, readAgain, reviewVersion, textsOf } from '../matrices/review.ts';
import { findProposal, type Listed, listProposals } from '../store/proposals.ts';
import { people as everybody } from '../store/tables.ts';
import { type Application, type Membership, pickTenant } from './application.ts';

/** A tenant's versions, each kind by itself: many of one push none of another out of sight. */
export async function versionsOf(
  app: Application,
  tenant: string,
): Promise<{ open: Listed[]; inForce: Listed[]; others: Listed[] }> {
  const list = (...states: ProposalState[]) => listProposals(app.database, { tenant, states });
  const [open, inForce, others] = await Promise.all([
    list('open'),
    list('in-force'),
    list('replaced', 'withdrawn', 'outdated'),
  ]);
  return { open, inForce, others };
}

/** @throws Refused `no-such-proposal` */
export async function oneProposal(app: Application, tenant: string, id: string): Promise<Proposed> {
  const found = await findProposal(app.database, app.engagements, tenant, { id });
  if (!found) throw noSuchProposal();
  return found;
}

/**
 * A proposal by its id alone, of any engagement that somebody is on a side of, or of the one they name.
 *
 * @throws Refused `no-such-proposal`, `no-such-tenant`
 */
export async function proposalAmong(
  app: Application,
  mine: readonly Membership[],
  id: string,
  named?: string,
): Promise<{ membership: Membership; proposed: Proposed }> {
  for (const membership of named === undefined ? mine : [pickTenant(mine, named)]) {
    const proposed = await findProposal(app.database, app.engagements, membership.tenant, { id });
    if (proposed) return { membership, proposed };
  }
  throw noSuchProposal();
}

/**
 * What those who sign a proposal read besides its files, against the version that was in force before it: for one
 * that waits, the version in force now.
 */
export async function reviewOf(
  app: Application,
  { tenant, engagement, unsettled }: Membership,
  { proposal, document }: Proposed,
): Promise<Review & { readonly before: VersionDocument | null }> {
  const { state, closedAt } = proposal;
  const earlier = await findProposal(app.database, app.engagements, tenant, {
    last: 'in-force',
    before: state === 'in-force' ? (closedAt ?? undefined) : undefined,
  });
  // Of the version in force: a proposed issuer or a dropped claim must not name the people of another engagement.
  const people = membersOf(engagement, await peopleAt(app, engagement));
  const review = reviewVersion(
    readAgain(proposal, document),
    // The first version has none before it, also when it is looked at later.
    earlier?.engagement ?? (state === 'in-force' || unsettled === 'first-version' ? null : engagement),
    people,
    app.clock.now().getTime(),
  );
  return { ...review, before: earlier?.document ?? null };
}

const peopleAt = (app: Application, engagement: Engagement): Promise<Person[]> =>
  app.database.installation
    .select()
    .from(everybody)
    .where(inArray(everybody.issuer, issuersOf(engagement)));

/** The files of what is in force, or of an earlier proposal. @throws Refused `no-such-proposal` */
export async function textsAgain(app: Application, tenant: string, again: string): Promise<VersionTexts> {
  const last = (state: ProposalState) => findProposal(app.database, app.engagements, tenant, { last: state });
  const found =
    again === 'in-force'
      ? // Before the first signatures, what waits is the version that there is.
        ((await last('in-force')) ?? (await last('open')))
      : await oneProposal(app, tenant, again);
  if (!found) throw noSuchProposal();
  return textsOf(found.proposal.texts, found.document);
}

/**
 * Reads the files, holds them to their own tests and puts them up.
 *
 * @throws Refused `bad-version`, `too-large-to-review`, `expectations-failed` (422), `not-yours` (403), and what `proposeVersion` throws
 */
export async function putUp(
  app: Application,
  person: Person,
  asked: {
    readonly place: Membership;
    readonly texts: VersionTexts;
    readonly change?: string | undefined;
    readonly note?: string | undefined;
    readonly confirm: readonly string[];
  },
): Promise<Proposed> {
  const { place, texts } = asked;
  const { tenant } = place;
  // Before anything is read: it is the reading that costs.
  if (!mayPropose(place.engagement, place.member)) throw notInASquad();
  const reading = readTexts(tenant, texts);
  if (!reading.ok) throw notSound(reading.problems);
  if (!comparable(place.engagement, reading.engagement)) {
    throw new Refused(
      'too-large-to-review',
      'Cells times targets of this version are more than anybody could review, or this broker compare: split the tenant.',
      422,
    );
  }
  const failing = failingTests(reading, app.clock.now().getTime());
  if (failing.length > 0) {
    throw new Refused(
      'expectations-failed',
      `${failing.length} of its expectations do not hold; the first is "${failing[0]!.name}".`,
      422,
      { failed: failing.slice(0, 20).map(({ name, differences }) => ({ name, differences })) },
    );
  }
  const { engagement, expectations } = reading;
  const put = await app.commit(tenant, async (look, outside) =>
    proposeVersion(look, outside, person, {
      tenant,
      engagement,
      expectations,
      texts,
      change: asked.change ?? engagement.matrix.change ?? null,
      note: asked.note ?? null,
      confirm: asked.confirm,
      elsewhere: (await app.engagements.all())
        .filter(other => other.tenant !== tenant)
        .flatMap(other => issuersOf(other.engagement)),
    }),
  );
  return oneProposal(app, tenant, put.id);
}

/** Problems in files, with their places. */
export function notSound(problems: readonly Problem[]): Refused {
  return new Refused(
    'bad-version',
    `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}; the first: ${problemText(problems[0]!)}`,
    422,
    {
      problems: problems.slice(0, 100).map(problem => ({ ...problem, where: placeText(problem) })),
    },
  );
}

/** One party's signature, in the operator's log too where it puts a version in force. @throws what `signVersion` throws */
export async function signAs(
  app: Application,
  { person, authenticatedAt }: Pick<Credentials, 'person' | 'authenticatedAt'>,
  of: { readonly tenant: string; readonly proposal: string; readonly document: string },
): Promise<{ inForce: boolean }> {
  const done = await app.commit(of.tenant, (look, outside) =>
    signVersion(look, outside, person, { ...of, authenticatedAt }),
  );
  if (done.inForce) {
    const { tenant, document } = of;
    app.logger.info({ tenant, document }, 'a matrix version is in force, signed by both parties');
  }
  return done;
}
