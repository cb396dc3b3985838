import { z } from 'zod';
import { REFUSAL_CODES } from '../domain/refusal.ts';
import { duration, email, moment, name, quoted, says, squad, squads, strict, text, texts } from './forms.ts';

const TIME = '2026-11-24T10:00';
const rung = strict({
  squad: squad.describe('The squad that is asked.'),
  people: texts.describe('Its people who may answer, in their order.'),
  after: z.string().describe('How long after the request, 0s for at once.'),
});

/** Somebody who takes part in expectations, known to the matrix by group and email. */
const actor = strict({
  party: z.enum(['msp', 'client'], says('msp or client')).describe('The side they sign in on.'),
  email: email.describe('The email that their issuer verified.').exactOptional(),
  groups: z
    .array(quoted, says('a list of groups'))
    .describe('The groups that their identity provider gives them.')
    .exactOptional(),
}).describe('Somebody who takes part in the expectations.');

const PROTOCOLS = ['ssh', 'postgres', 'web'] as const;
const ask = strict({
  who: text.describe('Who asks, one of `people`.'),
  target: text.describe('What they want to reach.'),
  activity: text
    .describe('Which cell they mean, service/activity; else the only one that fits.')
    .exactOptional(),
  ssh: text.describe('The login, over SSH.').exactOptional(),
  postgres: text.describe('The role, in PostgreSQL.').exactOptional(),
  web: text.describe('The role, on the web console.').exactOptional(),
  for: duration.describe('For how long, such as 1h.'),
  ticket: quoted.describe('The ticket that they name.').exactOptional(),
  severity: quoted.describe('How bad it is, such as sev1.').exactOptional(),
  at: moment(TIME).describe("When it would start, in the matrix's zone unless it names one.").exactOptional(),
})
  .refine(
    value => PROTOCOLS.filter(protocol => value[protocol] !== undefined).length <= 1,
    'expected one of ssh, postgres and web',
  )
  .meta({
    description: 'One question, as somebody would ask it.',
    allOf: [
      ['ssh', 'postgres'],
      ['ssh', 'web'],
      ['postgres', 'web'],
    ].map(required => ({ not: { required } })),
  });

const expectation = strict({
  name: text.describe('What should hold, in words.'),
  ask,
  decision: z
    .enum(['refused', 'needs-approval', 'pre-approved'], says('refused, needs-approval or pre-approved'))
    .describe('The answer that is expected; what else is written here is compared too, and nothing more.'),
  code: z
    .enum(REFUSAL_CODES, says(`one of ${REFUSAL_CODES.join(', ')}`))
    .nullable()
    .describe('The code of the refusal.')
    .exactOptional(),
  cell: z.string().nullable().describe('The cell that decides.').exactOptional(),
  exception: z.string().nullable().describe('The exception that applies, by name.').exactOptional(),
  approvers: texts.describe('People of the first rung, in their order.').exactOptional(),
  co_approve: squads.describe('Squads of which one person each must say yes besides.').exactOptional(),
  ladder: z.array(rung).describe('Everybody who is asked, rung by rung.').exactOptional(),
  escalate: squads.describe('Squads that are told when nobody answered.').exactOptional(),
  consulted: squads.describe('Squads that comment before.').exactOptional(),
  informed: squads.describe('Squads that are told after.').exactOptional(),
  obligations: texts.describe('What goes with the yes.').exactOptional(),
  explanation: texts.describe('The lines of the explanation.').exactOptional(),
  ends_by: moment(TIME).nullable().describe('When the window shuts that allowed it.').exactOptional(),
}).describe('One question and the answer that the matrix must give.');

export const expectationsSchema = strict({
  people: z.record(name, actor, says('people by name')).describe('Who takes part, by a name of your choice.'),
  expect: z.array(expectation, says('a list of expectations')).describe('What must hold, one after another.'),
});

export type Expectations = z.infer<typeof expectationsSchema>;
export type Expectation = Expectations['expect'][number];
