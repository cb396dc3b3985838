import type { Context } from 'hono';
import { z } from 'zod';
import type { Application, Env } from '../../api/application.ts';
import { addKey, listKeys, type RegisteredKey, removeKey } from '../../api/people.ts';
import { line } from '../../api/shapes.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import type { TokenSummary } from '../../identity/tokens.ts';
import { squadsOf } from '../approver/request-view.ts';
import { check, readForm } from '../forms.ts';
import { Page, respond } from '../layout.tsx';
import { As, Copy, Empty, Fact, Moment, Notice, Sides, Until } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';

interface Said {
  readonly problem?: string;
  readonly typed?: string;
  /** Shown once, in the answer to the form that made it. */
  readonly token?: { readonly token: string; readonly expiresAt: Date };
}

/** `/me`: what says who somebody is where there is no browser. */
export function mePages(routes: SignedInRoutes, app: Application): void {
  routes.get('/me', async (c, reader) => show(app, c, reader, {}));

  routes.post('/me/keys', async (c, reader) => {
    const { key = '' } = await readForm(c);
    try {
      await addKey(app, reader.person, key);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return show(app, c, reader, { problem: error.message, typed: key.slice(0, 5000) }, 422);
    }
    return c.redirect('/me', 303);
  });

  routes.post('/me/keys/remove', async (c, reader) => {
    const { fingerprint = '' } = await readForm(c);
    await removeKey(app, reader.person, fingerprint);
    return c.redirect('/me', 303);
  });

  routes.post('/me/tokens', async (c, reader) => {
    const checked = check(z.object({ label: line(100) }), await readForm(c));
    const label = checked.ok ? checked.value.label : 'made in the browser';
    const token = await app.signIns.issueToken(reader.credentials, label);
    return show(app, c, reader, { token }, 201);
  });

  routes.post('/me/tokens/revoke', async (c, reader) => {
    const { id = '' } = await readForm(c);
    // One that has ended meanwhile is as gone as it should be.
    await app.signIns.revokeToken(reader.person, id.slice(0, 60));
    return c.redirect('/me#tokens', 303);
  });

  routes.post('/me/everywhere', async (c, reader) => {
    await app.signIns.signOutEverywhere(reader.person);
    return c.redirect('/signin', 303);
  });
}

async function show(
  app: Application,
  c: Context<Env>,
  reader: Reader,
  said: Said,
  status: 200 | 201 | 422 = 200,
): Promise<Response> {
  const keys = await listKeys(app, reader.person);
  const tokens = await app.signIns.tokensOf(reader.person);
  return respond(c, <MePage app={app} reader={reader} keys={keys} tokens={tokens} said={said} />, status);
}

interface Props {
  readonly app: Pick<Application, 'gateway' | 'url'>;
  readonly reader: Reader;
  readonly keys: readonly RegisteredKey[];
  readonly tokens: readonly TokenSummary[];
  readonly said: Said;
}

