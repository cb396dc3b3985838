import type { Application } from '../../api/application.ts';
import { displayRequest } from '../../api/requests.ts';
import type { Approval } from '../../domain/approval.ts';
import { placesOpen } from '../../domain/approval.ts';
import { findCell } from '../../domain/cell.ts';
import type { Decision, Engagement, Question } from '../../domain/decision.ts';
import { placesOf } from '../../domain/decision.ts';
import { parseDuration } from '../../domain/duration.ts';
import type { Grant } from '../../domain/grant.ts';
import { memberOf } from '../../domain/membership.ts';
import type { Member, Person } from '../../domain/person.ts';
import { type AccessRequest, type Display, type RequestState, stateAt } from '../../domain/request.ts';
import { isInSquad } from '../../domain/squad.ts';
import { listGrants } from '../../store/grants.ts';
import { answersTo, askedBefore, undelivered } from '../../store/requests.ts';
import { type Directory, directoryOf } from '../people.ts';
import type { Reader } from '../reader.ts';

/** A rung as it stands at this moment. */
export interface AskedRung {
  readonly squad: string;
  readonly people: readonly string[];
  readonly at: Date;
  readonly reached: boolean;
}

/** All that the page of a request says to one reader. */
export interface RequestView {
  readonly request: AccessRequest;
  readonly asker: Person;
  readonly engagement: Engagement;
  readonly member: Member;
  readonly state: RequestState;
  /** What is, or was, answered. */
  readonly display: Display;
  readonly decision: Decision;
  readonly digest: string;
  readonly mine: boolean;
  readonly places: readonly string[];
  /** Places that still wait for a yes. */
  readonly open: readonly string[];
  readonly answered: boolean;
  /** When the reader's rung comes, for those whose turn it is not yet. */
  readonly laterAt: Date | null;
  readonly squads: readonly string[];
  readonly ladder: readonly AskedRung[];
  readonly answers: readonly { readonly approval: Approval; readonly person: Person }[];
  readonly before: { readonly asked: number; readonly approved: number };
  readonly grant: Grant | null;
  readonly undelivered: readonly {
    readonly channel: string;
    readonly outcome: string | null;
    readonly attempts: number;
  }[];
  readonly directory: Directory;
}

/** @throws Refused `no-such-request` also for those who may not see it */
export async function viewRequest(app: Application, reader: Reader, id: string): Promise<RequestView> {
  const shown = await displayRequest(app, reader.person, id);
  const { request, asker, engagement, member } = shown;
  const state = stateAt(request, reader.now);
  const waits = state === 'waiting';
  const mine = request.person === reader.person.id;
  // What was decided stays as it was decided; what waits is read by the matrix in force.
  const decision = waits ? shown.decision : request.decision;
  const display = (waits ? null : request.display) ?? shown.display;
  const [answers, [row], before, messages, directory] = await Promise.all([
    answersTo(app.database, request),
    listGrants(app.database, { tenants: [request.tenant], request: id }),
    askedBefore(app.database, request),
    undelivered(app.database, request.tenant),
    directoryOf(app, engagement),
  ]);
  const current = answers
    .map(answer => answer.approval)
    .filter(({ revision }) => revision === request.revision);
  const side = memberOf(engagement, asker);
  return {
    request,
    asker,
    engagement,
    member,
    state,
    display,
    decision,
    digest: shown.digest,
    mine,
    places: waits ? shown.places : [],
    open: placesOpen(decision.co_approve, current),
    answered: current.some(({ person }) => person === reader.person.id),
    laterAt: waits && !mine ? laterFor(engagement, decision, request, asker, member, reader.now) : null,
    squads: side ? squadsOf(engagement, side) : [],
    ladder: ladderOf(decision, request, reader.now),
    answers,
    before,
    grant: row?.grant ?? null,
    undelivered: messages.filter(({ message }) => message.url?.endsWith(`/r/${id}`)),
    directory,
  };
}

export const squadsOf = ({ matrix, ...rest }: Engagement, member: Member): string[] =>
  Object.keys(matrix.parties[member.party].squads)
    .map(name => `${member.party}/${name}`)
    .filter(squad => isInSquad({ matrix, ...rest }, squad, member));

export function ladderOf(decision: Decision, request: AccessRequest, now: Date): AskedRung[] {
  return decision.ladder.map(({ squad, people, after }) => {
    const at = new Date(request.createdAt.getTime() + (parseDuration(after) ?? 0) * 1000);
    return { squad, people, at, reached: at <= now };
  });
}

/** The places that somebody could fill in answering a stored request, at a moment. */
export function placesAt(
  engagement: Engagement,
  decision: Decision,
  request: AccessRequest,
  asker: Person,
  member: Member,
  at: Date,
): string[] {
  const asking = memberOf(engagement, asker);
  if (!asking) return [];
  const question: Question = {
    asker: asking,
    target: request.target,
    activity: request.activity,
    protocol: request.protocol,
    role: request.role,
    seconds: request.seconds,
    ticket: request.ticket,
    severity: request.severity,
    at: Math.max(request.startsAt?.getTime() ?? 0, at.getTime()),
  };
  const elapsed = (at.getTime() - request.createdAt.getTime()) / 1000;
  return placesOf(engagement, decision, question, member, elapsed);
}

function laterFor(
  engagement: Engagement,
  decision: Decision,
  request: AccessRequest,
  asker: Person,
  member: Member,
  now: Date,
): Date | null {
  if (placesAt(engagement, decision, request, asker, member, now).length > 0) return null;
  const next = ladderOf(decision, request, now).filter(rung => !rung.reached);
  const mine = next.find(({ at }) => placesAt(engagement, decision, request, asker, member, at).length > 0);
  return mine?.at ?? null;
}

/** In which of the cell's letters a reader answers: `A client/it`. */
export function capacityOf({ engagement, decision, member, places }: RequestView): string {
  const cell = decision.cell ? findCell(engagement, decision.cell) : null;
  if (!cell) return '';
  const { A, A2 } = cell.activity;
  const letters = [
    ...(places.includes('approver') && isInSquad(engagement, A, member) ? [`accountable (A) as ${A}`] : []),
    ...(places.includes('approver') && A2 && !isInSquad(engagement, A, member)
      ? [`secondary owner (A2) as ${A2}`]
      : []),
    ...places.filter(place => place.startsWith('co:')).map(place => `co-approver as ${place.slice(3)}`),
  ];
  return letters.join(' and ');
}
