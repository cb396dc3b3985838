import type { Cell } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import { exceptionText, givesText, whenText } from '../../domain/explanation.ts';
import { ANSWER_WITHIN } from '../../domain/matrix.ts';
import type { Member } from '../../domain/person.ts';
import { answerersOf } from '../../domain/squad.ts';
import { visible } from '../../domain/visible-text.ts';
import { Fact, PersonChip } from '../parts.tsx';
import type { Directory } from '../people.ts';

/** A version of the matrix, with everybody known who is on a side of it. */
export interface Shown {
  readonly engagement: Engagement;
  readonly people: readonly Member[];
  readonly directory: Directory;
}

interface CellProps extends Shown {
  readonly cell: Cell;
}

/** One cell under an address of its own, with the people that it means now. */
export function CellCard({ cell, engagement, people, directory }: CellProps) {
  const { activity, id } = cell;
  const { A, A2, C = [], I = [], escalate = [], exceptions = [], handback = [], takeover = [] } = activity;
  const { controls = [] } = activity;
  const squads = (names: readonly string[]) =>
    names.map(squad => <Squad name={squad} engagement={engagement} people={people} directory={directory} />);
  return (
    <article class="card cell" id={id} tabindex={-1}>
      <h3>
        {activity.label ? `${visible(activity.label)} ` : ''}
        <a href={`#${id}`}>{id}</a>
      </h3>
      <dl class="facts raci">
        <Fact label="R asks">{squads(activity.R)}</Fact>
        <Fact label="A answers">{squads([A])}</Fact>
        {A2 ? <Fact label="A2 in A's place">{squads([A2])}</Fact> : null}
        {C.length > 0 ? <Fact label="C is consulted">{squads(C)}</Fact> : null}
        {I.length > 0 ? <Fact label="I is told">{squads(I)}</Fact> : null}
        {escalate.length > 0 ? <Fact label="Told when nobody answers">{squads(escalate)}</Fact> : null}
      </dl>
      <ul>
        <li>
          Gives {givesText(cell)}
          {activity.for ? `, at most ${activity.for}` : ''}
        </li>
        <li>
          {activity.answer === 'pre-approved'
            ? 'Opens at once'
            : `Each rung has ${activity.answer_within ?? ANSWER_WITHIN} to answer`}
          {activity.review_within ? `, reviewed within ${activity.review_within}` : ''}
        </li>
        {activity.ticket ? <li>Ticket {activity.ticket}</li> : null}
        {activity.when ? <li>Only when {visible(whenText(activity.when))}</li> : null}
        {activity.sign_in_within ? <li>Sign-in younger than {activity.sign_in_within}</li> : null}
        {activity.co_approve ? <li>Needs a yes of {activity.co_approve.join(', ')} besides</li> : null}
        {activity.record === 'input' ? <li>What is typed is recorded too</li> : null}
        {exceptions.map(exception => (
          <li>
            Except <b>{visible(exception.name)}</b>: {visible(exceptionText(exception))}
          </li>
        ))}
        {takeover.map(item => (
          <li>To take over: {visible(item)}</li>
        ))}
        {handback.map(item => (
          <li>To hand back: {visible(item)}</li>
        ))}
        {controls.length > 0 ? <li>Answers to {visible(controls.join(', '))}</li> : null}
      </ul>
      <p>
        <Link of={activity.runbook} label="Runbook" />
        <Link of={activity.rollback} label="Rollback" />
      </p>
    </article>
  );
}

/** Only addresses of the web become links; anything else is shown as the text that it is. */
export function Link({ of, label }: { of: string | undefined; label: string }) {
  if (of === undefined) return null;
  return /^https?:\/\//.test(of) ? (
    <>
      {' '}
      <a href={of} rel="noreferrer">
        {label}
      </a>
    </>
  ) : (
    <>
      {' '}
      {label}: {visible(of)}
    </>
  );
}

function Squad({ name, engagement, people, directory }: Shown & { name: string }) {
  const members = answerersOf(engagement, name, people);
  const party = name.startsWith('msp/') ? 'msp' : 'client';
  return (
    <div class={`squad ${party}`}>
      <b>{name}</b> <span class="muted">{members.length === 0 ? 'nobody seen yet' : null}</span>
      {members.length > 0 ? (
        <ul class="people">
          {members.map(({ handle }) => (
            <li>
              <PersonChip person={directory.byHandle(handle)} engagement={engagement} />
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
