import type { Application } from '../../api/application.ts';
import { recordingResponse, type SessionSeen, sessionFor } from '../../api/sessions.ts';
import type { Grant } from '../../domain/grant.ts';
import { partyOf } from '../../domain/membership.ts';
import { mayEndGrant } from '../../domain/permission.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import { listGrants } from '../../store/grants.ts';
import { Page, respond } from '../layout.tsx';
import {
  As,
  bytesText,
  CellLink,
  Fact,
  Ids,
  Moment,
  Notice,
  PartyChip,
  partySide,
  State,
  Until,
} from '../parts.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { lengthWords } from '../time-words.ts';
import { endWords } from './sessions.tsx';

/** `/sessions/:id`: one session, its facts, and for those who may the recording to play and to keep. */
export function replayPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/sessions/:id', async (c, reader) => {
    const seen = await sessionFor(app, reader.person, idOf(c.req.param('id')));
    const { session } = seen.row;
    const [grant] = await listGrants(app.database, { tenants: [session.tenant], id: session.grant });
    // The server lets this page, and no other, run WebAssembly.
    if (seen.replay) c.header('x-sallyport-player', '1');
    return respond(c, <SessionPage seen={seen} reader={reader} grant={grant?.grant ?? null} />);
  });

  routes.get('/sessions/:id/recording', async c => recordingResponse(app, c, idOf(c.req.param('id'))));
}

function idOf(id: string | undefined): string {
  if (!id || !/^s_[0-9a-z]{1,40}$/.test(id)) {
    throw new Refused('no-such-session', 'There is no such session for you.', 404);
  }
  return id;
}

interface Props {
  readonly seen: SessionSeen;
  readonly reader: Reader;
  readonly grant: Grant | null;
}

function SessionPage({ seen, reader, grant }: Props) {
  const { row, membership, replay } = seen;
  const { session, person, cell } = row;
  const { engagement, member } = membership;
  const zone = engagement.matrix.timezone;
  const party = partyOf(engagement, person);
  const path = `/sessions/${session.id}`;
  const live = session.endedAt === null;
  const mayEnd = mayEndGrant(engagement, member, reader.person, { person: session.person, cell });
  return (
    <Page
      title={`${person.name} on ${session.target}`}
      reader={reader}
      now={reader.now}
      path={path}
      player={replay}
    >
      <article class="session">
        <p class="state-line">
          <State is={live ? 'live' : 'ended'} />{' '}
          {live ? <Until at={session.deadline} now={reader.now} zone={zone} /> : endWords(session.endReason)}
        </p>
        <h1>
          {visible(person.name)} {party ? <PartyChip {...partySide(engagement, party)} /> : null} as{' '}
          {visible(session.role)} on {visible(session.target)}
        </h1>
        {live && mayEnd ? (
          <form method="post" action={`${path}/terminate`}>
            <As of={reader} />
            <button type="submit" class="danger">
              End this session now
            </button>
          </form>
        ) : null}
        {replay ? <Recording seen={seen} path={path} /> : <NoReplay />}
        <section>
          <h2>Facts</h2>
          <dl class="facts">
            <Fact label="Line">
              <CellLink tenant={session.tenant} cell={cell} />
              {grant ? (
                <>
                  , given by <a href={`/r/${grant.request}`}>this request</a>
                </>
              ) : null}
            </Fact>
            <Fact label="What">
              {session.protocol}, {session.kind}
              {session.command ? (
                <>
                  : <code class="command">{visible(session.command)}</code>
                </>
              ) : null}
            </Fact>
            <Fact label="From">
              <code>{session.address}</code> through gateway {visible(session.gateway)}
            </Fact>
            <Fact label="Began">
              <Moment at={session.startedAt} now={reader.now} zone={zone} seconds={true} />
            </Fact>
            {session.endedAt ? (
              <Fact label="Ended">
                <Moment at={session.endedAt} now={reader.now} zone={zone} seconds={true} />, after{' '}
                {lengthWords(Math.max(1, (session.endedAt.getTime() - session.startedAt.getTime()) / 1000))},{' '}
                {endWords(session.endReason)}
                {session.endReason === 'terminated' ? whyCut(grant) : ''}
              </Fact>
            ) : null}
            <Fact label="Deadline">
              <Moment at={session.deadline} now={reader.now} zone={zone} seconds={true} />
              {session.cutDelay === null ? '' : `; cut ${session.cutDelay} ms after it`}
            </Fact>
            {session.exitStatus === null ? null : <Fact label="Exit status">{session.exitStatus}</Fact>}
            {session.bytesOut === null ? null : (
              <Fact label="Bytes">
                {bytesText(session.bytesIn ?? 0)} in, {bytesText(session.bytesOut)} out
              </Fact>
            )}
          </dl>
          {session.sha256 ? (
            <p class="ids">
              SHA-256 of the recording, as the log has it: <code>{session.sha256}</code>
            </p>
          ) : null}
          <p>
            <a href={`/log?tenant=${encodeURIComponent(session.tenant)}&subject=${session.id}`}>
              What the log says of this session
            </a>
          </p>
          <Ids
            of={[
              ['Session', session.id],
              ['grant', session.grant],
            ]}
          />
        </section>
      </article>
    </Page>
  );
}

function Recording({ seen, path }: { seen: SessionSeen; path: string }) {
  const { session } = seen.row;
  const poster = `data:text/plain,${session.role}@${session.target}.${session.tenant}`;
  return (
    <section aria-label="Recording">
      {session.endedAt === null ? (
        <Notice kind="live" title="This session is live">
          What you play ends where it was when you opened this page; reload to see more.
        </Notice>
      ) : null}
      <div class="player" data-cast={`${path}/recording`} data-poster={poster}>
        <noscript>
          <p>
            The player needs script. Without it, keep the file and play it with{' '}
            <code>asciinema play FILE</code>.
          </p>
        </noscript>
      </div>
      <p>
        <a href={`${path}/recording`} download={`${session.id}.cast`}>
          Download the recording
        </a>{' '}
        <span class="muted">
          {session.size === null ? '' : `${bytesText(session.size)}, `}asciicast v2; each look at it stands in
          the log
        </span>
      </p>
    </section>
  );
}

/** The gateway says only that it was told to cut; why stands in the grant. */
function whyCut(grant: Grant | null): string {
  if (grant?.endReason === 'locked-out') return ': the client shut its provider out';
  if (grant?.endReason === 'revoked') return ': the grant was revoked';
  return grant?.endReason === 'handed-back' ? ': the grant was handed back' : ' by hand';
}

const NoReplay = () => (
  <Notice kind="ended" title="The recording is not shown to you">
    Recordings are for the client's auditors and for those who answer for this line of the matrix.
  </Notice>
);
