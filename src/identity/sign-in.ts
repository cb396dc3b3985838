import { createHash } from 'node:crypto';
import { and, eq, gt, isNull, lt } from 'drizzle-orm';
import { contextOf } from '../credentials/contexts.ts';
import type { Keyring } from '../credentials/seal.ts';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Person } from '../domain/person.ts';
import { liesAhead } from '../elevation/agreed-clocks.ts';
import type { Clock } from '../store/commit.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { Engagements } from '../store/engagements.ts';
import { freshId } from '../store/fresh-id.ts';
import { appendEvents } from '../store/log.ts';
import { bindings, deviceSignIns, people, sshSignIns, tokens, webSessions } from '../store/tables.ts';
import { openAttempts } from './attempts.ts';
import { type IdentityProvider, SignInFailed, type VerifiedIdentity } from './contract.ts';
import { requireSignInPace, requireTokenPace } from './pace.ts';
import {
  hashOf as hash,
  liveTokens,
  mintToken,
  revokeTokens,
  secretText,
  TOKEN_SECONDS,
  type TokenSummary,
  tenantsOf,
} from './tokens.ts';

/** A browser's session, or a bearer token: who is asking, and when they last proved it. */
export interface Credentials {
  readonly person: Person;
  readonly by: 'session' | 'token';
  /** Of the sign-in that this browser or token stems from, not of the person's latest anywhere. */
  readonly authenticatedAt: Date;
  readonly expiresAt: Date;
  /** The browser's session behind it, whose end ends its tokens; null for a token that stands on its own. */
  readonly session: string | null;
}

export interface SignIns {
  /** One address segment an issuer: its callback path differs from every other's (RFC 9700, section 4.4). */
  providers: ReadonlyMap<string, IdentityProvider>;
  begin(
    key: string,
    options: { returnTo: string; maxAge: number | null },
  ): Promise<{ url: URL; browser: string }>;
  complete(
    key: string,
    callback: URL,
    browser: string,
  ): Promise<{ token: string; person: Person; returnTo: string }>;
  session(token: string): Promise<Credentials | null>;
  bearer(token: string): Promise<Credentials | null>;
  /** Where this session's provider ends its own; null when it offers no such place or does not answer. */
  providerExit(token: string): Promise<{ url: URL; person: string } | null>;
  signOut(token: string): Promise<void>;
  issueToken(
    credentials: Credentials,
    label: string,
  ): Promise<{ id: string; token: string; expiresAt: Date }>;
  /** Those that still hold, however they were made. */
  tokensOf(person: Person): Promise<TokenSummary[]>;
  revokeToken(person: Person, id: string): Promise<boolean>;
  /**
   * Ends every browser's session and every token of a person, what a terminal is about to be given, and what SSH
   * connections know by a sign-in: they open nothing more. Registered keys stay.
   */
  signOutEverywhere(person: Person): Promise<void>;
  /** Deletes what is past its time. */
  sweep(): Promise<void>;
}

/** The name of an issuer in addresses. */
export const issuerKey = (issuer: string): string =>
  createHash('sha256').update(issuer).digest('hex').slice(0, 12);

