import type { Context } from 'hono';
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from '../api/application.ts';
import { observes } from '../domain/observed.ts';
import { mayReadLog } from '../domain/permission.ts';
import { visible } from '../domain/visible-text.ts';
import type { Unsettled } from '../elevation/contract.ts';
import { type AssetName, assetUrl } from './assets.ts';
import { Moment, Notice, Sides } from './parts.tsx';
import type { Reader } from './reader.ts';
import { choicesOf } from './requester/choices.ts';

interface PageProps {
  readonly title: string;
  readonly reader: Reader | null;
  readonly now: Date;
  /** Where the reader stays when they become somebody else here. */
  readonly path: string;
  readonly children?: Child;
  /** A page that plays a recording. */
  readonly player?: boolean;
  /** What this page alone needs besides the style of all. */
  readonly styles?: readonly AssetName[];
}

export function Page({ title, reader, now, path, children, player, styles = [] }: PageProps) {
  return (
    <html lang="en" data-now={String(now.getTime())}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${visible(title)} · Sallyport`}</title>
        <link rel="icon" href={assetUrl('icon.svg')} type="image/svg+xml" />
        <link rel="stylesheet" href={assetUrl('pico.css')} />
        {player ? <link rel="stylesheet" href={assetUrl('player.css')} /> : null}
        <link rel="stylesheet" href={assetUrl('style.css')} />
        {styles.map(name => (
          <link rel="stylesheet" href={assetUrl(name)} />
        ))}
        <script type="module" src={assetUrl('page.js')} />
        {player ? <script type="module" src={assetUrl('player.js')} /> : null}
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Top reader={reader} path={path} />
        <main id="main" class="container">
          {reader ? <Banners reader={reader} /> : null}
          {children}
        </main>
      </body>
    </html>
  );
}

function Top({ reader, path }: { reader: Reader | null; path: string }) {
  const logs = reader?.memberships.some(({ engagement, member }) => mayReadLog(engagement, member));
  return (
    <header class="top">
      <div class="container">
        <a class="brand" href="/">
          <img src={assetUrl('icon.svg')} alt="" width="24" height="24" /> <span>Sallyport</span>
        </a>
        {reader ? (
          <>
            <nav aria-label="Pages">
              {choicesOf(reader.memberships).length > 0 ? <a href="/ask">Ask</a> : null}
              <a href="/sessions">Sessions</a>
              {logs ? <a href="/log">Log</a> : null}
              <a href="/matrix">Matrix</a>
            </nav>
            <Who reader={reader} path={path} />
          </>
        ) : (
          <nav aria-label="Pages">
            <a href="/signin">Sign in</a>
          </nav>
        )}
      </div>
    </header>
  );
}

function Who({ reader, path }: { reader: Reader; path: string }) {
  return (
    <details class="who">
      <summary>
        <span class="name">{visible(reader.person.name)}</span> <Sides of={reader.sides} />
      </summary>
      <div class="menu">
        <SwitchForms reader={reader} path={path} />
        <a href={`/signin?return_to=${encodeURIComponent(path)}`}>Sign in as somebody else too</a>
        <a href="/me">Your keys and tokens</a>
        <form method="post" action="/signout">
          <button type="submit" class="quiet">
            Sign out
          </button>
        </form>
      </div>
    </details>
  );
}

/** A button for each other person that this browser is signed in as. */
export function SwitchForms({ reader, path }: { reader: Pick<Reader, 'others'>; path: string }) {
  return (
    <>
      {reader.others.map(other => (
        <form method="post" action="/switch">
          <input type="hidden" name="person" value={other.person.id} />
          <input type="hidden" name="return_to" value={path} />
          <button type="submit" class="quiet">
            Continue as {visible(other.person.name)} <Sides of={other.sides} />
          </button>
        </form>
      ))}
    </>
  );
}

const UNSETTLED: Readonly<Record<Unsettled, string>> = {
  'first-version': 'no version is signed by both parties yet',
  installation: 'its issuers or channels are not those that both parties signed',
};

/** What everybody of an engagement must know before anything else. */
function Banners({ reader }: { reader: Reader }) {
  return (
    <>
      {reader.memberships.map(({ engagement, lockedOutAt, tenant }) => {
        const { parties, timezone } = engagement.matrix;
        return lockedOutAt ? (
          <Notice kind="refused" title={`${parties.client.name} has shut ${parties.msp.name} out`}>
            Since <Moment at={lockedOutAt} zone={timezone} now={reader.now} />. Nothing of {parties.msp.name}{' '}
            opens in <code>{tenant}</code> until {parties.client.name} lifts it.{' '}
            <a href={`/lockout?tenant=${encodeURIComponent(tenant)}`}>About the lockout</a>
          </Notice>
        ) : null;
      })}
      {reader.memberships.map(({ tenant, unsettled }) =>
        unsettled === null ? null : (
          <Notice kind="waiting" title={`Nothing opens in ${tenant}: ${UNSETTLED[unsettled]}`}>
            <a href={`/matrix/proposals?tenant=${encodeURIComponent(tenant)}`}>Versions and signatures</a>
          </Notice>
        ),
      )}
      {reader.memberships.map(({ tenant, engagement }) =>
        observes(engagement) ? (
          <Notice kind="waiting" title={`Observe mode: nothing is opened in ${tenant}`}>
            What would be is decided and recorded. Use the access that you have.{' '}
            <a href={`/observed?tenant=${encodeURIComponent(tenant)}`}>What was observed</a>
          </Notice>
        ) : null,
      )}
    </>
  );
}

/** A page as an answer. */
export async function respond(
  c: Context<Env>,
  page: ReturnType<typeof Page>,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  return c.html(html`<!doctype html>${page}`, status);
}

/** The path that is open, to come back to; a form's answer leads back to the page that the form stands on. */
export function pathOf(c: Context<Env>): string {
  const url = new URL(c.req.url);
  return `${url.pathname}${url.search}`;
}
