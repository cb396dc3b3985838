import { z } from 'zod';
import { type Application, type Membership, pickTenant } from '../../api/application.ts';
import { proposalAmong, putUp, reviewOf, signAs, textsAgain, versionsOf } from '../../api/put-up.ts';
import { idParameter, line, words } from '../../api/shapes.ts';
import { mayPropose, signsFor } from '../../domain/permission.ts';
import { type Unconfirmed, unconfirmed } from '../../domain/version.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import { withdrawProposal } from '../../elevation/propose-version.ts';
import { textsOf } from '../../matrices/review.ts';
import type { Listed } from '../../store/proposals.ts';
import { check, readForm } from '../forms.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { As, Empty, Moment, Notice, PartyChip, partySide, State } from '../parts.tsx';
import { directoryOf } from '../people.ts';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { ProposalPage } from './proposal.tsx';
import { MatrixTabs } from './tabs.tsx';

const again = z.object({
  again: z.union([z.literal('in-force'), idParameter.shape.id]),
  change: line(200).optional(),
  note: words(2000).optional(),
  confirm: idParameter.shape.id.optional(),
});

/** `/matrix/proposals`: versions that wait for both parties, what was signed before, and who waits to be confirmed. */
export function proposalPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/matrix/proposals', async (c, reader) => {
    const { memberships } = reader;
    const membership = pickTenant(memberships, c.req.query('tenant') ?? memberships[0]?.tenant);
    const { tenant, engagement } = membership;
    const [all, directory] = await Promise.all([versionsOf(app, tenant), directoryOf(app, engagement)]);
    return respond(
      c,
      <Proposals
        reader={reader}
        path={pathOf(c)}
        membership={membership}
        {...all}
        waiting={unconfirmed(engagement, directory.people)}
        nameOf={id => (id === null ? null : (directory.byId(id)?.name ?? id))}
      />,
    );
  });

  routes.post('/matrix/proposals/again', async (c, reader) => {
    const form = await readForm(c);
    const place = pickTenant(reader.memberships, form.tenant);
    const checked = check(again, form);
    if (!checked.ok) {
      const { field, message } = checked.problems[0]!;
      throw new Refused('invalid', `${field}: ${message}`, 422);
    }
    const { again: from, confirm, change, note } = checked.value;
    const texts = await textsAgain(app, place.tenant, from);
    const asked = { place, texts, change, note, confirm: confirm === undefined ? [] : [confirm] };
    const proposed = await putUp(app, reader.person, asked);
    return c.redirect(`/matrix/proposals/${proposed.proposal.id}`, 303);
  });

  routes.get('/matrix/proposals/:id', async (c, reader) => {
    const { membership, proposed } = await proposalAmong(app, reader.memberships, c.req.param('id')!);
    const texts = textsOf(proposed.proposal.texts, proposed.document);
    const { before, ...review } = await reviewOf(app, membership, proposed);
    return respond(
      c,
      <ProposalPage
        reader={reader}
        path={pathOf(c)}
        membership={membership}
        proposed={proposed}
        texts={texts}
        review={review}
        directory={await directoryOf(app, membership.engagement)}
        before={before}
        signs={signsFor(membership.engagement, membership.member)}
      />,
    );
  });

  routes.post('/matrix/proposals/:id/sign', async (c, reader) => {
    const { membership, proposed } = await proposalAmong(app, reader.memberships, c.req.param('id')!);
    const { tenant } = membership;
    const { id } = proposed.proposal;
    const { document = '' } = await readForm(c);
    await signAs(app, reader.credentials, { tenant, proposal: id, document });
    return c.redirect(`/matrix/proposals/${id}`, 303);
  });

  routes.post('/matrix/proposals/:id/withdraw', async (c, reader) => {
    const { membership, proposed } = await proposalAmong(app, reader.memberships, c.req.param('id')!);
    const { tenant } = membership;
    const { id } = proposed.proposal;
    await app.commit(tenant, (look, outside) =>
      withdrawProposal(look, outside, reader.person, { tenant, proposal: id }),
    );
    return c.redirect(`/matrix/proposals/${id}`, 303);
  });
}

interface Props {
  readonly reader: Reader;
  readonly path: string;
  readonly membership: Membership;
  readonly open: readonly Listed[];
  readonly inForce: readonly Listed[];
  readonly others: readonly Listed[];
  readonly waiting: readonly Unconfirmed[];
  readonly nameOf: (person: string | null) => string | null;
}