export function openSignIns(parts: {
  database: Database;
  engagements: Engagements;
  providers: readonly IdentityProvider[];
  clock: Clock;
  url: URL;
  limits: { idle: number; absolute: number };
  keyring: Pick<Keyring, 'seal' | 'unseal'>;
}): SignIns {
  const { database, engagements, clock, url, limits, keyring } = parts;
  const providers = new Map(parts.providers.map(provider => [issuerKey(provider.issuer), provider]));
  const db = database.installation;
  const attempts = openAttempts(db, keyring, clock);
  const later = (seconds: number) => new Date(clock.now().getTime() + seconds * 1000);

  const logsOf = async (person: Pick<Person, 'issuer' | 'claims'>) =>
    tenantsOf(await engagements.all(), person);

  const personByToken = async (id: string) =>
    (await db.select().from(people).where(eq(people.id, id)))[0] ?? null;

  return {
    providers,
    async begin(key, { returnTo, maxAge }) {
      const provider = providers.get(key);
      if (!provider) throw new SignInFailed('state-unknown', 'There is no such identity provider here.');
      const redirect = new URL(`/signin/${key}/callback`, url);
      const { url: leaveTo, pending } = await provider.begin({ redirect, maxAge });
      return {
        url: leaveTo,
        browser: attempts.seal({ ...pending, issuer: provider.issuer, maxAge, returnTo }),
      };
    },

    async complete(key, callback, browser) {
      const provider = providers.get(key);
      const state = callback.searchParams.get('state') ?? '';
      const attempt = provider && (await attempts.spend(browser, { issuer: provider.issuer, state }));
      if (!provider || !attempt) {
        throw new SignInFailed('state-unknown', 'This sign-in is not known here any more; begin again.');
      }
      const { nonce, verifier, maxAge } = attempt;
      const identity = await provider.complete(callback, { state, nonce, verifier, maxAge });
      const token = secretText();
      const tenants = await logsOf(identity);
      const person = await database.within(tenants, async tx => {
        const { person, events } = await remember(tx, identity, clock.now(), tenants);
        await requireSignInPace(tx, person, tenants);
        await tx.insert(webSessions).values({
          id: hash(token),
          person: person.id,
          idToken: keyring.seal(Buffer.from(identity.idToken), contextOf.idToken(hash(token))),
          authenticatedAt: identity.authenticatedAt,
          createdAt: clock.now(),
          seenAt: clock.now(),
          expiresAt: later(limits.absolute),
        });
        await appendEvents(tx, events);
        return person;
      });
      return { token, person, returnTo: attempt.returnTo };
    },

    async session(token) {
      const now = clock.now();
      const [row] = await db
        .select()
        .from(webSessions)
        .where(eq(webSessions.id, hash(token)));
      const idleSince = row ? (now.getTime() - row.seenAt.getTime()) / 1000 : 0;
      if (!row || row.expiresAt <= now || idleSince > limits.idle || liesAhead(row.createdAt, now))
        return null;
      // A write a minute is enough to tell idle from busy; one from ahead would hide how long it is idle.
      if (idleSince > 60 || liesAhead(row.seenAt, now))
        await db.update(webSessions).set({ seenAt: now }).where(eq(webSessions.id, row.id));
      const person = await personByToken(row.person);
      return (
        person && {
          person,
          by: 'session',
          authenticatedAt: row.authenticatedAt,
          expiresAt: row.expiresAt,
          session: row.id,
        }
      );
    },

    async bearer(token) {
      const [row] = await db
        .select()
        .from(tokens)
        .where(
          and(eq(tokens.hash, hash(token)), isNull(tokens.revokedAt), gt(tokens.expiresAt, clock.now())),
        );
      const person = row && !liesAhead(row.createdAt, clock.now()) && (await personByToken(row.person));
      return person
        ? {
            person,
            by: 'token',
            authenticatedAt: row.authenticatedAt,
            expiresAt: row.expiresAt,
            session: row.session,
          }
        : null;
    },

    async providerExit(token) {
      const [row] = await db
        .select({ session: webSessions, person: people })
        .from(webSessions)
        .innerJoin(people, eq(people.id, webSessions.person))
        .where(eq(webSessions.id, hash(token)));
      const provider = row && providers.get(issuerKey(row.person.issuer));
      if (!row?.session.idToken || !provider) return null;
      const idToken = keyring.unseal(row.session.idToken, contextOf.idToken(hash(token))).toString();
      const exit = await provider.endSession(idToken, new URL('/signin', url)).catch(() => null);
      return exit && { url: exit, person: row.person.name };
    },

    async signOut(token) {
      const [open] = await db
        .select({ person: people })
        .from(webSessions)
        .innerJoin(people, eq(people.id, webSessions.person))
        .where(eq(webSessions.id, hash(token)));
      if (!open) return;
      const { person } = open;
      const tenants = await logsOf(person);
      await database.within(tenants, async tx => {
        const [row] = await tx
          .delete(webSessions)
          .where(eq(webSessions.id, hash(token)))
          .returning();
        if (!row) return;
        await tx
          .update(tokens)
          .set({ revokedAt: clock.now() })
          .where(and(eq(tokens.session, row.id), isNull(tokens.revokedAt)));
        await appendEvents(tx, tenants.map(signedOut(person)));
      });
    },

    async issueToken({ person, expiresAt: sessionEnd, session, authenticatedAt }, label) {
      const id = freshId('tok');
      // Never longer than the sign-in that it stands for.
      const expiresAt = new Date(Math.min(later(TOKEN_SECONDS).getTime(), sessionEnd.getTime()));
      const order = { id, person, session, label, client: null, address: null, authenticatedAt, expiresAt };
      const tenants = await logsOf(person);
      const token = await database.within(tenants, async tx => {
        await requireTokenPace(tx, person.id, clock.now());
        return mintToken(tx, order, tenants, clock.now());
      });
      return { id, token, expiresAt };
    },

    tokensOf: person => liveTokens(database, person, clock.now()),

    async revokeToken(person, id) {
      const tenants = await logsOf(person);
      return database.within(
        tenants,
        async tx => (await revokeTokens(tx, person, eq(tokens.id, id), tenants, clock.now())) > 0,
      );
    },

    async signOutEverywhere(person) {
      const tenants = await logsOf(person);
      await database.within(tenants, async tx => {
        await tx.delete(deviceSignIns).where(eq(deviceSignIns.person, person.id));
        await tx.delete(sshSignIns).where(eq(sshSignIns.person, person.id));
        // After those rows are gone: a terminal that took its own just before counts as earlier.
        await tx.update(people).set({ signedOutAt: clock.now() }).where(eq(people.id, person.id));
        await tx.delete(webSessions).where(eq(webSessions.person, person.id));
        await revokeTokens(tx, person, undefined, tenants, clock.now());
        await appendEvents(tx, tenants.map(signedOut(person)));
      });
    },

    async sweep() {
      await attempts.sweep();
      await db.delete(webSessions).where(lt(webSessions.expiresAt, clock.now()));
      await db.delete(sshSignIns).where(lt(sshSignIns.expiresAt, clock.now()));
    },
  };
}

