import type { Membership } from '../../api/application.ts';
import type { Cell } from '../../domain/cell.ts';
import { formatDuration, parseDuration } from '../../domain/duration.ts';
import { givesText, whenText } from '../../domain/explanation.ts';
import { ANSWER_WITHIN } from '../../domain/matrix.ts';
import { visible } from '../../domain/visible-text.ts';
import { Page } from '../layout.tsx';
import { As, CellLink, Empty, Explanation, Notice, PartyChip, partySide } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { placeOf } from '../time-words.ts';
import { type Login, loginsOf, needsTicket, severitiesOf, type TargetChoice } from './choices.ts';

/** What the page says when the answer is no, and what needs another look. */
export interface AskProblem {
  readonly title: string;
  readonly lines: readonly string[];
  readonly cell: string | null;
  readonly fields: readonly string[];
}

const askPath = (tenant: string, target: string, activity: string): string =>
  `/ask?${new URLSearchParams({ tenant, target, activity })}`;

/** What there is to ask for, each line of the matrix a link. */
export function ChooseWhat({ reader, choices }: { reader: Reader; choices: readonly TargetChoice[] }) {
  return (
    <Page title="Ask" reader={reader} now={reader.now} path="/ask">
      <h1>What do you need to reach?</h1>
      {choices.length === 0 ? (
        <Empty>
          The matrix makes you responsible for nothing that gives access, so there is nothing here to ask for.
          Who is responsible for what stands in <a href="/matrix">the matrix</a>; changing it takes both
          parties.
        </Empty>
      ) : null}
      <div class="cards">
        {choices.map(({ membership, name, target, cells }) => (
          <section class="card">
            <h2>
              {visible(name)} <PartyChip {...partySide(membership.engagement, 'client')} />
            </h2>
            {target.label ? <p class="muted">{visible(target.label)}</p> : null}
            <ul class="choices">
              {cells.map(cell => (
                <li>
                  <a href={askPath(membership.tenant, name, cell.id)}>
                    <b>{visible(cell.activity.label ?? cell.id)}</b>
                    <span>
                      {givenBy(loginsOf(cell, target))}, up to {cell.activity.for}
                      {cell.activity.when ? `, ${whenText(cell.activity.when)}` : ''}
                    </span>
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
    </Page>
  );
}

const givenBy = (logins: readonly Login[]): string =>
  logins.map(({ protocol, role }) => `${protocol} ${role}`).join(', ') || 'nothing';

interface FormProps {
  readonly reader: Reader;
  readonly place: Membership & { readonly target: string };
  readonly cell: Cell;
  readonly logins: readonly Login[];
  readonly typed: Readonly<Record<string, string>>;
  readonly problem: AskProblem | null;
}

export function AskForm({ reader, place, cell, logins, typed, problem }: FormProps) {
  const { tenant, engagement, target: name } = place;
  const target = engagement.targets.targets[name]!;
  const { activity } = cell;
  const ticket = needsTicket(place, cell, target, reader.now);
  const severities = severitiesOf(place, cell);
  const bad = (field: string) => (problem?.fields.includes(field) ? { 'aria-invalid': 'true' as const } : {});
  const limit = activity.for ?? '1h';
  return (
    <Page title={`Ask for ${name}`} reader={reader} now={reader.now} path={askPath(tenant, name, cell.id)}>
      <article class="ask">
        {problem ? (
          <Notice kind="refused" title={problem.title}>
            <Explanation lines={problem.lines} tenant={tenant} cell={problem.cell} />
          </Notice>
        ) : null}
        <h1>
          {visible(activity.label ?? cell.id)} on {visible(name)}
        </h1>
        <p>
          {target.label ? `${visible(target.label)}. ` : ''}
          <Answering cell={cell} tenant={tenant} /> <a href="/ask">Something else</a>
        </p>
        <form method="post" action="/ask">
          <As of={reader} />
          <input type="hidden" name="tenant" value={tenant} />
          <input type="hidden" name="target" value={name} />
          <input type="hidden" name="activity" value={cell.id} />
          <div class="pair">
            <label>
              Log in as
              <select name="login" required {...bad('login')}>
                {logins.map(({ protocol, role }) => {
                  const value = `${protocol} ${role}`;
                  return (
                    <option value={value} {...(typed.login === value ? { selected: true } : {})}>
                      {role} ({protocol})
                    </option>
                  );
                })}
              </select>
            </label>
            <label>
              How long, at most {limit}
              <input
                name="for"
                value={typed.for ?? usual(limit)}
                required
                maxlength={40}
                autocomplete="off"
                pattern="\s*([0-9]+[smhd])+\s*"
                title="A duration such as 45m or 1h30m"
                {...bad('for')}
              />
            </label>
          </div>
          <label>
            Why
            <textarea name="reason" rows={3} required maxlength={2000} {...bad('reason')}>
              {typed.reason ?? ''}
            </textarea>
          </label>
          <div class="pair">
            <label>
              {ticket ? 'Ticket' : 'Ticket, if there is one'}
              <input
                name="ticket"
                value={typed.ticket ?? ''}
                maxlength={200}
                autocomplete="off"
                {...(ticket ? { required: true } : {})}
                {...bad('ticket')}
              />
            </label>
            {severities.length > 0 ? (
              <label>
                Severity
                <select name="severity">
                  <option value="">none declared</option>
                  {severities.map(severity => (
                    <option value={severity} {...(typed.severity === severity ? { selected: true } : {})}>
                      {severity}
                    </option>
                  ))}
                </select>
              </label>
            ) : null}
          </div>
          <details {...(typed.at || problem?.fields.includes('at') ? { open: true } : {})}>
            <summary>Not now, but later</summary>
            <label>
              From when, {placeOf(engagement.matrix.timezone)} time
              <input type="datetime-local" name="at" value={typed.at ?? ''} {...bad('at')} />
            </label>
          </details>
          <button type="submit">Ask</button>
        </form>
        <Limits cell={cell} />
      </article>
    </Page>
  );
}

/** An hour where the cell allows that much, else all that it allows. */
function usual(limit: string): string {
  return formatDuration(Math.min(3600, parseDuration(limit) ?? 3600));
}

function Answering({ cell, tenant }: { cell: Cell; tenant: string }) {
  const { A, A2, answer, answer_within } = cell.activity;
  return (
    <>
      By <CellLink tenant={tenant} cell={cell.id} />,{' '}
      {answer === 'pre-approved' ? (
        'this opens at once and is reviewed after.'
      ) : (
        <>
          <b>{A}</b> answers{A2 ? `, after ${answer_within ?? ANSWER_WITHIN} ${A2} too` : ''}.
        </>
      )}
    </>
  );
}

function Limits({ cell }: { cell: Cell }) {
  const { exceptions = [], when, sign_in_within } = cell.activity;
  if (exceptions.length === 0 && !when && !sign_in_within) return null;
  return (
    <section>
      <h2>What this line says besides</h2>
      <ul>
        {when ? <li>Open only when {whenText(when)}</li> : null}
        {sign_in_within ? <li>Your sign-in must be younger than {sign_in_within}</li> : null}
        {exceptions.map(exception => (
          <li>
            <b>{visible(exception.name)}</b> ({whenText(exception.when)}):{' '}
            {[
              exception.answer,
              exception.for && `at most ${exception.for}`,
              exception.co_approve && `${exception.co_approve.join(', ')} must say yes too`,
              exception.ticket && `ticket ${exception.ticket}`,
              exception.review_within && `reviewed within ${exception.review_within}`,
            ]
              .filter(Boolean)
              .join(', ')}
          </li>
        ))}
        <li class="muted">It gives {givesText(cell)}</li>
      </ul>
    </section>
  );
}
