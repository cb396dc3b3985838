import type { Application, Membership } from '../api/application.ts';
import { grantsFor } from '../api/grants.ts';
import { requestsFor } from '../api/requests.ts';
import { type SessionSeen, sessionsFor } from '../api/sessions.ts';
import { placesOpen } from '../domain/approval.ts';
import { dateAt } from '../domain/calendar.ts';
import { cellsOf } from '../domain/cell.ts';
import { isLive } from '../domain/grant.ts';
import { mayLiftLockout, mayLockOut, mayReadLog, oversees } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { type AccessRequest, stateAt } from '../domain/request.ts';
import { isInSquad } from '../domain/squad.ts';
import { visible } from '../domain/visible-text.ts';
import type { GrantWithHolder } from '../store/grants.ts';
import { answersTo } from '../store/requests.ts';
import { ObservedLately, observedFor } from './approver/observed.tsx';
import { placesAt } from './approver/request-view.ts';
import { SessionList } from './auditor/sessions.tsx';
import { Page, respond } from './layout.tsx';
import { ToSign } from './matrix/to-sign.tsx';
import { Empty, Moment, Notice, PartyChip, partySide, State, Until } from './parts.tsx';
import { type Directory, directoryOf } from './people.ts';
import type { Reader } from './reader.ts';
import { choicesOf } from './requester/choices.ts';
import { GrantCard } from './requester/grant-card.tsx';
import type { SignedInRoutes } from './routes.ts';
import { lengthWords } from './time-words.ts';

interface AskedOf {
  readonly request: AccessRequest;
  readonly asker: Person;
}

interface Seen {
  readonly held: readonly GrantWithHolder[];
  readonly asked: readonly AskedOf[];
  readonly waiting: readonly AskedOf[];
  readonly observed: readonly AskedOf[];
  readonly inside: readonly GrantWithHolder[];
  readonly sessions: readonly SessionSeen[];
  readonly directories: ReadonlyMap<string, Directory>;
}

/** `/`: the sections that apply to who looks, each answering one question. */
export function firstScreen(routes: SignedInRoutes, app: Application): void {
  routes.get('/', async (c, reader) =>
    respond(c, <First app={app} reader={reader} seen={await look(app, reader)} />),
  );
}

async function look(app: Application, reader: Reader): Promise<Seen> {
  const { person, memberships, now } = reader;
  const [asked, others, grants, sessions] = await Promise.all([
    requestsFor(app, person, { mine: true }),
    requestsFor(app, person, {}),
    grantsFor(app, person, {}),
    sessionsFor(app, person, {}),
  ]);
  const open = grants.filter(({ grant }) => grant.endedAt === null && grant.endsAt > now);
  const waits = others.filter(
    ({ request }) => request.person !== person.id && stateAt(request, now) === 'waiting',
  );
  const mine = await Promise.all(waits.map(one => isTheirs(app, reader, one)));
  const directories = new Map(
    await Promise.all(
      memberships.map(
        async ({ tenant, engagement }) => [tenant, await directoryOf(app, engagement)] as const,
      ),
    ),
  );
  return {
    held: open.filter(({ grant }) => grant.person === person.id),
    asked: asked.filter(({ request }) => recent(request, now)).slice(0, 10),
    waiting: waits.filter((_, at) => mine[at]),
    observed: observedFor(reader, others),
    inside: open.filter(({ grant }) => grant.person !== person.id && isLive(grant, now)),
    sessions: sessions.filter(one => one.replay || one.row.session.endedAt === null).slice(0, 10),
    directories,
  };
}

const recent = (request: AccessRequest, now: Date): boolean =>
  stateAt(request, now) === 'waiting' || now.getTime() - request.createdAt.getTime() < 7 * 86_400_000;

/** Whether a waiting request waits for this reader now. The answer itself is checked anew when it is given. */
async function isTheirs(app: Application, reader: Reader, { request, asker }: AskedOf): Promise<boolean> {
  const { engagement, member } = reader.memberships.find(({ tenant }) => tenant === request.tenant)!;
  const places = placesAt(engagement, request.decision, request, asker, member, reader.now);
  if (places.length === 0) return false;
  const given = (await answersTo(app.database, request))
    .map(({ approval }) => approval)
    .filter(({ revision }) => revision === request.revision);
  if (given.some(approval => approval.person === reader.person.id)) return false;
  const open = placesOpen(request.decision.co_approve, given);
  return places.some(place => open.includes(place));
}

