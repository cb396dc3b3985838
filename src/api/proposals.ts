import { createRoute, z } from '@hono/zod-openapi';
import { inArray } from 'drizzle-orm';
import { PARTIES } from '../domain/party.ts';
import type { Person } from '../domain/person.ts';
import { Refused } from '../elevation/contract.ts';
import { withdrawProposal } from '../elevation/propose-version.ts';
import { KINDS } from '../matrices/diff.ts';
import { type Review, textsOf } from '../matrices/review.ts';
import { LARGEST_FILE } from '../matrices/source.ts';
import { type Listed, listProposals } from '../store/proposals.ts';
import { people } from '../store/tables.ts';
import { type Api, type Application, membershipsOf, pickTenant } from './application.ts';
import { oneProposal, proposalAmong, putUp, reviewOf, signAs, textsAgain, versionsOf } from './put-up.ts';
import { body, idParameter, json, line, refusals, tenantQuery, words } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const who = z.object({ id: z.string(), name: z.string() });

const signatureShape = z.object({
  party: z.enum(PARTIES),
  squad: z.string(),
  person: who,
  document: z.string(),
  authenticated_at: z.string(),
  at: z.string(),
});

const proposalShape = z
  .object({
    id: z.string(),
    tenant: z.string(),
    state: z.enum(['open', 'in-force', 'replaced', 'withdrawn', 'outdated']).openapi({
      description: 'in-force: it came into force; the latest of these is in force now',
    }),
    version: z.string(),
    digest: z.string().openapi({ description: 'Of matrix and inventory: what decisions name' }),
    document: z.string().openapi({ description: 'Of all that is signed; a signature carries it' }),
    base: z.string().nullable(),
    change: z.string().nullable(),
    note: z.string().nullable(),
    proposed_by: who.nullable().openapi({ description: 'null: the folder of the policies held it' }),
    proposed_at: z.string(),
    closed_at: z.string().nullable(),
    signatures: z.array(signatureShape),
  })
  .openapi('Proposal');

const place = z.object({ file: z.string(), line: z.number(), column: z.number() });
const reviewShape = z.object({
  diff: z
    .array(z.object({ kind: z.enum(KINDS), topic: z.string(), sentence: z.string() }))
    .nullable()
    .openapi({ description: 'What it means for people and their access; null: there was no version before' }),
  findings: z.array(
    place.extend({
      code: z.string(),
      severity: z.enum(['error', 'warning']),
      message: z.string(),
      mend: z.string(),
    }),
  ),
  tests: z.array(z.object({ name: z.string(), ok: z.boolean() })),
});

const file = z.string().max(LARGEST_FILE);
const files = {
  matrix: file.openapi({ description: 'The text of matrix.yaml' }),
  targets: file.openapi({ description: 'The text of targets.yaml' }),
  expectations: file.optional(),
};
const remark = { change: line(200).optional(), note: words(2000).optional() };
const confirmed = z.array(idParameter.shape.id).max(100).default([]);
const proposing = z.union([
  z.strictObject({ tenant: line(200).optional(), ...files, ...remark, confirm: confirmed }),
  z.strictObject({
    tenant: line(200).optional(),
    again: z
      .union([z.literal('in-force'), idParameter.shape.id])
      .openapi({ description: 'The files of the version in force, or of this proposal, as all else is now' }),
    ...remark,
    confirm: confirmed,
  }),
]);

const list = createRoute({
  method: 'get',
  path: '/matrix/proposals',
  summary:
    'Versions that wait to be signed, then those that were in force, then the last hundred of the others; the latest first',
  request: { query: tenantQuery },
  responses: { 200: json(z.object({ proposals: z.array(proposalShape) }), 'Proposals'), ...refusals },
});

const propose = createRoute({
  method: 'post',
  path: '/matrix/proposals',
  summary: 'Put a version up for both parties to sign; it has no effect until they have',
  request: { body: body(proposing) },
  responses: {
    201: json(proposalShape.extend({ review: reviewShape, path: z.string() }), 'Put up'),
    ...refusals,
  },
});

