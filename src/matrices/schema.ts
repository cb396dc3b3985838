import { z } from 'zod';
import { isDate, isTimezone, WEEKLY_FORM } from '../domain/calendar.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Matrix } from '../domain/matrix.ts';
import { REFUSAL_CODES } from '../domain/refusal.ts';
import type { Inventory } from '../domain/target.ts';

/**
 * The shape of the three files. What one value refers to in another place is looked at in `references.ts`; the
 * files' texts of time in `references.ts` too, where the zone is known.
 */

/** Begins the message of an unknown key; the keys that would be known follow, separated by commas. */
export const KNOWN_KEYS = 'known keys: ';

/** Names of things: they stand in paths, principals and host names, so they are narrow. */
export const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const NAME_FORM = 'a name of lower-case letters, digits, dots, dashes and underscores';

function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = KNOWN_KEYS + Object.keys(shape).join(',');
  return z.strictObject(shape, { error: issue => (issue.code === 'unrecognized_keys' ? known : undefined) });
}

const says = (expected: string) => ({ error: `expected ${expected}` });
const text = z.string(says('text')).trim().min(1, 'expected text');
/** Where a number or a date-like text is the usual slip. */
const quoted = z.string(says('text; put it in quotes')).min(1, 'expected text');
const name = z.string(says(NAME_FORM)).regex(NAME, `expected ${NAME_FORM}`);
const duration = z
  .string(says('a duration such as 15m, 2h or 1h30m'))
  .refine(value => parseDuration(value) !== null, 'expected a duration such as 15m, 2h or 1h30m');
const squad = z
  .string(says('one squad, such as client/it'))
  .regex(/^[^/\s]+\/[^/\s]+$/, 'expected one squad, such as client/it');
const accountable = z
  .string(says('exactly one squad, such as client/it'))
  .regex(/^[^/\s]+\/[^/\s]+$/, 'expected exactly one squad, such as client/it');
const squads = z.array(squad, says('a list of squads, such as [client/it]'));
const someSquads = squads.min(1, 'expected a list of at least one squad');
const flag = z.boolean(says('true or false'));
const texts = z.array(text, says('a list of texts'));
const email = z.string(says('an email address')).regex(/^[^\s@/]+@[^\s@/]+$/, 'expected an email address');
const link = z
  .string(says('an https link'))
  .refine(value => isUrl(value, ['https:', 'http:']), 'expected an https link');
const date = z.string(says('a date such as 2027-02-20')).refine(isDate, 'expected a date such as 2027-02-20');
const word = z.union([quoted, z.array(quoted).min(1)], says('text or a list of texts'));
const labels = z.record(z.string(), word, says('labels, such as { service: backups }'));
const selector = labels.refine(
  value => Object.keys(value).length > 0,
  'expected at least one label to select by',
);

function isUrl(value: string, schemes: readonly string[]): boolean {
  return URL.canParse(value) && schemes.includes(new URL(value).protocol);
}

const when = strict({
  severity: word.exactOptional(),
  during: word.exactOptional(),
  target: selector.exactOptional(),
}).refine(value => Object.keys(value).length > 0, 'expected severity, during or target');

const answer = z.enum(['needs-approval', 'pre-approved'], says('needs-approval or pre-approved'));
const ticket = z.enum(['required', 'optional'], says('required or optional'));

/** Pre-approved asks nobody, so nobody can approve besides. */
const askedToo = (row: { answer?: string; co_approve?: readonly string[] }) =>
  !(row.answer === 'pre-approved' && (row.co_approve?.length ?? 0) > 0);
const ASKED_TOO = { error: 'expected no co_approve where the answer is pre-approved', path: ['co_approve'] };

const exception = strict({
  name: text,
  when,
  for: duration.exactOptional(),
  ticket: ticket.exactOptional(),
  answer: answer.exactOptional(),
  co_approve: squads.exactOptional(),
  review_within: duration.exactOptional(),
}).refine(askedToo, ASKED_TOO);

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

