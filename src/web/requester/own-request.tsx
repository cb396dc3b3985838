import { formatDuration } from '../../domain/duration.ts';
import type { RequestView } from '../approver/request-view.ts';
import { As } from '../parts.tsx';
import type { Reader } from '../reader.ts';

interface Props {
  readonly view: RequestView;
  readonly reader: Reader;
  readonly typed: Readonly<Record<string, string>>;
}

/** What the asker can still do: take it back, or change it, which asks anew. */
export function OwnRequest({ view, reader, typed }: Props) {
  const { request, state } = view;
  if (state !== 'waiting') {
    return state === 'approved' ? null : (
      <p>
        <a class="button" href={askAgain(view)}>
          Ask again
        </a>
      </p>
    );
  }
  const amending = typed.amend !== undefined;
  return (
    <section
      data-watch={`/api/v1/requests/${request.id}`}
      data-state={state}
      data-revision={String(request.revision)}
      class="own"
    >
      <p>It waits for an answer. You can close this page: nothing is lost.</p>
      <details {...(amending ? { open: true } : {})}>
        <summary class="button outline">Change it…</summary>
        <form method="post" action={`/r/${request.id}/amend`}>
          <As of={reader} />
          <p class="muted">
            A change asks anew: answers that were given to what it said before no longer count.
          </p>
          <label>
            How long
            <input
              name="for"
              value={amending ? typed.for : formatDuration(request.seconds)}
              required
              maxlength={40}
              autocomplete="off"
            />
          </label>
          <label>
            Reason
            <textarea name="reason" rows={3} required maxlength={2000}>
              {amending ? typed.reason : request.reason}
            </textarea>
          </label>
          <label>
            Ticket
            <input
              name="ticket"
              value={amending ? typed.ticket : (request.ticket ?? '')}
              maxlength={200}
              autocomplete="off"
            />
          </label>
          <button type="submit">Change it</button>
        </form>
      </details>
      <form method="post" action={`/r/${request.id}/withdraw`}>
        <As of={reader} />
        <button type="submit" class="outline">
          Withdraw
        </button>
      </form>
    </section>
  );
}

function askAgain({ request }: RequestView): string {
  const again = new URLSearchParams({ tenant: request.tenant, target: request.target });
  const cell = request.decision.cell ?? request.activity;
  if (cell) again.set('activity', cell);
  return `/ask?${again}`;
}