const show = createRoute({
  method: 'get',
  path: '/matrix/proposals/{id}',
  summary: 'One version as it is to be signed: its document, files, findings and tests',
  request: { params: idParameter, query: tenantQuery },
  responses: {
    200: json(
      proposalShape.extend({
        review: reviewShape,
        contents: z.looseObject({}).openapi({ description: 'The document that is signed' }),
        files: z.object({ matrix: z.string(), targets: z.string(), expectations: z.string().nullable() }),
      }),
      'The proposal',
    ),
    ...refusals,
  },
});

const sign = createRoute({
  method: 'post',
  path: '/matrix/proposals/{id}/sign',
  summary: 'Sign a version for your party; with both signatures it is in force',
  request: {
    params: idParameter,
    query: tenantQuery,
    body: body(z.strictObject({ document: z.string().max(64) })),
  },
  responses: { 200: json(z.object({ in_force: z.boolean() }), 'Signed'), ...refusals },
});

const withdraw = createRoute({
  method: 'post',
  path: '/matrix/proposals/{id}/withdraw',
  summary: 'Take a version back, or turn it down',
  request: { params: idParameter, query: tenantQuery },
  responses: { 200: json(proposalShape, 'Withdrawn'), ...refusals },
});

const versions = createRoute({
  method: 'get',
  path: '/matrix/versions',
  summary: 'Versions that came into force, and who signed them; the latest first',
  request: { query: tenantQuery },
  responses: { 200: json(z.object({ versions: z.array(proposalShape) }), 'History'), ...refusals },
});

const version = createRoute({
  method: 'get',
  path: '/matrix/versions/{digest}',
  summary: 'One version that came into force, by the digest that decisions name, as it was parsed',
  request: { params: z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/) }), query: tenantQuery },
  responses: {
    200: json(
      z.object({
        tenant: z.string(),
        digest: z.string(),
        matrix: z.looseObject({}),
        targets: z.looseObject({}),
      }),
      'The version',
    ),
    ...refusals,
  },
});

