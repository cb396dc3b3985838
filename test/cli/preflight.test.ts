import { afterEach, describe, expect, it } from 'vitest';
import { broker, problem, sallyport } from './broker.ts';

const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.close()));
});
const serving = async (routes: Parameters<typeof broker>[0]) => {
  const server = await broker(routes);
  running.push(server);
  return server;
};

const row = (check: string, ok: boolean | null, detail: string, mend: string | null = null) => ({
  check,
  subject: 'db01',
  ok,
  detail,
  mend,
});
const answer = (checks: ReturnType<typeof row>[]) => ({
  preflight: 'pf_1',
  tenant: 'acme',
  matrix: 'a'.repeat(64),
  at: '2026-11-29T06:00:00.000Z',
  targets: ['db01'],
  ok: checks.every(({ ok }) => ok !== false),
  failed: checks.filter(({ ok }) => ok === false).length,
  unknown: checks.filter(({ ok }) => ok === null).length,
  checks,
});
const call = ['preflight', '--at', '2026-11-29T01:00', 'db01'];

describe('preflight', () => {
  it('asks what was typed, and nothing that was not', async () => {
    const { url, calls } = await serving({ 'POST /preflight': { body: answer([]) } });
    const full = [
      ...call,
      'app01',
      '--activity',
      'endpoints/patch',
      '--ssh',
      'root',
      '--for',
      '2h',
      '--ticket',
      'CHG-7',
    ];
    await sallyport(full, { url });
    await sallyport(['preflight', '--at', '2026-11-29T01:00'], { url });
    expect(calls.map(({ body }) => body)).toEqual([
      {
        at: '2026-11-29T01:00',
        activity: 'endpoints/patch',
        ssh: 'root',
        for: '2h',
        ticket: 'CHG-7',
        targets: ['db01', 'app01'],
      },
      { at: '2026-11-29T01:00' },
    ]);
  });

  it('prints a table of 80 columns, what would stop somebody first', async () => {
    const checks = [
      row('ca', true, 'takes the CA: root let in after 80 ms'),
      row('ca', false, `refused \u001b[2J ${'the certificate '.repeat(8)}`, 'enrol it'),
      row('novel', null, 'of a broker that is newer'),
      row('decision', true, 'must ask', 'have a ticket ready'),
    ];
    const { url } = await serving({ 'POST /preflight': { body: answer(checks) } });
    const { code, out, err } = await sallyport(call, { url });
    expect([code, err]).toEqual([1, '']);
    expect(out.split('\n').filter(line => line.length > 80)).toEqual([]);
    expect(out).not.toContain('\u001b');
    expect(out.split('\n').map(line => line.slice(0, 16).trim())).toEqual([
      'acme: db01, 2026',
      '',
      'CHECK',
      'ok  decision',
      '',
      'NO  ca',
      ...['', '', ''],
      'ok  ca',
      '?   novel',
      '',
      '1 of 4 checks wo',
      '',
    ]);
    expect(out).toContain('                mind: have a ticket ready\n');
    expect(out).toContain('                mend: enrol it\n');
  });

  it('ends with 0 where nothing is known to be wrong', async () => {
    const { url } = await serving({ 'POST /preflight': { body: answer([row('ca', null, 'not tried')]) } });
    const { code, out } = await sallyport(call, { url });
    expect(code).toBe(0);
    expect(out).toContain('All that can be known is well: 1 check, 1 not known.');
  });

  it.each([
    ['who may not', problem(403, 'not-yours', 'It is not yours.'), 1],
    ['a time that is none', problem(400, 'invalid', 'at: expected a time'), 2],
    ['a broker that cannot answer', problem(503, 'database-away', 'The database is away.'), 3],
  ])('tells %s by its code', async (_, refusal, expected) => {
    const { url } = await serving({ 'POST /preflight': refusal });
    expect((await sallyport(call, { url })).code).toBe(expected);
  });

  it('ends with 3 where there is no broker, and with 2 without a time', async () => {
    expect((await sallyport(call)).code).toBe(3);
    expect((await sallyport(['preflight', 'db01'])).code).toBe(2);
  });
});
