import type { Context } from 'hono';
import type { Api, Application, Env } from '../api/application.ts';
import { callerOf } from '../api/client-address.ts';
import { pendingSignIn, sessionTokens, setSessionTokens } from '../api/cookies.ts';
import { openPace } from '../api/pace.ts';
import { networkOf } from '../domain/network.ts';
import { PARTIES, type Party } from '../domain/party.ts';
import { visible } from '../domain/visible-text.ts';
import { Refused } from '../elevation/contract.ts';
import { issuerKey } from '../identity/sign-in.ts';
import { readForm } from './forms.ts';
import { Page, respond, SwitchForms } from './layout.tsx';
import { Empty, Notice } from './parts.tsx';
import { readerOf, type SignedIn, signedInHere } from './reader.ts';
import { safeReturn } from './return-to.ts';

/** One way in: a party, and the issuer where its people sign in. */
export interface Way {
  readonly key: string;
  readonly party: Party;
  readonly name: string;
  readonly issuer: string;
  readonly tenants: string[];
}

export function signInPages(server: Api, app: Application): void {
  const pace = openPace(app.web.signInsPerMinute);

  server.get('/signin', async c => {
    const returnTo = safeReturn(c.req.query('return_to'));
    const here = await signedInHere(app, c);
    const reader = await readerOf(app, c);
    return respond(
      c,
      <Page title="Sign in" reader={reader} now={app.clock.now()} path={returnTo}>
        <SignInPage ways={await waysIn(app)} here={here} returnTo={returnTo} />
      </Page>,
    );
  });

  server.get('/signin/:key', async c => {
    // Coming back is not counted: it needs a beginning, and serves once.
    const wait = pace.take(networkOf(callerOf(c, app.proxies)));
    if (wait > 0) {
      const message = `Too many sign-ins begin at your address; try again in ${wait} s.`;
      throw new Refused('too-many-requests', message, 429, { retry_after: wait });
    }
    const returnTo = safeReturn(c.req.query('return_to'));
    // Somebody of this party is here already: the provider must ask who it is this time.
    const maxAge = c.req.query('again') === undefined ? null : 0;
    const { url, browser } = await app.signIns.begin(c.req.param('key'), { returnTo, maxAge });
    pendingSignIn.set(c, app.url, browser);
    return c.redirect(url.href, 303);
  });

  server.get('/signin/:key/callback', async c => {
    const browser = pendingSignIn.take(c, app.url);
    // What the browser sees, whatever stands before the broker.
    const { pathname, search } = new URL(c.req.url);
    const callback = new URL(`${pathname}${search}`, app.url);
    const { token, person, returnTo } = await app.signIns.complete(c.req.param('key'), callback, browser);
    const here = await signedInHere(app, c);
    // Signing in again takes the place of the earlier session of the same person.
    for (const earlier of here.filter(other => other.person.id === person.id))
      await app.signIns.signOut(earlier.token);
    const others = here.filter(other => other.person.id !== person.id);
    setSessionTokens(c, app.url, [token, ...others.map(other => other.token)]);
    return c.redirect(safeReturn(returnTo), 303);
  });

  server.post('/switch', async c => {
    const form = await readForm(c);
    const returnTo = safeReturn(form.return_to);
    const here = await signedInHere(app, c);
    // By person and not by place: another window may have changed the order meanwhile.
    const chosen = here.find(({ person }) => person.id === form.person);
    if (!chosen) return c.redirect(`/signin?return_to=${encodeURIComponent(returnTo)}`, 303);
    setSessionTokens(c, app.url, [chosen.token, ...here.filter(one => one !== chosen).map(one => one.token)]);
    return c.redirect(returnTo, 303);
  });

  server.post('/signout', async c => signOut(app, c));
}

async function signOut(app: Application, c: Context<Env>): Promise<Response> {
  const [active, ...rest] = sessionTokens(c, app.url);
  const leave = active === undefined ? null : await app.signIns.providerExit(active);
  if (active !== undefined) await app.signIns.signOut(active);
  setSessionTokens(c, app.url, rest);
  const others = (await signedInHere(app, c)).filter(other => other.token !== active);
  return respond(
    c,
    <Page title="Signed out" reader={null} now={app.clock.now()} path="/">
      <article>
        <h1>You are signed out here</h1>
        {leave ? (
          <>
            <p>
              {visible(leave.person)}, your identity provider <b>{leave.url.host}</b> may still know this
              browser. On a computer that others use, sign out there as well.
            </p>
            <p>
              <a class="button" href={leave.url.href}>
                Sign out at {leave.url.host}
              </a>
            </p>
          </>
        ) : (
          <p>This broker no longer knows you in this browser.</p>
        )}
        <SwitchForms reader={{ others }} path="/" />
        <p>
          <a href="/signin">Sign in again</a>
        </p>
      </article>
    </Page>,
  );
}

/** Everybody's way in, by the matrices in force and the clients of the configuration. */
export async function waysIn(app: Application): Promise<Way[]> {
  const ways: Way[] = [];
  for (const { tenant, engagement } of await app.engagements.all()) {
    for (const party of PARTIES) {
      const { name, issuer } = engagement.matrix.parties[party];
      const key = issuerKey(issuer);
      const known = ways.find(way => way.key === key && way.party === party && way.name === name);
      if (known) known.tenants.push(tenant);
      else if (app.signIns.providers.has(key)) ways.push({ key, party, name, issuer, tenants: [tenant] });
    }
  }
  return ways;
}

function SignInPage({
  ways,
  here,
  returnTo,
}: {
  ways: readonly Way[];
  here: readonly SignedIn[];
  returnTo: string;
}) {
  const query = (way: Way) => {
    const parts = new URLSearchParams();
    if (returnTo !== '/') parts.set('return_to', returnTo);
    if (here.some(({ person }) => person.issuer === way.issuer)) parts.set('again', '1');
    return parts.size === 0 ? '' : `?${parts}`;
  };
  return (
    <article class="sign-in">
      <h1>Sign in</h1>
      {returnTo === '/' ? null : (
        <Notice kind="waiting" title="Sign in to open this page">
          You come back to it after.
        </Notice>
      )}
      {here.length > 0 ? (
        <section>
          <h2>Signed in at this browser</h2>
          <SwitchForms reader={{ others: here }} path={returnTo} />
        </section>
      ) : null}
      <section>
        <h2>{here.length > 0 ? 'As somebody else, too' : 'With your own organisation'}</h2>
        <ul class="ways">
          {ways.map(way => (
            <li>
              <a class={`way ${way.party}`} href={`/signin/${way.key}${query(way)}`}>
                <b>{visible(way.name)}</b>
                <span>{way.party === 'msp' ? 'Managed service provider' : 'Client'}</span>
              </a>
            </li>
          ))}
        </ul>
        {ways.length === 0 ? (
          <Empty>
            Nobody can sign in yet: no engagement is in force whose issuer <code>sallyport.yaml</code> has a
            client for.
          </Empty>
        ) : null}
        <p class="muted">
          Your organisation's identity provider says who you are. No password is typed here.
        </p>
      </section>
    </article>
  );
}
