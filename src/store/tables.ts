import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { Decision } from '../domain/decision.ts';
import type { Party } from '../domain/party.ts';
import type { Display, RequestState } from '../domain/request.ts';
import type { Message } from '../notifiers/contract.ts';
import { bytes, count, moment } from './columns.ts';

export const people = pgTable(
  'person',
  {
    id: text('id').primaryKey(),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    name: text('name').notNull(),
    email: text('email'),
    /** The email, lower case, if it is verified and bound to this identity; the only one that a matrix may mean. */
    boundEmail: text('bound_email'),
    /** The email, lower case, if the last sign-in's provider verified it, whoever it is bound to. */
    verifiedEmail: text('verified_email'),
    groups: jsonb('groups').$type<string[]>().notNull(),
    claims: jsonb('claims').$type<Record<string, string>>().notNull(),
    authenticatedAt: moment('authenticated_at').notNull(),
    signedInAt: moment('signed_in_at').notNull(),
    /** Of the last sign-out everywhere; what was proved up to then says no more who they are. */
    signedOutAt: moment('signed_out_at'),
  },
  t => [uniqueIndex('person_identity').on(t.issuer, t.subject)],
);

/** An email belongs, at its issuer, to the identity that first signed in with it verified; for good, since emails change hands. */
export const bindings = pgTable(
  'email_binding',
  {
    issuer: text('issuer').notNull(),
    /** Lower case. */
    email: text('email').notNull(),
    person: text('person').notNull(),
    at: moment('at').notNull(),
  },
  t => [primaryKey({ columns: [t.issuer, t.email] })],
);

/** Sign-ins that came back from their provider: what began them serves once. */
export const signInAttempts = pgTable('sign_in_attempt', {
  /** SHA-256 of `state`, hex. */
  state: text('state').primaryKey(),
  expiresAt: moment('expires_at').notNull(),
});

export const webSessions = pgTable('web_session', {
  /** SHA-256 of the cookie's token, hex. */
  id: text('id').primaryKey(),
  person: text('person').notNull(),
  /** The ID token, sealed: a provider asks for it when its own session is to end. */
  idToken: text('id_token'),
  authenticatedAt: moment('authenticated_at').notNull(),
  createdAt: moment('created_at').notNull(),
  seenAt: moment('seen_at').notNull(),
  expiresAt: moment('expires_at').notNull(),
});

export const tokens = pgTable('token', {
  id: text('id').primaryKey(),
  hash: text('hash').notNull().unique(),
  person: text('person').notNull(),
  /** The browser's session that it was made in, which it ends with; null: it stands on its own. */
  session: text('session'),
  label: text('label').notNull(),
  /** The OAuth client that asked for it, and from where; null: made on a page. */
  client: text('client'),
  address: text('address'),
  /** Of the sign-in that it stems from. */
  authenticatedAt: moment('authenticated_at').notNull(),
  createdAt: moment('created_at').notNull(),
  expiresAt: moment('expires_at').notNull(),
  revokedAt: moment('revoked_at'),
});

/** A terminal that waits for its person to type its code in a browser (RFC 8628). One use; of no tenant. */
export const deviceSignIns = pgTable(
  'device_sign_in',
  {
    /** SHA-256 of the device code, hex. */
    device: text('device').primaryKey(),
    /** SHA-256 of the user code, hex. */
    userCode: text('user_code').notNull().unique(),
    client: text('client').notNull(),
    address: text('address').notNull(),
    /** The address, or its /64: what is counted as one origin. */
    network: text('network').notNull(),
    /** What it said of itself. */
    userAgent: text('user_agent'),
    label: text('label'),
    party: text('party').$type<Party>(),
    /** Seconds between polls; grows when they come faster. */
    interval: integer('interval_seconds').notNull(),
    polledAt: moment('polled_at'),
    createdAt: moment('created_at').notNull(),
    expiresAt: moment('expires_at').notNull(),
    state: text('state').$type<'waiting' | 'confirmed' | 'refused'>().notNull(),
    person: text('person'),
    /** What was shown to the person who confirmed: the token's id and end, and the sign-in behind it. */
    token: text('token'),
    tokenUntil: moment('token_until'),
    authenticatedAt: moment('authenticated_at'),
  },
  t => [index('device_sign_in_by_network').on(t.network), index('device_sign_in_by_person').on(t.person)],
);