function Proposals({ reader, path, membership, open, inForce, others, waiting, nameOf }: Props) {
  const { engagement, tenant, member } = membership;
  const zone = engagement.matrix.timezone;
  const row = (one: Listed, current: boolean) => (
    <ProposalCard
      one={one}
      current={current}
      reader={reader}
      zone={zone}
      membership={membership}
      nameOf={nameOf}
    />
  );
  return (
    <Page title={`Versions of ${tenant}`} reader={reader} now={reader.now} path={path}>
      <h1>
        Versions of the matrix of <code>{tenant}</code>
      </h1>
      <MatrixTabs tenant={tenant} here="/proposals" />
      <p>
        A version decides once <PartyChip {...partySide(engagement, 'msp')} /> and{' '}
        <PartyChip {...partySide(engagement, 'client')} /> have both signed it;{' '}
        {engagement.matrix.governance.sign.join(' and ')} sign. A file that somebody edits does nothing until
        then.
      </p>
      <h2>Wait for signatures</h2>
      {open.length === 0 ? (
        <Empty>
          None waits. Put one up from a folder: <code>sallyport matrix propose policies/{tenant}</code>
        </Empty>
      ) : (
        <div class="cards">{open.map(one => row(one, false))}</div>
      )}
      {waiting.length > 0 ? (
        <People
          waiting={waiting}
          reader={reader}
          membership={membership}
          may={mayPropose(engagement, member)}
        />
      ) : null}
      <h2>Were in force</h2>
      {inForce.length === 0 ? (
        <Empty>None yet: nothing opens before both parties have signed a first version.</Empty>
      ) : (
        <div class="cards">
          {inForce.map((one, at) =>
            row(one, membership.proposal === null ? at === 0 : one.proposal.id === membership.proposal),
          )}
        </div>
      )}
      {others.length > 0 ? (
        <details>
          <summary>Never came into force: {others.length === 100 ? 'the last 100' : others.length}</summary>
          <div class="cards">{others.map(one => row(one, false))}</div>
        </details>
      ) : null}
    </Page>
  );
}

/** How the state of a proposal is said. */
export const STATES = {
  open: 'waiting',
  'in-force': 'live',
  replaced: 'ended',
  withdrawn: 'withdrawn',
  outdated: 'ended',
} as const;

function ProposalCard({
  one: { proposal, signatures },
  current,
  reader,
  zone,
  membership: { engagement },
  nameOf,
}: {
  one: Listed;
  current: boolean;
  zone: string;
} & Pick<Props, 'reader' | 'membership' | 'nameOf'>) {
  const { id, version, change, state, proposedAt, closedAt } = proposal;
  return (
    <article class="card">
      <h3>
        <a href={`/matrix/proposals/${id}`}>Version {visible(version)}</a>{' '}
        {current ? (
          <span class="state live">in force</span>
        ) : state === 'in-force' ? null : (
          <State is={STATES[state]} />
        )}
      </h3>
      <p>
        {change === null ? '' : `${visible(change)}. `}
        {proposal.proposedBy === null
          ? 'From the folder of the policies, '
          : `Put up by ${visible(nameOf(proposal.proposedBy)!)}, `}
        <Moment at={proposedAt} zone={zone} now={reader.now} />
        {closedAt && state === 'in-force' ? (
          <>
            ; in force since <Moment at={closedAt} zone={zone} now={reader.now} />
          </>
        ) : null}
        {state === 'outdated' ? '; out of date: another came into force' : ''}
        {state === 'replaced' ? '; the folder changed before it was signed' : ''}
      </p>
      <ul class="people">
        {signatures.map(given => (
          <li>
            Signed by <b>{visible(nameOf(given.person)!)}</b>{' '}
            <PartyChip {...partySide(engagement, given.party)} />
          </li>
        ))}
        {signatures.length === 0 ? (
          <li class="muted">
            {state === 'in-force' ? 'In force unsigned: the first of a demonstration' : 'Not signed'}
          </li>
        ) : null}
      </ul>
    </article>
  );
}

/** People whom the matrix names by email, and whose identity both parties have not signed. */
function People({
  waiting,
  reader,
  membership: { tenant, engagement },
  may,
}: Pick<Props, 'waiting' | 'reader' | 'membership'> & { may: boolean }) {
  return (
    <section>
      <h2>Who waits to be confirmed</h2>
      <p>
        The matrix names them by email. Which identity an email means is part of what both parties sign, so
        until then they are nobody whom it names.
      </p>
      <div class="cards">
        {waiting.map(({ email, party, person, instead }) => (
          <article class="card">
            <h3>
              {visible(person.name)} <PartyChip {...partySide(engagement, party)} />
            </h3>
            <p>
              signed in as <b>{visible(email)}</b>
              {instead ? (
                <>
                  , which means <code>{visible(instead.subject)}</code> so far
                </>
              ) : null}
              . Identity <code>{visible(person.subject)}</code> at {visible(person.issuer)}.
            </p>
            {may ? (
              <form method="post" action="/matrix/proposals/again">
                <As of={reader} />
                <input type="hidden" name="tenant" value={tenant} />
                <input type="hidden" name="again" value="in-force" />
                <input type="hidden" name="confirm" value={person.id} />
                <button type="submit" class="outline">
                  Put this up for signing
                </button>
              </form>
            ) : null}
          </article>
        ))}
      </div>
      <Notice kind="waiting" title="Ask the person, not the screen">
        Whoever runs an identity provider can make an account with any email. Sign only for somebody whom you
        have asked.
      </Notice>
    </section>
  );
}
