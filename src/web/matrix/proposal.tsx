import { canonicalize } from 'json-canonicalize';
import type { Membership } from '../../api/application.ts';
import { membersOf } from '../../domain/membership.ts';
import { namedEmails } from '../../domain/named-people.ts';
import { PARTIES } from '../../domain/party.ts';
import { mayPropose } from '../../domain/permission.ts';
import type { VersionTexts } from '../../domain/proposal.ts';
import type { VersionDocument } from '../../domain/version.ts';
import { visible } from '../../domain/visible-text.ts';
import type { Proposed } from '../../elevation/contract.ts';
import { placedFindings } from '../../matrices/placed-findings.ts';
import { placeText } from '../../matrices/problem.ts';
import type { Review } from '../../matrices/review.ts';
import { Page } from '../layout.tsx';
import { As, Fact, Ids, Moment, Notice, PartyChip, partySide, Words } from '../parts.tsx';
import type { Directory } from '../people.ts';
import type { Reader } from '../reader.ts';
import { AccessChanges } from './changes.tsx';
import { Version } from './version.tsx';

interface Props {
  readonly reader: Reader;
  readonly path: string;
  readonly membership: Membership;
  readonly proposed: Proposed;
  readonly texts: VersionTexts;
  readonly review: Review;
  readonly directory: Directory;
  /** What is in force now; `null`: nothing else is. */
  readonly before: VersionDocument | null;
  /** The squad for which the reader signs; `null`: they do not. */
  readonly signs: string | null;
}

