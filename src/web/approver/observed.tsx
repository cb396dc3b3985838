import { type Application, membershipsIn } from '../../api/application.ts';
import { requestsFor } from '../../api/requests.ts';
import { observes, wouldHave } from '../../domain/observed.ts';
import type { Person } from '../../domain/person.ts';
import type { AccessRequest } from '../../domain/request.ts';
import { isInSquad } from '../../domain/squad.ts';
import { visible } from '../../domain/visible-text.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { Empty, Moment, PartyChip, partySide } from '../parts.tsx';
import type { Directory } from '../people.ts';
import { directoryOf } from '../people.ts';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { lengthWords } from '../time-words.ts';

interface Observed {
  readonly request: AccessRequest;
  readonly asker: Person;
}

/** So many of them on the first screen. */
const LATELY = 5;

/** `/observed`: what would have been asked, of those requests that the reader may see. */
export function observedPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/observed', async (c, reader) => {
    const tenant = c.req.query('tenant') || undefined;
    const memberships = await membershipsIn(app, reader.person, tenant);
    const rows = onlyObserved(await requestsFor(app, reader.person, { tenant }));
    const directories = new Map(
      await Promise.all(
        memberships.map(async of => [of.tenant, await directoryOf(app, of.engagement)] as const),
      ),
    );
    return respond(
      c,
      <Page title="What was observed" reader={reader} now={reader.now} path={pathOf(c)}>
        <h1>What was observed</h1>
        {rows.length === 0 ? (
          <Empty>
            Nothing was observed that is yours to see. While a matrix says <code>mode: observe</code>, what
            people ask for stands here, with what would have come of it.
          </Empty>
        ) : (
          <>
            <p>Nothing of this was opened, and nobody was asked: the matrix only observed.</p>
            <ObservedList rows={rows} reader={reader} directories={directories} />
          </>
        )}
      </Page>,
    );
  });
}

const onlyObserved = <Row extends Observed>(rows: readonly Row[]): Row[] =>
  rows.filter(({ request }) => request.state === 'observed');

/** Those that would have been asked of this reader, now or later on the ladder. */
export const observedFor = <Row extends Observed>(reader: Reader, rows: readonly Row[]): Row[] =>
  onlyObserved(rows).filter(({ request }) => {
    const { engagement, member } = reader.memberships.find(({ tenant }) => tenant === request.tenant)!;
    const { decision, ladder, co_approve } = request.decision;
    const asked = decision === 'needs-approval' ? [...ladder.map(({ squad }) => squad), ...co_approve] : [];
    return request.person !== reader.person.id && asked.some(squad => isInSquad(engagement, squad, member));
  });

interface ListProps {
  readonly rows: readonly Observed[];
  readonly reader: Reader;
  readonly directories: ReadonlyMap<string, Directory>;
}

/** On the first screen of owners: what they would have been asked lately. */
export function ObservedLately({ rows, reader, directories }: ListProps) {
  const observing = reader.memberships.some(({ engagement }) => observes(engagement));
  if (rows.length === 0 && !observing) return null;
  return (
    <section>
      <h2>What you would have been asked</h2>
      {rows.length === 0 ? (
        <Empty>Nothing yet. The matrix only observes: what you would be asked is listed here.</Empty>
      ) : (
        <ObservedList rows={rows.slice(0, LATELY)} reader={reader} directories={directories} />
      )}
      <p>
        <a href="/observed">All that was observed</a>
      </p>
    </section>
  );
}

function ObservedList({ rows, reader, directories }: ListProps) {
  return (
    <ul class="asked">
      {rows.map(({ request, asker }) => {
        const { engagement } = reader.memberships.find(({ tenant }) => tenant === request.tenant)!;
        const people = directories.get(request.tenant);
        return (
          <li>
            <b>{visible(asker.name)}</b> <PartyChip {...partySide(engagement, request.party)} />{' '}
            <a href={`/r/${request.id}`}>
              {visible(request.role)} on {visible(request.target)}
            </a>{' '}
            <span class="muted">
              {lengthWords(request.seconds)}, asked{' '}
              <Moment at={request.createdAt} now={reader.now} zone={engagement.matrix.timezone} />;{' '}
              {visible(wouldHave(request.decision, handle => people?.byHandle(handle).name ?? handle))}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
