import { type Application, pickTenant } from '../../api/application.ts';
import type { SessionSeen } from '../../api/sessions.ts';
import { sessionsFor } from '../../api/sessions.ts';
import { partyOf } from '../../domain/membership.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import { terminateSession } from '../../elevation/terminate-session.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { Empty, Moment, PartyChip, partySide, State } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { lengthWords } from '../time-words.ts';

/** `/sessions`: what happened behind the second door, the newest first. */
export function sessionPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/sessions', async (c, reader) => {
    const tenant = c.req.query('tenant');
    if (tenant !== undefined) pickTenant(reader.memberships, tenant);
    const rows = await sessionsFor(app, reader.person, { tenant });
    return respond(
      c,
      <Page title="Sessions" reader={reader} now={reader.now} path={pathOf(c)}>
        <h1>Sessions</h1>
        <SessionList rows={rows} reader={reader} />
      </Page>,
    );
  });

  routes.post('/sessions/:id/terminate', async (c, reader) => {
    const id = c.req.param('id') ?? '';
    const rows = await sessionsFor(app, reader.person, {});
    const found = rows.find(({ row }) => row.session.id === id);
    if (!found) throw new Refused('no-such-session', 'There is no such session for you.', 404);
    const { tenant } = found.membership;
    await app.commit(tenant, (look, outside) =>
      terminateSession(look, outside, reader.person, { tenant, session: id }),
    );
    return c.redirect(`/sessions/${id}`, 303);
  });
}

/** A table on a desk; on a phone each row is a card. */
export function SessionList({ rows, reader }: { rows: readonly SessionSeen[]; reader: Reader }) {
  if (rows.length === 0) {
    return (
      <Empty>
        No session yet that you may see. One begins when somebody with a live grant connects; who may ask for
        one stands in <a href="/matrix">the matrix</a>.
      </Empty>
    );
  }
  return (
    <table class="rows">
      <caption class="sr">Sessions, the newest first</caption>
      <thead>
        <tr>
          {['Who', 'Where', 'When', 'How it ended'].map(head => (
            <th scope="col">{head}</th>
          ))}
          <th scope="col">
            <span class="sr">Open</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(one => (
          <SessionRow of={one} reader={reader} />
        ))}
      </tbody>
    </table>
  );
}

function SessionRow({ of: { row, membership, replay }, reader }: { of: SessionSeen; reader: Reader }) {
  const { session, person, cell } = row;
  const { engagement } = membership;
  const party = partyOf(engagement, person);
  const lasted = ((session.endedAt ?? reader.now).getTime() - session.startedAt.getTime()) / 1000;
  return (
    <tr {...(party ? { class: `lane ${party}` } : {})}>
      <td>
        <b>{visible(person.name)}</b> {party ? <PartyChip {...partySide(engagement, party)} /> : null}
      </td>
      <td>
        {visible(session.role)} on <b>{visible(session.target)}</b>
        <br />
        <span class="muted">
          {cell}, {session.kind}
        </span>
      </td>
      <td>
        <Moment at={session.startedAt} now={reader.now} zone={engagement.matrix.timezone} />
        <br />
        <span class="muted">{lengthWords(Math.max(1, lasted))}</span>
      </td>
      <td>
        {session.endedAt ? (
          <>
            <State is="ended" /> {endWords(session.endReason)}
          </>
        ) : (
          <State is="live" />
        )}
      </td>
      <td>
        <a href={`/sessions/${session.id}`}>
          {replay ? 'Replay' : 'Details'}
          <span class="sr">
            {' '}
            of {visible(person.name)} on {visible(session.target)}
          </span>
        </a>
      </td>
    </tr>
  );
}

const ENDS: Readonly<Record<string, string>> = {
  closed: 'by itself',
  'client-lost': 'the person disconnected',
  'target-lost': 'the target went away',
  'target-unreachable': 'the target could not be reached',
  'host-key-mismatch': 'the target showed another host key than the pinned one',
  'credential-refused': 'the target refused the certificate',
  'recording-failed': 'cut: it could not be recorded',
  'gateway-stopped': 'the gateway was stopped',
  'broken-off': 'broken off: the gateway died',
  deadline: 'cut at its deadline',
  revoked: 'cut: the grant was ended',
  'locked-out': 'cut by the lockout',
  terminated: 'cut before its time',
  'grant-ended': 'cut: the grant had ended',
};

/** How a session ended, in words; a reason that is new here is shown as it is. */
export const endWords = (reason: string | null): string =>
  reason === null ? '' : (ENDS[reason] ?? reason.replaceAll('-', ' '));