/** What somebody who signs must see, in the order in which it matters; the button stands after it. */
export function ProposalPage(props: Props) {
  const { reader, path, proposed, review, membership, directory, texts } = props;
  const { proposal, engagement } = proposed;
  // Nobody else's people, whatever issuer is proposed.
  const people = membersOf(membership.engagement, directory.people);
  const failed = review.tests.filter(({ differences }) => differences.length > 0).length;
  return (
    <Page
      title={`Version ${proposal.version} of ${proposal.tenant}`}
      reader={reader}
      now={reader.now}
      path={path}
    >
      <h1>
        Version {visible(proposal.version)} of <code>{proposal.tenant}</code>
      </h1>
      <Standing {...props} />
      <AccessChanges diff={review.diff} />
      <section>
        <h2>Gray zones</h2>
        {review.findings.length === 0 ? <p>The check finds none.</p> : null}
        <ul class="findings">
          {review.findings.map(({ code, severity, message, mend, ...place }) => (
            <li>
              <span class={`state ${severity === 'error' ? 'refused' : 'waiting'}`}>
                {severity === 'error' ? 'gap' : 'warning'}
              </span>{' '}
              {visible(message)}. <span class="muted">Mend: {visible(mend)}.</span>{' '}
              <code>
                {code} {placeText(place)}
              </code>
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h2>Its own tests</h2>
        {review.tests.length === 0 ? (
          <p>It brings none: write expectations.yaml to hold it to what you agreed on.</p>
        ) : (
          <details open={failed > 0}>
            <summary>
              {review.tests.length - failed} of {review.tests.length} hold
            </summary>
            <ul>
              {review.tests.map(({ name, differences }) => (
                <li>
                  {differences.length === 0 ? 'holds' : <b>does not hold</b>}: {visible(name)}
                </li>
              ))}
            </ul>
          </details>
        )}
      </section>
      <Named {...props} />
      <Installed {...props} />
      <SignForm {...props} />
      <section>
        <h2>All of it</h2>
        <details>
          <summary>The matrix, cell by cell</summary>
          <Version
            engagement={engagement}
            people={people}
            directory={directory}
            findings={placedFindings(engagement, reader.now.getTime())}
          />
        </details>
        {(['matrix', 'targets', 'expectations'] as const).map(name =>
          texts[name] === null ? null : (
            <details>
              <summary>{name}.yaml</summary>
              <pre tabindex={0}>
                <code>{visibleLines(texts[name])}</code>
              </pre>
            </details>
          ),
        )}
      </section>
      <Ids
        of={[
          ['Proposal', proposal.id],
          ['Digest of the document that is signed', proposal.document],
          ['Digest of matrix and inventory', proposal.digest],
          ...(membership.engagement.digest === proposal.digest
            ? []
            : [['In force now', membership.engagement.digest] as const]),
        ]}
      />
    </Page>
  );
}

const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n');

function Standing({ reader, membership, proposed, directory }: Props) {
  const { proposal, signatures, engagement } = proposed;
  const { timezone: zone } = engagement.matrix;
  const nameOf = (id: string) => visible(directory.byId(id)?.name ?? id);
  const missing = PARTIES.filter(party => !signatures.some(given => given.party === party));
  const at = (moment: Date) => <Moment at={moment} zone={zone} now={reader.now} />;
  return (
    <>
      {proposal.state === 'open' ? (
        <Notice
          kind="waiting"
          title={`Waits for ${missing.map(party => engagement.matrix.parties[party].name).join(' and ')}`}
        >
          Until both have signed,{' '}
          {membership.unsettled === 'first-version' ? 'nothing opens' : 'what is in force stays'}.
        </Notice>
      ) : proposal.state === 'in-force' ? (
        <Notice kind="live" title="Came into force">
          {proposal.closedAt ? at(proposal.closedAt) : null}
          {signatures.length === 0 ? ', unsigned: the first version of a demonstration' : ''}
        </Notice>
      ) : (
        <Notice kind="ended" title={`Not in force: ${ENDED[proposal.state]}`} />
      )}
      <dl class="facts">
        <Fact label="Change record">
          {proposal.change === null ? 'none given' : visible(proposal.change)}
        </Fact>
        <Fact label="Put up">
          {proposal.proposedBy === null
            ? 'from the folder of the policies'
            : `by ${nameOf(proposal.proposedBy)}`}
          , {at(proposal.proposedAt)}
        </Fact>
        {proposal.note === null ? null : (
          <Fact label="Why">
            <Words text={proposal.note} />
          </Fact>
        )}
        {PARTIES.map(party => {
          const given = signatures.find(one => one.party === party);
          return (
            <Fact label="Signature">
              <PartyChip {...partySide(engagement, party)} />{' '}
              {given ? (
                <>
                  <b>{nameOf(given.person)}</b> for {given.squad}, {at(given.at)}
                </>
              ) : (
                <span class="muted">
                  none yet;{' '}
                  {membership.engagement.matrix.governance.sign
                    .filter(squad => squad.startsWith(`${party}/`))
                    .join(' or ')}{' '}
                  signs
                </span>
              )}
            </Fact>
          );
        })}
      </dl>
    </>
  );
}

const ENDED = {
  replaced: 'the folder changed before anybody signed',
  withdrawn: 'taken back',
  outdated: 'another version came into force first',
} as const;

/** Who the named people are: the part of a version that no file says. */
function Named({ proposed, before, directory }: Props) {
  const { document, engagement } = proposed;
  const named = namedEmails(document.matrix);
  if (named.length === 0) return null;
  return (
    <section>
      <h2>Who the named people are</h2>
      <ul>
        {named.map(({ email, issuer, party }) => {
          const binding = document.bindings.find(one => one.email === email && one.issuer === issuer);
          const earlier = before?.bindings.find(one => one.email === email && one.issuer === issuer);
          const person =
            binding && directory.people.find(one => one.issuer === issuer && one.subject === binding.subject);
          return (
            <li>
              <b>{visible(email)}</b> <PartyChip {...partySide(engagement, party)} />{' '}
              {binding ? (
                <>
                  means {visible(person?.name ?? 'somebody')}, <code>{visible(binding.subject)}</code>
                  {before && earlier?.subject !== binding.subject ? (
                    <b>{earlier ? `, and no longer ${visible(earlier.subject)}` : ', new'}</b>
                  ) : null}
                </>
              ) : (
                <span class="muted">never signed in: means nobody until both parties confirm it</span>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What the installation adds: by which client people sign in, and where messages go. */
function Installed({ proposed: { document, engagement }, before }: Props) {
  const { issuers, channels } = document.installation;
  const changed =
    before !== null && canonicalize(before.installation) !== canonicalize(document.installation);
  return (
    <section>
      <h2>How people sign in, and where messages go</h2>
      {changed ? (
        <p>
          <b>This differs from what is in force.</b>
        </p>
      ) : null}
      <ul>
        {issuers.map(({ party, issuer, client_id }) => (
          <li>
            <PartyChip {...partySide(engagement, party)} /> signs in at {visible(issuer)}
            {client_id === null ? (
              <b>, for which this installation has no client</b>
            ) : (
              <>
                , as client <code>{visible(client_id)}</code>
              </>
            )}
          </li>
        ))}
        {channels.map(({ name, kind, to, host }) => (
          <li>
            {to.map(visible).join(', ')} hear by <b>{visible(name)}</b> ({visible(kind)}
            {host === null ? '' : ` at ${visible(host)}`})
          </li>
        ))}
        {channels.length === 0 ? <li>No channel: nobody is told anything.</li> : null}
      </ul>
    </section>
  );
}

function SignForm({ reader, membership, proposed, signs }: Props) {
  const { proposal, signatures } = proposed;
  const { member, tenant, engagement } = membership;
  if (proposal.state !== 'open') {
    return mayPropose(engagement, member) && proposal.state !== 'in-force' ? (
      <Again reader={reader} tenant={tenant} id={proposal.id} />
    ) : null;
  }
  const mine = signatures.some(given => given.party === member.party);
  const last = signatures.length > 0 && !mine;
  return (
    <section class="answer">
      {signs !== null && !mine ? (
        <form method="post" action={`/matrix/proposals/${proposal.id}/sign`}>
          <As of={reader} />
          <input type="hidden" name="document" value={proposal.document} />
          <h2>Sign for {signs}</h2>
          <p>
            {last
              ? 'Yours is the second signature: with it this is in force for every new decision. Grants that run go on.'
              : 'It comes into force when the other party has signed as well.'}{' '}
            It needs a sign-in of the last ten minutes.
          </p>
          <button type="submit">Sign this version</button>
        </form>
      ) : (
        <p class="muted">
          {mine
            ? 'Your party has signed.'
            : `This is not yours to sign: ${engagement.matrix.governance.sign.join(', ')} do.`}
        </p>
      )}
      {signs !== null || proposal.proposedBy === reader.person.id ? (
        <form method="post" action={`/matrix/proposals/${proposal.id}/withdraw`}>
          <As of={reader} />
          <button type="submit" class="outline secondary">
            {proposal.proposedBy === reader.person.id ? 'Take it back' : 'Turn it down'}
          </button>
        </form>
      ) : null}
      {mayPropose(engagement, member) ? <Again reader={reader} tenant={tenant} id={proposal.id} /> : null}
    </section>
  );
}

/** The same files, with the people and the installation as they are now. */
function Again({ reader, tenant, id }: { reader: Reader; tenant: string; id: string }) {
  return (
    <form method="post" action="/matrix/proposals/again">
      <As of={reader} />
      <input type="hidden" name="tenant" value={tenant} />
      <input type="hidden" name="again" value={id} />
      <button type="submit" class="outline">
        Put the same up again, with who has signed in since
      </button>
    </form>
  );
}
