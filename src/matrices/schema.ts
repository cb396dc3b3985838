import { z } from 'zod';
import { isTimezone, WEEKLY_FORM } from '../domain/calendar.ts';
import type { Matrix } from '../domain/matrix.ts';
import {
  accountable,
  date,
  duration,
  email,
  flag,
  link,
  moment,
  name,
  quoted,
  says,
  selector,
  someSquads,
  squad,
  squads,
  strict,
  text,
  texts,
  url,
  word,
} from './forms.ts';

/**
 * The shape of `matrix.yaml`. What one value refers to in another place is looked at in `references.ts`; the texts of
 * time in `references.ts` too, where the zone is known. The descriptions are what editors show, and `meta` is what a
 * JSON Schema says of a check that is a function here.
 */

const when = strict({
  severity: word.describe('The request names this severity, or one of these.').exactOptional(),
  during: word.describe('This calendar is open, or one of these.').exactOptional(),
  target: selector.describe('The target has these labels.').exactOptional(),
})
  .refine(value => Object.keys(value).length > 0, 'expected severity, during or target')
  .meta({ description: 'What must hold, all of it.', minProperties: 1 });

const answer = z
  .enum(['needs-approval', 'pre-approved'], says('needs-approval or pre-approved'))
  .describe('needs-approval: A is asked. pre-approved: it opens at once, and A is told.');
const ticket = z
  .enum(['required', 'optional'], says('required or optional'))
  .describe('Whether a request must name a ticket.');
const longest = duration.describe('The longest grant, such as 2h.');
const coApprove = squads.describe('Squads of which one person each must say yes, besides the approver.');
const reviewWithin = duration.describe('How soon afterwards somebody looks at what was done.');
const runbook = link.describe('Where the steps of the work are written; it is shown as a session begins.');
const rollback = link.describe('Where it is written how to undo it; it is shown as a session begins.');

/** Pre-approved asks nobody, so nobody can approve besides. */
const askedToo = (row: { answer?: string; co_approve?: readonly string[] }) =>
  !(row.answer === 'pre-approved' && (row.co_approve?.length ?? 0) > 0);
const ASKED_TOO = { error: 'expected no co_approve where the answer is pre-approved', path: ['co_approve'] };
const ASKED_TOO_META = {
  not: {
    required: ['answer', 'co_approve'],
    properties: { answer: { const: 'pre-approved' }, co_approve: { minItems: 1 } },
  },
};

const exception = strict({
  name: text.describe('What people call it; decisions say it.'),
  when: when.describe('When it applies. The first exception that does is the one, and then it binds.'),
  for: longest.exactOptional(),
  ticket: ticket.exactOptional(),
  answer: answer.exactOptional(),
  co_approve: coApprove.exactOptional(),
  review_within: reviewWithin.exactOptional(),
})
  .refine(askedToo, ASKED_TOO)
  .meta({
    description: 'What else holds in a case of its own; it takes the place of what the cell says.',
    ...ASKED_TOO_META,
  });

const roles = z
  .array(
    z
      .string(says('a login or role'))
      .regex(/^[^\s@+:/,]{1,63}$/, 'expected a login or role without @ + : / ,'),
    {
      error: 'expected a list, such as [root]',
    },
  )
  .min(1, 'expected a list of at least one login or role');

const ssh = z
  .union(
    [
      roles.describe('The short form: these logins get a shell, commands and file transfer.'),
      strict({
        logins: roles.describe('The logins that it gives.'),
        exec: flag.describe('Commands without a shell, as in: ssh root@db01 uptime.').exactOptional(),
        forward: flag
          .describe('Forwarded ports. The gateway opens none yet, whatever stands here.')
          .exactOptional(),
        transfer: flag
          .describe('Files by sftp and scp; together with exec, by rsync and git too.')
          .exactOptional(),
        agent: flag
          .describe('The agent of the person. The gateway passes none on, whatever stands here.')
          .exactOptional(),
      }).describe('The long form: a shell, and what else is true here. What is not named is off.'),
    ],
    says('a list of logins, such as [root], or { logins: [root], exec: true }'),
  )
  .describe('Logins over SSH, as a list, or as logins with what they may do.');

