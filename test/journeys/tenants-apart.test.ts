import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OpenAPIHono } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Env } from '../../src/api/application.ts';
import { openShell } from '../../src/demo/live-shell.ts';
import { execute } from '../../src/demo/stage.ts';
import { mountPages } from '../../src/web/pages.tsx';
import { ask, granted, logOf } from '../fixtures/raised.ts';
import { LABS, raiseTwoTenants, type TwoTenants } from '../fixtures/second-tenant.ts';
import { folderOf, sign } from '../fixtures/signed.ts';

/** What belongs to the installation: whoever adds a table puts it under a tenant's policy, or here with a reason. */
const OF_NO_TENANT: Readonly<Record<string, string>> = {
  served_tenant: 'the names of the tenants, so that the broker’s own rounds find them',
  person: 'an identity at an issuer; which tenants it is a side of follows from the matrices',
  email_binding: 'as person',
  sign_in_attempt: 'made before anybody is known',
  web_session: 'a person’s, over all their tenants',
  token: 'as web_session',
  ssh_key: 'a person’s',
  ssh_sign_in: 'made before anybody is known',
  device_sign_in: 'made before anybody is known',
  wrong_device_code: 'a person’s guesses, over all their tenants',
};

/** Acme's own, of which nobody else may read a word: what no request of Lena's says. */
const SECRETS = ['Restore the patient table', 'Maya Okafor', '@acme.example', 'Acme Health', 'INC-7'];

let two: TwoTenants;
let acme: { request: string; grant: string; session: string; proposal: string; log: number };

beforeAll(async () => {
  two = await raiseTwoTenants();
  const { stage } = two;
  await stage.api('dana', 'POST', '/targets/db01/host-keys?tenant=acme', {
    host_key: stage.db01.hostKeyLine,
  });
  const grant = await granted(stage, { tenant: 'acme' });
  const options = await stage.sshOptions('maya');
  const run = await execute('ssh', [...options, 'root@db01.acme@127.0.0.1', 'true']);
  expect(run.status, run.stderr).toBe(0);
  await ask(stage, { tenant: 'acme' });
  await stage.api('audrey', 'GET', '/audit/checkpoint');
  await stage.chat.waitFor(() => true);
  const { json } = await stage.api('audrey', 'GET', '/sessions');
  await stage.as('chris');
  const put = await stage.api('alex', 'POST', '/matrix/proposals', folderOf(stage));
  expect((await sign(stage, 'alex', put.json)).json).toEqual({ in_force: false });
  acme = {
    request: grant.request,
    grant: grant.id,
    session: json.sessions[0].id,
    proposal: put.json.id,
    log: 0,
  };
  acme.log = (await theirs()).length;
});

afterAll(() => two?.close());

/** Acme's log without what the broker writes by itself as messages arrive. */
const theirs = async () =>
  (await logOf(two.stage)).filter(({ actor, action }) => actor !== 'broker' && action !== 'log.exported');

describe('a version that is only proposed', () => {
  it("is no way to learn who another engagement's people are, though it names their issuer", async () => {
    const file = async (tenant: string, name: string) =>
      readFile(join(two.stage.folder, 'policies', tenant, `${name}.yaml`), 'utf8');
    const clientsOf = async (tenant: string) =>
      [...(await file(tenant, 'matrix')).matchAll(/issuer: (\S+)/g)][1]![1]!;
    const body = {
      days: 1,
      matrix: (await file('acme', 'matrix'))
        .replace(await clientsOf('acme'), await clientsOf(LABS))
        .replace('for: 2h  ', 'for: 4h  '),
      targets: await file('acme', 'targets'),
    };
    const { status, json, text } = await two.stage.api('dana', 'POST', '/matrix/what-if?tenant=acme', body);
    expect([status, json.requests.length]).toEqual([200, 2]);
    // Lena has the group that answers there; those whom the matrix names are expected, as always.
    expect(json.requests[0].explanation.join()).toContain('dana@acme.example');
    expect(text).not.toMatch(/lena/i);
  });
});

