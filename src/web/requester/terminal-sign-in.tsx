import { type Application, membershipsOf } from '../../api/application.ts';
import { codeHash } from '../../api/gateway-door.ts';
import { FRESH_SECONDS, isFresh } from '../../api/proof.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import {
  confirmTerminal,
  findWaitingTerminal,
  MOST_CODES,
  type WaitingTerminal,
} from '../../store/ssh-sign-ins.ts';
import { CodeField } from '../code-field.tsx';
import { readForm } from '../forms.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { As, Fact, Notice, Sides, Until } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { signInAgainPath } from '../return-to.ts';
import type { SignedInRoutes } from '../routes.ts';

/**
 * `/ssh/:id`: a stock SSH client that knows no key of the person shows a link and a code. The link alone confirms
 * nothing, since anybody may send one; the code that their own terminal shows ties the two together.
 */
export function terminalSignIn(routes: SignedInRoutes, app: Application): void {
  routes.get('/ssh/:id', async (c, reader) => {
    const id = idOf(c.req.param('id'));
    const terminal = await findWaitingTerminal(app.database, id, reader.now);
    if (!terminal) throw gone();
    if (!isFresh(reader.credentials, reader.now)) {
      return respond(c, <AgainPage reader={reader} path={`/ssh/${id}`} />);
    }
    return respond(c, <TerminalPage reader={reader} terminal={terminal} path={pathOf(c)} wrong={false} />);
  });

  routes.post('/ssh/:id', async (c, reader) => {
    const id = idOf(c.req.param('id'));
    const { code = '' } = await readForm(c);
    const tenants = (await membershipsOf(app, reader.person)).map(({ tenant }) => tenant);
    const answer = { id, code: codeHash(id, code.slice(0, 100)), person: reader.person.id, tenants };
    const outcome = await confirmTerminal(app.database, answer, reader.now);
    if (outcome === 'wrong') {
      const terminal = await findWaitingTerminal(app.database, id, reader.now);
      if (!terminal) throw gone();
      return respond(
        c,
        <TerminalPage reader={reader} terminal={terminal} path={`/ssh/${id}`} wrong={true} />,
        422,
      );
    }
    if (outcome === 'gone') throw gone();
    return respond(
      c,
      <Page title="Confirmed" reader={reader} now={reader.now} path="/">
        <article>
          <h1>Your terminal carries on</h1>
          <p>
            It is signed in as <b>{visible(reader.person.name)}</b>. You can close this page.
          </p>
          <p>
            Next time without a browser: <a href="/me">register your SSH key</a>.
          </p>
        </article>
      </Page>,
    );
  });
}

function idOf(text: string | undefined): string {
  if (!text || !/^[\w-]{10,60}$/.test(text)) throw gone();
  return text;
}

const gone = () =>
  new Refused(
    'no-such-terminal',
    'No terminal waits under this address: it took too long, is signed in already, or had too many wrong codes. Connect again for a new link.',
    404,
  );

interface Props {
  readonly reader: Reader;
  readonly terminal: WaitingTerminal;
  readonly path: string;
  readonly wrong: boolean;
}

function AgainPage({ reader, path }: Pick<Props, 'reader' | 'path'>) {
  return (
    <Page title="Sign in to a terminal" reader={reader} now={reader.now} path={path}>
      <article>
        <h1>Sign in once more first</h1>
        <p>
          The connection that you confirm stays yours when this browser is closed. So your identity provider
          has to have seen you within the last {FRESH_SECONDS / 60} minutes.
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

function TerminalPage({ reader, terminal, path, wrong }: Props) {
  const zone = reader.memberships[0]?.engagement.matrix.timezone ?? 'UTC';
  const left = MOST_CODES - terminal.attempts;
  return (
    <Page title="Sign in to a terminal" reader={reader} now={reader.now} path={path}>
      <article>
        <h1>Is this your terminal?</h1>
        {wrong ? (
          <Notice kind="refused" title="That is not the code">
            Nobody was signed in. {left === 1 ? 'One more try is left.' : `${left} more tries are left.`}
          </Notice>
        ) : null}
        <dl class="facts">
          <Fact label="Wants">
            <code>{visible(terminal.username)}</code>
          </Fact>
          <Fact label="From">
            <code>{terminal.address}</code>
          </Fact>
          <Fact label="Becomes">
            <b>{visible(reader.person.name)}</b> <Sides of={reader.sides} />
          </Fact>
          <Fact label="Waits">
            <Until at={terminal.expiresAt} now={reader.now} zone={zone} />
          </Fact>
        </dl>
        <form method="post" action={path}>
          <As of={reader} />
          <CodeField wrong={wrong}>
            Did somebody send you this link, or read a code to you? Then it is their terminal. Close this
            page.
          </CodeField>
          <button type="submit">Sign this terminal in as me</button>
        </form>
      </article>
    </Page>
  );
}