const LOGINS_FORM = 'a list of logins, such as [root], or logins with what they may do';
const ssh = z.union(
  [
    roles,
    strict({
      logins: roles,
      exec: flag.exactOptional(),
      forward: flag.exactOptional(),
      transfer: flag.exactOptional(),
      agent: flag.exactOptional(),
    }),
  ],
  says(LOGINS_FORM),
);

const activity = strict({
  label: text.exactOptional(),
  R: someSquads,
  A: accountable,
  A2: squad.exactOptional(),
  C: squads.exactOptional(),
  I: squads.exactOptional(),
  gives: strict({
    ssh: ssh.exactOptional(),
    postgres: roles.exactOptional(),
    web: roles.exactOptional(),
  }).exactOptional(),
  for: duration.exactOptional(),
  answer_within: duration.exactOptional(),
  escalate: squads.exactOptional(),
  ticket: ticket.exactOptional(),
  answer: answer.exactOptional(),
  review_within: duration.exactOptional(),
  sign_in_within: duration.exactOptional(),
  when: when.exactOptional(),
  exceptions: z.array(exception, says('a list of exceptions')).exactOptional(),
  co_approve: squads.exactOptional(),
  handback: texts.exactOptional(),
  takeover: texts.exactOptional(),
  runbook: link.exactOptional(),
  rollback: link.exactOptional(),
  controls: texts.exactOptional(),
  record: z.literal('input', says('input')).exactOptional(),
})
  .refine(askedToo, ASKED_TOO)
  .refine(row => row.gives === undefined || row.for !== undefined, {
    error: 'expected `for`, the longest grant, beside `gives`',
    path: ['gives'],
  });

const service = strict({
  label: text.exactOptional(),
  targets: selector,
  runbook: link.exactOptional(),
  rollback: link.exactOptional(),
  activities: z.record(name, activity, says('activities by name')),
});

const squadEntry = strict({
  label: text.exactOptional(),
  group: quoted.exactOptional(),
  people: z.array(email, says('a list of email addresses')).exactOptional(),
  primary: email.exactOptional(),
  secondary: email.exactOptional(),
}).refine(
  value => value.group !== undefined || (value.people?.length ?? 0) > 0,
  'expected a group or people',
);

const party = strict({
  name: text,
  issuer: z
    .string(says('the URL of an OIDC issuer'))
    .refine(value => isUrl(value, ['https:', 'http:']), 'expected the URL of an OIDC issuer'),
  claims: z.record(z.string(), quoted, says('claims, such as { tid: … }')).exactOptional(),
  squads: z.record(name, squadEntry, says('squads by name')),
});

const rule = strict({
  name: text,
  when: when.exactOptional(),
  require: strict({
    parties: z.literal('differ', says('differ')).exactOptional(),
    ticket: z.literal('required', says('required')).exactOptional(),
    record: z.literal('always', says('always')).exactOptional(),
  }).refine(value => Object.keys(value).length > 0, 'expected parties, ticket or record'),
});

/** What a calendar may hold: each is looked at in every decision that names it. */
const MOST_DATES = 400;
export const MOST_EXCEPTS = 16;
/** Steps from a calendar over what it excepts to one that excepts nothing. */
export const MOST_EXCEPTS_DEEP = 2;

const calendar = strict({
  label: text.exactOptional(),
  weekly: z.string(says(WEEKLY_FORM)).exactOptional(),
  from: z.string(says('a time such as 2026-12-18T00:00')).exactOptional(),
  to: z.string(says('a time such as 2027-01-04T06:00')).exactOptional(),
  dates: z
    .array(date, says('a list of dates, such as [2026-12-25]'))
    .min(1, 'expected at least one date')
    .max(MOST_DATES, `expected at most ${MOST_DATES} dates`)
    .exactOptional(),
  except: z
    .array(text, says('a list of calendars'))
    .min(1, 'expected at least one calendar')
    .max(MOST_EXCEPTS, `expected at most ${MOST_EXCEPTS} calendars`)
    .exactOptional(),
})
  .refine(
    value => (value.from === undefined) === (value.to === undefined),
    'expected from and to, one not without the other',
  )
  .refine(
    value => (value.weekly ?? value.from ?? value.dates ?? value.except) !== undefined,
    'expected weekly, from and to, dates or except',
  );

