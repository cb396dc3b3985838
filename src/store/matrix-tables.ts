import { boolean, index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Binding } from '../domain/binding.ts';
import type { Party } from '../domain/party.ts';
import type { ProposalState } from '../domain/proposal.ts';
import { bytes, moment } from './columns.ts';

/** Which tenants are served: their names alone, so that the broker's own rounds know where to look. */
export const servedTenants = pgTable('served_tenant', {
  id: text('id').primaryKey(),
  since: moment('since').notNull(),
});

/** An engagement that is served, and the digest of the matrix version in force. */
export const tenants = pgTable('tenant', {
  id: text('id').primaryKey(),
  matrix: text('matrix').notNull(),
  lockedOutAt: moment('locked_out_at'),
  lockedOutBy: text('locked_out_by'),
  lockoutReason: text('lockout_reason'),
  lockoutSalt: bytes('lockout_salt'),
  /** The proposal that both parties signed and that is in force; null: what is served was never signed. */
  proposal: text('proposal'),
  /** Whether what was never signed is in force nevertheless: the demo's first version. */
  unsignedInForce: boolean('unsigned_in_force').notNull().default(false),
  /** Of the document in force. */
  document: text('document'),
  /** Of the installation's part of it. */
  installation: text('installation'),
  /** Whom the named emails mean, as signed; null: nothing was signed yet. */
  bindings: jsonb('bindings').$type<Binding[]>(),
  /** Up to when owners were told what they would have been asked; null: never yet. */
  observedUntil: moment('observed_until'),
});

/** Every version that was ever in force, as it was parsed: old decisions stay explainable. */
export const matrixVersions = pgTable(
  'matrix_version',
  {
    tenant: text('tenant').notNull(),
    digest: text('digest').notNull(),
    version: text('version').notNull(),
    /** JSON of `{matrix, targets}` as parsed; text, since jsonb would refuse U+0000. */
    source: text('source').notNull(),
    at: moment('at').notNull(),
  },
  t => [primaryKey({ columns: [t.tenant, t.digest] })],
);

/** Versions that were put up to be signed, and those that were. Only how far one got ever changes. */
export const proposals = pgTable(
  'matrix_proposal',
  {
    id: text('id').primaryKey(),
    tenant: text('tenant').notNull(),
    digest: text('digest').notNull(),
    document: text('document').notNull(),
    /** JSON of the whole document; text, since jsonb would refuse U+0000. */
    source: text('source').notNull(),
    /** The files as they were written: JSON too. */
    texts: text('texts'),
    version: text('version').notNull(),
    change: text('change'),
    note: text('note'),
    noteSalt: bytes('note_salt'),
    base: text('base'),
    proposedBy: text('proposed_by'),
    proposedAt: moment('proposed_at').notNull(),
    state: text('state').$type<ProposalState>().notNull(),
    closedAt: moment('closed_at'),
    closedBy: text('closed_by'),
  },
  t => [index('matrix_proposal_by_tenant').on(t.tenant, t.proposedAt)],
);

/** One yes a party: the database itself refuses a second. */
export const signatures = pgTable(
  'matrix_signature',
  {
    tenant: text('tenant').notNull(),
    proposal: text('proposal').notNull(),
    party: text('party').$type<Party>().notNull(),
    person: text('person').notNull(),
    squad: text('squad').notNull(),
    document: text('document').notNull(),
    authenticatedAt: moment('authenticated_at').notNull(),
    at: moment('at').notNull(),
  },
  t => [primaryKey({ columns: [t.proposal, t.party] })],
);
