import { findCell } from '../domain/cell.ts';
import { decide } from '../domain/decision.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Engagement } from '../domain/engagement.ts';
import { memberOf, membersOf } from '../domain/membership.ts';
import type { Member, Person } from '../domain/person.ts';
import type { Decision } from '../domain/question.ts';
import type { AccessRequest } from '../domain/request.ts';
import type { Kind } from './diff.ts';

/** A request as it stands on record, with who asked it. */
export interface RecordedRequest {
  readonly request: Pick<
    AccessRequest,
    | 'id'
    | 'target'
    | 'activity'
    | 'protocol'
    | 'role'
    | 'seconds'
    | 'ticket'
    | 'severity'
    | 'startsAt'
    | 'createdAt'
    | 'decision'
  >;
  readonly asker: Person;
}

/** What one version answers; plain data. */
export interface Answered {
  readonly decision: Decision['decision'];
  /** That of a refusal; `no-such-tenant` for an asker whom the version has on neither side. */
  readonly code: string | null;
  readonly cell: string | null;
  readonly exception: string | null;
  /** Squads of the ladder, in the order in which they are asked. */
  readonly answerers: readonly string[];
  readonly co_approve: readonly string[];
  /** The longest grant that would be given, in seconds; `null` for a refusal. */
  readonly limit: number | null;
  readonly obligations: readonly string[];
}

/** What would be another: `gains` for a no that becomes a yes, `easier` for fewer who have to agree, and so on. */
export type Effect = Kind | 'same';

export interface Outcome {
  readonly id: string;
  readonly effect: Effect;
  /** Names of what in the two answers is not the same. */
  readonly changed: readonly (keyof Answered)[];
  /** As it was answered when it was asked. */
  readonly recorded: Answered;
  /** As the version in force answers it again. */
  readonly before: Answered;
  /** As the other version would. */
  readonly after: Answered;
  /** The other version's own words; empty where nothing changes. */
  readonly explanation: readonly string[];
}

export type Counts = Readonly<Record<Effect, number>>;

/**
 * Decides recorded requests again, under the version in force and under another, each at the moment for which it was
 * asked. People, their groups and the sides that they are on are as they are known now, so `before` may differ from
 * what was recorded. A lockout is no matter of versions and is left out.
 */
export function openWhatIf(before: Engagement, after: Engagement, people: readonly Person[]) {
  const was: Version = { engagement: before, people: membersOf(before, people) };
  const is: Version = { engagement: after, people: membersOf(after, people) };
  return ({ request, asker }: RecordedRequest): Outcome => {
    const then = answerOf(was, request, asker);
    const now = answerOf(is, request, asker);
    const [one, other] = [answeredBy(before, then), answeredBy(after, now)];
    const changed = KEYS.filter(key => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
    return {
      id: request.id,
      effect: effectOf(one, other, changed),
      changed,
      recorded: answeredBy(null, request.decision),
      before: one,
      after: other,
      explanation: changed.length > 0 ? now.explanation : [],
    };
  };
}

export const countsOf = (outcomes: readonly Outcome[]): Counts => {
  const counts = { gains: 0, easier: 0, answers: 0, harder: 0, loses: 0, other: 0, same: 0 };
  for (const { effect } of outcomes) counts[effect] += 1;
  return counts;
};

interface Version {
  readonly engagement: Engagement;
  readonly people: readonly Member[];
}

const KEYS = [
  'decision',
  'code',
  'cell',
  'exception',
  'answerers',
  'co_approve',
  'limit',
  'obligations',
] as const satisfies readonly (keyof Answered)[];

type Given = Pick<
  Decision,
  'decision' | 'cell' | 'exception' | 'ladder' | 'co_approve' | 'obligations' | 'explanation'
> & { readonly code: string | null };

function answerOf(
  { engagement, people }: Version,
  request: RecordedRequest['request'],
  asker: Person,
): Given {
  const member = memberOf(engagement, asker);
  if (!member) {
    return {
      decision: 'refused',
      code: 'no-such-tenant',
      cell: null,
      exception: null,
      ladder: [],
      co_approve: [],
      obligations: [],
      explanation: [`no-such-tenant: ${asker.issuer} speaks for neither party of ${engagement.tenant}`],
    };
  }
  const { target, activity, protocol, role, seconds, ticket, severity, startsAt, createdAt } = request;
  const at = Math.max(startsAt?.getTime() ?? 0, createdAt.getTime());
  const question = { asker: member, target, activity, protocol, role, seconds, ticket, severity, at };
  return decide(engagement, question, { people, lockedOut: false });
}

/** `null`: the version that gave the answer is not at hand, so its limit is not known. */
function answeredBy(engagement: Engagement | null, given: Given): Answered {
  const { decision, code, cell, exception, ladder, co_approve, obligations } = given;
  const row =
    engagement && cell !== null && decision !== 'refused' ? findCell(engagement, cell)?.activity : null;
  const limit = row && (row.exceptions?.find(({ name }) => name === exception)?.for ?? row.for);
  return {
    decision,
    code,
    cell,
    exception,
    answerers: ladder.map(({ squad }) => squad),
    co_approve,
    limit: limit ? parseDuration(limit) : null,
    obligations,
  };
}

const OPENNESS = ['refused', 'needs-approval', 'pre-approved'] as const;

/** Which way it goes, by what matters most. */
function effectOf(was: Answered, is: Answered, changed: readonly (keyof Answered)[]): Effect {
  if (changed.length === 0) return 'same';
  if (was.decision !== is.decision) {
    if (was.decision === 'refused') return 'gains';
    if (is.decision === 'refused') return 'loses';
    return OPENNESS.indexOf(is.decision) > OPENNESS.indexOf(was.decision) ? 'easier' : 'harder';
  }
  const [more, fewer] = [
    is.co_approve.some(squad => !was.co_approve.includes(squad)),
    was.co_approve.some(squad => !is.co_approve.includes(squad)),
  ];
  if (more !== fewer) return more ? 'harder' : 'easier';
  if (more || changed.includes('answerers')) return 'answers';
  if (was.limit !== is.limit && was.limit !== null && is.limit !== null)
    return is.limit > was.limit ? 'easier' : 'harder';
  return 'other';
}
