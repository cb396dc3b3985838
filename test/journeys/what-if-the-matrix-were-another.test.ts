import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { sql } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { processTerminal } from '../../src/cli/terminal.ts';
import type { CastName } from '../../src/demo/cast.ts';
import { logOf, RESTORE, raised } from '../fixtures/raised.ts';

// A Tuesday morning in New York: the year-end freeze has not begun.
const began = Date.now();
const clock = { now: () => new Date(Date.parse('2026-11-24T15:00:00Z') + (Date.now() - began)) };

let policies = '';
const stage = raised({
  adjust: { clock },
  configure: configuration => {
    policies = configuration.policies;
    return configuration;
  },
});

/** The files in force, less or more what is asked about. */
const version = (change: (matrix: string) => string = text => text) => ({
  matrix: change(readFileSync(join(policies, 'acme', 'matrix.yaml'), 'utf8')),
  targets: readFileSync(join(policies, 'acme', 'targets.yaml'), 'utf8'),
});

const whatIf = (who: CastName, change?: (matrix: string) => string, days = 30) =>
  stage().api(who, 'POST', '/matrix/what-if', { days, ...version(change) });

const CONTAIN = { target: 'db01', activity: 'incident-response/contain', ssh: 'root', for: '2h' };

/** What people asked every hour, so often: all of it waits, or was refused. */
const ASKED: readonly [who: CastName, times: number, body: Record<string, unknown>][] = [
  ['maya', 80, { ...RESTORE, for: '30m' }],
  ['maya', 80, RESTORE],
  ['maya', 30, { ...RESTORE, ticket: undefined }],
  ['noah', 30, RESTORE],
  ['sam', 30, { ...CONTAIN, ticket: 'INC-8' }],
];

/** Asks once, and puts the same request on record for the hours before. */
async function askHourly(who: CastName, times: number, body: Record<string, unknown>) {
  const { json } = await stage().api(who, 'POST', '/requests', { reason: 'As every hour', ...body });
  await stage().broker.application.database.within(['acme'], tx =>
    tx.execute(sql`
      insert into request select (jsonb_populate_record(null::request, to_jsonb(asked) || jsonb_build_object(
        'id', 'req_' || md5(asked.id || hours),
        'created_at', asked.created_at - make_interval(hours => hours)))).*
      from request asked, generate_series(1, ${times - 1}::int) hours
      where asked.id = ${json.id ?? json.request}`),
  );
}

describe('what would be, if the matrix were another', () => {
  beforeAll(async () => {
    for (const asked of ASKED) await askHourly(...asked);
  });

  it('is that nothing changes under the version in force, whoever is known by now', async () => {
    const { status, json } = await whatIf('audrey');
    expect(status).toBe(200);
    expect(json).toMatchObject({ tenant: 'acme', decided: 250, cut: false, unlisted: 0, requests: [] });
    expect(json.counts).toMatchObject({ same: 250, gains: 0, loses: 0 });
    expect(json.after.digest).toBe(json.before.digest);
  });

  it('is told one by one, the newest first, with both answers', async () => {
    const shorter = (text: string) =>
      text
        .replace('for: 2h  ', 'for: 45m  ')
        .replace('        ticket: required\n        exceptions', '        exceptions');
    const { json } = await whatIf('chris', shorter);
    expect(json.counts).toMatchObject({ loses: 80, harder: 80, other: 30, same: 60 });
    expect(json.requests).toHaveLength(190);
    const times = json.requests.map(({ created_at }: { created_at: string }) => created_at);
    expect(times).toEqual([...times].sort().reverse());
    const lost = json.requests.find(({ effect }: { effect: string }) => effect === 'loses');
    expect(lost).toMatchObject({
      who: { name: 'Maya Okafor', party: 'msp' },
      target: 'db01',
      seconds: 3600,
      changed: ['decision', 'code', 'answerers', 'limit', 'obligations'],
      recorded: { decision: 'needs-approval', code: null },
      before: { decision: 'needs-approval', answerers: ['client/it', 'client/ciso'], limit: 7200 },
      after: { decision: 'refused', code: 'duration-too-long', answerers: [] },
    });
    expect(lost.explanation[0]).toContain('backups/restore allows 45m at most');
  });

  it('tells a no that would be a yes, and a yes at once', async () => {
    const wider = (text: string) =>
      text
        .replace('R: [msp/backup-ops]', 'R: [msp/backup-ops, msp/noc]')
        .replace('answer_within: 10m,', 'answer: pre-approved,');
    const { json } = await whatIf('audrey', wider);
    expect(json.counts).toMatchObject({ gains: 30, easier: 30, same: 190 });
    const [newest] = json.requests;
    expect(newest).toMatchObject({
      who: { name: 'Sam Ortiz' },
      effect: 'easier',
      after: { decision: 'pre-approved' },
    });
  });

  it('looks as far back as was said', async () => {
    const { json } = await whatIf('audrey', undefined, 1);
    expect(json.decided).toBe(ASKED.length * 24);
  });

  it('leaves everything as it was: no request, no entry', async () => {
    const before = await logOf(stage());
    await whatIf('chris', text => text.replace('for: 2h  ', 'for: 1m  '));
    const since = (await logOf(stage())).slice(before.length);
    expect(since.filter(({ actor }) => actor !== 'broker').map(({ action }) => action)).toEqual([
      'log.exported',
    ]);
    expect((await whatIf('audrey')).json.decided).toBe(250);
  });

  it('is told to those who oversee the engagement, and to nobody else', async () => {
    for (const who of ['maya', 'noah', 'mallory'] as const) {
      const { status, json } = await whatIf(who);
      expect([who, status, json.code]).toEqual([who, 403, 'not-allowed']);
    }
    for (const who of ['alex', 'dana'] as const) expect((await whatIf(who)).status).toBe(200);
  });

  it('refuses those whose issuer would speak for nobody', async () => {
    const { json } = await whatIf('dana', text =>
      text.replace(/issuer: \S+/, 'issuer: https://elsewhere.example'),
    );
    expect(json.counts).toMatchObject({ loses: 190, other: 60 });
    expect(json.requests[0].after).toMatchObject({ decision: 'refused', code: 'no-such-tenant' });
  });

  it('says what is wrong in files that make no version, and where', async () => {
    const { status, json } = await whatIf('robin', text => text.replace('A: client/it\n', 'A: client/itt\n'));
    expect([status, json.code]).toEqual([422, 'matrix-invalid']);
    expect(json.problems).toMatchObject([{ file: 'matrix.yaml', line: 48, nearest: 'client/it' }]);
    const other = await whatIf('robin', text => text.replace('matrix: acme', 'matrix: other'));
    expect([other.status, other.json.code]).toEqual([422, 'matrix-invalid']);
    for (const days of [0, 366]) expect((await whatIf('robin', undefined, days)).status).toBe(400);
  });

  it('is asked from a terminal', async () => {
    const said = { out: '', err: '' };
    const sink = (key: 'out' | 'err') => {
      const stream = new PassThrough();
      stream.on('data', piece => {
        said[key] += piece;
      });
      return stream;
    };
    const token = await stage().token('dana');
    const terminal = {
      ...processTerminal(),
      output: sink('out'),
      errors: sink('err'),
      client: () => ({ ...processTerminal().client(), url: stage().url, token }),
    };
    const code = await run(['matrix', 'what-if', join(policies, 'acme'), '--days', '7'], terminal);
    expect([code, said.err]).toEqual([0, '']);
    expect(said.out).toContain('the requests of the last 7 days');
    expect(said.out).toContain('250 requests: 250 the same.');
  });
});