interface Props {
  readonly app: Application;
  readonly reader: Reader;
  readonly seen: Seen;
}

function First({ app, reader, seen }: Props) {
  const { memberships, person } = reader;
  const asks = choicesOf(memberships).length > 0;
  const owns = memberships.some(answersFor);
  const watches = memberships.some(({ engagement, member }) => oversees(engagement, member));
  if (memberships.length === 0) {
    return (
      <Page title="First screen" reader={reader} now={reader.now} path="/">
        <h1>You are in no engagement here</h1>
        <p>
          {visible(person.name)}, your identity provider vouched for you, but no matrix in force names it with
          the claims that you have. Ask those who keep the matrix.
        </p>
      </Page>
    );
  }
  return (
    <Page title="First screen" reader={reader} now={reader.now} path="/">
      <h1 class="sr">First screen</h1>
      <Overdue reader={reader} />
      <ToSign app={app} reader={reader} />
      {owns || seen.waiting.length > 0 ? <Waiting reader={reader} waiting={seen.waiting} /> : null}
      {owns || seen.observed.length > 0 ? (
        <ObservedLately rows={seen.observed} reader={reader} directories={seen.directories} />
      ) : null}
      {owns || watches ? <Inside app={app} reader={reader} seen={seen} /> : null}
      {asks || seen.held.length > 0 || seen.asked.length > 0 ? (
        <Mine app={app} reader={reader} seen={seen} />
      ) : null}
      {owns || watches ? (
        <section>
          <h2>What happened</h2>
          <SessionList rows={seen.sessions} reader={reader} />
        </section>
      ) : null}
      <Prove reader={reader} />
    </Page>
  );
}

/** Whether a cell makes somebody accountable, or next to them. */
const answersFor = ({ engagement, member }: Membership): boolean =>
  cellsOf(engagement).some(({ activity: { A, A2 } }) =>
    [A, ...(A2 ? [A2] : [])].some(squad => isInSquad(engagement, squad, member)),
  );

const zoneOf = (reader: Reader, tenant: string): string =>
  membershipOf(reader, tenant).engagement.matrix.timezone;
const membershipOf = (reader: Reader, tenant: string): Membership =>
  reader.memberships.find(membership => membership.tenant === tenant)!;

function Waiting({ reader, waiting }: { reader: Reader; waiting: readonly AskedOf[] }) {
  return (
    <section>
      <h2>Waits for your answer</h2>
      {waiting.length === 0 ? (
        <Empty>
          Nothing waits for you. When somebody asks for what you answer for, it stands here, and a message
          with a link reaches you.
        </Empty>
      ) : (
        <div class="cards">
          {waiting.map(({ request, asker }) => {
            const { engagement } = membershipOf(reader, request.tenant);
            return (
              <div class={`card lane ${request.party}`}>
                <p>
                  <b>{visible(asker.name)}</b> <PartyChip {...partySide(engagement, request.party)} />
                </p>
                <p>
                  <b>{visible(request.role)}</b> on <b>{visible(request.target)}</b> for{' '}
                  {lengthWords(request.seconds)}
                </p>
                <p class="clamp">{visible(request.reason)}</p>
                {request.expiresAt ? (
                  <p>
                    <State is="waiting" />{' '}
                    <Until at={request.expiresAt} now={reader.now} zone={zoneOf(reader, request.tenant)} />
                  </p>
                ) : null}
                <p>
                  <a class="button" href={`/r/${request.id}`}>
                    Read and answer
                    <span class="sr">
                      {' '}
                      {visible(asker.name)}, {visible(request.role)} on {visible(request.target)}
                    </span>
                  </a>
                </p>
              </div>
            );
          })}
        </div>
      )}
    </section>
  );
}

