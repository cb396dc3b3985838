import type { Application } from '../../api/application.ts';
import { findCell } from '../../domain/cell.ts';
import { rightsText } from '../../domain/explanation.ts';
import { NOTHING_OPENED, wouldHave } from '../../domain/observed.ts';
import { visible } from '../../domain/visible-text.ts';
import { Page } from '../layout.tsx';
import {
  Apart,
  CellLink,
  Explanation,
  Fact,
  Ids,
  Moment,
  Notice,
  PartyChip,
  PersonChip,
  partySide,
  type Scale,
  State,
  Until,
  Words,
} from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { GrantCard } from '../requester/grant-card.tsx';
import { OwnRequest } from '../requester/own-request.tsx';
import { lengthWords } from '../time-words.ts';
import { AnswerForms } from './answer-forms.tsx';
import type { RequestView } from './request-view.ts';

/** What just happened, above the page as it is now. */
export interface Message {
  readonly kind: Scale;
  readonly title: string;
  readonly lines: readonly string[];
}

interface Props {
  readonly app: Application;
  readonly reader: Reader;
  readonly view: RequestView;
  readonly message: Message | null;
  /** What was typed into a form whose answer was no. */
  readonly typed: Readonly<Record<string, string>>;
}

/** One request, to whoever may see it; on a phone the answer is on the first screen. */
export function RequestPage({ app, reader, view, message, typed }: Props) {
  const { request, asker, engagement, state, mine, grant } = view;
  const zone = engagement.matrix.timezone;
  const title = `${asker.name} asks for ${request.role} on ${request.target}`;
  return (
    <Page title={title} reader={reader} now={reader.now} path={`/r/${request.id}`}>
      <article class="request">
        {message ? (
          <Notice kind={message.kind} title={message.title}>
            {message.lines.map(line => (
              <p>{visible(line)}</p>
            ))}
          </Notice>
        ) : null}
        <header>
          <p class="state-line">
            <State is={state} />{' '}
            {state === 'waiting' && request.expiresAt ? (
              <Until at={request.expiresAt} now={reader.now} zone={zone} />
            ) : request.decidedAt ? (
              <Moment at={request.decidedAt} now={reader.now} zone={zone} />
            ) : null}
          </p>
          <h1>
            {mine ? 'You ask' : `${visible(asker.name)} asks`} for <b>{visible(request.role)}</b> on{' '}
            <b>{visible(request.target)}</b>
          </h1>
        </header>
        <OnlyObserved view={view} />
        <WhatFor view={view} reader={reader} />
        {mine ? <OwnRequest view={view} reader={reader} typed={typed} /> : null}
        {state === 'waiting' ? <AnswerForms view={view} reader={reader} typed={typed} /> : null}
        {grant ? (
          <section>
            <h2>{mine ? 'What you hold' : 'What was given'}</h2>
            <GrantCard
              app={app}
              grant={grant}
              reader={reader}
              engagement={engagement}
              holder={null}
              returnTo={`/r/${request.id}`}
            />
          </section>
        ) : null}
        <Answers view={view} reader={reader} />
        {state === 'waiting' ? null : <Why view={view} />}
        <Asked view={view} reader={reader} />
        <Undelivered view={view} />
        <Ids
          of={[
            ['Request', request.id],
            ['version', String(request.revision)],
            ['shown', view.digest.slice(0, 12)],
            ['matrix', view.display.matrix.slice(0, 12)],
          ]}
        />
      </article>
    </Page>
  );
}

function WhatFor({ view, reader }: { view: RequestView; reader: Reader }) {
  const { request, asker, engagement, display, squads, before, decision } = view;
  const cell = decision.cell ? findCell(engagement, decision.cell) : null;
  const zone = engagement.matrix.timezone;
  const rights = cell && request.protocol === 'ssh' ? rightsText(cell.activity) : null;
  return (
    <dl class="facts">
      <Fact label="Who">
        <b>{visible(asker.name)}</b> <PartyChip {...partySide(engagement, request.party)} />{' '}
        <span class="muted">
          {asker.boundEmail ? visible(asker.boundEmail) : 'no verified email'}
          {squads.length > 0 ? ` · ${squads.join(', ')}` : ''}
        </span>
      </Fact>
      <Fact label="Gives">
        {request.protocol} as <b>{visible(request.role)}</b>
        {rights ? ` (${rights})` : ''} on {visible(display.target.label ?? display.target.name)}
        {display.target.address ? <span class="muted"> ({display.target.address})</span> : null}
        {cell?.activity.label ? <span>, to {visible(lower(cell.activity.label))}</span> : null}
      </Fact>
      <Fact label="Why">
        <Words text={request.reason} />
      </Fact>
      <Fact label="Ticket">
        {request.ticket ? visible(request.ticket) : <span class="muted">none</span>}
        {request.severity ? <span> · says {visible(request.severity)}</span> : null}
      </Fact>
      <Fact label="How long">
        <b>{lengthWords(request.seconds)}</b>
        {request.startsAt ? (
          <>
            {' '}
            from <Moment at={request.startsAt} now={reader.now} zone={zone} />
          </>
        ) : (
          <span class="muted"> from the moment of the yes</span>
        )}
        {decision.ends_by ? (
          <>
            , ends at the latest <Moment at={new Date(decision.ends_by)} now={reader.now} zone={zone} />
          </>
        ) : null}
      </Fact>
      {display.obligations.length > 0 ? <Fact label="With it">{display.obligations.join(', ')}</Fact> : null}
      {cell?.activity.controls?.length ? (
        <Fact label="Answers to">{visible(cell.activity.controls.join(', '))}</Fact>
      ) : null}
      <Fact label="Before">
        {before.asked === 0
          ? `first time on ${visible(request.target)}`
          : `asked ${times(before.asked)} before on ${visible(request.target)}, ${before.approved === 0 ? 'never given' : `given ${times(before.approved)}`}`}
        {request.revision > 1 ? `; changed ${times(request.revision - 1)} since it was asked` : ''}
      </Fact>
    </dl>
  );
}

