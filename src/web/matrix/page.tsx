import { type Application, type Membership, pickTenant } from '../../api/application.ts';
import { dateAt } from '../../domain/calendar.ts';
import { membersOf } from '../../domain/membership.ts';
import { placedFindings } from '../../matrices/placed-findings.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { Notice, PartyChip, partySide } from '../parts.tsx';
import { type Directory, directoryOf } from '../people.ts';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { DisallowedNotice } from './disallowed.tsx';
import { MatrixTabs, OtherEngagements } from './tabs.tsx';
import { Version } from './version.tsx';

/** `/matrix`: the version in force, each line under an address of its own, with the people it means now. */
export function matrixPage(routes: SignedInRoutes, app: Application): void {
  routes.get('/matrix', async (c, reader) => {
    const { memberships } = reader;
    const membership = pickTenant(memberships, c.req.query('tenant') ?? memberships[0]?.tenant);
    const directory = await directoryOf(app, membership.engagement);
    return respond(
      c,
      <MatrixPage app={app} reader={reader} path={pathOf(c)} membership={membership} directory={directory} />,
    );
  });
}

interface Props {
  readonly app: Application;
  readonly reader: Reader;
  readonly path: string;
  readonly membership: Membership;
  readonly directory: Directory;
}

function MatrixPage({ app, reader, path, membership, directory }: Props) {
  const { engagement, tenant } = membership;
  const { matrix } = engagement;
  const people = membersOf(engagement, directory.people);
  const overdue =
    matrix.review_by !== undefined && matrix.review_by < dateAt(reader.now.getTime(), matrix.timezone);
  return (
    <Page title={`Matrix of ${tenant}`} reader={reader} now={reader.now} path={path}>
      <h1>
        Who is responsible in <code>{tenant}</code>
      </h1>
      <MatrixTabs tenant={tenant} here="" />
      <OtherEngagements tenants={reader.memberships.map(one => one.tenant)} here={tenant} path="/matrix" />
      <p>
        <PartyChip {...partySide(engagement, 'msp')} /> and <PartyChip {...partySide(engagement, 'client')} />{' '}
        agreed on this, and it is what decides: the version in force, cell by cell with who is in it today.
        Who is in a squad, its party's identity provider says at each sign-in.
      </p>
      {overdue ? (
        <Notice kind="waiting" title={`Overdue for review since ${matrix.review_by}`}>
          It stays in force until a new version takes its place.
        </Notice>
      ) : null}
      <DisallowedNotice app={app} reader={reader} tenant={tenant} />
      <Version
        engagement={engagement}
        people={people}
        directory={directory}
        findings={placedFindings(engagement, reader.now.getTime())}
      />
    </Page>
  );
}