function Inside({ app, reader, seen }: Props) {
  const lockers = reader.memberships.filter(({ engagement, member }) => mayLockOut(engagement, member));
  return (
    <section>
      <h2>Inside, or may come in now</h2>
      {seen.inside.length === 0 ? (
        <Empty>Nobody holds a live grant that you answer for or oversee.</Empty>
      ) : (
        <div class="cards">
          {seen.inside.map(({ grant, holder }) => {
            const { engagement } = membershipOf(reader, grant.tenant);
            const live = seen.sessions.filter(
              ({ row }) => row.session.grant === grant.id && row.session.endedAt === null,
            );
            return (
              <GrantCard
                app={app}
                grant={grant}
                reader={reader}
                engagement={engagement}
                holder={seen.directories.get(grant.tenant)?.byId(holder.id) ?? null}
                returnTo="/"
              >
                {live.length === 0 ? <p class="muted">Not connected</p> : null}
                {live.map(({ row }) => (
                  <p>
                    <a href={`/sessions/${row.session.id}`}>Session</a> <State is="live" /> since{' '}
                    <Moment at={row.session.startedAt} now={reader.now} zone={zoneOf(reader, grant.tenant)} />
                  </p>
                ))}
              </GrantCard>
            );
          })}
        </div>
      )}
      {lockers.map(({ tenant, engagement, member, lockedOutAt }) => {
        const msp = visible(engagement.matrix.parties.msp.name);
        if (lockedOutAt && !mayLiftLockout(engagement, member)) return null;
        return (
          <p>
            <a class="button outline danger" href={`/lockout?tenant=${encodeURIComponent(tenant)}`}>
              {lockedOutAt ? `Lift the lockout of ${msp}…` : `Shut ${msp} out…`}
            </a>
          </p>
        );
      })}
    </section>
  );
}

function Mine({ app, reader, seen }: Props) {
  return (
    <section>
      <h2>What you hold</h2>
      {seen.held.length === 0 ? (
        <Empty>
          You hold nothing now, so no door opens for you. Ask here, or from a terminal with{' '}
          <code>sallyport request TARGET --for 1h --reason "…"</code>.
        </Empty>
      ) : (
        <div class="cards">
          {seen.held.map(({ grant }) => (
            <GrantCard
              app={app}
              grant={grant}
              reader={reader}
              engagement={membershipOf(reader, grant.tenant).engagement}
              holder={null}
              returnTo="/"
            />
          ))}
        </div>
      )}
      <p>
        <a class="button" href="/ask">
          Ask for access
        </a>
      </p>
      {seen.asked.length > 0 ? (
        <>
          <h2>What you asked for</h2>
          <ul class="asked">
            {seen.asked.map(({ request }) => (
              <li>
                <State is={stateAt(request, reader.now)} />{' '}
                <a href={`/r/${request.id}`}>
                  {visible(request.role)} on {visible(request.target)}
                </a>{' '}
                <span class="muted">
                  {lengthWords(request.seconds)}, asked{' '}
                  <Moment at={request.createdAt} now={reader.now} zone={zoneOf(reader, request.tenant)} />
                </span>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </section>
  );
}

function Overdue({ reader }: { reader: Reader }) {
  return (
    <>
      {reader.memberships.map(({ engagement, tenant }) => {
        const { review_by, timezone } = engagement.matrix;
        if (!review_by || review_by >= dateAt(reader.now.getTime(), timezone)) return null;
        return (
          <Notice kind="waiting" title={`The matrix of ${tenant} is overdue for review since ${review_by}`}>
            It stays in force. <a href={`/matrix?tenant=${encodeURIComponent(tenant)}`}>Read it</a>
          </Notice>
        );
      })}
    </>
  );
}

function Prove({ reader }: { reader: Reader }) {
  const logs = reader.memberships.filter(({ engagement, member }) => mayReadLog(engagement, member));
  if (logs.length === 0) return null;
  return (
    <section>
      <h2>Prove it</h2>
      <ul>
        {logs.map(({ tenant }) => {
          const query = `?tenant=${encodeURIComponent(tenant)}`;
          return (
            <li>
              <a href={`/log${query}`}>Search the log of {tenant}</a> ·{' '}
              <a href={`/log${query}#verify`}>verify it</a>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