const times = (count: number): string => (count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`);
const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** Above all else: nothing was opened, and what would have come of it. */
function OnlyObserved({ view: { state, decision, directory } }: { view: RequestView }) {
  if (state !== 'observed') return null;
  const said = wouldHave(decision, handle => directory.byHandle(handle).name);
  return (
    <Notice kind="waiting" title={`Observe mode: ${said}`}>
      {NOTHING_OPENED}
    </Notice>
  );
}

function Why({ view }: { view: RequestView }) {
  const { decision, request } = view;
  return (
    <section>
      <h2>{decision.code ? 'Why the matrix says no' : 'What the matrix says'}</h2>
      <Explanation lines={decision.explanation} tenant={request.tenant} cell={decision.cell} />
    </section>
  );
}

function Asked({ view, reader }: { view: RequestView; reader: Reader }) {
  const { ladder, decision, state, engagement, directory, request } = view;
  if (ladder.length === 0 || decision.decision !== 'needs-approval') return null;
  const waits = state === 'waiting';
  const zone = engagement.matrix.timezone;
  const current = ladder.findLastIndex(rung => rung.reached);
  return (
    <section>
      <h2>{waits ? 'Who is asked' : state === 'observed' ? 'Who would have been asked' : 'Who was asked'}</h2>
      <ol class="ladder">
        {ladder.map((rung, at) => (
          <li class={waits && at === current ? 'now' : ''}>
            <p>
              <b>{rung.squad}</b>{' '}
              {waits ? (
                rung.reached ? (
                  <span class="state waiting">{at === current ? 'asked now' : 'asked too'}</span>
                ) : (
                  <span>
                    next, <Apart at={rung.at} now={reader.now} />, at{' '}
                    <Moment at={rung.at} now={reader.now} zone={zone} />
                  </span>
                )
              ) : null}
            </p>
            <ul class="people">
              {rung.people.map(handle => (
                <li>
                  <PersonChip person={directory.byHandle(handle)} engagement={engagement} />
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ol>
      {decision.co_approve.length > 0 ? (
        <p>
          Besides the approver, one person each of <b>{decision.co_approve.join(', ')}</b>{' '}
          {state === 'observed' ? 'would have had to' : 'must'} say yes.
        </p>
      ) : null}
      {waits && request.expiresAt ? (
        <p class="muted">
          If nobody answers by <Moment at={request.expiresAt} now={reader.now} zone={zone} />, the answer is
          no
          {decision.escalate.length > 0 ? ` and ${decision.escalate.join(', ')} are told` : ''}.
        </p>
      ) : null}
      {decision.cell ? (
        <p class="muted">
          By the line <CellLink tenant={request.tenant} cell={decision.cell} /> of the matrix
          {decision.consulted.length > 0 ? `; consulted: ${decision.consulted.join(', ')}` : ''}
          {decision.informed.length > 0 ? `; told after: ${decision.informed.join(', ')}` : ''}.
        </p>
      ) : null}
    </section>
  );
}

function Answers({ view, reader }: { view: RequestView; reader: Reader }) {
  const { answers, engagement, directory, request } = view;
  if (answers.length === 0) return null;
  return (
    <section>
      <h2>Answers</h2>
      <ul class="answers">
        {answers.map(({ approval, person }) => (
          <li>
            <State is={approval.answer === 'yes' ? 'approved' : 'denied'} />{' '}
            <PersonChip
              person={directory.byId(person.id) ?? { name: person.name, party: null, unseen: false }}
              engagement={engagement}
            />{' '}
            <Moment at={approval.at} now={reader.now} zone={engagement.matrix.timezone} />
            {approval.place === 'approver' ? '' : `, for ${approval.place.slice(3)}`}
            {approval.revision < request.revision ? ', to an earlier version: it does not count' : ''}
            {approval.reason ? (
              <blockquote>
                <Words text={approval.reason} />
              </blockquote>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Undelivered({ view }: { view: RequestView }) {
  if (view.undelivered.length === 0) return null;
  return (
    <section class="small">
      <h2>Messages that have not arrived</h2>
      <ul>
        {view.undelivered.map(({ channel, attempts, outcome }) => (
          <li>
            {visible(channel)}: {outcome === 'failed' ? 'given up' : 'tried again soon'} after{' '}
            {attempts === 1 ? 'one attempt' : `${attempts} attempts`}
          </li>
        ))}
      </ul>
      <p>This page works without them: send its address to whoever must answer.</p>
    </section>
  );
}
