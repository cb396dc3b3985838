import { randomInt } from 'node:crypto';
import { and, count, eq, gt, lt, sql } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Party } from '../domain/party.ts';
import type { Person } from '../domain/person.ts';
import type { Clock } from '../store/commit.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { Engagements } from '../store/engagements.ts';
import { freshId } from '../store/fresh-id.ts';
import { appendEvents } from '../store/log.ts';
import { deviceSignIns, people, tokens, wrongDeviceCodes } from '../store/tables.ts';
import { requireTokenPace } from './pace.ts';
import type { Credentials } from './sign-in.ts';
import { hashOf, mintToken, revokeTokens, secretText, TOKEN_SECONDS, tenantsOf } from './tokens.ts';

/** How long a terminal waits for its person. */
export const DEVICE_SECONDS = 600;
/** Between polls, and by how much that grows each time a poll comes too soon (RFC 8628, section 3.5). */
export const POLL_SECONDS = 5;
/** Terminals that may wait at once: from one address (an office behind one), and in all. */
export const MOST_WAITING = { network: 20, total: 2000 };
/** Wrong codes within `DEVICE_SECONDS`: of one person, and of everybody (RFC 8628, section 5.1). */
export const MOST_WRONG = { person: 5, total: 100 };
/** Told apart from a code that never was for this long after it ended. */
const KEPT_SECONDS = 3600;

/** Consonants alone, so that no word comes of them (RFC 8628, section 6.1): 20^8 codes, 34 bits. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const WELL_FORMED = new RegExp(`^[${LETTERS}]{8}$`);

/** What a terminal tells of itself; none of it is proof of anything. */
export interface DeviceRequest {
  readonly client: string;
  readonly address: string;
  readonly network: string;
  readonly userAgent: string | null;
  readonly label: string | null;
  /** Whose sign-in it would like; a hint. */
  readonly party: Party | null;
}

/** A terminal that waits, as the person at the browser is shown it. */
export interface WaitingDevice extends Omit<DeviceRequest, 'network'> {
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** `wrong`: no terminal waits under this code. `too-many`: nothing was looked up, guessing has to pause. */
export type Lookup = WaitingDevice | 'wrong' | 'too-many';

export type Poll =
  | { readonly token: string; readonly expiresAt: Date }
  /** The error codes of RFC 8628, section 3.5. */
  | 'authorization_pending'
  | 'slow_down'
  | 'access_denied'
  | 'expired_token'
  | 'invalid_grant';

/**
 * The broker as the device authorization server (RFC 8628). A terminal starts, shows its code and polls; its person
 * types the code in a browser where they are signed in, sees what asks, and confirms.
 *
 * The token that comes of it stands on its own: closing that browser or signing out there does not end it, since a
 * shared or private window is a good place to confirm in. It ends
 * - 12 hours after it was confirmed, and never after the browser's sign-in would have ended at the latest, so that
 *   what the provider said of its person (groups, that they exist) is never trusted longer than at a browser;
 * - when it is revoked: by `logout`, on the page of tokens, through the API;
 * - when its person signs out everywhere.
 * It carries no authority of its own: what its person may do is looked up at each use. So somebody who lost a squad,
 * or all sides of an engagement, holds a token that opens nothing.
 */
export interface DeviceSignIns {
  /** null: as many wait as may, from there or in all. */
  start(
    request: DeviceRequest,
  ): Promise<{ deviceCode: string; userCode: string; expiresIn: number; interval: number } | null>;
  /** What became of it. A token is given once: the same code again is `invalid_grant`. */
  poll(client: string, deviceCode: string): Promise<Poll>;
  /** What waits under a code that this person typed. A wrong one is counted. */
  find(person: Person, userCode: string): Promise<Lookup>;
  /**
   * The person's answer. Of several at once, one is taken and the others find nothing.
   *
   * @param credentials of a browser's session whose sign-in is fresh: the caller has seen to that
   */
  answer(credentials: Credentials, userCode: string, answer: 'yes' | 'no'): Promise<Lookup>;
  /** Until when a token would live that this session confirms now. */
  tokenUntil(credentials: Credentials): Date;
  /** RFC 7009: false where the token is another client's. One that is unknown or ended needs nothing done. */
  revoke(client: string, token: string): Promise<boolean>;
  /** Deletes what is past its time. */
  sweep(): Promise<void>;
}

/** `BCDF-GHJK`, however it was typed. */
const plainCode = (typed: string): string => typed.toUpperCase().replace(/[\s\p{Pd}_.]/gu, '');

/**
 * 34 bits do not keep a hash secret from whoever reads the database while a terminal waits. What it would gain them
 * is to confirm somebody else's terminal as themselves; the device code, which takes the token, has 256.
 */
const userCodeHash = (code: string): string => hashOf(`device ${plainCode(code)}`);

/** Takes turns within this process before a connection is taken: a queue at the lock below would hold all of them. */
function inTurn() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  };
}

