import { randomBytes } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import type { Change, Letter, Look, Outside, Step } from '../elevation/contract.ts';
import type { Message } from '../notifiers/contract.ts';
import type { Clock } from './clock.ts';
import type { Database, Transaction } from './database.ts';
import type { EngagementCache } from './engagements.ts';
import { freshId } from './fresh-id.ts';
import { appendEvents } from './log.ts';
import { lookIn } from './look.ts';
import { matrixVersions, proposals, signatures, tenants } from './matrix-tables.ts';
import { withinPace } from './paced-events.ts';
import { type DatabaseTime, skewBetween } from './skew.ts';
import { approvals, grants, outbox, requests, sessions } from './tables.ts';

export type { Clock } from './clock.ts';

/** Which channels of the installation reach these people and squads. */
export type Route = (letter: Letter) => readonly string[];

/**
 * Carries out one step within one tenant: what it looks at, what it changes, the log entries and the messages are one transaction.
 * Nothing outside the database happens inside it; messages lie in the outbox and cuts are notified at commit.
 */
export type Commit = <T>(
  tenant: string,
  step: (look: Look, outside: Outside) => Promise<Step<T>>,
) => Promise<T>;

export function committer(
  database: Database,
  surroundings: {
    clock: Clock;
    engagements: EngagementCache;
    route: Route;
    url: URL;
    asking: Outside['asking'];
    installation: Outside['installation'];
    databaseTime: DatabaseTime;
  },
): Commit {
  return (tenant, step) =>
    database.within([tenant], async tx => {
      const outside: Outside = {
        now: surroundings.clock.now(),
        id: freshId,
        salt: () => randomBytes(16),
        asking: surroundings.asking,
        installation: surroundings.installation,
      };
      const { result, changes, events, letters, cuts } = await step(
        lookIn(tx, surroundings.engagements, () =>
          skewBetween(surroundings.clock, () => surroundings.databaseTime(tx)),
        ),
        outside,
      );
      for (const change of changes ?? []) await carryOut(tx, tenant, change);
      await post(tx, letters ?? [], surroundings, outside.now);
      if (cuts) await announceCuts(tx, cuts);
      // Last, since it holds the chain's head until the commit.
      await appendEvents(tx, await withinPace(tx, events ?? []));
      return result;
    });
}

async function carryOut(tx: Transaction, tenant: string, change: Change): Promise<void> {
  if ('insert' in change) {
    switch (change.insert) {
      case 'request':
        await tx.insert(requests).values(change.record);
        return;
      case 'approval':
        await tx.insert(approvals).values({ ...change.record, tenant });
        return;
      case 'grant':
        await tx.insert(grants).values(change.record);
        return;
      case 'session':
        await tx.insert(sessions).values(change.record);
        return;
      case 'proposal': {
        const { texts, ...rest } = change.record;
        await tx.insert(proposals).values({ ...rest, texts: texts && JSON.stringify(texts) });
        return;
      }
      case 'signature':
        await tx.insert(signatures).values(change.record);
        return;
      case 'version':
        await tx.insert(matrixVersions).values(change.record).onConflictDoNothing();
        return;
      case 'tenant':
        throw new Error('a tenant comes into being by its matrix');
    }
  }
  switch (change.update) {
    case 'request':
      await tx.update(requests).set(change.set).where(eq(requests.id, change.id));
      return;
    case 'grant':
      await tx.update(grants).set(change.set).where(eq(grants.id, change.id));
      return;
    case 'session':
      await tx.update(sessions).set(change.set).where(eq(sessions.id, change.id));
      return;
    case 'tenant':
      await tx.update(tenants).set(change.set).where(eq(tenants.id, change.id));
      return;
    case 'proposal': {
      const { state, closedAt, closedBy } = change.set;
      await tx.update(proposals).set({ state, closedAt, closedBy }).where(eq(proposals.id, change.id));
      return;
    }
    case 'approval':
    case 'signature':
    case 'version':
      throw new Error(`what was said or signed is never changed: ${change.update}`);
  }
}

async function post(
  tx: Transaction,
  letters: readonly Letter[],
  { route, url }: { route: Route; url: URL },
  now: Date,
): Promise<void> {
  const rows = letters.flatMap(letter =>
    route(letter).map(channel => {
      const id = freshId('msg');
      const message: Message = {
        id,
        kind: letter.kind,
        tenant: letter.tenant,
        to: [...letter.to],
        title: letter.title,
        lines: [...letter.lines],
        url: letter.path === null ? null : new URL(letter.path, url).href,
        at: (letter.dueAt ?? now).toISOString(),
      };
      const { tenant, whileWaiting } = letter;
      const about = /^\/r\/(req_\w+)$/.exec(letter.path ?? '')?.[1] ?? null;
      return { id, tenant, channel, message, whileWaiting, about, dueAt: letter.dueAt ?? now };
    }),
  );
  if (rows.length === 0) return;
  await tx.insert(outbox).values(rows);
  await tx.execute(sql`select pg_notify('sallyport_outbox', '')`);
}

async function announceCuts(tx: Transaction, cuts: NonNullable<Step<unknown>['cuts']>): Promise<void> {
  // A notification holds less than 8,000 bytes (PostgreSQL, NOTIFY).
  for (let i = 0; i < cuts.sessions.length; i += 100) {
    const part = { ...cuts, sessions: cuts.sessions.slice(i, i + 100) };
    await tx.execute(sql`select pg_notify('sallyport_cut', ${JSON.stringify(part)})`);
  }
}
