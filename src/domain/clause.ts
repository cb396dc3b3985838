import { answerUnder, type Cell } from './cell.ts';
import { formatDuration, parseDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { exceptionName, roleText, selectorText, whenText } from './explanation.ts';
import { rolesGiven } from './gives.ts';
import type { Answer, Exception, When } from './matrix.ts';
import type { Protocol } from './protocol.ts';
import { type KnownSquad, knownSquad } from './squad.ts';

/**
 * A cell as one of its exceptions leaves it, or none: what the matrix says, read once and in one shape, with the
 * lines of an explanation that depend on nothing else.
 */
export interface Clause {
  /** Counts the clauses of an engagement, so that what is known of each stands in a list. */
  readonly number: number;
  readonly cell: Cell;
  readonly exception: Exception | null;
  readonly answer: Answer;
  readonly coApprove: readonly string[];
  /** The longest grant; `null`: the cell says none, as it gives nothing. */
  readonly limit: Limit | null;
  /** What asks for a ticket; rules may ask besides. */
  readonly ticketFor: string | null;
  readonly escalate: readonly string[];
  readonly consulted: readonly string[];
  readonly informed: readonly string[];
  /** What goes with a yes, before the ticket and after it. */
  readonly recorded: readonly string[];
  readonly obligations: readonly string[];
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

export interface Limit {
  readonly text: string;
  readonly seconds: number;
  readonly source: string;
  /** `: backups/restore allows 2h`, after what was asked. */
  readonly says: string;
}

/** A cell, read once and in one shape, whatever its row leaves out: so V8 finds what a decision looks for. */
export interface Plan {
  readonly cell: Cell;
  readonly responsible: readonly KnownSquad[];
  readonly when: When | undefined;
  /** What an explanation says of a login or role that it gives; what is not there it does not give. */
  readonly gives: Readonly<Record<Protocol, ReadonlyMap<string, string>>>;
  /** In the matrix's order. */
  readonly exceptions: readonly { readonly when: When; readonly clause: Clause }[];
  /** Where no exception applies. */
  readonly plain: Clause;
}

/** `numbered` gives each clause its number. */
export function planOf(engagement: Engagement, cell: Cell, numbered: () => number): Plan {
  const { activity } = cell;
  const given = (protocol: Protocol) =>
    new Map(
      rolesGiven(activity, protocol).map(role => [role, `gives ${roleText(activity, protocol, role)}`]),
    );
  return {
    cell,
    responsible: activity.R.flatMap(squad => knownSquad(engagement, squad) ?? []),
    when: activity.when,
    gives: { ssh: given('ssh'), postgres: given('postgres'), web: given('web') },
    exceptions: (activity.exceptions ?? []).map(exception => ({
      when: exception.when,
      clause: read(cell, exception, numbered()),
    })),
    plain: read(cell, null, numbered()),
  };
}

const limitOf = (text: string, source: string): Limit => ({
  text,
  seconds: parseDuration(text)!,
  source,
  says: `: ${source} allows ${text}`,
});

function read(cell: Cell, exception: Exception | null, number: number): Clause {
  const { id, activity, service } = cell;
  const { escalate = [], C = [], I = [] } = activity;
  const { answer, coApprove } = answerUnder(activity, exception);
  const named = exception === null ? id : exceptionName(exception);
  const limit = exception?.for ?? activity.for;
  const ticket = exception?.ticket ?? activity.ticket;
  const { record, handback = [], takeover = [], sign_in_within } = activity;
  const review = exception?.review_within ?? activity.review_within;
  return {
    number,
    cell,
    exception,
    answer,
    coApprove: Object.freeze(coApprove),
    limit: limit === undefined ? null : limitOf(limit, exception?.for === undefined ? id : named),
    ticketFor: ticket !== 'required' ? null : exception?.ticket === undefined ? id : named,
    escalate,
    consulted: C,
    informed: I,
    recorded: record === 'input' ? ['record input'] : [],
    obligations: [
      ...(sign_in_within === undefined
        ? []
        : [`sign-in within ${formatDuration(parseDuration(sign_in_within)!)}`]),
      ...(review === undefined ? [] : [`review within ${review}`]),
      ...takeover.map(item => `takeover: ${item}`),
      ...handback.map(item => `handback: ${item}`),
    ],
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