const oneAtATime = (tx: Transaction, what: string) =>
  tx.execute(sql`select pg_advisory_xact_lock(hashtext(${what}))`);

export function openDeviceSignIns(parts: {
  database: Database;
  engagements: Engagements;
  clock: Clock;
}): DeviceSignIns {
  const { database, engagements, clock } = parts;
  const db = database.installation;
  const shifted = (seconds: number) => new Date(clock.now().getTime() + seconds * 1000);
  const waitingNow = () => and(eq(deviceSignIns.state, 'waiting'), gt(deviceSignIns.expiresAt, clock.now()));
  const tokenUntil = ({ expiresAt }: Credentials) =>
    new Date(Math.min(shifted(TOKEN_SECONDS).getTime(), expiresAt.getTime()));

  const startsInTurn = inTurn();
  const codesInTurn = inTurn();

  /** The row under a code, held; codes are tried one after another, so that guesses at once all count. */
  const typed = async (tx: Transaction, person: Person, code: string) => {
    await oneAtATime(tx, 'device-codes');
    const recent = gt(wrongDeviceCodes.at, shifted(-DEVICE_SECONDS));
    const [all] = await tx.select({ n: count() }).from(wrongDeviceCodes).where(recent);
    const [own] = await tx
      .select({ n: count() })
      .from(wrongDeviceCodes)
      .where(and(recent, eq(wrongDeviceCodes.person, person.id)));
    if (own!.n >= MOST_WRONG.person || all!.n >= MOST_WRONG.total) return 'too-many';
    // What cannot be a code was mistyped, and is no guess.
    if (!WELL_FORMED.test(plainCode(code))) return 'wrong';
    const [row] = await tx
      .select()
      .from(deviceSignIns)
      .where(and(eq(deviceSignIns.userCode, userCodeHash(code)), waitingNow()))
      .for('update');
    if (row) return row;
    await tx.insert(wrongDeviceCodes).values({ id: freshId('wc'), person: person.id, at: clock.now() });
    return 'wrong';
  };

  return {
    tokenUntil,

    start: request =>
      startsInTurn(() =>
        db.transaction(async tx => {
          // Counting and adding, one at a time.
          await oneAtATime(tx, 'device-sign-ins');
          const [all] = await tx.select({ n: count() }).from(deviceSignIns).where(waitingNow());
          const [near] = await tx
            .select({ n: count() })
            .from(deviceSignIns)
            .where(and(waitingNow(), eq(deviceSignIns.network, request.network)));
          if (near!.n >= MOST_WAITING.network || all!.n >= MOST_WAITING.total) return null;
          const deviceCode = secretText();
          const base = {
            ...request,
            device: hashOf(deviceCode),
            interval: POLL_SECONDS,
            createdAt: clock.now(),
            expiresAt: shifted(DEVICE_SECONDS),
            state: 'waiting' as const,
          };
          for (;;) {
            const letters = Array.from({ length: 8 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
            const [added] = await tx
              .insert(deviceSignIns)
              .values({ ...base, userCode: userCodeHash(letters) })
              .onConflictDoNothing({ target: deviceSignIns.userCode })
              .returning({ device: deviceSignIns.device });
            const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`;
            if (added) return { deviceCode, userCode, expiresIn: DEVICE_SECONDS, interval: POLL_SECONDS };
          }
        }),
      ),

    async poll(client, deviceCode) {
      const at = eq(deviceSignIns.device, hashOf(deviceCode));
      const [found] = await db
        .select({ person: people })
        .from(deviceSignIns)
        .innerJoin(people, eq(people.id, deviceSignIns.person))
        .where(at);
      const tenants = found ? tenantsOf(await engagements.all(), found.person) : [];
      return database.within(tenants, async (tx): Promise<Poll> => {
        const [row] = await tx.select().from(deviceSignIns).where(at).for('update');
        const now = clock.now();
        // A code is of the client that it was given to; to any other it is none.
        if (!row || row.client !== client) return 'invalid_grant';
        if (row.expiresAt <= now) return 'expired_token';
        const tooSoon = row.polledAt !== null && now.getTime() - row.polledAt.getTime() < row.interval * 1000;
        const interval = tooSoon ? row.interval + POLL_SECONDS : row.interval;
        await tx.update(deviceSignIns).set({ polledAt: now, interval }).where(at);
        if (tooSoon) return 'slow_down';
        if (row.state === 'refused') return 'access_denied';
        // Answered between the two looks: the next poll knows whose log it belongs in.
        if (row.state === 'waiting' || !found) return 'authorization_pending';
        await tx.delete(deviceSignIns).where(at);
        if (row.tokenUntil! <= now) return 'expired_token';
        const order = {
          id: row.token!,
          person: found.person,
          session: null,
          label: row.label ?? 'a terminal',
          client,
          address: row.address,
          authenticatedAt: row.authenticatedAt!,
          expiresAt: row.tokenUntil!,
        };
        const token = await mintToken(tx, order, tenants, now);
        return { token, expiresAt: order.expiresAt };
      });
    },

    find: (person, userCode) => codesInTurn(() => db.transaction(tx => typed(tx, person, userCode))),

    async answer(credentials, userCode, answer) {
      const { person, authenticatedAt } = credentials;
      const tenants = tenantsOf(await engagements.all(), person);
      return database.within(tenants, async tx => {
        const row = await typed(tx, person, userCode);
        if (typeof row === 'string') return row;
        if (answer === 'yes') await requireTokenPace(tx, person.id, clock.now());
        const until = tokenUntil(credentials);
        const token = freshId('tok');
        const { client, address } = row;
        await tx
          .update(deviceSignIns)
          .set(
            answer === 'yes'
              ? { state: 'confirmed', person: person.id, token, tokenUntil: until, authenticatedAt }
              : { state: 'refused', person: person.id },
          )
          .where(eq(deviceSignIns.device, row.device));
        const said = (tenant: string): AuditEvent => {
          const place = { tenant, actor: `person:${person.id}`, subject: person.id };
          return answer === 'yes'
            ? {
                ...place,
                action: 'device.confirmed',
                data: { client, address, token, expires_at: until.toISOString() },
              }
            : { ...place, action: 'device.refused', data: { client, address } };
        };
        await appendEvents(tx, tenants.map(said));
        return row;
      });
    },

    async revoke(client, token) {
      const [row] = await db
        .select({ token: tokens, person: people })
        .from(tokens)
        .innerJoin(people, eq(people.id, tokens.person))
        .where(eq(tokens.hash, hashOf(token)));
      if (!row) return true;
      if (row.token.client !== client) return false;
      const tenants = tenantsOf(await engagements.all(), row.person);
      await database.within(tenants, tx =>
        revokeTokens(tx, row.person, eq(tokens.id, row.token.id), tenants, clock.now()),
      );
      return true;
    },

    async sweep() {
      await db.delete(deviceSignIns).where(lt(deviceSignIns.expiresAt, shifted(-KEPT_SECONDS)));
      await db.delete(wrongDeviceCodes).where(lt(wrongDeviceCodes.at, shifted(-DEVICE_SECONDS)));
    },
  };
}
