import type { Context } from 'hono';
import { z } from 'zod';
import type { Application, Env } from '../../api/application.ts';
import { tenantOfRequest } from '../../api/requests.ts';
import { ticketShape, words } from '../../api/shapes.ts';
import { parseDuration } from '../../domain/duration.ts';
import { amendRequest } from '../../elevation/amend-request.ts';
import { Refused } from '../../elevation/contract.ts';
import { recordApproval } from '../../elevation/record-approval.ts';
import { withdrawRequest } from '../../elevation/withdraw-request.ts';
import { check, readForm } from '../forms.ts';
import { respond } from '../layout.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { type Message, RequestPage } from './request-page.tsx';
import { viewRequest } from './request-view.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'this page is too old');
const approval = z.object({ digest, reason: words(2000).optional() });
const denial = z.object({ digest, reason: words(2000) });
const amendment = z.object({
  for: z.string().trim().max(40),
  reason: words(2000),
  ticket: ticketShape.optional(),
});

/** `/r/:id` is where a chat link leads: the page of one request, and what its people do with it. */
export function requestPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/r/:id', async (c, reader) => show(app, c, reader, null, {}));

  for (const verb of ['approve', 'deny'] as const) {
    routes.post(`/r/:id/${verb}`, async (c, reader) => {
      const form = await readForm(c);
      const typed: Record<string, string> = verb === 'deny' ? { deny: form.reason ?? '' } : {};
      const checked = check(verb === 'deny' ? denial : approval, form);
      if (!checked.ok) return show(app, c, reader, invalid(checked.problems), typed);
      const id = idOf(c);
      return attempt(app, c, reader, typed, async tenant => {
        const { digest: shown, reason = null } = checked.value;
        const answer = verb === 'approve' ? ('yes' as const) : ('no' as const);
        await app.commit(tenant, (look, outside) =>
          recordApproval(look, outside, reader.person, {
            tenant,
            request: id,
            digest: shown,
            answer,
            reason,
          }),
        );
      });
    });
  }

  routes.post('/r/:id/withdraw', async (c, reader) =>
    attempt(app, c, reader, {}, async tenant => {
      const of = { tenant, request: idOf(c) };
      await app.commit(tenant, (look, outside) => withdrawRequest(look, outside, reader.person, of));
    }),
  );

  routes.post('/r/:id/amend', async (c, reader) => {
    const form = await readForm(c);
    const typed = { amend: '1', for: form.for ?? '', reason: form.reason ?? '', ticket: form.ticket ?? '' };
    const checked = check(amendment, form);
    const seconds = checked.ok ? parseDuration(checked.value.for) : null;
    if (!checked.ok) return show(app, c, reader, invalid(checked.problems), typed);
    if (seconds === null) {
      return show(
        app,
        c,
        reader,
        invalid([{ field: 'for', message: 'expected a duration such as 45m or 1h30m' }]),
        typed,
      );
    }
    return attempt(app, c, reader, typed, async tenant => {
      const { reason, ticket = null } = checked.value;
      await app.commit(tenant, (look, outside) =>
        amendRequest(look, outside, reader.person, { tenant, request: idOf(c), seconds, reason, ticket }),
      );
    });
  });
}

/** Does it and shows the page as it is then; a no is shown on the same page, which says what did not happen. */
async function attempt(
  app: Application,
  c: Context<Env>,
  reader: Reader,
  typed: Readonly<Record<string, string>>,
  act: (tenant: string) => Promise<void>,
): Promise<Response> {
  const id = idOf(c);
  try {
    await act(await tenantOfRequest(app, reader.person, id));
  } catch (error) {
    if (!(error instanceof Refused) || error.code === 'no-such-request') throw error;
    return show(app, c, reader, { ...refusal(error), status: error.status }, typed);
  }
  return c.redirect(`/r/${id}`, 303);
}

async function show(
  app: Application,
  c: Context<Env>,
  reader: Reader,
  message: (Message & { status: Refused['status'] }) | null,
  typed: Readonly<Record<string, string>>,
): Promise<Response> {
  const now = app.clock.now();
  const view = await viewRequest(app, { ...reader, now }, idOf(c));
  const page = (
    <RequestPage app={app} reader={{ ...reader, now }} view={view} message={message} typed={typed} />
  );
  return respond(c, page, message?.status ?? 200);
}

function idOf(c: Context<Env>): string {
  const id = c.req.param('id') ?? '';
  if (!/^req_[0-9a-z]{1,40}$/.test(id))
    throw new Refused('no-such-request', 'There is no such request for you.', 404);
  return id;
}

const invalid = (problems: readonly { field: string; message: string }[]) => ({
  kind: 'refused' as const,
  title: 'Nothing was sent: this needs another look',
  lines: problems.map(({ field, message }) => `${LABELS[field] ?? field}: ${message}`),
  status: 422 as const,
});

const LABELS: Readonly<Record<string, string>> = { for: 'How long', reason: 'Reason', ticket: 'Ticket' };

/** What happened in the place of what was wanted. */
function refusal({ code, message, detail }: Refused): Message {
  const title =
    {
      moved: 'It changed after it was shown to you. Your answer was not taken',
      'already-decided': 'It was decided meanwhile. Your answer changed nothing',
      'already-answered': 'That answer was there already. Yours changed nothing',
      'not-your-answer': 'This is not yours to answer now. Nothing happened',
      'own-request': 'Nobody answers their own request. Nothing happened',
      'no-longer-allowed': 'The matrix in force no longer allows this. Nothing happened',
      'outside-window': 'The window for this has closed. Nothing happened',
      'not-yours': 'Only who asked may do that. Nothing happened',
    }[code] ?? 'The answer is no. Nothing happened';
  const decision = detail.decision as { explanation?: readonly string[] } | undefined;
  const next = code === 'moved' ? ['Below is how it reads now. Answer again if it is still right.'] : [];
  return { kind: 'refused', title, lines: [message, ...(decision?.explanation ?? []), ...next] };
}
