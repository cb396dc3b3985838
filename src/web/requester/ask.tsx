import type { Context } from 'hono';
import { z } from 'zod';
import { type Application, type Env, type Membership, pickTarget } from '../../api/application.ts';
import { askOf, line, questionShape, ticketShape, token, words } from '../../api/shapes.ts';
import { type Cell, cellsCovering } from '../../domain/cell.ts';
import { Refused } from '../../elevation/contract.ts';
import { submitRequest } from '../../elevation/submit-request.ts';
import { check, readForm } from '../forms.ts';
import { respond } from '../layout.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { AskForm, type AskProblem, ChooseWhat } from './ask-form.tsx';
import { choicesOf, loginsOf } from './choices.ts';

const asked = z.object({
  tenant: line(200),
  target: line(200),
  activity: token(130),
  login: z.string().regex(/^(ssh|postgres|web) [A-Za-z0-9_][A-Za-z0-9_.$/-]{0,63}$/, 'choose one of those'),
  for: z.string().trim().max(40),
  reason: words(2000),
  ticket: ticketShape.optional(),
  severity: token(20).optional(),
  at: z.string().max(40).optional(),
});

const LABELS: Readonly<Record<string, string>> = {
  login: 'Log in as',
  for: 'How long',
  reason: 'Why',
  ticket: 'Ticket',
  severity: 'Severity',
  at: 'From when',
};

/** `/ask`: first what for, as links; then a form with the limits of that line of the matrix. */
export function askPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/ask', async (c, reader) => {
    const { tenant, target, activity } = c.req.query();
    if (!target) return respond(c, <ChooseWhat reader={reader} choices={choicesOf(reader.memberships)} />);
    const place = pickTarget(reader.memberships, target, tenant);
    const cell = cellFor(place, activity);
    if (!cell)
      return respond(
        c,
        <ChooseWhat reader={reader} choices={choicesOf([place]).filter(one => one.name === place.target)} />,
      );
    return form(app, c, reader, place, cell, c.req.query(), null);
  });

  routes.post('/ask', async (c, reader) => {
    const typed = await readForm(c);
    const place = pickTarget(reader.memberships, typed.target ?? '', typed.tenant);
    const cell = cellFor(place, typed.activity);
    if (!cell) throw new Refused('no-such-cell', 'The matrix in force has no such line on that target.', 404);
    const checked = check(asked, typed);
    if (!checked.ok) {
      return form(app, c, reader, place, cell, typed, {
        title: 'Nothing was asked yet: this needs another look',
        lines: checked.problems.map(({ field, message }) => `${LABELS[field] ?? field}: ${message}`),
        cell: null,
        fields: checked.problems.map(({ field }) => field),
      });
    }
    try {
      const request = await submit(app, reader, place, checked.value);
      if (request.state !== 'refused') return c.redirect(`/r/${request.id}`, 303);
      return form(app, c, reader, place, cell, typed, {
        title: 'Refused by the matrix. Nothing was opened, and nobody was asked',
        lines: request.decision.explanation,
        cell: request.decision.cell,
        fields: FIELDS[request.decision.code ?? ''] ?? [],
      });
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== 'invalid') throw error;
      const [field = ''] = error.message.split(':');
      return form(app, c, reader, place, cell, typed, {
        title: 'Nothing was asked yet: this needs another look',
        lines: [
          error.message.replace(/^(\w+):/, (all, name: string) => (LABELS[name] ? `${LABELS[name]}:` : all)),
        ],
        cell: null,
        fields: [field],
      });
    }
  });
}

/** The field in which a refusal can be mended. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'not-given': ['login'],
  'outside-window': ['at'],
  'duration-too-long': ['for'],
  'ticket-required': ['ticket'],
};

async function submit(
  app: Application,
  reader: Reader,
  place: Membership & { target: string },
  { login, reason, ...rest }: z.infer<typeof asked>,
) {
  const [protocol, ...role] = login.split(' ');
  const question = questionShape.parse({ ...rest, [protocol!]: role.join(' ') });
  const ask = askOf(question, place);
  if (ask.startsAt && ask.startsAt.getTime() < app.clock.now().getTime() - 60_000) {
    throw new Refused('invalid', 'at: the start lies in the past', 400);
  }
  return app.commit(place.tenant, (look, outside) =>
    submitRequest(look, outside, reader.person, { ...ask, tenant: place.tenant, reason }),
  );
}

/** The named line, if it covers the target; without a name the only one that the reader is responsible for. */
function cellFor(place: Membership & { target: string }, activity: string | undefined): Cell | null {
  const covering = cellsCovering(place.engagement, place.target);
  if (activity) return covering.find(cell => cell.id === activity) ?? null;
  const own = choicesOf([place]).find(({ name }) => name === place.target)?.cells ?? [];
  return own.length === 1 ? own[0]! : null;
}

function form(
  app: Application,
  c: Context<Env>,
  reader: Reader,
  place: Membership & { target: string },
  cell: Cell,
  typed: Readonly<Record<string, string>>,
  problem: AskProblem | null,
): Promise<Response> {
  const target = place.engagement.targets.targets[place.target]!;
  const now = app.clock.now();
  const logins = loginsOf(cell, target);
  const page = (
    <AskForm
      reader={{ ...reader, now }}
      place={place}
      cell={cell}
      logins={logins}
      typed={typed}
      problem={problem}
    />
  );
  return respond(c, page, problem === null ? 200 : problem.cell === null ? 422 : 403);
}