export function proposalRoutes(api: Api, app: Application): void {
  const membership = async (person: Person, tenant: string | undefined) =>
    pickTenant(await membershipsOf(app, person), tenant);
  const named = async (person: Person, id: string, tenant: string | undefined) =>
    proposalAmong(app, await membershipsOf(app, person), id, tenant);

  api.openapi(list, async c => {
    const { tenant } = await membership(signedIn(c).person, c.req.valid('query').tenant);
    const { open, inForce, others } = await versionsOf(app, tenant);
    return c.json({ proposals: await shownAs(app, [...open, ...inForce, ...others]) }, 200);
  });

  api.openapi(propose, async c => {
    const { person } = signedIn(c);
    const asked = c.req.valid('json');
    const place = await membership(person, asked.tenant);
    const { tenant } = place;
    const texts =
      'again' in asked
        ? await textsAgain(app, tenant, asked.again)
        : { matrix: asked.matrix, targets: asked.targets, expectations: asked.expectations ?? null };
    const { change, note, confirm } = asked;
    const proposed = await putUp(app, person, { place, texts, change, note, confirm });
    return c.json(
      {
        ...(await shownAs(app, [proposed]))[0]!,
        review: reviewJson(await reviewOf(app, place, proposed)),
        path: `/matrix/proposals/${proposed.proposal.id}?tenant=${tenant}`,
      },
      201,
    );
  });

  api.openapi(show, async c => {
    const { membership, proposed } = await named(
      signedIn(c).person,
      c.req.valid('param').id,
      c.req.valid('query').tenant,
    );
    const files = textsOf(proposed.proposal.texts, proposed.document);
    const review = await reviewOf(app, membership, proposed);
    return c.json(
      {
        ...(await shownAs(app, [proposed]))[0]!,
        review: reviewJson(review),
        contents: proposed.document as unknown as Record<string, unknown>,
        files,
      },
      200,
    );
  });

  api.openapi(sign, async c => {
    const credentials = signedIn(c);
    const { person } = credentials;
    const { id: proposal } = c.req.valid('param');
    const { tenant } = (await named(person, proposal, c.req.valid('query').tenant)).membership;
    const { document } = c.req.valid('json');
    const done = await signAs(app, credentials, { tenant, proposal, document });
    return c.json({ in_force: done.inForce }, 200);
  });

  api.openapi(withdraw, async c => {
    const { person } = signedIn(c);
    const { id: proposal } = c.req.valid('param');
    const { tenant } = (await named(person, proposal, c.req.valid('query').tenant)).membership;
    await app.commit(tenant, (look, outside) =>
      withdrawProposal(look, outside, person, { tenant, proposal }),
    );
    const [closed] = await shownAs(app, [await oneProposal(app, tenant, proposal)]);
    return c.json(closed!, 200);
  });

  api.openapi(versions, async c => {
    const { tenant } = await membership(signedIn(c).person, c.req.valid('query').tenant);
    const all = await listProposals(app.database, { tenant, states: ['in-force'] });
    return c.json({ versions: await shownAs(app, all) }, 200);
  });

  api.openapi(version, async c => {
    const { tenant } = await membership(signedIn(c).person, c.req.valid('query').tenant);
    const { digest } = c.req.valid('param');
    const found = await app.commit(tenant, async look => ({ result: await look.version(tenant, digest) }));
    const [ever] = await listProposals(app.database, { tenant, states: ['in-force'], digest }, 1);
    if (!found || !ever)
      throw new Refused('no-such-version', 'No version of this digest was ever in force.', 404);
    return c.json(
      {
        tenant,
        digest,
        matrix: found.matrix as unknown as Record<string, unknown>,
        targets: found.targets as unknown as Record<string, unknown>,
      },
      200,
    );
  });
}

/** Who put them up and who signed, by name. */
async function shownAs(app: Application, all: readonly Listed[]) {
  const ids = all.flatMap(({ proposal, signatures }) => [
    ...(proposal.proposedBy === null ? [] : [proposal.proposedBy]),
    ...signatures.map(({ person }) => person),
  ]);
  const known =
    ids.length === 0
      ? []
      : await app.database.installation
          .select({ id: people.id, name: people.name })
          .from(people)
          .where(inArray(people.id, ids));
  const names = new Map(known.map(({ id, name }) => [id, name]));
  return all.map(one => proposalJson(one, id => ({ id, name: names.get(id) ?? id })));
}

const proposalJson = (
  { proposal, signatures }: Listed,
  byId: (id: string) => { id: string; name: string },
) => ({
  id: proposal.id,
  tenant: proposal.tenant,
  state: proposal.state,
  version: proposal.version,
  digest: proposal.digest,
  document: proposal.document,
  base: proposal.base,
  change: proposal.change,
  note: proposal.note,
  proposed_by: proposal.proposedBy === null ? null : byId(proposal.proposedBy),
  proposed_at: proposal.proposedAt.toISOString(),
  closed_at: proposal.closedAt?.toISOString() ?? null,
  signatures: signatures.map(({ party, squad, person, document, authenticatedAt, at }) => ({
    party,
    squad,
    person: byId(person),
    document,
    authenticated_at: authenticatedAt.toISOString(),
    at: at.toISOString(),
  })),
});

const reviewJson = ({ diff, findings, tests }: Review) => ({
  diff: diff?.lines.map(({ kind, topic, sentence }) => ({ kind, topic, sentence })) ?? null,
  findings: findings.map(({ code, severity, message, mend, file, line, column }) => ({
    code,
    severity,
    message,
    mend,
    file,
    line,
    column,
  })),
  tests: tests.map(({ name, differences }) => ({ name, ok: differences.length === 0 })),
});