export const matrixSchema: z.ZodType<Matrix> = strict({
  matrix: name,
  version: quoted,
  mode: z.enum(['observe', 'enforce'], says('observe or enforce')).exactOptional(),
  change: quoted.exactOptional(),
  review_by: date.exactOptional(),
  timezone: z
    .string(says('a time zone such as America/New_York'))
    .refine(isTimezone, 'expected a time zone such as America/New_York'),
  parties: strict({ msp: party, client: party }),
  governance: strict({ sign: someSquads, lockout: someSquads, auditors: someSquads }),
  calendars: z.record(name, calendar, says('calendars by name')).exactOptional(),
  services: z.record(name, service, says('services by name')),
  rules: z.array(rule, says('a list of rules')).exactOptional(),
});

const address = z
  .string(says('host:port'))
  .refine(value => isHostPort(value), 'expected host:port, such as 10.0.0.5:22 or [::1]:22');

/** `host:port`, an IPv6 host in brackets; no scheme, user or path. */
function isHostPort(value: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 65_535;
}

const hostKey = z
  .string(says('a host key, such as ssh-ed25519 AAAA…'))
  .regex(/^[a-z0-9@.-]+ [A-Za-z0-9+/]{16,}={0,2}$/, 'expected a host key, such as ssh-ed25519 AAAA…');

const target = strict({
  label: text.exactOptional(),
  labels,
  ssh: strict({
    address,
    trust: z.enum(['ca', 'key'], says('ca or key')),
    host_key: z
      .union([hostKey, z.array(hostKey).min(1)], says('a host key or a list of them'))
      .exactOptional(),
  }).exactOptional(),
  postgres: strict({ address, database: quoted }).exactOptional(),
  web: strict({
    address: z
      .string(says('an http or https URL'))
      .refine(value => isUrl(value, ['http:', 'https:']), 'expected an http or https URL'),
  }).exactOptional(),
});

export const inventorySchema: z.ZodType<Inventory> = strict({
  targets: z.record(name, target, says('targets by name')),
});

const rung = strict({ squad, people: texts, after: z.string() });

/** Somebody who takes part in expectations, known to the matrix by group and email. */
const actor = strict({
  party: z.enum(['msp', 'client'], says('msp or client')),
  email: email.exactOptional(),
  groups: z.array(quoted, says('a list of groups')).exactOptional(),
});

const ask = strict({
  who: text,
  target: text,
  activity: text.exactOptional(),
  ssh: text.exactOptional(),
  postgres: text.exactOptional(),
  web: text.exactOptional(),
  for: duration,
  ticket: quoted.exactOptional(),
  severity: quoted.exactOptional(),
  at: z.string(says('a time such as 2026-11-24T10:00')).exactOptional(),
}).refine(
  value => [value.ssh, value.postgres, value.web].filter(role => role !== undefined).length <= 1,
  'expected one of ssh, postgres and web',
);

const expectation = strict({
  name: text,
  ask,
  decision: z.enum(
    ['refused', 'needs-approval', 'pre-approved'],
    says('refused, needs-approval or pre-approved'),
  ),
  code: z
    .enum(REFUSAL_CODES, says(`one of ${REFUSAL_CODES.join(', ')}`))
    .nullable()
    .exactOptional(),
  cell: z.string().nullable().exactOptional(),
  exception: z.string().nullable().exactOptional(),
  approvers: texts.exactOptional(),
  co_approve: squads.exactOptional(),
  ladder: z.array(rung).exactOptional(),
  escalate: squads.exactOptional(),
  consulted: squads.exactOptional(),
  informed: squads.exactOptional(),
  obligations: texts.exactOptional(),
  explanation: texts.exactOptional(),
  ends_by: z.string(says('a time such as 2026-11-24T10:00')).nullable().exactOptional(),
});

export const expectationsSchema = strict({
  people: z.record(name, actor, says('people by name')),
  expect: z.array(expectation, says('a list of expectations')),
});

export type Expectations = z.infer<typeof expectationsSchema>;
export type Expectation = Expectations['expect'][number];
