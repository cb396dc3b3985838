import { createRoute, z } from '@hono/zod-openapi';
import { and, desc, eq } from 'drizzle-orm';
import type { AuditEvent } from '../domain/audit-event.ts';
import { PARTIES } from '../domain/party.ts';
import type { Person } from '../domain/person.ts';
import { isInSquad } from '../domain/squad.ts';
import { readPublicKey } from '../domain/ssh-public-key.ts';
import { tooOften } from '../elevation/asking-pace.ts';
import { Refused } from '../elevation/contract.ts';
import type { TokenSummary } from '../identity/tokens.ts';
import { appendEvents, entriesWithin } from '../store/log.ts';
import { people, sshKeys } from '../store/tables.ts';
import { type Api, type Application, membershipsOf } from './application.ts';
import { personJson } from './present.ts';
import { body, json, line, refusals } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const MOST_KEYS = 20;
/** Each one added is an entry in the log, also when it is removed again. */
const MOST_KEYS_AN_HOUR = 30;

const whoami = createRoute({
  method: 'get',
  path: '/whoami',
  summary: 'Who you are here, and in which squads',
  responses: {
    200: json(
      z.object({
        id: z.string(),
        name: z.string(),
        handle: z.string(),
        issuer: z.string(),
        subject: z.string(),
        email: z.string().nullable(),
        signed_in_at: z.string(),
        by: z.enum(['session', 'token']),
        authenticated_at: z.string().openapi({
          description: 'When the provider saw you prove who you are, for this browser or token',
        }),
        expires_at: z.string(),
        engagements: z.array(
          z.object({ tenant: z.string(), party: z.string(), squads: z.array(z.string()) }),
        ),
      }),
      'You',
    ),
    ...refusals,
  },
});

const keyShape = z
  .object({ fingerprint: z.string(), type: z.string(), label: z.string(), added_at: z.string() })
  .openapi('SshKey');

const keys = createRoute({
  method: 'get',
  path: '/keys',
  summary: 'Your registered SSH keys; they say who you are and open nothing',
  responses: { 200: json(z.object({ keys: z.array(keyShape) }), 'Keys'), ...refusals },
});

const add = createRoute({
  method: 'post',
  path: '/keys',
  summary: 'Register an SSH public key',
  request: { body: body(z.strictObject({ public_key: line(5000) })) },
  responses: { 201: json(keyShape, 'Registered'), ...refusals },
});

const remove = createRoute({
  method: 'delete',
  path: '/keys',
  summary: 'Forget a key of yours',
  request: { query: z.object({ fingerprint: line(100) }) },
  responses: { 200: json(z.object({ removed: z.string() }), 'Forgotten'), ...refusals },
});

const tokenShape = z
  .object({
    id: z.string(),
    label: z.string().openapi({ description: 'What whoever asked for it called it' }),
    client: z
      .string()
      .nullable()
      .openapi({ description: 'The command line that asked; null: made on a page' }),
    address: z.string().nullable().openapi({ description: 'Where the command line asked from' }),
    created_at: z.string(),
    expires_at: z.string(),
  })
  .openapi('Token');

const tokens = createRoute({
  method: 'get',
  path: '/tokens',
  summary: 'Your tokens that still hold, never themselves',
  responses: { 200: json(z.object({ tokens: z.array(tokenShape) }), 'Tokens'), ...refusals },
});

const token = createRoute({
  method: 'post',
  path: '/tokens',
  summary:
    'A bearer token for scripts, shown once; at most 12 hours, and no longer than the sign-in behind it',
  request: { body: body(z.strictObject({ label: line(100) })) },
  responses: {
    201: json(z.object({ id: z.string(), token: z.string(), expires_at: z.string() }), 'The token'),
    ...refusals,
  },
});

const revoke = createRoute({
  method: 'delete',
  path: '/tokens/{id}',
  summary: 'Revoke a token of yours',
  request: { params: z.object({ id: line(60) }) },
  responses: { 200: json(z.object({ revoked: z.string() }), 'Revoked'), ...refusals },
});