/** Wrong codes that people typed for a terminal: how guessing is bounded. */
export const wrongDeviceCodes = pgTable(
  'wrong_device_code',
  {
    id: text('id').primaryKey(),
    person: text('person').notNull(),
    at: moment('at').notNull(),
  },
  t => [index('wrong_device_code_by_time').on(t.at)],
);

export const sshKeys = pgTable('ssh_key', {
  fingerprint: text('fingerprint').primaryKey(),
  person: text('person').notNull(),
  type: text('type').notNull(),
  publicKey: text('public_key').notNull(),
  label: text('label').notNull(),
  addedAt: moment('added_at').notNull(),
});

/** A stock SSH client that waits for its person to sign in in a browser. */
export const sshSignIns = pgTable('ssh_sign_in', {
  id: text('id').primaryKey(),
  /** SHA-256 of the code that the terminal shows. */
  code: text('code').notNull(),
  username: text('username').notNull(),
  address: text('address').notNull(),
  attempts: integer('attempts').notNull().default(0),
  person: text('person'),
  expiresAt: moment('expires_at').notNull(),
});

export const authorities = pgTable(
  'certificate_authority',
  {
    tenant: text('tenant').notNull(),
    protocol: text('protocol').notNull(),
    publicKey: text('public_key').notNull(),
    sealed: text('sealed').notNull(),
    createdAt: moment('created_at').notNull(),
  },
  t => [primaryKey({ columns: [t.tenant, t.protocol] })],
);

