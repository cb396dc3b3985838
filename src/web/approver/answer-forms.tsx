import { observes } from '../../domain/observed.ts';
import { visible } from '../../domain/visible-text.ts';
import { As, CellLink, Explanation, Moment, Notice } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { capacityOf, type RequestView } from './request-view.ts';

interface Props {
  readonly view: RequestView;
  readonly reader: Reader;
  readonly typed: Readonly<Record<string, string>>;
}

/** Yes and no, for those whose answer it is; for all others why it is not theirs. */
export function AnswerForms({ view, reader, typed }: Props) {
  const { decision, request, mine, answered, places, open, engagement } = view;
  if (decision.decision !== 'needs-approval') {
    return (
      <Notice kind="refused" title="As it stands, the matrix in force does not let this be answered">
        <Explanation lines={decision.explanation} tenant={request.tenant} cell={decision.cell} />
      </Notice>
    );
  }
  if (observes(engagement)) {
    return (
      <Notice kind="refused" title="Nobody can say yes to this: the matrix in force only observes">
        It was asked before that. Nothing opens by it; who asked can take it back, or it lapses.
      </Notice>
    );
  }
  if (mine) return <WhyLines view={view} lead={null} />;
  if (answered) {
    const rest = open.map(place => (place === 'approver' ? 'an approver' : place.slice(3)));
    return (
      <Notice kind="waiting" title="Your yes is recorded">
        {rest.length > 0 ? `It still waits for ${rest.join(' and ')}.` : ''}
      </Notice>
    );
  }
  if (!places.some(place => open.includes(place))) {
    return (
      <>
        <WhyLines
          view={view}
          lead={
            places.length > 0
              ? 'Your place is filled: somebody else gave that answer.'
              : `You may read this, ${visible(reader.person.name)}; the answer is not yours to give${view.laterAt ? ' yet' : ''}.`
          }
        />
        {view.laterAt ? (
          <p>
            It becomes yours at{' '}
            <Moment at={view.laterAt} now={reader.now} zone={engagement.matrix.timezone} /> if nobody
            answered.
          </p>
        ) : null}
      </>
    );
  }
  const answerPath = (verb: string) => `/r/${request.id}/${verb}`;
  return (
    <section class="answer" aria-label="Your answer">
      <p class="yours">
        You are {capacityOf(view)} for{' '}
        {decision.cell ? <CellLink tenant={request.tenant} cell={decision.cell} /> : null}
        {decision.exception ? `, exception "${visible(decision.exception)}"` : ''}.
      </p>
      <form method="post" action={answerPath('approve')}>
        <As of={reader} />
        <input type="hidden" name="digest" value={view.digest} />
        <button type="submit" class="yes">
          Approve
        </button>
      </form>
      <details {...(typed.deny === undefined ? {} : { open: true })}>
        <summary class="button outline no">Deny…</summary>
        <form method="post" action={answerPath('deny')}>
          <As of={reader} />
          <input type="hidden" name="digest" value={view.digest} />
          <label>
            Why not? {visible(view.asker.name)} is told.
            <textarea name="reason" rows={2} required maxlength={2000}>
              {typed.deny ?? ''}
            </textarea>
          </label>
          <button type="submit" class="outline">
            Deny
          </button>
        </form>
      </details>
      <details class="why">
        <summary>Why you, and what the matrix says</summary>
        <Explanation lines={decision.explanation} tenant={request.tenant} cell={decision.cell} />
      </details>
    </section>
  );
}

function WhyLines({ view, lead }: { view: RequestView; lead: string | null }) {
  return (
    <section>
      {lead ? <p>{lead}</p> : null}
      <details class="why">
        <summary>What the matrix says</summary>
        <Explanation
          lines={view.decision.explanation}
          tenant={view.request.tenant}
          cell={view.decision.cell}
        />
      </details>
    </section>
  );
}