const activity = strict({
  label: text.describe('What people call it.').exactOptional(),
  R: someSquads.describe('Responsible: whoever is in one of these squads may ask.'),
  A: accountable.describe('Accountable: exactly one squad, whose people answer.'),
  A2: squad.describe("The squad that answers in A's place when A does not.").exactOptional(),
  C: squads.describe('Consulted: squads that may comment before it is answered.').exactOptional(),
  I: squads.describe('Informed: squads that are told afterwards.').exactOptional(),
  gives: strict({
    ssh: ssh.exactOptional(),
    postgres: roles.describe('Roles in PostgreSQL.').exactOptional(),
    web: roles.describe('Roles on the web console.').exactOptional(),
  })
    .describe(
      'The logins and roles that a yes opens. Without it the cell says who is responsible, and opens nothing.',
    )
    .exactOptional(),
  for: longest.exactOptional(),
  answer_within: duration
    .describe('How long A has, and then A2 as long; without it an hour each.')
    .exactOptional(),
  escalate: squads
    .describe('Squads that are told when nobody answered in time. They answer nothing.')
    .exactOptional(),
  ticket: ticket.exactOptional(),
  answer: answer.exactOptional(),
  review_within: reviewWithin.exactOptional(),
  sign_in_within: duration
    .describe('The sign-in must be younger than this when a session is opened.')
    .exactOptional(),
  when: when.describe('When the cell is open at all; else the answer is no.').exactOptional(),
  exceptions: z
    .array(exception, says('a list of exceptions'))
    .describe('Cases in which other terms hold. The first that applies is the one.')
    .exactOptional(),
  co_approve: coApprove.exactOptional(),
  handback: texts.describe('The checklist that closes a grant.').exactOptional(),
  takeover: texts
    .describe('The checklist of whoever takes the work over, at its start or from another shift.')
    .exactOptional(),
  runbook: runbook.exactOptional(),
  rollback: rollback.exactOptional(),
  controls: texts
    .describe('The controls that this cell answers to, such as HIPAA 164.312(a)(1).')
    .exactOptional(),
  record: z
    .literal('input', says('input'))
    .describe('input: what is typed is recorded too, passwords as well.')
    .exactOptional(),
})
  .refine(askedToo, ASKED_TOO)
  .refine(row => row.gives === undefined || row.for !== undefined, {
    error: 'expected `for`, the longest grant, beside `gives`',
    path: ['gives'],
  })
  .meta({
    description: 'A cell: who is R, A, C and I of this activity, and what a yes opens.',
    dependentRequired: { gives: ['for'] },
    ...ASKED_TOO_META,
  });

const service = strict({
  label: text.describe('What people call it.').exactOptional(),
  targets: selector.describe('The labels of the targets that belong to it: all keys must match.'),
  runbook: runbook.exactOptional(),
  rollback: rollback.exactOptional(),
  activities: z
    .record(name, activity, says('activities by name'))
    .describe('What is done on it, one cell each.'),
}).describe('One row of the matrix: targets that belong together, and what is done on them.');

const squadEntry = strict({
  label: text.describe('What people call it.').exactOptional(),
  group: quoted
    .describe("The value of the groups claim of this party's identity provider that makes a member.")
    .exactOptional(),
  people: z
    .array(email, says('a list of email addresses'))
    .describe('Members by name: emails that the identity provider of this party has verified.')
    .exactOptional(),
  primary: email.describe('Who is asked first.').exactOptional(),
  secondary: email.describe('Who is asked next.').exactOptional(),
})
  // A squad that is not staffed yet is no slip of the pen: nobody is in it, and `check` says where that leaves a gap.
  .refine(value => value.group !== undefined || value.people !== undefined, 'expected a group or people')
  .meta({
    description: 'A team of this party: a group, people by name, or both.',
    anyOf: [{ required: ['group'] }, { required: ['people'] }],
  });

const party = strict({
  name: text.describe("The organisation's name."),
  issuer: url('the URL of an OIDC issuer').describe('Where its people sign in: the URL of its OIDC issuer.'),
  claims: z
    .record(z.string(), quoted, says('claims, such as { tid: … }'))
    .describe('Claims that a token of this issuer must carry to speak for this party, such as hd or tid.')
    .exactOptional(),
  squads: z.record(name, squadEntry, says('squads by name')).describe('Its teams, by name.'),
}).describe('One of the two sides.');

const rule = strict({
  name: text.describe('What people call it; decisions say it.'),
  when: when.describe('When it binds; without it, always.').exactOptional(),
  require: strict({
    parties: z
      .literal('differ', says('differ'))
      .describe("differ: nobody of the asker's party may answer.")
      .exactOptional(),
    ticket: z
      .literal('required', says('required'))
      .describe('required: the request names a ticket.')
      .exactOptional(),
    record: z
      .literal('always', says('always'))
      .describe('always: the session is recorded, whatever a cell says.')
      .exactOptional(),
  })
    .refine(value => Object.keys(value).length > 0, 'expected parties, ticket or record')
    .meta({ description: 'What it adds to every cell that it binds.', minProperties: 1 }),
}).describe('What every cell must respect, whatever its row or an exception says.');

