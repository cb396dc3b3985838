import { type Application, pickTenant } from '../../api/application.ts';
import { visible } from '../../domain/visible-text.ts';
import { type Disallowed, disallowedGrants, endDisallowed } from '../../elevation/end-disallowed.ts';
import { readForm } from '../forms.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { As, Empty, Notice, PartyChip, partySide, Until } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';

/** `/matrix/disallowed`: running grants that the version in force would refuse now, and one button for all of them. */
export function disallowedPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/matrix/disallowed', async (c, reader) => {
    const { memberships } = reader;
    const { tenant, engagement } = pickTenant(memberships, c.req.query('tenant') ?? memberships[0]?.tenant);
    const found = await listed(app, reader, tenant);
    return respond(
      c,
      <Page title="Grants that are no longer allowed" reader={reader} now={reader.now} path={pathOf(c)}>
        <h1>
          Running grants that the version in force no longer allows in <code>{tenant}</code>
        </h1>
        {found.length === 0 ? (
          <Empty>
            None of those that are yours to end.{' '}
            <a href={`/matrix?tenant=${encodeURIComponent(tenant)}`}>The matrix</a>
          </Empty>
        ) : (
          <>
            <p>They were given under an earlier version. They run until their end, unless you end them.</p>
            <div class="cards">
              {found.map(({ grant, holder, because }) => (
                <article class="card">
                  <h2>
                    {visible(holder.name)} <PartyChip {...partySide(engagement, grant.party)} />
                  </h2>
                  <p>
                    {grant.protocol} <b>{visible(grant.role)}</b> on <b>{visible(grant.target)}</b> by{' '}
                    {grant.cell},{' '}
                    <Until at={grant.endsAt} now={reader.now} zone={engagement.matrix.timezone} />
                  </p>
                  <ul class="explanation">
                    {because.map(line => (
                      <li>{visible(line)}</li>
                    ))}
                  </ul>
                </article>
              ))}
            </div>
            <form method="post" action="/matrix/disallowed">
              <As of={reader} />
              <input type="hidden" name="tenant" value={tenant} />
              <input type="hidden" name="grants" value={found.map(({ grant }) => grant.id).join(' ')} />
              <button type="submit" class="danger">
                End {found.length === 1 ? 'it' : `all ${found.length}`} now
              </button>
              <p class="muted">Whoever is in the middle of something is cut off in the middle of it.</p>
            </form>
          </>
        )}
      </Page>,
    );
  });

  routes.post('/matrix/disallowed', async (c, reader) => {
    const form = await readForm(c);
    const { tenant } = pickTenant(reader.memberships, form.tenant);
    const grants = (form.grants ?? '').split(' ').slice(0, 1000);
    await app.commit(tenant, (look, outside) =>
      endDisallowed(look, outside, reader.person, { tenant, grants }),
    );
    return c.redirect(`/matrix/disallowed?tenant=${encodeURIComponent(tenant)}`, 303);
  });
}

const listed = (app: Application, reader: Reader, tenant: string): Promise<Disallowed[]> =>
  app.commit(tenant, async (look, outside) => ({
    result: await disallowedGrants(look, reader.person, tenant, outside.now),
  }));

/** What an owner must know beside the matrix, where it is so. */
export async function DisallowedNotice({
  app,
  reader,
  tenant,
}: {
  app: Application;
  reader: Reader;
  tenant: string;
}) {
  const found = await listed(app, reader, tenant);
  return found.length === 0 ? null : (
    <Notice
      kind="waiting"
      title={`${found.length} running ${found.length === 1 ? 'grant is' : 'grants are'} no longer allowed`}
    >
      The version in force would refuse what an earlier one gave.{' '}
      <a href={`/matrix/disallowed?tenant=${encodeURIComponent(tenant)}`}>Look at them, and end them</a>
    </Notice>
  );
}
