import { answerUnder, type Cell } from './cell.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { exceptionName, selectorText, whenText } from './explanation.ts';
import type { Answer, Exception } from './matrix.ts';
import { once } from './once.ts';

/**
 * A cell as one of its exceptions leaves it, or none: what the matrix says, read once and in one shape, with the
 * lines of an explanation that depend on nothing else.
 */
export interface Clause {
  readonly cell: Cell;
  readonly exception: Exception | null;
  readonly answer: Answer;
  readonly coApprove: readonly string[];
  /** The longest grant; `null`: the cell says none, as it gives nothing. */
  readonly limit: { readonly text: string; readonly seconds: number; readonly source: string } | null;
  /** What asks for a ticket; rules may ask besides. */
  readonly ticketFor: string | null;
  readonly escalate: readonly string[];
  readonly consulted: readonly string[];
  readonly informed: readonly string[];
  /** What goes with a yes, before the ticket and after it. */
  readonly obligations: { readonly record: readonly string[]; readonly others: readonly string[] };
  readonly says: {
    /** `backups/restore (Restore from backup) covers `, then the target. */
    readonly covers: string;
    /** `: service: backups` */
    readonly selected: string;
    /** When it is open and which exception applies. */
    readonly when: readonly string[];
    /** Who let it pre-approve. */
    readonly preApproved: string;
    readonly coApprove: readonly string[];
    readonly controls: readonly string[];
  };
}

/** The clause of a cell under one of its own exceptions. */
export const clauseOf = (cell: Cell, exception: Exception | null): Clause =>
  exception === null ? plain(cell) : excepted(cell).get(exception)!;

const plain = once((cell: Cell) => read(cell, null));

const excepted = once(
  (cell: Cell): ReadonlyMap<Exception, Clause> =>
    new Map((cell.activity.exceptions ?? []).map(exception => [exception, read(cell, exception)])),
);

function read(cell: Cell, exception: Exception | null): Clause {
  const { id, activity, service } = cell;
  const { escalate = [], C = [], I = [] } = activity;
  const { answer, coApprove } = answerUnder(activity, exception);
  const named = exception === null ? id : exceptionName(exception);
  const limit = exception?.for ?? activity.for;
  const ticket = exception?.ticket ?? activity.ticket;
  const { record, handback = [], takeover = [], sign_in_within } = activity;
  const review = exception?.review_within ?? activity.review_within;
  return {
    cell,
    exception,
    answer,
    coApprove,
    limit:
      limit === undefined
        ? null
        : {
            text: limit,
            seconds: parseDuration(limit)!,
            source: exception?.for === undefined ? id : named,
          },
    ticketFor: ticket !== 'required' ? null : exception?.ticket === undefined ? id : named,
    escalate,
    consulted: C,
    informed: I,
    obligations: {
      record: record === 'input' ? ['record input'] : [],
      others: [
        ...(sign_in_within === undefined
          ? []
          : [`sign-in within ${formatDuration(parseDuration(sign_in_within)!)}`]),
        ...(review === undefined ? [] : [`review within ${review}`]),
        ...takeover.map(item => `takeover: ${item}`),
        ...handback.map(item => `handback: ${item}`),
      ],
    },
    says: {
      covers: `${activity.label ? `${id} (${activity.label})` : id} covers `,
      selected: `: ${selectorText(service.targets)}`,
      when: [
        ...(activity.when ? [`open now: ${whenText(activity.when)}`] : []),
        ...(exception ? [`${named} applies: ${whenText(exception.when)}`] : []),
      ],
      preApproved: `answer: pre-approved, by ${exception?.answer ? named : id}`,
      coApprove:
        coApprove.length > 0
          ? [`co_approve: ${coApprove.join(', ')}, one person each besides the approver`]
          : [],
      controls: activity.controls?.length ? [`answers to ${activity.controls.join(', ')}`] : [],
    },
  };
}