function MePage({ app, reader, keys, tokens, said }: Props) {
  const zone = reader.memberships[0]?.engagement.matrix.timezone ?? 'UTC';
  const { person, credentials, now } = reader;
  return (
    <Page title="You" reader={reader} now={now} path="/me">
      <h1>{visible(person.name)}</h1>
      <article>
        <dl class="facts">
          <Fact label="Side">
            <Sides of={reader.sides} />
          </Fact>
          {reader.memberships.map(({ tenant, engagement, member }) => (
            <Fact label={`Squads in ${tenant}`}>
              {squadsOf(engagement, member).join(', ') || <span class="muted">none</span>}
            </Fact>
          ))}
          <Fact label="Email">
            {person.boundEmail ? (
              visible(person.boundEmail)
            ) : (
              <span class="muted">none that is verified</span>
            )}
          </Fact>
          <Fact label="Signed in">
            <Until at={credentials.expiresAt} now={now} zone={zone} />
          </Fact>
        </dl>
        <p class="muted">
          Times are said by your browser's clock first and by the matrix's beside it, where the two differ.
          Without script they are the matrix's.
        </p>
      </article>
      <section id="keys">
        <h2>SSH keys</h2>
        <p class="muted">A key only says who connects. It opens nothing: that takes a live grant.</p>
        {said.problem ? (
          <Notice kind="refused" title="No key was added">
            {said.problem}
          </Notice>
        ) : null}
        {keys.length === 0 ? (
          <Empty>
            No key yet. Paste what <code>cat ~/.ssh/id_ed25519.pub</code> prints, and your terminal is known
            from then on.
          </Empty>
        ) : (
          <ul class="cards">
            {keys.map(key => (
              <li class="card">
                <p>
                  <b>{visible(key.label)}</b> <span class="muted">{key.type}</span>
                </p>
                <p class="ids">
                  <code>{key.fingerprint}</code>
                </p>
                <p class="muted">
                  Added <Moment at={key.addedAt} now={now} zone={zone} />
                </p>
                <form method="post" action="/me/keys/remove">
                  <As of={reader} />
                  <input type="hidden" name="fingerprint" value={key.fingerprint} />
                  <button type="submit" class="outline small">
                    Remove <span class="sr">{key.fingerprint}</span>
                  </button>
                </form>
              </li>
            ))}
          </ul>
        )}
        <form method="post" action="/me/keys">
          <As of={reader} />
          <label>
            A public key
            <textarea
              name="key"
              rows={3}
              required
              maxlength={5000}
              spellcheck={false}
              placeholder="ssh-ed25519 AAAA… you@laptop"
              {...(said.problem ? { 'aria-invalid': 'true' as const } : {})}
            >
              {said.typed ?? ''}
            </textarea>
          </label>
          <button type="submit">Add this key</button>
        </form>
      </section>
      <TokenSection app={app} reader={reader} tokens={tokens} said={said} zone={zone} />
      <section id="everywhere">
        <h2>Sign out everywhere</h2>
        <p class="muted">
          Ends every browser's session and every token of yours, this one too. SSH keys stay: they open
          nothing without a sign-in.
        </p>
        <form method="post" action="/me/everywhere">
          <As of={reader} />
          <button type="submit" class="outline">
            Sign out everywhere
          </button>
        </form>
      </section>
    </Page>
  );
}

function TokenSection({ app, reader, tokens, said, zone }: Omit<Props, 'keys'> & { zone: string }) {
  const { now } = reader;
  return (
    <section id="tokens">
      <h2>Tokens</h2>
      {said.token ? (
        <Notice kind="live" title="Copy it now: it is shown this once">
          <Copy text={said.token.token} what="the token" />
          <p>
            It is you: <Until at={said.token.expiresAt} now={now} zone={zone} />. Use it as{' '}
            <code>SALLYPORT_TOKEN</code> or in an <code>Authorization: Bearer</code> header.
          </p>
        </Notice>
      ) : null}
      {tokens.length === 0 ? (
        <Empty>
          None. <code>sallyport login</code> signs your terminal in; one for scripts can be made below.
        </Empty>
      ) : (
        <ul class="cards">
          {tokens.map(token => (
            <li class="card">
              <p>
                <b>{visible(token.label)}</b>{' '}
                <span class="muted">
                  {token.client === null ? 'made on this page' : 'signed in by the command line'}
                </span>
              </p>
              {token.address ? (
                <p>
                  Asked for from <code>{token.address}</code>
                </p>
              ) : null}
              <p class="muted">
                Since <Moment at={token.createdAt} now={now} zone={zone} />
              </p>
              <p>
                <Until at={token.expiresAt} now={now} zone={zone} />
              </p>
              <form method="post" action="/me/tokens/revoke">
                <As of={reader} />
                <input type="hidden" name="id" value={token.id} />
                <button type="submit" class="outline small">
                  Revoke <span class="sr">{`${visible(token.label)}, ${token.id}`}</span>
                </button>
              </form>
            </li>
          ))}
        </ul>
      )}
      <h3>A token for scripts</h3>
      <p class="muted">
        It lasts at most 12 hours, and no longer than this sign-in. It is for the command line and the API at{' '}
        <code>{new URL('/api/v1', app.url).href}</code>.
      </p>
      <form method="post" action="/me/tokens" class="inline">
        <As of={reader} />
        <label>
          What for
          <input name="label" required maxlength={100} autocomplete="off" placeholder="my laptop" />
        </label>
        <button type="submit" class="outline">
          Make a token
        </button>
      </form>
    </section>
  );
}
