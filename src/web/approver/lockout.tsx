import type { Context } from 'hono';
import { z } from 'zod';
import { type Application, type Env, type Membership, pickTenant } from '../../api/application.ts';
import { words } from '../../api/shapes.ts';
import { mayLiftLockout, mayLockOut } from '../../domain/permission.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import { liftLockout, lockOut } from '../../elevation/lock-out.ts';
import { listGrants } from '../../store/grants.ts';
import { listSessions } from '../../store/sessions.ts';
import { check, readForm } from '../forms.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { As, Notice } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';

/** `/lockout`: the client shuts its provider out; one page says what that will do, one button does it. */
export function lockoutPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/lockout', async (c, reader) => show(app, c, reader, c.req.query('tenant')));

  routes.post('/lockout', async (c, reader) => {
    const form = await readForm(c);
    const { tenant } = pickTenant(reader.memberships, form.tenant);
    const checked = check(z.object({ reason: words(2000).optional() }), form);
    if (!checked.ok) throw new Refused('invalid', `Reason: ${checked.problems[0]!.message}`, 422);
    const { reason = null } = checked.value;
    await app.commit(tenant, (look, outside) => lockOut(look, outside, reader.person, { tenant, reason }));
    return c.redirect(`/lockout?tenant=${encodeURIComponent(tenant)}`, 303);
  });

  routes.post('/lockout/lift', async (c, reader) => {
    const { tenant } = pickTenant(reader.memberships, (await readForm(c)).tenant);
    await app.commit(tenant, (look, outside) => liftLockout(look, outside, reader.person, { tenant }));
    return c.redirect(`/lockout?tenant=${encodeURIComponent(tenant)}`, 303);
  });
}

async function show(
  app: Application,
  c: Context<Env>,
  reader: Reader,
  named: string | undefined,
): Promise<Response> {
  const membership = pickTenant(reader.memberships, named);
  const tenants = [membership.tenant];
  const open = (await listGrants(app.database, { tenants, open: reader.now })).filter(
    ({ grant }) => grant.party === 'msp',
  );
  const ids = new Set(open.map(({ grant }) => grant.id));
  const sessions = (await listSessions(app.database, { tenants, open: true })).filter(({ session }) =>
    ids.has(session.grant),
  );
  return respond(
    c,
    <LockoutPage
      reader={reader}
      path={pathOf(c)}
      membership={membership}
      grants={open.length}
      sessions={sessions.length}
    />,
  );
}

interface Props {
  readonly reader: Reader;
  readonly path: string;
  readonly membership: Membership;
  readonly grants: number;
  readonly sessions: number;
}

const count = (number: number, one: string): string =>
  number === 1 ? `one ${one}` : `${number || 'no'} ${one}s`;

function LockoutPage({ reader, path, membership, grants, sessions }: Props) {
  const { engagement, member, tenant, lockedOutAt } = membership;
  const { parties, governance } = engagement.matrix;
  const msp = visible(parties.msp.name);
  const client = visible(parties.client.name);
  const may = mayLockOut(engagement, member);
  return (
    <Page title="Lockout" reader={reader} now={reader.now} path={path}>
      <article>
        <h1>{lockedOutAt ? `${msp} is shut out` : `Shut ${msp} out?`}</h1>
        {lockedOutAt ? (
          <>
            <p>
              Every grant and session of {msp} in <code>{tenant}</code> was ended, and no new one opens. The
              people of {client} work as before.
            </p>
            {mayLiftLockout(engagement, member) ? (
              <form method="post" action="/lockout/lift">
                <As of={reader} />
                <input type="hidden" name="tenant" value={tenant} />
                <button type="submit">Lift the lockout</button>
                <p class="muted">What was ended stays ended; {msp} asks anew.</p>
              </form>
            ) : (
              <p>
                It is lifted by <b>{governance.lockout[0] ?? 'nobody'}</b>.
              </p>
            )}
          </>
        ) : (
          <>
            <p>
              At once {count(grants, 'grant')} and {count(sessions, 'live session')} of {msp} in{' '}
              <code>{tenant}</code> end, and nothing of theirs opens until{' '}
              <b>{governance.lockout[0] ?? 'nobody'}</b> lifts it. Whoever is in the middle of something is
              cut off in the middle of it.
            </p>
            {may ? (
              <form method="post" action="/lockout">
                <As of={reader} />
                <input type="hidden" name="tenant" value={tenant} />
                <label>
                  Why, if there is time to say
                  <input name="reason" maxlength={2000} autocomplete="off" />
                </label>
                <button type="submit" class="danger">
                  Shut {msp} out now
                </button>{' '}
                <a class="button outline" href="/">
                  No, go back
                </a>
              </form>
            ) : (
              <Notice kind="ended" title="This is not yours to do">
                The matrix gives it to {governance.lockout.join(', ') || 'nobody'}.
              </Notice>
            )}
          </>
        )}
      </article>
    </Page>
  );
}
