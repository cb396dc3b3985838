import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { mayReplay, oversees } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import { recordingPath } from '../domain/session.ts';
import { Refused } from '../elevation/contract.ts';
import { terminateSession } from '../elevation/terminate-session.ts';
import { appendEvents, uuidOf } from '../store/log.ts';
import { listSessions, type SessionWithPerson } from '../store/sessions.ts';
import {
  type Api,
  type Application,
  type Env,
  type Membership,
  membershipsIn,
  membershipsOf,
} from './application.ts';
import { sessionJson, sessionShape } from './present.ts';
import { idParameter, json, refusals, tenantQuery } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const list = createRoute({
  method: 'get',
  path: '/sessions',
  summary: 'Sessions that you held, answer for or oversee, the newest first',
  request: { query: tenantQuery.extend({ live: z.enum(['true', 'false']).optional() }) },
  responses: { 200: json(z.object({ sessions: z.array(sessionShape) }), 'Sessions'), ...refusals },
});

const show = createRoute({
  method: 'get',
  path: '/sessions/{id}',
  summary: 'One session',
  request: { params: idParameter },
  responses: { 200: json(sessionShape, 'The session'), ...refusals },
});

const recording = createRoute({
  method: 'get',
  path: '/sessions/{id}/recording',
  summary:
    'The recording, byte for byte what the hash in the log says; Range is honoured (RFC 9110, section 14)',
  request: { params: idParameter },
  responses: {
    200: { description: 'asciicast v2', content: { 'application/x-asciicast': { schema: z.string() } } },
    206: { description: 'A part', content: { 'application/x-asciicast': { schema: z.string() } } },
    ...refusals,
  },
});

const terminate = createRoute({
  method: 'post',
  path: '/sessions/{id}/terminate',
  summary: 'End a live session now; its grant stays',
  request: { params: idParameter },
  responses: { 202: json(z.object({ id: z.string() }), 'The gateway was told'), ...refusals },
});

export function sessionRoutes(api: Api, app: Application): void {
  api.openapi(list, async c => {
    const { tenant, live } = c.req.valid('query');
    const rows = await sessionsFor(app, signedIn(c).person, { tenant });
    const sessions = rows.map(row => sessionJson(row.row));
    const wanted = sessions.filter(
      session => live === undefined || String(session.ended_at === null) === live,
    );
    return c.json({ sessions: wanted }, 200);
  });
  api.openapi(show, async c => {
    const { row } = await sessionFor(app, signedIn(c).person, c.req.valid('param').id);
    return c.json(sessionJson(row), 200);
  });
  api.openapi(recording, async c => (await recordingResponse(app, c, c.req.valid('param').id)) as never);
  api.openapi(terminate, async c => {
    const { person } = signedIn(c);
    const { row } = await sessionFor(app, person, c.req.valid('param').id);
    const { id, tenant } = row.session;
    await app.commit(tenant, (look, outside) =>
      terminateSession(look, outside, person, { tenant, session: id }),
    );
    return c.json({ id }, 202);
  });
}

export interface SessionSeen {
  readonly row: SessionWithPerson;
  readonly membership: Membership;
  /** Whether this reader may see its recording. */
  readonly replay: boolean;
}

const seen = (person: Person, memberships: readonly Membership[], row: SessionWithPerson): SessionSeen[] => {
  const membership = memberships.find(m => m.tenant === row.session.tenant);
  if (!membership) return [];
  const { engagement, member } = membership;
  const replay = mayReplay(engagement, member, row.cell);
  const may = replay || row.session.person === person.id || oversees(engagement, member);
  return may ? [{ row, membership, replay }] : [];
};

/** The sessions that a person held, answers for or oversees. */
export async function sessionsFor(
  app: Application,
  person: Person,
  { tenant, grant }: { tenant?: string | undefined; grant?: string },
): Promise<SessionSeen[]> {
  const memberships = await membershipsIn(app, person, tenant);
  const rows = await listSessions(app.database, {
    tenants: memberships.map(m => m.tenant),
    ...(grant === undefined ? {} : { grant }),
  });
  return rows.flatMap(row => seen(person, memberships, row));
}

/** @throws Refused `no-such-session` */
export async function sessionFor(app: Application, person: Person, id: string): Promise<SessionSeen> {
  const memberships = await membershipsOf(app, person);
  const [row] = await listSessions(app.database, { tenants: memberships.map(m => m.tenant), id });
  const [found] = row ? seen(person, memberships, row) : [];
  if (!found) throw new Refused('no-such-session', 'There is no such session for you.', 404);
  return found;
}

/**
 * The recording's file, or the part that Range asks for. Each look is in the log, once for a download however many
 * parts it comes in.
 *
 * @throws Refused `no-such-session`, `not-yours`, `recording-gone`
 */
export async function recordingResponse(app: Application, c: Context<Env>, id: string): Promise<Response> {
  const { person } = signedIn(c);
  const { row, replay } = await sessionFor(app, person, id);
  if (!replay) {
    throw new Refused('not-yours', 'Recordings are for auditors and for those who answer for the cell.', 403);
  }
  const file = join(app.recordings, recordingPath(row.session));
  const handle = await open(file, 'r').catch(() => {
    throw new Refused('recording-gone', 'The recording is not where it was written.', 410);
  });
  // A live recording grows: what is served is what was there when it was asked for.
  const size = row.session.size ?? (await handle.stat()).size;
  await handle.close();
  const range = rangeOf(c.req.header('range'), size);
  const headers: Record<string, string> = {
    'content-type': 'application/x-asciicast',
    'accept-ranges': 'bytes',
    'content-disposition': `attachment; filename="${id}.cast"`,
    ...(row.session.sha256 ? { etag: `"${row.session.sha256}"` } : {}),
  };
  if (range === 'unsatisfiable') {
    return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` } });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const length = Math.max(0, end - start + 1);
  if (length > 0) {
    await app.database.within([row.session.tenant], tx =>
      appendEvents(tx, [
        {
          tenant: row.session.tenant,
          // A player asks for parts: a look is one entry within ten minutes, whatever was asked first.
          entry: uuidOf(
            hashOf(`viewed ${person.id} ${id} ${Math.floor(app.clock.now().getTime() / 600_000)}`),
          ),
          action: 'recording.viewed',
          actor: `person:${person.id}`,
          subject: id,
          data: { session: id },
        },
      ]),
    );
  }
  const content =
    length === 0 ? null : (Readable.toWeb(createReadStream(file, { start, end })) as ReadableStream);
  return new Response(content, {
    status: range ? 206 : 200,
    headers: {
      ...headers,
      'content-length': String(length),
      ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
    },
  });
}

/** One range of bytes; several at once, or another unit, are answered with the whole (RFC 9110, section 14.2). */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start < size && start <= end ? { start, end } : 'unsatisfiable';
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
