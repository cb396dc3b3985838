import { z } from '@hono/zod-openapi';
import { parseMoment } from '../domain/calendar.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Protocol } from '../domain/request.ts';
import type { Ask } from '../elevation/assess.ts';
import { Refused } from '../elevation/contract.ts';
import type { Membership } from './application.ts';

/** Shapes that several routes share. Every text that comes in is bounded. */

const NOTHING_HIDDEN = /^[^\p{Cc}\p{Cf}\u2028\u2029]*$/u;

/** A line of text without control or formatting characters, which could make it read as something else. */
export const line = (most: number) =>
  z.string().trim().min(1).max(most).regex(NOTHING_HIDDEN, 'no control or invisible characters');

/** Words of a person; several lines are fine. */
export const words = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine(
      text => text.split(/\r?\n/).every(part => NOTHING_HIDDEN.test(part)),
      'no control or invisible characters',
    );

const name = line(200);

/** A name without spaces: a login, a cell, a severity. */
export const token = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.$/-]*$/, 'expected a name without spaces');

/** A ticket's number or address in its own system; words belong in the reason. */
export const ticketShape = z
  .string()
  .trim()
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/#:?=&-]*$/, 'expected a ticket number such as INC-7, without spaces');

export const questionShape = z.strictObject({
  tenant: name.optional(),
  target: name,
  // What stands in the log as it is must not be able to hold a sentence.
  activity: token(130).optional(),
  ssh: token(64).optional(),
  postgres: token(64).optional(),
  web: token(64).optional(),
  for: z
    .string()
    .max(40)
    .openapi({ description: 'Duration such as 45m or 1h30m, at least one second', example: '1h' }),
  ticket: ticketShape.optional(),
  severity: token(20).optional(),
  at: z.string().max(40).optional().openapi({
    description: "When it shall begin; without a zone, in the matrix's",
    example: '2026-11-24T10:00',
  }),
  reason: words(2000).optional(),
});

export type QuestionBody = z.infer<typeof questionShape>;

/**
 * What is asked, as a step takes it.
 *
 * @throws Refused `invalid`
 */
export function askOf(body: QuestionBody, { engagement, target }: Membership & { target: string }): Ask {
  const invalid = (field: string, message: string) =>
    new Refused('invalid', `${field}: ${message}`, 400, { errors: [{ field, message }] });
  const given = (['ssh', 'postgres', 'web'] as const).filter(
    (protocol: Protocol) => body[protocol] !== undefined,
  );
  if (given.length !== 1) throw invalid('ssh', 'say exactly one of ssh, postgres and web');
  const protocol = given[0]!;
  const seconds = parseDuration(body.for);
  if (seconds === null || seconds > 366 * 86400)
    throw invalid('for', 'expected a duration such as 45m or 1h30m');
  const at = body.at === undefined ? null : parseMoment(body.at, engagement.matrix.timezone);
  if (body.at !== undefined && at === null) throw invalid('at', 'expected a time such as 2026-11-24T10:00');
  return {
    target,
    activity: body.activity ?? null,
    protocol,
    role: body[protocol]!,
    seconds,
    ticket: body.ticket ?? null,
    severity: body.severity ?? null,
    startsAt: at === null ? null : new Date(at),
  };
}

// What is decided is shared among answers, so nobody changes it.
const texts = z.array(z.string()).readonly();
const rung = z.object({ squad: z.string(), people: texts, after: z.string() });

export const decisionShape = z
  .object({
    decision: z.enum(['refused', 'needs-approval', 'pre-approved']),
    code: z.string().nullable(),
    tenant: z.string(),
    matrix: z.string(),
    cell: z.string().nullable(),
    exception: z.string().nullable(),
    approvers: texts,
    co_approve: texts,
    ladder: z.array(rung).readonly(),
    escalate: texts,
    consulted: texts,
    informed: texts,
    obligations: texts,
    explanation: texts,
    ends_by: z.number().nullable(),
    answer_seconds: z.number(),
  })
  .openapi('Decision');

export const problemShape = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.string(),
    request_id: z.string(),
  })
  .openapi('Problem');

export const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemShape } },
});

/** The refusals that any route may give. */
export const refusals = {
  400: problem('Not understood'),
  401: problem('Not signed in'),
  403: problem('The answer is no'),
  404: problem('Nothing there for you'),
  409: problem('It moved, or is decided'),
} as const;

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

export const body = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
});

export const idParameter = z.object({
  id: z
    .string()
    .max(60)
    .regex(/^[a-z]+_[0-9a-z]+$/),
});

export const tenantQuery = z.object({ tenant: name.optional() });
