import type { Context } from 'hono';
import { z } from 'zod';
import type { Api, Application, Env } from '../api/application.ts';
import { FRESH_SECONDS, isFresh } from '../api/proof.ts';
import { handleOf } from '../domain/membership.ts';
import { PARTIES, type Party } from '../domain/party.ts';
import { visible } from '../domain/visible-text.ts';
import { Refused } from '../elevation/contract.ts';
import type { WaitingDevice } from '../identity/device.ts';
import { CodeField } from './code-field.tsx';
import { readForm } from './forms.ts';
import { Page, respond, SwitchForms } from './layout.tsx';
import { Apart, As, Fact, Moment, Notice, Sides, Until } from './parts.tsx';
import type { Reader } from './reader.ts';
import { signInAgainPath } from './return-to.ts';
import type { SignedInRoutes } from './routes.ts';
import { type Way, waysIn } from './sign-in.tsx';

/**
 * `/device`: the person types the code that their own terminal shows, sees where it came from, and confirms or
 * refuses. No address carries a code, so nobody can be sent a link that is half of a sign-in; what a link says
 * besides (`?party=`) is a hint on whose sign-in the terminal would like.
 */
export function devicePages(server: Api, routes: SignedInRoutes, app: Application): void {
  // Nobody is signed in, and the hint leaves one way in: there, without a choice in between.
  server.get('/device', async (c, next) => {
    const hint = hintOf(c);
    if (c.get('credentials') || !hint) return next();
    const [way, ...more] = (await waysIn(app)).filter(({ party }) => party === hint);
    if (!way || more.length > 0) return next();
    return c.redirect(`/signin/${way.key}?return_to=${encodeURIComponent('/device')}`, 303);
  });

  routes.get('/device', async (c, reader) => {
    if (!isFresh(reader.credentials, reader.now)) {
      return respond(c, <AgainPage reader={reader} path={pathWith(hintOf(c))} />);
    }
    return codePage(app, c, reader, null);
  });

  routes.post('/device', async (c, reader) => {
    belongsSomewhere(reader);
    const { code = '' } = await readForm(c);
    const found = await app.devices.find(reader.person, code.slice(0, 100));
    if (typeof found === 'string') return codePage(app, c, reader, found);
    const until = app.devices.tokenUntil(reader.credentials);
    return respond(
      c,
      <ConfirmPage app={app} reader={reader} device={found} code={code.slice(0, 100)} until={until} />,
    );
  });

  routes.post('/device/answer', async (c, reader) => {
    belongsSomewhere(reader);
    const form = answerShape.safeParse(await readForm(c));
    if (!form.success)
      throw new Refused('invalid', 'Say yes or no to the terminal whose code you typed.', 400);
    const { code, answer } = form.data;
    const outcome = await app.devices.answer(reader.credentials, code, answer);
    if (typeof outcome === 'string') return codePage(app, c, reader, outcome);
    return respond(c, <AnsweredPage reader={reader} answer={answer} />);
  });
}

const answerShape = z.object({ code: z.string().max(100), answer: z.enum(['yes', 'no']) });

const hintOf = (c: Context<Env>): Party | null =>
  PARTIES.find(party => party === c.req.query('party')) ?? null;

const pathWith = (hint: Party | null): string => (hint ? `/device?party=${hint}` : '/device');

/** @throws Refused `no-engagement` */
function belongsSomewhere(reader: Reader): void {
  if (reader.memberships.length > 0) return;
  throw new Refused(
    'no-engagement',
    'You are on no side of any engagement here: a token would open nothing.',
  );
}

async function codePage(
  app: Application,
  c: Context<Env>,
  reader: Reader,
  said: 'wrong' | 'too-many' | null,
): Promise<Response> {
  const hint = hintOf(c);
  const meant = hint && !reader.sides.some(({ party }) => party === hint) ? hint : null;
  const ways = meant ? (await waysIn(app)).filter(({ party }) => party === meant) : [];
  const page = <CodePage reader={reader} said={said} ways={ways} path={pathWith(hint)} />;
  return respond(c, page, said === 'wrong' ? 422 : said === 'too-many' ? 429 : 200);
}

interface Props {
  readonly reader: Reader;
}

function AgainPage({ reader, path }: Props & { path: string }) {
  return (
    <Page title="Sign in to your terminal" reader={reader} now={reader.now} path={path}>
      <article>
        <h1>Sign in once more first</h1>
        <p>
          A terminal that you confirm acts as you for up to 12 hours, also when this browser is closed. So
          your identity provider has to have seen you within the last {FRESH_SECONDS / 60} minutes.
        </p>
        <p>
          <a class="button" href={signInAgainPath(reader.person.issuer, path)}>
            Sign in again as {visible(reader.person.name)}
          </a>
        </p>
        <p class="muted">Then you come back here and type the code that your terminal shows.</p>
      </article>
    </Page>
  );
}