export function peopleRoutes(api: Api, app: Application): void {
  api.openapi(whoami, async c => {
    const { person, expiresAt, by, authenticatedAt } = signedIn(c);
    const engagements = (await membershipsOf(app, person)).map(({ tenant, engagement, member }) => ({
      tenant,
      party: member.party,
      squads: PARTIES.flatMap(party =>
        Object.keys(engagement.matrix.parties[party].squads).map(squad => `${party}/${squad}`),
      ).filter(squad => isInSquad(engagement, squad, member)),
    }));
    const { issuer, subject, email, signedInAt } = person;
    return c.json(
      {
        ...personJson(person),
        issuer,
        subject,
        email,
        signed_in_at: signedInAt.toISOString(),
        by,
        authenticated_at: authenticatedAt.toISOString(),
        expires_at: expiresAt.toISOString(),
        engagements,
      },
      200,
    );
  });
  api.openapi(keys, async c => c.json({ keys: (await listKeys(app, signedIn(c).person)).map(keyJson) }, 200));
  api.openapi(add, async c =>
    c.json(keyJson(await addKey(app, signedIn(c).person, c.req.valid('json').public_key)), 201),
  );
  api.openapi(remove, async c => {
    const { fingerprint } = c.req.valid('query');
    await removeKey(app, signedIn(c).person, fingerprint);
    return c.json({ removed: fingerprint }, 200);
  });
  api.openapi(tokens, async c => {
    const held = await app.signIns.tokensOf(signedIn(c).person);
    return c.json({ tokens: held.map(tokenJson) }, 200);
  });
  api.openapi(token, async c => {
    const issued = await app.signIns.issueToken(signedIn(c), c.req.valid('json').label);
    return c.json({ id: issued.id, token: issued.token, expires_at: issued.expiresAt.toISOString() }, 201);
  });
  api.openapi(revoke, async c => {
    const { id } = c.req.valid('param');
    if (!(await app.signIns.revokeToken(signedIn(c).person, id))) {
      throw new Refused('no-such-token', 'There is no such token of yours.', 404);
    }
    return c.json({ revoked: id }, 200);
  });
}

const tokenJson = ({ id, label, client, address, createdAt, expiresAt }: TokenSummary) => ({
  id,
  label,
  client,
  address,
  created_at: createdAt.toISOString(),
  expires_at: expiresAt.toISOString(),
});

export interface RegisteredKey {
  readonly fingerprint: string;
  readonly type: string;
  readonly label: string;
  readonly addedAt: Date;
}

const keyJson = ({ fingerprint, type, label, addedAt }: RegisteredKey) => ({
  fingerprint,
  type,
  label,
  added_at: addedAt.toISOString(),
});

export const listKeys = (app: Application, person: Person): Promise<RegisteredKey[]> =>
  app.database.installation
    .select()
    .from(sshKeys)
    .where(eq(sshKeys.person, person.id))
    .orderBy(desc(sshKeys.addedAt));

/**
 * Registers a key: from then on it says who connects. A key is one person's; registering one's own again changes
 * nothing.
 *
 * @throws Refused `invalid`, `key-taken`, `too-many-keys`, `too-many-requests`
 */
export async function addKey(app: Application, person: Person, text: string): Promise<RegisteredKey> {
  const key = readPublicKey(text);
  if (!key) {
    throw new Refused(
      'invalid',
      'Expected one public key, such as "ssh-ed25519 AAAA… maya@laptop"; RSA from 2048 bits.',
      400,
    );
  }
  const tenants = (await membershipsOf(app, person)).map(({ tenant }) => tenant);
  return app.database.within(tenants, async tx => {
    const { fingerprint, type, publicKey } = key;
    // Held, so that two at once do not both fit.
    await tx.select({ id: people.id }).from(people).where(eq(people.id, person.id)).for('update');
    for (const tenant of tenants.slice(0, 1)) {
      const done = await entriesWithin(tx, { tenant, subject: person.id, action: 'key.added' }, 3600);
      if (done.count >= MOST_KEYS_AN_HOUR)
        throw tooOften(`add ${MOST_KEYS_AN_HOUR} keys in one hour`, done.free);
    }
    if ((await tx.select().from(sshKeys).where(eq(sshKeys.person, person.id))).length >= MOST_KEYS) {
      throw new Refused('too-many-keys', `A person has at most ${MOST_KEYS} keys; remove one first.`, 409);
    }
    const label = key.comment.replace(/[^\x20-\x7e]/g, '?') || type;
    const [added] = await tx
      .insert(sshKeys)
      .values({ fingerprint, person: person.id, type, publicKey, label, addedAt: app.clock.now() })
      .onConflictDoNothing()
      .returning();
    if (!added) {
      const [owner] = await tx.select().from(sshKeys).where(eq(sshKeys.fingerprint, fingerprint));
      if (owner?.person === person.id) return owner;
      throw new Refused('key-taken', 'This key is registered to somebody else.', 409);
    }
    const events = tenants.map(
      (tenant): AuditEvent => ({
        tenant,
        action: 'key.added',
        actor: `person:${person.id}`,
        subject: person.id,
        data: { fingerprint, type },
      }),
    );
    await appendEvents(tx, events);
    return added;
  });
}

/** @throws Refused `no-such-key` */
export async function removeKey(app: Application, person: Person, fingerprint: string): Promise<void> {
  const tenants = (await membershipsOf(app, person)).map(({ tenant }) => tenant);
  await app.database.within(tenants, async tx => {
    const [gone] = await tx
      .delete(sshKeys)
      .where(and(eq(sshKeys.fingerprint, fingerprint), eq(sshKeys.person, person.id)))
      .returning();
    if (!gone) throw new Refused('no-such-key', 'You have no such key.', 404);
    const events = tenants.map(
      (tenant): AuditEvent => ({
        tenant,
        action: 'key.removed',
        actor: `person:${person.id}`,
        subject: person.id,
        data: { fingerprint },
      }),
    );
    await appendEvents(tx, events);
  });
}
