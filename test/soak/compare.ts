import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { verifyRecording } from '../../src/audit/verify.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import type { Acknowledged, Client, Ledger } from './ledger.ts';
import type { Entry } from './log-watch.ts';
import type { Receiver } from './receiver.ts';

/** What is found wrong, and what was looked at. */
export interface Comparison {
  readonly lose: (loss: string) => void;
  readonly count: (what: string, by?: number) => void;
}

const ACTION_OF: Readonly<Record<Acknowledged['what'], string>> = {
  request: 'request.submitted',
  approval: 'request.approved',
  denial: 'request.denied',
  withdrawal: 'request.withdrawn',
  revocation: 'grant.ended',
  handback: 'grant.ended',
};

/** Entries that can stand only once about one subject, whatever was killed. */
const ONCE = [
  'request.submitted',
  'request.observed',
  'request.approved',
  'request.denied',
  'request.withdrawn',
  'request.expired',
  'grant.opened',
  'grant.ended',
  'session.admitted',
  'credential.issued',
  'session.ended',
  'message.delivered',
  'message.failed',
] as const;

/** All that was acknowledged is in the log exactly once, and nothing is there twice. */
export function compareLog(entries: readonly Entry[], ledger: Ledger, { lose, count }: Comparison): void {
  const seen = new Map<string, number>();
  for (const { action, subject } of entries) {
    const key = `${action} ${subject}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  for (const { what, id } of ledger.acknowledged) {
    count(`acknowledged: ${what}`);
    const times = seen.get(`${ACTION_OF[what]} ${id}`) ?? 0;
    if (times !== 1) lose(`an acknowledged ${what} of ${id} is in the log ${times} times`);
  }
  for (const [key, times] of seen) {
    if (times > 1 && ONCE.some(action => key.startsWith(`${action} `)))
      lose(`${key} is in the log ${times} times`);
  }
  const opened = new Map<string, string>();
  for (const { action, subject, data } of entries) {
    if (action !== 'grant.opened') continue;
    count('grants opened');
    const other = opened.get(data.request);
    if (other !== undefined) lose(`the request ${data.request} opened ${other} and ${subject}`);
    opened.set(data.request, subject);
  }
  compareEnds(entries, { lose, count });
}

/** Each grant that is over, and each session, has its end in the log; none ended later than its grant. */
function compareEnds(entries: readonly Entry[], { lose, count }: Comparison): void {
  const now = Date.parse(entries.at(-1)?.at ?? '');
  const ends = new Map(
    entries.filter(each => each.action === 'grant.ended').map(each => [each.subject, each]),
  );
  const closed = new Map(
    entries.filter(each => each.action === 'session.ended').map(each => [each.subject, each]),
  );
  const grants = new Map<string, number>();
  for (const { action, subject, data } of entries) {
    if (action === 'grant.opened') {
      const endsAt = Date.parse(data.ends_at);
      const end = ends.get(subject);
      grants.set(subject, Math.min(endsAt, end ? Date.parse(end.data.ended_at) : endsAt));
      if (end === undefined && endsAt < now - 5_000)
        lose(`the grant ${subject} is over and its end is not logged`);
      if (end?.data.reason === 'deadline' && end.data.ended_at !== data.ends_at) {
        lose(`the grant ${subject} ended ${end.data.ended_at} in the place of ${data.ends_at}`);
      }
      if (end) count(`grants ended: ${end.data.reason}`);
    }
    if (action === 'session.admitted') {
      count('sessions');
      const end = closed.get(subject);
      if (end === undefined) {
        lose(`the session ${subject} never ended`);
        continue;
      }
      count(`sessions ended: ${end.data.reason}`);
      if (Date.parse(end.data.ended_at) > grants.get(data.grant)! + 5_000) {
        lose(`the session ${subject} ended ${end.data.ended_at}, after its grant`);
      }
    }
  }
}

/** What the store itself holds, asked past the broker when it is down. */
export async function compareStore(
  data: string,
  ledger: Ledger,
  receiver: Receiver,
  { lose, count }: Comparison,
): Promise<void> {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const server = await startEmbeddedPostgres({ dataFolder: data, logger });
  const sql = postgres({
    host: server.socketFolder,
    port: server.port,
    user: server.user,
    database: 'postgres',
    max: 1,
  });
  try {
    const none = async (what: string, rows: postgres.PendingQuery<postgres.Row[]>) => {
      for (const row of await rows) lose(`${what}: ${JSON.stringify(row)}`);
    };
    const kept = new Map<string, string[]>();
    for (const { id, reason } of await sql`select id, reason from request`) {
      kept.set(reason, [...(kept.get(reason) ?? []), id]);
    }
    for (const [reason, id] of ledger.asked) {
      const ids = kept.get(reason) ?? [];
      if (ids.length > 1) lose(`what was asked once as ${reason} is there as ${ids.join(', ')}`);
      if (id !== null && ids[0] !== id) lose(`the acknowledged request ${id} is not there`);
      if (id === null)
        count(ids.length === 0 ? 'unanswered requests: not taken' : 'unanswered requests: taken');
    }
    await none(
      'two grants of one request',
      sql`select request, count(*) from access_grant group by 1 having count(*) > 1`,
    );
    await none(
      'a place filled twice',
      sql`select request, place, revision, count(*) from approval group by 1, 2, 3 having count(*) > 1`,
    );
    await none(
      'a grant past its end without one',
      sql`select id from access_grant where ended_at is null and ends_at < now() - interval '5 seconds'`,
    );
    await none('an open session', sql`select id from session where ended_at is null`);
    await none(
      'one thing told under two ids',
      sql`
      select channel, about, message->>'kind' as kind, message->'to' as "to", message->>'title' as title, count(*)
      from outbox where about is not null group by 1, 2, 3, 4, 5 having count(*) > 1`,
    );
    await none(
      'an approved request without a grant',
      sql`
      select r.id from request r where r.state = 'approved' and not exists (select 1 from access_grant g where g.request = r.id)`,
    );
    await none(
      'a row that the log has no entry of',
      sql`
      select id from request r where state <> 'refused' and not exists (select 1 from log_entry l where l.subject = r.id
        and l.action = case r.state when 'observed' then 'request.observed' else 'request.submitted' end)
      union all select id from access_grant g where not exists (select 1 from log_entry l where l.subject = g.id and l.action = 'grant.opened')
      union all select id from session s where not exists (select 1 from log_entry l where l.subject = s.id and l.action = 'session.admitted')`,
    );
    await compareMessages(sql, receiver, { lose, count });
  } finally {
    await sql.end({ timeout: 5 });
    await server.stop();
  }
}

async function compareMessages(
  sql: postgres.Sql,
  receiver: Receiver,
  { lose, count }: Comparison,
): Promise<void> {
  const outbox = await sql`select id, outcome, last_error, due_at <= now() as due from outbox`;
  const ids = new Set(outbox.map(row => row.id as string));
  for (const { id, outcome, last_error: error, due } of outbox) {
    count(`messages: ${outcome ?? (due ? 'due' : 'not due yet')}`);
    const came = receiver.messages.get(id)?.times ?? 0;
    if (outcome === 'delivered' && came === 0) lose(`the message ${id} is told as delivered and never came`);
    if (outcome === 'failed') lose(`the message ${id} was given up: ${error}`);
    if (came > 1) count('messages that came more than once, under the same id');
  }
  for (const [id, { bodies }] of receiver.messages) {
    if (!ids.has(id)) lose(`a message ${id} came that the broker does not know`);
    if (bodies.size > 1) lose(`the message ${id} came with ${bodies.size} contents`);
  }
}

/** Messages that are due and not settled. */
export async function unsettled(socketFolder: string): Promise<number> {
  const sql = postgres({
    host: socketFolder,
    port: 5432,
    user: 'sallyport_owner',
    database: 'postgres',
    max: 1,
  });
  try {
    // A lease puts off for a minute what was under way when something was killed.
    const [row] = await sql`
      select count(*)::int as left from outbox
      where done_at is null and (while_waiting is null or attempts > 0) and due_at < now() + interval '2 minutes'`;
    return row!.left as number;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** Each file fits what the log says of it; each client saw nothing that is not in the recording of its session. */
export async function compareRecordings(
  folder: string,
  recordings: string,
  log: { text: string; entries: readonly Entry[] },
  clients: readonly Client[],
  { lose, count }: Comparison,
): Promise<void> {
  const export_ = join(folder, 'log.ndjson');
  await writeFile(export_, log.text);
  const ended = new Map(
    log.entries.filter(each => each.action === 'session.ended').map(each => [each.subject, each.data]),
  );
  const known = new Set<string>();
  const shown: { session: string; text: string; commands: string }[] = [];
  for (const { action, subject, data } of log.entries) {
    if (action !== 'session.admitted') continue;
    const file = join(recordings, data.recording);
    known.add(file);
    if (!ended.get(subject)?.recording) continue;
    const verified = await verifyRecording(file, export_, { session: subject });
    count('recordings held against the log');
    if (!verified.ok)
      lose(`the recording of ${subject}: ${verified.findings.map(each => each.message).join('; ')}`);
    const events = (await readFile(file, 'utf8'))
      .split('\n')
      .slice(1, -1)
      .map(line => JSON.parse(line));
    if (ended.get(subject)!.reason === 'broken-off') {
      count('recordings closed after a kill');
      if (!/^broken off: /.test(events.at(-1)?.[2] ?? ''))
        lose(`the recording of ${subject} (${verified.size} bytes) does not say that it breaks off`);
    }
    const said = (code: string) =>
      events
        .filter(event => event[1] === code)
        .map(event => event[2] as string)
        .join(code === 'm' ? '\n' : '');
    shown.push({ session: subject, text: said('o'), commands: said('m') });
  }
  for (const entry of await readdir(recordings, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !known.has(path)) lose(`the recording ${path} belongs to no session`);
  }
  for (const client of clients) compareClient(client, shown, { lose, count });
}

function compareClient(
  client: Client,
  shown: readonly { session: string; text: string; commands: string }[],
  { lose, count }: Comparison,
): void {
  const { token, kind, status, upTo } = client;
  const stdout = client.stdout;
  const numbers = [...stdout.matchAll(new RegExp(`^${token} (\\d+)\\r?$`, 'gm'))].map(match =>
    Number(match[1]),
  );
  count('lines that clients saw', numbers.length);
  const gap = numbers.findIndex((number, at) => number !== at + 1);
  if (gap >= 0) lose(`${kind} ${token} saw ${numbers[gap]} in the place of ${gap + 1}`);
  if (status === 0 && kind !== 'copy') {
    count('clients that ran to their end');
    if (numbers.length !== upTo || !stdout.includes(`${token} end`)) {
      lose(`${kind} ${token} ended well and saw ${numbers.length} of ${upTo} lines`);
    }
  }
  if (stdout === '') return;
  // In a terminal the gateway's own lines stand before and after what the host printed.
  const fits = shown.some(({ text }) => (kind === 'shell' ? text.includes(stdout) : text.startsWith(stdout)));
  if (!fits) lose(`what ${kind} ${token} saw (${stdout.length} characters) stands in no recording`);
}
