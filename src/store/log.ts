import { createHash, randomUUID } from 'node:crypto';
import { and, asc, count, desc, eq, gt, sql } from 'drizzle-orm';
import { fragments } from '../audit/entry.ts';
import type { AuditEvent } from '../domain/audit-event.ts';
import type { Database, Transaction } from './database.ts';
import { checkpoints, logEntries, logHeads } from './tables.ts';

/** An event with an id of its own, where the writer may have to repeat itself. */
export type Appendable = AuditEvent & { readonly entry?: string };

/**
 * Appends to the chains of the events' tenants, in the caller's transaction, through the only function that may.
 * An entry id that is already there is passed over.
 */
export async function appendEvents(tx: Transaction, events: readonly Appendable[]): Promise<void> {
  // In one order for everybody, so that two transactions never wait for each other's chain.
  for (const tenant of [...new Set(events.map(event => event.tenant))].sort()) {
    const values = appendArguments(
      tenant,
      events.filter(event => event.tenant === tenant),
    ).map(({ text, type }) => sql`${text}::text::${sql.raw(type)}`);
    await tx.execute(sql`select from append_log(${sql.join(values, sql`, `)})`);
  }
}

/** What `append_log` is called with, each as one text (with `::text` in front of its type, so that it is sent as one). */
export function appendArguments(
  tenant: string,
  events: readonly Appendable[],
): { text: string; type: 'text' | 'text[]' | 'uuid[]' }[] {
  const parts = events.map(fragments);
  return [
    { text: tenant, type: 'text' },
    { text: arrayOf(events.map(event => event.entry ?? randomUUID())), type: 'uuid[]' },
    ...[
      events.map(event => event.action),
      events.map(event => event.actor),
      events.map(event => event.subject),
      parts.map(part => part.head),
      parts.map(part => part.middle),
      parts.map(part => part.tail),
    ].map(texts => ({ text: arrayOf(texts), type: 'text[]' as const })),
  ];
}

/** PostgreSQL's array literal: quoted elements with backslash escapes (manual, 8.15.2). */
const arrayOf = (texts: readonly string[]): string =>
  `{${texts.map(text => `"${text.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;

/** The lines of a chain from `start` on, in order, a page at a time: an export never holds them all. */
export async function* readLines(
  database: Database,
  tenant: string,
  start = 0,
  upTo = Number.MAX_SAFE_INTEGER,
) {
  for (let from = start; from < upTo; ) {
    const after = from;
    const page = await database.within([tenant], tx =>
      tx
        .select({ seq: logEntries.seq, line: logEntries.line, leaf: logEntries.leaf })
        .from(logEntries)
        .where(and(eq(logEntries.tenant, tenant), gt(logEntries.seq, after)))
        .orderBy(asc(logEntries.seq))
        .limit(Math.min(1000, upTo - after)),
    );
    for (const row of page) yield row;
    if (page.length === 0) return;
    from = page.at(-1)!.seq;
  }
}

/** How long the chain is; 0 where there is none. */
export async function lengthOf(database: Database, tenant: string): Promise<number> {
  const [head] = await database.within([tenant], tx =>
    tx.select().from(logHeads).where(eq(logHeads.tenant, tenant)),
  );
  return head?.seq ?? 0;
}

/** How often something stands in a log of one subject, and in how many seconds the first of it has aged out. */
export async function entriesWithin(
  tx: Transaction,
  of: {
    readonly tenant: string;
    readonly subject: string;
    readonly action: AuditEvent['action'];
    /** Whoever it was, where none is said. */
    readonly actor?: string;
  },
  seconds: number,
): Promise<{ count: number; free: number }> {
  // By the clock that stamped them.
  const age = sql<number>`extract(epoch from clock_timestamp() - ${logEntries.at})`;
  const [row] = await tx
    .select({ count: count(), oldest: sql<number>`coalesce(max(${age}), 0)::int` })
    .from(logEntries)
    .where(
      and(
        eq(logEntries.tenant, of.tenant),
        eq(logEntries.subject, of.subject),
        eq(logEntries.action, of.action),
        of.actor === undefined ? undefined : eq(logEntries.actor, of.actor),
        sql`${age} < ${seconds}`,
      ),
    );
  return { count: row?.count ?? 0, free: Math.max(1, seconds - (row?.oldest ?? 0)) };
}

export interface LogFilter {
  readonly subject?: string | undefined;
  readonly action?: string | undefined;
  readonly before?: number | undefined;
}

/** The newest entries first, at most 200. */
export async function recentEntries(database: Database, tenant: string, filter: LogFilter, limit: number) {
  return database.within([tenant], tx =>
    tx
      .select()
      .from(logEntries)
      .where(
        and(
          eq(logEntries.tenant, tenant),
          filter.subject === undefined ? undefined : eq(logEntries.subject, filter.subject),
          filter.action === undefined ? undefined : eq(logEntries.action, filter.action),
          filter.before === undefined ? undefined : sql`${logEntries.seq} < ${filter.before}`,
        ),
      )
      .orderBy(desc(logEntries.seq))
      .limit(Math.min(limit, 200)),
  );
}

export async function latestCheckpoint(database: Database, tenant: string) {
  const [row] = await database.within([tenant], tx =>
    tx
      .select()
      .from(checkpoints)
      .where(eq(checkpoints.tenant, tenant))
      .orderBy(desc(checkpoints.size))
      .limit(1),
  );
  return row ?? null;
}

export async function saveCheckpoint(
  database: Database,
  checkpoint: { tenant: string; size: number; note: string; edge: string; at: Date },
): Promise<void> {
  await database.within([checkpoint.tenant], tx =>
    tx.insert(checkpoints).values(checkpoint).onConflictDoNothing(),
  );
}

/** Says once in the log which key signs its checkpoints, so that a later one shows as a change. */
export async function announceLogKey(database: Database, tenant: string, vkey: string): Promise<void> {
  const entry = createHash('sha256').update(`log.key ${tenant} ${vkey}`).digest('hex');
  await database.within([tenant], tx =>
    appendEvents(tx, [
      {
        entry: uuidOf(entry),
        tenant,
        action: 'log.key',
        actor: 'broker',
        subject: `tenant:${tenant}`,
        data: { vkey },
      },
    ]),
  );
}

/** An entry id that the same content always gets, as a UUID of version 8 (RFC 9562, section 5.8). */
export const uuidOf = (hex: string): string =>
  [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