function CodePage({
  reader,
  said,
  ways,
  path,
}: Props & { said: 'wrong' | 'too-many' | null; ways: readonly Way[]; path: string }) {
  return (
    <Page title="Sign in to your terminal" reader={reader} now={reader.now} path={path}>
      <article>
        <h1>Type the code that your terminal shows</h1>
        {said === 'wrong' ? (
          <Notice kind="refused" title="No terminal waits under this code">
            Nothing was signed in. Read it once more, or run <code>sallyport login</code> for a new one: a
            code serves once, for ten minutes.
          </Notice>
        ) : null}
        {said === 'too-many' ? (
          <Notice kind="refused" title="Too many wrong codes">
            Nothing was signed in, and this one was not looked at. Wait ten minutes, then run{' '}
            <code>sallyport login</code> again.
          </Notice>
        ) : null}
        {ways.length > 0 ? (
          <Notice kind="waiting" title="Your terminal asked for another sign-in">
            <p>
              You are {visible(reader.person.name)} <Sides of={reader.sides} /> here.
            </p>
            {ways.map(way => (
              <p>
                <a href={`/signin/${way.key}?return_to=${encodeURIComponent('/device')}`}>
                  Sign in at {visible(way.name)}
                </a>
              </p>
            ))}
            <SwitchForms reader={reader} path={path} />
          </Notice>
        ) : null}
        <form method="post" action="/device">
          <As of={reader} />
          <CodeField wrong={said === 'wrong'}>
            Did somebody send you here, or read a code to you? Then it is their terminal, and it would become
            you. Close this page.
          </CodeField>
          <button type="submit">Show what asks</button>
        </form>
      </article>
    </Page>
  );
}

function ConfirmPage({
  app,
  reader,
  device,
  code,
  until,
}: Props & {
  app: Pick<Application, 'url'>;
  device: WaitingDevice;
  code: string;
  until: Date;
}) {
  const zone = reader.memberships[0]?.engagement.matrix.timezone ?? 'UTC';
  const { now, person } = reader;
  return (
    <Page title="Sign in to your terminal" reader={reader} now={now} path="/device">
      <article>
        <h1>Is this your terminal?</h1>
        <dl class="facts">
          <Fact label="Asked from">
            <code>{device.address}</code>
          </Fact>
          <Fact label="Asked">
            <Apart at={device.createdAt} now={now} />, <Moment at={device.createdAt} now={now} zone={zone} />
          </Fact>
          <Fact label="Calls itself">
            {device.label ? <b>{visible(device.label)}</b> : <span class="muted">nothing</span>}
            {device.userAgent ? <span class="muted"> {visible(device.userAgent)}</span> : null}{' '}
            <span class="muted">(its own word, not checked)</span>
          </Fact>
          <Fact label="Becomes">
            <b>{visible(person.name)}</b> <Sides of={reader.sides} />
          </Fact>
          <Fact label="Account">
            {visible(handleOf(person))} <span class="muted">at {visible(person.issuer)}</span>
          </Fact>
          <Fact label="In">{reader.memberships.map(({ tenant }) => tenant).join(', ')}</Fact>
          <Fact label="For">
            <Until at={until} now={now} zone={zone} />
          </Fact>
        </dl>
        <form method="post" action="/device/answer">
          <As of={reader} />
          <input type="hidden" name="code" value={code} />
          <p class="muted">
            It may then do at <code>{app.url.host}</code> what you may, except what needs a browser; for ten
            minutes that holds for adding an SSH key, too. Refuse if you did not just run{' '}
            <code>sallyport login</code> yourself.
          </p>
          <p class="buttons">
            <button type="submit" name="answer" value="yes">
              Sign this terminal in as me
            </button>{' '}
            <button type="submit" name="answer" value="no" class="outline">
              Refuse
            </button>
          </p>
        </form>
      </article>
    </Page>
  );
}

function AnsweredPage({ reader, answer }: Props & { answer: 'yes' | 'no' }) {
  const title = answer === 'yes' ? 'Your terminal carries on' : 'Refused';
  return (
    <Page title={title} reader={reader} now={reader.now} path="/">
      <article>
        <h1>{title}</h1>
        {answer === 'yes' ? (
          <p>
            In a few seconds it is signed in as <b>{visible(reader.person.name)}</b>. You can close this page,
            or sign out here: the terminal stays signed in until <code>sallyport logout</code>, or until you
            revoke it under <a href="/me#tokens">your keys and tokens</a>.
          </p>
        ) : (
          <p>
            That terminal was given nothing, and its code is used up. If somebody sent you the code, tell your
            security team: it stands in the log.
          </p>
        )}
      </article>
    </Page>
  );
}