describe('in the database', () => {
  const database = () => two.stage.broker.application.database;
  const rows = async <T>(scope: readonly string[], query: ReturnType<typeof sql>) =>
    [...(await database().within(scope, tx => tx.execute(query)))] as T[];

  interface Table {
    name: string;
    forced: boolean;
    owned: boolean;
    policies: number;
    key: string | null;
  }

  const tables = () =>
    rows<Table>(
      [],
      sql`select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
          pg_has_role(current_user, c.relowner, 'member') as owned,
          (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies,
          (select a.attname from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
            and a.attname = case c.relname when 'tenant' then 'id' else 'tenant' end) as key
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
    );

  it('each table is a tenant’s and held by a policy, or is on the list of those of none', async () => {
    const all = await tables();
    expect(all.length).toBeGreaterThan(15);
    for (const { name, forced, owned, policies, key } of all) {
      expect(owned, `${name} belongs to the program’s role`).toBe(false);
      const apart = { forced, policies: policies > 0, key: key !== null };
      const shared = name in OF_NO_TENANT;
      expect({ name, ...apart }).toEqual({ name, forced: !shared, policies: !shared, key: !shared });
    }
  });

  it('no row of one tenant is seen, changed or written from another’s transaction', async () => {
    for (const { name, key } of (await tables()).filter(({ name }) => !(name in OF_NO_TENANT))) {
      const table = sql.identifier(name);
      const tenant = sql.identifier(key!);
      const count = async (scope: string[]) =>
        (
          await rows<{ seen: number }>(
            scope,
            sql`select count(*)::int as seen from ${table} where ${tenant} = 'acme'`,
          )
        )[0]!.seen;
      expect(
        await count(['acme']),
        `${name} holds nothing of acme: the walk would prove nothing`,
      ).toBeGreaterThan(0);
      expect(await count([LABS]), name).toBe(0);
      expect(await count([]), name).toBe(0);
      const [mine] = await rows<{ row: unknown }>(
        ['acme'],
        sql`select to_jsonb(t) as row from ${table} t limit 1`,
      );
      const smuggled = sql`insert into ${table} select * from jsonb_populate_record(null::${table}, ${JSON.stringify(mine!.row)}::jsonb)`;
      await expect(rows([LABS], smuggled), name).rejects.toMatchObject({
        cause: { code: '42501' /* insufficient_privilege: also what a policy's check says */ },
      });
      const taken = sql`update ${table} set ${tenant} = ${LABS} where ${tenant} = 'acme'`;
      const changed = await rows([LABS], sql`${taken} returning 1`).catch(error => {
        expect(error.cause.code, name).toBe('42501');
        return [];
      });
      expect(changed, name).toHaveLength(0);
    }
  });

  it('nothing is added to another tenant’s log', async () => {
    const append = sql`select append_log('acme', array[gen_random_uuid()], array['a'], array['x'], array['y'],
      array['{"action":"a","actor":"x","at":"'], array['","data":{},"prev":"'], array[',"subject":"y","tenant":"acme"}'])`;
    await expect(rows([LABS], append)).rejects.toMatchObject({ cause: { code: '42501' } });
    await expect(rows([], append)).rejects.toMatchObject({ cause: { code: '42501' } });
  });

  it('a transaction that named a tenant leaves no trace of it on its connection', async () => {
    await Promise.all(Array.from({ length: 30 }, () => rows(['acme'], sql`select 1`)));
    const seen = await Promise.all(
      Array.from({ length: 30 }, () =>
        database().installation.execute(sql`select count(*)::int as n from request`),
      ),
    );
    expect(seen.map(([row]) => row!.n)).toEqual(seen.map(() => 0));
  });

  it('a name that could widen the scope is none', async () => {
    await expect(rows([`${LABS},acme`], sql`select 1`)).rejects.toThrow('cannot stand in a list');
  });
});

describe('through the API', () => {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(new URL(path, two.stage.url), {
      method,
      headers: {
        authorization: `Bearer ${two.lenasToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };

  it('every route shows Lena nothing of Acme, and lets her change nothing there', async () => {
    const { json: described } = await two.stage.api('dana', 'GET', '/openapi.json');
    const operations = operationsOf(described);
    expect(operations.length).toBeGreaterThan(30);
    for (const { method, path, operation, concerns } of operations) {
      const address = new URL(
        `http://x/api/v1${path.replace(/\{(\w+)\}/g, (_, name) => standIn(path, name))}`,
      );
      for (const { in: place, name } of operation.parameters ?? [])
        if (place === 'query' && name !== IN_PLACE_OF_A_TARGET)
          address.searchParams.set(name, QUERY[name] ?? missing(path, name));
      const schema = operation.requestBody?.content['application/json']?.schema;
      const body = schema && example(described, schema, path);
      const answer = await call(method, address.pathname + address.search, body);
      const what = `${method} ${address.pathname}${address.search}: ${answer.status} ${answer.text.slice(0, 300)}`;
      for (const secret of SECRETS) expect(answer.text, what).not.toContain(secret);
      // 400 would mean that the walk knocked with nonsense, and proved nothing.
      if (concerns) expect([403, 404], what).toContain(answer.status);
      expect(answer.status, what).toBeLessThan(500);
    }
    const after = await theirs();
    expect(after.slice(acme.log).map(({ action, actor }) => [action, actor])).toEqual([]);
  });

  it('a proposal that names another engagement’s issuer and people learns nothing of them', async () => {
    const { engagements } = two.stage.broker.application;
    const labs = (await engagements.one(LABS))!.engagement.matrix.parties.client.issuer;
    const files = folderOf(two.stage);
    const issuer = two.stage.providers.client.issuer;
    const matrix = files.matrix
      .replace(`issuer: ${issuer}`, `issuer: ${labs}`)
      .replace(
        'people: [chris@acme.example, robin@acme.example]',
        'people: [chris@acme.example, lena@labs.acme.example]',
      )
      .replace('sign:     [client/ciso, msp/account]', 'sign:     [client/ciso, client/it, msp/account]');
    const put = await two.stage.api('alex', 'POST', '/matrix/proposals', { ...files, matrix });
    expect(put.status, put.text).toBe(201);
    const shown = await two.stage.api('alex', 'GET', `/matrix/proposals/${put.json.id}`);
    expect(shown.json.contents.matrix.parties.client.issuer).toBe(labs);
    expect(shown.json.contents.bindings).toEqual([]);
    for (const secret of ['u-11aa', 'Lena Marsh']) expect(shown.text).not.toContain(secret);
    await two.stage.api('alex', 'POST', `/matrix/proposals/${put.json.id}/withdraw`);
    acme.log = (await theirs()).length;
  });

  it('an address that Acme has too means hers to Lena', async () => {
    const [host, port] = ['127.0.0.1', two.stage.db01.port];
    const mine = await call('GET', `/api/v1/owners?address=${host}:${port}`);
    expect([mine.status, JSON.parse(mine.text).tenant]).toEqual([200, LABS]);
    for (const secret of SECRETS) expect(mine.text).not.toContain(secret);
    const theirs = await call('GET', `/api/v1/owners?tenant=acme&address=${host}:${port}`);
    expect([theirs.status, JSON.parse(theirs.text).code]).toEqual([404, 'no-such-target']);
  });

  it('Lena has what is hers', async () => {
    const { text } = await call('GET', '/api/v1/whoami');
    expect(JSON.parse(text).engagements.map((one: { tenant: string }) => one.tenant)).toEqual([LABS]);
    const audit = await call('GET', `/api/v1/audit?tenant=${LABS}`);
    expect(audit.text.split('\n')[0]).toContain(`"tenant":"${LABS}"`);
  });

  const standIn = (path: string, name: string): string => {
    if (path.startsWith('/requests/')) return acme.request;
    if (path.startsWith('/grants/')) return acme.grant;
    if (path.startsWith('/sessions/')) return acme.session;
    if (path.startsWith('/targets/')) return 'db01.acme';
    if (path.startsWith('/matrix/proposals/')) return acme.proposal;
    if (path.startsWith('/matrix/versions/')) return '0'.repeat(64);
    if (path.startsWith('/tokens/')) return 'tok_0123456789abcdef';
    return missing(path, name);
  };
});

describe('on the pages', () => {
  it('every page shows Lena nothing of Acme', async () => {
    const pages = new OpenAPIHono<Env>();
    mountPages(pages, two.stage.broker.application);
    const routes = pages.routes.filter(({ method, path }) => method === 'GET' && !path.startsWith('/assets'));
    expect(routes.length).toBeGreaterThan(10);
    for (const { path } of routes) {
      const address = path.replace(/:(\w+)/g, (_, name) =>
        path.startsWith('/r/')
          ? acme.request
          : path.startsWith('/sessions/')
            ? acme.session
            : path.startsWith('/matrix/proposals/')
              ? acme.proposal
              : (PAGE[name] ?? missing(path, name)),
      );
      if (address.startsWith('/signin/') || address === '/signout') continue;
      const page = await two.lena.ask(new URL(`${address}?tenant=acme&target=db01.acme`, two.stage.url));
      // Whoever comes to sign in sees the parties' names (SECURITY.md).
      for (const secret of SECRETS.filter(one => address !== '/signin' || one !== 'Acme Health'))
        expect(page.body.toString(), address).not.toContain(secret);
      if (/^\/(r|sessions|matrix\/proposals)\/./.test(address)) expect(page.status, address).toBe(404);
    }
  });
});

describe('who works for both', () => {
  it('says whose target is meant where a name fits two', async () => {
    const asked = await two.stage.api('maya', 'POST', '/decisions', {
      target: 'db01',
      ssh: 'root',
      for: '1h',
    });
    expect([asked.status, asked.json.targets]).toEqual([400, ['db01.acme', `db01.${LABS}`]]);
    const shell = await openShell(two.stage, 'maya');
    await shell.ended;
    expect(shell.screen()).toContain(`root@db01.acme, root@db01.${LABS}`);
  });
});

const missing = (path: string, name: string): never => {
  throw new Error(`${path}: say here what stands for ${name}`);
};

/** Said with a target, it is a wrong call. */
const IN_PLACE_OF_A_TARGET = 'address';

const QUERY: Readonly<Record<string, string>> = {
  tenant: 'acme',
  target: 'db01.acme',
  state: 'waiting',
  mine: 'false',
  live: 'true',
  to: '3',
  fingerprint: 'SHA256:AAAA',
  severity: 'sev1',
};

const PAGE: Readonly<Record<string, string>> = { id: 'AAAAAAAAAAAAAAAAAAAAAA', key: '0', name: 'x' };

// biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document is walked as it comes
type Described = any;

function operationsOf(described: Described) {
  return Object.entries<Described>(described.paths).flatMap(([path, methods]) =>
    Object.entries<Described>(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replace(/^\/api\/v1/, ''),
      operation,
      // What names a tenant, or something of one, must not be found.
      concerns:
        /\{/.test(path) ||
        (operation.parameters ?? []).some((one: { name: string }) => ['tenant', 'target'].includes(one.name)),
    })),
  );
}

/** A body that passes the schema, so that what refuses it is who asks. */
function example(described: Described, schema: Described, path: string): unknown {
  if (schema.$ref)
    return example(described, described.components.schemas[schema.$ref.split('/').at(-1)], path);
  if (schema.anyOf) return example(described, schema.anyOf[0], path);
  const properties = Object.entries<Described>(schema.properties ?? {});
  const needed = properties.filter(([name]) => (schema.required ?? []).includes(name) || name === 'tenant');
  return Object.fromEntries(needed.map(([name]) => [name, BODY[name] ?? missing(path, name)]));
}

const BODY: Readonly<Record<string, unknown>> = {
  tenant: 'acme',
  target: 'db01.acme',
  for: '1h',
  reason: 'curiosity',
  digest: '0'.repeat(64),
  host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH',
  public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH',
  label: 'x',
  at: '2026-11-24T10:00',
  days: 30,
  document: '0'.repeat(64),
  matrix: 'matrix: acme',
  targets: 'targets: {}',
  grants: ['g_0123456789abcdef'],
};
