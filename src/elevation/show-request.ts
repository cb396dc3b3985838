import type { Decision, Engagement } from '../domain/decision.ts';
import { placesOf } from '../domain/decision.ts';
import { memberOf } from '../domain/membership.ts';
import type { Member, Person } from '../domain/person.ts';
import { type AccessRequest, type Display, displayOf } from '../domain/request.ts';
import type { Look, Outside, Step } from './contract.ts';
import { lookAgain } from './record-approval.ts';

export interface Shown {
  readonly request: AccessRequest;
  readonly asker: Person;
  readonly engagement: Engagement;
  readonly member: Member;
  /** What the matrix in force says now. */
  readonly decision: Decision;
  readonly display: Display;
  /** The places that the reader could fill at this moment. */
  readonly places: readonly string[];
}

/** A request as it would be answered at this moment; an answer carries the digest of exactly this display. */
export async function showRequest(
  look: Look,
  outside: Outside,
  reader: Person,
  of: { readonly tenant: string; readonly request: string },
): Promise<Step<Shown>> {
  const { request, asker, assessment } = await lookAgain(look, outside, reader, of);
  const { engagement, decision, question } = assessment;
  const member = memberOf(engagement, reader)!;
  const elapsed = (outside.now.getTime() - request.createdAt.getTime()) / 1000;
  const places =
    reader.id === request.person ? [] : placesOf(engagement, decision, question, member, elapsed);
  const display = displayOf(request, asker, engagement, decision);
  return { result: { request, asker, engagement, member, decision, display, places } };
}
