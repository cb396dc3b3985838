import { type Application, type Membership, pickTenant } from '../api/application.ts';
import { dateAt } from '../domain/calendar.ts';
import { type Cell, cellsOf } from '../domain/cell.ts';
import type { Engagement } from '../domain/decision.ts';
import { givesText, ruleText, selectorText, whenText } from '../domain/explanation.ts';
import { ANSWER_WITHIN, type Exception } from '../domain/matrix.ts';
import { membersOf } from '../domain/membership.ts';
import type { Member } from '../domain/person.ts';
import { answerersOf } from '../domain/squad.ts';
import { visible } from '../domain/visible-text.ts';
import { Page, pathOf, respond } from './layout.tsx';
import { Fact, Ids, Notice, PartyChip, PersonChip, partySide } from './parts.tsx';
import { type Directory, directoryOf } from './people.ts';
import type { Reader } from './reader.ts';
import type { SignedInRoutes } from './routes.ts';

/** `/matrix`: the version in force, each line under an address of its own, with the people it means now. */
export function matrixPage(routes: SignedInRoutes, app: Application): void {
  routes.get('/matrix', async (c, reader) => {
    const { memberships } = reader;
    const membership = pickTenant(memberships, c.req.query('tenant') ?? memberships[0]?.tenant);
    const directory = await directoryOf(app, membership.engagement);
    return respond(
      c,
      <MatrixPage reader={reader} path={pathOf(c)} membership={membership} directory={directory} />,
    );
  });
}

interface Props {
  readonly reader: Reader;
  readonly path: string;
  readonly membership: Membership;
  readonly directory: Directory;
}

function MatrixPage({ reader, path, membership, directory }: Props) {
  const { engagement, tenant } = membership;
  const { matrix, digest } = engagement;
  const people = membersOf(engagement, directory.people);
  const services = Object.entries(matrix.services);
  const overdue =
    matrix.review_by !== undefined && matrix.review_by < dateAt(reader.now.getTime(), matrix.timezone);
  return (
    <Page title={`Matrix of ${tenant}`} reader={reader} now={reader.now} path={path}>
      <h1>
        Who is responsible in <code>{tenant}</code>
      </h1>
      <p>
        <PartyChip {...partySide(engagement, 'msp')} /> and <PartyChip {...partySide(engagement, 'client')} />{' '}
        agreed on this, and it is what decides. Who is in a squad, its party's identity provider says at each
        sign-in.
      </p>
      {overdue ? (
        <Notice kind="waiting" title={`Overdue for review since ${matrix.review_by}`}>
          It stays in force until a new version takes its place.
        </Notice>
      ) : null}
      <nav aria-label="Engagements">
        {reader.memberships
          .filter(other => other.tenant !== tenant)
          .map(other => (
            <a href={`/matrix?tenant=${encodeURIComponent(other.tenant)}`}>{other.tenant}</a>
          ))}
      </nav>
      <dl class="facts">
        <Fact label="Version">
          {matrix.version}
          {matrix.change ? `, approved by ${matrix.change}` : ''}
        </Fact>
        {matrix.review_by ? <Fact label="Review by">{matrix.review_by}</Fact> : null}
        <Fact label="Time zone">{matrix.timezone}</Fact>
      </dl>
      {services.map(([name, service]) => (
        <section>
          <h2>{visible(service.label ?? name)}</h2>
          <p class="muted">
            Covers targets with {selectorText(service.targets)}
            <Link of={service.runbook} label="Runbook" />
            <Link of={service.rollback} label="Rollback" />
          </p>
          <div class="cards wide">
            {cellsOf(engagement)
              .filter(cell => cell.service === service)
              .map(cell => (
                <CellCard cell={cell} engagement={engagement} people={people} directory={directory} />
              ))}
          </div>
        </section>
      ))}
      <Rules engagement={engagement} />
      <Ids of={[['Digest of matrix and inventory', digest]]} />
    </Page>
  );
}

interface CellProps {
  readonly cell: Cell;
  readonly engagement: Engagement;
  readonly people: readonly Member[];
  readonly directory: Directory;
}

