import type { Child } from 'hono/jsx';
import type { Application } from '../../api/application.ts';
import { findCell } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/decision.ts';
import { type Grant, isLive } from '../../domain/grant.ts';
import { mayEndGrant } from '../../domain/permission.ts';
import { visible } from '../../domain/visible-text.ts';
import { Link } from '../matrix/cell-card.tsx';
import { Apart, As, CellLink, Copy, Moment, PersonChip, State, Until } from '../parts.tsx';
import type { Known } from '../people.ts';
import type { Reader } from '../reader.ts';

interface Props {
  readonly app: Pick<Application, 'gateway'>;
  readonly grant: Grant;
  readonly reader: Reader;
  readonly engagement: Engagement;
  /** Who holds it, where that is not said already. */
  readonly holder: Known | null;
  readonly returnTo: string;
  /** What else its reader should know of it. */
  readonly children?: Child;
}

const ENDS: Readonly<Record<string, string>> = {
  deadline: 'at its deadline',
  revoked: 'revoked',
  'handed-back': 'handed back',
  'locked-out': 'by the lockout',
  restored: 'since the broker was restored from a backup',
};

/** A grant with what its reader can do about it: use it, hand it back, end it. */
export function GrantCard({ app, grant, reader, engagement, holder, returnTo, children }: Props) {
  const zone = engagement.matrix.timezone;
  const live = isLive(grant, reader.now);
  const later = grant.endedAt === null && reader.now < grant.startsAt;
  const mine = grant.person === reader.person.id;
  const member = reader.memberships.find(({ tenant }) => tenant === grant.tenant)?.member;
  const mayEnd = member !== undefined && mayEndGrant(engagement, member, reader.person, grant);
  return (
    <div class={`card grant ${grant.party}`}>
      {holder ? (
        <p>
          <PersonChip person={holder} engagement={engagement} />
        </p>
      ) : null}
      <p>
        <State is={live ? 'live' : later ? 'later' : 'ended'} /> <b>{visible(grant.role)}</b> on{' '}
        <b>{visible(grant.target)}</b>{' '}
        <span class="muted">
          {grant.protocol}, <CellLink tenant={grant.tenant} cell={grant.cell} />
        </span>
      </p>
      <p>
        {live ? (
          <Until at={grant.endsAt} now={reader.now} zone={zone} />
        ) : later ? (
          <>
            <Apart at={grant.startsAt} now={reader.now} />, from{' '}
            <Moment at={grant.startsAt} now={reader.now} zone={zone} /> until{' '}
            <Moment at={grant.endsAt} now={reader.now} zone={zone} />
          </>
        ) : (
          <>
            Ended {ENDS[grant.endReason ?? 'deadline'] ?? ''}{' '}
            <Moment at={grant.endedAt ?? grant.endsAt} now={reader.now} zone={zone} />
          </>
        )}
      </p>
      {children}
      {mine && (live || later) ? <Steps engagement={engagement} cell={grant.cell} /> : null}
      {mine && live && grant.protocol === 'ssh' ? (
        <Copy text={sshCommand(app, grant, reader)} what="the command" />
      ) : null}
      {(live || later) && (mine || mayEnd) ? (
        <form method="post" action={`/grants/${grant.id}/${mine ? 'handback' : 'revoke'}`} class="inline">
          <As of={reader} />
          <input type="hidden" name="return_to" value={returnTo} />
          <button type="submit" class="outline small">
            {mine ? 'Hand back' : 'Revoke'} <span class="sr">{`${grant.role} on ${grant.target}`}</span>
          </button>
          <a href={`/r/${grant.request}`}>The request</a>
        </form>
      ) : (
        <p>
          <a href={`/r/${grant.request}`}>The request</a>
        </p>
      )}
    </div>
  );
}

/** What the cell asks of whoever holds a grant of it: as the work begins, and before it is handed back. */
function Steps({ engagement, cell }: { engagement: Engagement; cell: string }) {
  const found = findCell(engagement, cell);
  if (!found) return null;
  const { activity, service } = found;
  const { takeover = [], handback = [] } = activity;
  const runbook = activity.runbook ?? service.runbook;
  const rollback = activity.rollback ?? service.rollback;
  const checklist = (title: string, items: readonly string[]) =>
    items.length > 0 ? (
      <>
        <p>{title}</p>
        <ul>
          {items.map(item => (
            <li>{visible(item)}</li>
          ))}
        </ul>
      </>
    ) : null;
  return (
    <>
      {runbook || rollback ? (
        <p>
          <Link of={runbook} label="Runbook" />
          <Link of={rollback} label="Rollback" />
        </p>
      ) : null}
      {checklist('To take over', takeover)}
      {checklist('Before you hand it back', handback)}
    </>
  );
}

/** What a stock client takes; in full where the short name means two targets to this person. */
export function sshCommand(
  { gateway }: Pick<Application, 'gateway'>,
  grant: Grant,
  reader: Pick<Reader, 'memberships'>,
) {
  const same = reader.memberships.filter(({ engagement }) =>
    Object.hasOwn(engagement.targets.targets, grant.target),
  );
  const target = same.length > 1 ? `${grant.target}.${grant.tenant}` : grant.target;
  const port = gateway.port === 22 ? '' : `-p ${gateway.port} `;
  return `ssh ${port}${grant.role}@${target}@${gateway.host}`;
}
