import { z } from '@hono/zod-openapi';
import { isLive } from '../domain/grant.ts';
import { handleOf } from '../domain/membership.ts';
import type { Person } from '../domain/person.ts';
import { type AccessRequest, type Display, digestOf, REQUEST_STATES, stateAt } from '../domain/request.ts';
import type { GrantWithHolder } from '../store/grants.ts';
import type { SessionWithPerson } from '../store/sessions.ts';
import { decisionShape } from './shapes.ts';

/** Records as the API shows them: snake_case, times in RFC 3339, people by name and handle. */

const personShape = z.object({ id: z.string(), name: z.string(), handle: z.string() });
export const personJson = (person: Person) => ({
  id: person.id,
  name: person.name,
  handle: handleOf(person),
});

export const requestShape = z
  .object({
    id: z.string(),
    tenant: z.string(),
    state: z.enum(REQUEST_STATES),
    who: personShape.extend({ party: z.string() }),
    target: z.string(),
    cell: z.string().nullable(),
    protocol: z.string(),
    role: z.string(),
    seconds: z.number().openapi({ description: 'Asked length of the grant' }),
    reason: z.string(),
    ticket: z.string().nullable(),
    severity: z.string().nullable(),
    starts_at: z.string().nullable(),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    decided_at: z.string().nullable(),
    revision: z.number(),
    digest: z
      .string()
      .openapi({ description: 'Of the request as it is displayed now; an answer carries it' }),
    decision: decisionShape,
    url: z.string(),
  })
  .openapi('Request');

export function requestJson(
  request: AccessRequest,
  asker: Person,
  now: Date,
  url: URL,
  display: Display | null,
) {
  const shown = display ?? request.display;
  return {
    id: request.id,
    tenant: request.tenant,
    state: stateAt(request, now),
    who: { ...personJson(asker), party: request.party },
    target: request.target,
    cell: request.decision.cell,
    protocol: request.protocol,
    role: request.role,
    seconds: request.seconds,
    reason: request.reason,
    ticket: request.ticket,
    severity: request.severity,
    starts_at: request.startsAt?.toISOString() ?? null,
    created_at: request.createdAt.toISOString(),
    expires_at: request.expiresAt?.toISOString() ?? null,
    decided_at: request.decidedAt?.toISOString() ?? null,
    revision: request.revision,
    digest: shown ? digestOf(shown) : '',
    decision: request.decision,
    url: new URL(`/r/${request.id}`, url).href,
  };
}

export const grantShape = z
  .object({
    id: z.string(),
    request: z.string(),
    tenant: z.string(),
    holder: personShape,
    target: z.string(),
    protocol: z.string(),
    role: z.string(),
    cell: z.string(),
    starts_at: z.string(),
    ends_at: z.string(),
    ended_at: z.string().nullable(),
    end_reason: z.string().nullable(),
    live: z.boolean(),
  })
  .openapi('Grant');

export const grantJson = ({ grant, holder }: GrantWithHolder, now: Date) => ({
  id: grant.id,
  request: grant.request,
  tenant: grant.tenant,
  holder: personJson(holder),
  target: grant.target,
  protocol: grant.protocol,
  role: grant.role,
  cell: grant.cell,
  starts_at: grant.startsAt.toISOString(),
  ends_at: grant.endsAt.toISOString(),
  ended_at: grant.endedAt?.toISOString() ?? null,
  end_reason: grant.endReason,
  live: isLive(grant, now),
});

export const sessionShape = z
  .object({
    id: z.string(),
    grant: z.string(),
    tenant: z.string(),
    person: personShape,
    target: z.string(),
    protocol: z.string(),
    role: z.string(),
    cell: z.string(),
    kind: z.string(),
    command: z.string().nullable(),
    address: z.string(),
    started_at: z.string(),
    deadline: z.string(),
    ended_at: z.string().nullable(),
    end_reason: z.string().nullable(),
    cut_delay_ms: z.number().nullable(),
    exit_status: z.number().nullable(),
    bytes_in: z.number().nullable(),
    bytes_out: z.number().nullable(),
    recording: z.object({ size: z.number(), sha256: z.string(), segments: z.number() }).nullable(),
  })
  .openapi('Session');

export const sessionJson = ({ session, person, cell }: SessionWithPerson) => ({
  id: session.id,
  grant: session.grant,
  tenant: session.tenant,
  person: personJson(person),
  target: session.target,
  protocol: session.protocol,
  role: session.role,
  cell,
  kind: session.kind,
  command: session.command,
  address: session.address,
  started_at: session.startedAt.toISOString(),
  deadline: session.deadline.toISOString(),
  ended_at: session.endedAt?.toISOString() ?? null,
  end_reason: session.endReason,
  cut_delay_ms: session.cutDelay,
  exit_status: session.exitStatus,
  bytes_in: session.bytesIn,
  bytes_out: session.bytesOut,
  recording:
    session.sha256 === null
      ? null
      : { size: session.size!, sha256: session.sha256, segments: session.segments! },
});