const signedOut =
  (person: Person) =>
  (tenant: string): AuditEvent => ({
    tenant,
    action: 'person.signed-out',
    actor: `person:${person.id}`,
    subject: person.id,
    data: {},
  });

/** The person as this sign-in shows them. Who they are is issuer and subject; all else may change under it. */
async function remember(
  tx: Transaction,
  identity: VerifiedIdentity,
  now: Date,
  tenants: readonly string[],
): Promise<{ person: Person; events: AuditEvent[] }> {
  const { issuer, subject } = identity;
  const shown = {
    name: identity.name,
    email: identity.email,
    groups: [...identity.groups],
    claims: { ...identity.claims },
    authenticatedAt: identity.authenticatedAt,
    signedInAt: now,
  };
  const [row] = await tx
    .insert(people)
    .values({ id: freshId('p'), issuer, subject, boundEmail: null, ...shown })
    .onConflictDoUpdate({ target: [people.issuer, people.subject], set: shown })
    .returning();
  const email = identity.emailVerified ? (identity.email?.toLowerCase() ?? null) : null;
  let newlyBound = false;
  let boundEmail: string | null = null;
  if (email !== null) {
    const inserted = await tx
      .insert(bindings)
      .values({ issuer, email, person: row!.id, at: now })
      .onConflictDoNothing()
      .returning();
    newlyBound = inserted.length > 0;
    const [binding] = await tx
      .select()
      .from(bindings)
      .where(and(eq(bindings.issuer, issuer), eq(bindings.email, email)));
    boundEmail = binding!.person === row!.id ? email : null;
  }
  const [current] = await tx
    .update(people)
    .set({ boundEmail, verifiedEmail: email })
    .where(eq(people.id, row!.id))
    .returning();
  const person: Person = current!;
  const actor = `person:${person.id}`;
  const signedIn = tenants.map(
    (tenant): AuditEvent => ({
      tenant,
      action: 'person.signed-in',
      actor,
      subject: person.id,
      data: {
        name: person.name,
        email: person.email,
        issuer,
        subject,
        groups: [...person.groups],
        authenticated_at: person.authenticatedAt.toISOString(),
      },
    }),
  );
  const bound = newlyBound
    ? tenants.map(
        (tenant): AuditEvent => ({
          tenant,
          action: 'person.bound',
          actor,
          subject: person.id,
          data: { email: email!, issuer, subject },
        }),
      )
    : [];
  return { person, events: [...signedIn, ...bound] };
}