function CellCard({ cell, engagement, people, directory }: CellProps) {
  const { activity, id } = cell;
  const { A, A2, C = [], I = [], escalate = [], exceptions = [], handback = [], takeover = [] } = activity;
  const squads = (names: readonly string[]) =>
    names.map(squad => <Squad name={squad} engagement={engagement} people={people} directory={directory} />);
  return (
    <article class="card cell" id={id} tabindex={-1}>
      <h3>
        {activity.label ? `${visible(activity.label)} ` : ''}
        <a href={`#${id}`}>{id}</a>
      </h3>
      <dl class="facts raci">
        <Fact label="R asks">{squads(activity.R)}</Fact>
        <Fact label="A answers">{squads([A])}</Fact>
        {A2 ? <Fact label="A2 in A's place">{squads([A2])}</Fact> : null}
        {C.length > 0 ? <Fact label="C is consulted">{squads(C)}</Fact> : null}
        {I.length > 0 ? <Fact label="I is told">{squads(I)}</Fact> : null}
        {escalate.length > 0 ? <Fact label="Told when nobody answers">{squads(escalate)}</Fact> : null}
      </dl>
      <ul>
        <li>
          Gives {givesText(cell)}
          {activity.for ? `, at most ${activity.for}` : ''}
        </li>
        <li>
          {activity.answer === 'pre-approved'
            ? 'Opens at once'
            : `Each rung has ${activity.answer_within ?? ANSWER_WITHIN} to answer`}
          {activity.review_within ? `, reviewed within ${activity.review_within}` : ''}
        </li>
        {activity.ticket ? <li>Ticket {activity.ticket}</li> : null}
        {activity.when ? <li>Only when {whenText(activity.when)}</li> : null}
        {activity.sign_in_within ? <li>Sign-in younger than {activity.sign_in_within}</li> : null}
        {activity.co_approve ? <li>Needs a yes of {activity.co_approve.join(', ')} besides</li> : null}
        {activity.record === 'input' ? <li>What is typed is recorded too</li> : null}
        {exceptions.map(exception => (
          <li>
            Except <b>{visible(exception.name)}</b>: {exceptionWords(exception)}
          </li>
        ))}
        {takeover.map(item => (
          <li>To take over: {visible(item)}</li>
        ))}
        {handback.map(item => (
          <li>To hand back: {visible(item)}</li>
        ))}
      </ul>
      <p>
        <Link of={activity.runbook} label="Runbook" />
        <Link of={activity.rollback} label="Rollback" />
      </p>
    </article>
  );
}

export function exceptionWords({
  when,
  answer,
  co_approve,
  ticket,
  review_within,
  ...rest
}: Exception): string {
  return [
    `when ${whenText(when)}`,
    ...(answer === undefined ? [] : [answer === 'pre-approved' ? 'it opens at once' : 'it needs a yes']),
    ...(rest.for === undefined ? [] : [`at most ${rest.for}`]),
    ...(co_approve === undefined ? [] : [`${co_approve.join(', ')} must say yes too`]),
    ...(ticket === undefined ? [] : [`ticket ${ticket}`]),
    ...(review_within === undefined ? [] : [`reviewed within ${review_within}`]),
  ].join(', ');
}

/** Only addresses of the web become links; anything else is shown as the text that it is. */
function Link({ of, label }: { of: string | undefined; label: string }) {
  if (of === undefined) return null;
  return /^https?:\/\//.test(of) ? (
    <>
      {' '}
      <a href={of} rel="noreferrer">
        {label}
      </a>
    </>
  ) : (
    <>
      {' '}
      {label}: {visible(of)}
    </>
  );
}

function Squad({ name, engagement, people, directory }: Omit<CellProps, 'cell'> & { name: string }) {
  const members = answerersOf(engagement, name, people);
  const party = name.startsWith('msp/') ? 'msp' : 'client';
  return (
    <div class={`squad ${party}`}>
      <b>{name}</b> <span class="muted">{members.length === 0 ? 'nobody seen yet' : null}</span>
      {members.length > 0 ? (
        <ul class="people">
          {members.map(({ handle }) => (
            <li>
              <PersonChip person={directory.byHandle(handle)} engagement={engagement} />
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function Rules({ engagement }: { engagement: Engagement }) {
  const { rules = [], governance } = engagement.matrix;
  return (
    <section>
      <h2>What every line must respect</h2>
      <ul>
        {rules.map(rule => (
          <li>
            {visible(ruleText(rule))}
            {rule.when ? `, when ${whenText(rule.when)}` : ''}
          </li>
        ))}
        <li>Nobody answers their own request.</li>
      </ul>
      <h2>Governance</h2>
      <dl class="facts">
        <Fact label="Sign a version">{governance.sign.join(', ')}</Fact>
        <Fact label="Lock out">{governance.lockout.join(', ')}</Fact>
        <Fact label="Audit">{governance.auditors.join(', ')}</Fact>
      </dl>
    </section>
  );
}