/** What a calendar may hold: each is looked at in every decision that names it. */
const MOST_DATES = 400;
export const MOST_EXCEPTS = 8;
/** Steps from a calendar over what it excepts to one that excepts nothing. */
export const MOST_EXCEPTS_DEEP = 2;

const HOURS = '[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}';
const DAY = '(Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const WINDOW = `\\s*${DAY}(-${DAY})?\\s+${HOURS}\\s*`;

const calendar = strict({
  label: text.describe('What people call it.').exactOptional(),
  weekly: z
    .string(says(WEEKLY_FORM))
    .meta({
      description: 'Windows of each week, such as "Mon-Fri 08:00-18:00, Sat 22:00-02:00".',
      pattern: `^${WINDOW}(,${WINDOW})*$`,
    })
    .exactOptional(),
  from: moment('2026-12-18T00:00').describe('When it begins; with `to`.').exactOptional(),
  to: moment('2027-01-04T06:00').describe('When it ends: this moment is no longer in it.').exactOptional(),
  dates: z
    .array(date, says('a list of dates, such as [2026-12-25]'))
    .min(1, 'expected at least one date')
    .max(MOST_DATES, `expected at most ${MOST_DATES} dates`)
    .describe('Whole days, each from midnight to midnight.')
    .exactOptional(),
  except: z
    .array(text, says('a list of calendars'))
    .min(1, 'expected at least one calendar')
    .max(MOST_EXCEPTS, `expected at most ${MOST_EXCEPTS} calendars`)
    .describe('Calendars that take their hours away from it, such as a freeze.')
    .exactOptional(),
})
  .refine(
    value => (value.from === undefined) === (value.to === undefined),
    'expected from and to, one not without the other',
  )
  .refine(
    value => (value.weekly ?? value.from ?? value.dates ?? value.except) !== undefined,
    'expected weekly, from and to, dates or except',
  )
  .meta({
    description: 'Hours that have a name. What it says of them must all hold.',
    dependentRequired: { from: ['to'], to: ['from'] },
    anyOf: ['weekly', 'from', 'dates', 'except'].map(key => ({ required: [key] })),
  });

const governance = strict({
  sign: someSquads.meta({
    description: 'Squads that sign a new version: at least one of each party, and one person of each signs.',
    allOf: ['msp', 'client'].map(side => ({ contains: { type: 'string', pattern: `^${side}/` } })),
  }),
  lockout: someSquads.meta({
    description: "The client's squads that may shut the MSP out; the first may lift it.",
    items: { type: 'string', pattern: '^client/' },
  }),
  auditors: someSquads.describe('Squads that may replay and export. They act on nothing.'),
}).describe('Who changes, shuts and audits.');

export const matrixSchema: z.ZodType<Matrix> = strict({
  matrix: name.describe("The tenant's name, which is also its folder's."),
  version: quoted.describe('What this version is called. In quotes: 2026.11 would be a number.'),
  extends: z
    .string(says('a library with its version, such as hipaa@1'))
    .regex(/^[a-z0-9-]+@\d+$/, 'expected a library with its version, such as hipaa@1')
    .describe('A library of rows that this matrix builds on; what stands here goes on top of it.')
    .exactOptional(),
  mode: z
    .enum(['observe', 'enforce'], says('observe or enforce'))
    .describe(
      'enforce, or nothing: what it says binds. observe: all is decided and recorded as if, and nothing is opened.',
    )
    .exactOptional(),
  change: quoted.describe('The change record that approved this version.').exactOptional(),
  review_by: date.describe('When both parties look at it again; overdue shows everywhere.').exactOptional(),
  timezone: z
    .string(says('a time zone such as America/New_York'))
    .refine(isTimezone, 'expected a time zone such as America/New_York')
    .describe('The IANA zone of every time here that names none.'),
  parties: strict({ msp: party, client: party }).describe('The two sides, their issuers and their squads.'),
  governance,
  calendars: z
    .record(name, calendar, says('calendars by name'))
    .describe('Hours by name, for `during`.')
    .exactOptional(),
  services: z.record(name, service, says('services by name')).describe('The rows of the matrix, by name.'),
  rules: z
    .array(rule, says('a list of rules'))
    .describe('What every cell must respect, whatever its row says.')
    .exactOptional(),
});
