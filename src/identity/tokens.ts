import { createHash, randomBytes } from 'node:crypto';
import { and, desc, eq, gt, isNull, type SQL } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import { partyOf } from '../domain/membership.ts';
import type { Person } from '../domain/person.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { TenantSummary } from '../store/engagements.ts';
import { appendEvents } from '../store/log.ts';
import { tokens } from '../store/tables.ts';

/** No token lives longer, whatever it was made by. */
export const TOKEN_SECONDS = 12 * 3600;

/** What a token is made of; the token itself is shown once and kept as its hash. */
export interface TokenOrder {
  readonly id: string;
  readonly person: Person;
  /** The browser's session that it ends with; null: it stands on its own until it ends or is revoked. */
  readonly session: string | null;
  readonly label: string;
  /** The OAuth client that asked for it; null: made on a page. */
  readonly client: string | null;
  /** Where the terminal that asked for it was seen. */
  readonly address: string | null;
  /** The sign-in it stems from: a later one of the same person makes no token fresher. */
  readonly authenticatedAt: Date;
  readonly expiresAt: Date;
}

/** A live token as its person sees it. */
export type TokenSummary = Omit<typeof tokens.$inferSelect, 'hash' | 'person' | 'revokedAt'>;

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
/** 256 random bits: too many to guess, so its plain hash tells a reader of the database nothing. */
export const secretText = (): string => randomBytes(32).toString('base64url');

/** The engagements whose log tells of a person: those that they are on a side of. */
export const tenantsOf = (
  served: readonly TenantSummary[],
  person: Pick<Person, 'issuer' | 'claims'>,
): string[] => served.flatMap(({ tenant, engagement }) => (partyOf(engagement, person) ? [tenant] : []));

/** Makes a token and its log entries, in the caller's transaction. The text is given back once and kept nowhere. */
export async function mintToken(
  tx: Transaction,
  order: TokenOrder,
  tenants: readonly string[],
  now: Date,
): Promise<string> {
  const token = `sp_${secretText()}`;
  const { person, ...columns } = order;
  await tx.insert(tokens).values({ ...columns, hash: hashOf(token), person: person.id, createdAt: now });
  const issued = (tenant: string): AuditEvent => ({
    tenant,
    action: 'token.issued',
    actor: `person:${person.id}`,
    subject: person.id,
    data: { token: order.id, expires_at: order.expiresAt.toISOString() },
  });
  await appendEvents(tx, tenants.map(issued));
  return token;
}

/** The tokens of a person that still say who they are, the newest first. */
export function liveTokens(database: Database, person: Person, now: Date): Promise<TokenSummary[]> {
  const { id, session, label, client, address, authenticatedAt, createdAt, expiresAt } = tokens;
  return database.installation
    .select({ id, session, label, client, address, authenticatedAt, createdAt, expiresAt })
    .from(tokens)
    .where(and(eq(tokens.person, person.id), isNull(tokens.revokedAt), gt(expiresAt, now)))
    .orderBy(desc(createdAt));
}

/** Revokes those tokens of one person that `which` names, with their entries; how many there were. */
export async function revokeTokens(
  tx: Transaction,
  person: Person,
  which: SQL | undefined,
  tenants: readonly string[],
  now: Date,
): Promise<number> {
  const gone = await tx
    .update(tokens)
    .set({ revokedAt: now })
    .where(and(eq(tokens.person, person.id), isNull(tokens.revokedAt), which))
    .returning();
  const revoked = (tenant: string): AuditEvent[] =>
    gone.map(({ id }) => ({
      tenant,
      action: 'token.revoked',
      actor: `person:${person.id}`,
      subject: person.id,
      data: { token: id },
    }));
  await appendEvents(tx, tenants.flatMap(revoked));
  return gone.length;
}