export const hostKeys = pgTable(
  'host_key',
  {
    tenant: text('tenant').notNull(),
    target: text('target').notNull(),
    publicKey: text('public_key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    pinnedBy: text('pinned_by').notNull(),
    pinnedAt: moment('pinned_at').notNull(),
  },
  t => [primaryKey({ columns: [t.tenant, t.target, t.fingerprint] })],
);

export const requests = pgTable(
  'request',
  {
    id: text('id').primaryKey(),
    tenant: text('tenant').notNull(),
    person: text('person').notNull(),
    party: text('party').notNull(),
    target: text('target').notNull(),
    /** The activity the asker named; the cell that was used stands in `decision`. */
    activity: text('activity'),
    protocol: text('protocol').notNull(),
    role: text('role').notNull(),
    seconds: integer('seconds').notNull(),
    reason: text('reason').notNull(),
    reasonSalt: bytes('reason_salt').notNull(),
    ticket: text('ticket'),
    severity: text('severity'),
    startsAt: moment('starts_at'),
    revision: integer('revision').notNull(),
    decision: jsonb('decision').$type<Decision>().notNull(),
    /** What was last shown as the request; kept so that a reader can see what an answer was an answer to. */
    display: jsonb('display').$type<Display>(),
    state: text('state').$type<RequestState>().notNull(),
    createdAt: moment('created_at').notNull(),
    expiresAt: moment('expires_at'),
    decidedAt: moment('decided_at'),
  },
  t => [
    index('request_by_person').on(t.person, t.createdAt),
    index('request_by_state').on(t.state, t.expiresAt),
    index('request_by_tenant').on(t.tenant, t.createdAt),
  ],
);

export const approvals = pgTable(
  'approval',
  {
    tenant: text('tenant').notNull(),
    request: text('request').notNull(),
    /** `approver`, or `co:client/ciso`. */
    place: text('place').notNull(),
    person: text('person').notNull(),
    answer: text('answer').$type<'yes' | 'no'>().notNull(),
    reason: text('reason'),
    reasonSalt: bytes('reason_salt'),
    digest: text('digest').notNull(),
    revision: integer('revision').notNull(),
    at: moment('at').notNull(),
  },
  // One answer a place and a display: the database itself refuses the second of two at once.
  t => [
    primaryKey({ columns: [t.request, t.digest, t.place] }),
    uniqueIndex('approval_one_place_a_person').on(t.request, t.digest, t.person),
  ],
);

export const grants = pgTable(
  'access_grant',
  {
    id: text('id').primaryKey(),
    request: text('request').notNull().unique(),
    tenant: text('tenant').notNull(),
    person: text('person').notNull(),
    party: text('party').notNull(),
    target: text('target').notNull(),
    protocol: text('protocol').notNull(),
    role: text('role').notNull(),
    cell: text('cell').notNull(),
    startsAt: moment('starts_at').notNull(),
    endsAt: moment('ends_at').notNull(),
    /** Set when it ended before its time, or when its end was written down. Liveness comes from the clock. */
    endedAt: moment('ended_at'),
    endReason: text('end_reason'),
  },
  t => [index('grant_by_person').on(t.person, t.endsAt), index('grant_open').on(t.endedAt, t.endsAt)],
);

export const sessions = pgTable(
  'session',
  {
    id: text('id').primaryKey(),
    grant: text('access_grant').notNull(),
    tenant: text('tenant').notNull(),
    person: text('person').notNull(),
    target: text('target').notNull(),
    protocol: text('protocol').notNull(),
    role: text('role').notNull(),
    kind: text('kind').notNull(),
    command: text('command'),
    commandSalt: bytes('command_salt'),
    address: text('address').notNull(),
    gateway: text('gateway').notNull(),
    recording: text('recording').notNull(),
    startedAt: moment('started_at').notNull(),
    deadline: moment('deadline').notNull(),
    endedAt: moment('ended_at'),
    endReason: text('end_reason'),
    cutDelay: integer('cut_delay_ms'),
    exitStatus: integer('exit_status'),
    bytesIn: count('bytes_in'),
    bytesOut: count('bytes_out'),
    size: count('recording_size'),
    sha256: text('recording_sha256'),
    segments: integer('recording_segments'),
  },
  t => [index('session_by_grant').on(t.grant), index('session_by_tenant').on(t.tenant, t.startedAt)],
);

/** Messages to deliver, written in the transaction of the change that they tell of. */
export const outbox = pgTable(
  'outbox',
  {
    id: text('id').primaryKey(),
    tenant: text('tenant').notNull(),
    /** The name of the channel in the configuration. */
    channel: text('channel').notNull(),
    message: jsonb('message').$type<Message>().notNull(),
    /** Deliver only while this request still waits: a rung of the ladder that nobody needs is not told. */
    whileWaiting: text('while_waiting'),
    /** The request that it tells of. */
    about: text('about'),
    attempts: integer('attempts').notNull().default(0),
    dueAt: moment('due_at').notNull(),
    doneAt: moment('done_at'),
    outcome: text('outcome').$type<'delivered' | 'failed' | 'not-needed'>(),
    lastError: text('last_error'),
  },
  t => [index('outbox_due').on(t.doneAt, t.dueAt)],
);

/** Where each chain stands. Written by `append_log` alone. */
export const logHeads = pgTable('log_head', {
  tenant: text('tenant').primaryKey(),
  seq: count('seq').notNull(),
  hash: bytes('hash').notNull(),
  at: moment('at').notNull(),
});

/** The log. Written by `append_log` alone; nobody updates or deletes. */
export const logEntries = pgTable(
  'log_entry',
  {
    tenant: text('tenant').notNull(),
    seq: count('seq').notNull(),
    /** Known to the writer, beside the line: a repeated append is recognised by it. */
    entry: uuid('entry').notNull().unique(),
    action: text('action').notNull(),
    actor: text('actor').notNull(),
    subject: text('subject').notNull(),
    at: moment('at').notNull(),
    line: text('line').notNull(),
    /** RFC 6962 leaf hash of the line. */
    leaf: bytes('leaf').notNull(),
  },
  t => [primaryKey({ columns: [t.tenant, t.seq] }), index('log_by_subject').on(t.tenant, t.subject, t.seq)],
);

/** Signed checkpoints, and the tree's right edge at that size so that the next one reads only what is new. */
export const checkpoints = pgTable(
  'checkpoint',
  {
    tenant: text('tenant').notNull(),
    size: count('size').notNull(),
    note: text('note').notNull(),
    edge: text('edge').notNull(),
    at: moment('at').notNull(),
  },
  t => [primaryKey({ columns: [t.tenant, t.size] })],
);
