import { afterEach, describe, expect, it } from 'vitest';
import { broker, DIGEST, decision, grant, inFull, problem, request, sallyport } from './broker.ts';

const running: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(one => one.close()));
});
const serving = async (routes: Parameters<typeof broker>[0]) => {
  const server = await broker(routes);
  running.push(server);
  return server;
};
const ID = request.id;
const approved = { ...inFull, state: 'approved', decided_at: '2026-11-20T14:55:00.000Z', grant };
const ask = ['request', 'db01', '--ssh', 'root', '--for', '1h30m', '--reason', 'restore'];

describe('request', () => {
  it('asks, and says who is asked and until when', async () => {
    const { url, calls } = await serving({ 'POST /requests': { status: 201, body: request } });
    const { code, out } = await sallyport([...ask, '--ticket', 'CHG-7'], { url });
    expect(code).toBe(0);
    expect(calls[0]!.body).toEqual({
      target: 'db01',
      ssh: 'root',
      for: '1h30m',
      reason: 'restore',
      ticket: 'CHG-7',
    });
    expect(out).toMatch(/Waits for client\/it \(ada@acme\.example\), 47 min left, until/);
    expect(out).toContain(`sallyport show ${ID}`);
  });

  it('a refusal is a no with its code', async () => {
    const refusal = problem(403, 'not-responsible', 'msp/noc is not R of backups/restore.', {
      ...decision,
      code: 'not-responsible',
    });
    const { url } = await serving({ 'POST /requests': refusal });
    const { code, err } = await sallyport(ask, { url });
    expect(code).toBe(1);
    expect(err).toBe('sallyport: msp/noc is not R of backups/restore. (not-responsible)\n');
  });

  it('waits for the yes, saying who is asked, and names the command that comes next', async () => {
    let polls = 0;
    const { url } = await serving({
      'POST /requests': { status: 201, body: request },
      [`GET /requests/${ID}`]: () => ({ body: ++polls < 3 ? inFull : approved }),
    });
    const { code, out, err } = await sallyport([...ask, '--wait'], { url });
    expect({ code, polls }).toEqual({ code: 0, polls: 3 });
    expect(err).toBe(`Waiting for client/it (ada@acme.example) (${ID})\n`);
    expect(out).toMatch(/^Approved: 47 min left/);
    expect(out).toContain('Connect: sallyport ssh root@db01.acme');
  });

  it.each(['denied', 'expired', 'withdrawn'])('waiting ends with 1 when it is %s', async state => {
    const approvals = [
      {
        place: 'approver',
        person: { name: 'Ada' },
        answer: 'no',
        reason: 'not today',
        revision: 1,
        at: request.created_at,
      },
    ];
    const { url } = await serving({
      'POST /requests': { status: 201, body: request },
      [`GET /requests/${ID}`]: { body: { ...inFull, state, approvals } },
    });
    const { code, out } = await sallyport([...ask, '--wait'], { url });
    expect(code).toBe(1);
    expect(out).toBe(`Not approved: ${state} by Ada: not today\n`);
  });

  it.each([[[]], [['--wait']]])('what is only observed is recorded, and says so: %j', async more => {
    const observed = { ...inFull, state: 'observed', expires_at: null, decided_at: request.created_at };
    const { url } = await serving({
      'POST /requests': { status: 201, body: observed },
      [`GET /requests/${ID}`]: { body: observed },
    });
    const { code, out, err } = await sallyport([...ask, ...more], { url });
    expect([code, err]).toEqual([0, '']);
    expect(out.replace(/\n(?!It)/g, ' ')).toBe(
      `Observe mode: this would have asked client/it: ada@acme.example. Nothing was opened: use the access that you have.\nIt is recorded: sallyport show ${ID} `,
    );
    const shown = await sallyport(['show', ID], { url });
    expect(shown.out).toMatch(/observed +nothing was opened; this would have asked client\/it/);
    expect(shown.out).not.toContain('waiting');
  });

  it('waiting outlives a broker that restarts', async () => {
    let polls = 0;
    const { url } = await serving({
      'POST /requests': { status: 201, body: request },
      [`GET /requests/${ID}`]: () => (++polls < 3 ? { status: 503, text: '' } : { body: approved }),
    });
    expect((await sallyport([...ask, '--wait'], { url })).code).toBe(0);
  });

  it.each([
    ['needs-approval', 0],
    ['pre-approved', 0],
    ['refused', 1],
  ])('a dry run that says %s ends with %i and asks nobody', async (answer, code) => {
    const { url, calls } = await serving({ 'POST /decisions': { body: { ...decision, decision: answer } } });
    const dry = await sallyport(['request', 'db01', '--ssh', 'root', '--for', '1h', '--dry-run'], { url });
    expect(dry.code).toBe(code);
    expect(dry.out).toContain(answer);
    expect(calls.map(({ path }) => path)).toEqual(['/decisions']);
  });
});

describe('show and the lists', () => {
  it('fit 80 columns and say time twice', async () => {
    const long = { ...request, who: { ...request.who, name: 'Maximiliane von und zu Hohenlohe-Langenburg' } };
    const { url } = await serving({
      'GET /requests': { body: { requests: [long, { ...request, state: 'approved' }] } },
      'GET /grants': { body: { grants: [grant, { ...grant, live: false, ended_at: grant.starts_at }] } },
      [`GET /requests/${ID}`]: { body: { ...inFull, reason: 'because '.repeat(40) } },
    });
    for (const argv of [['requests'], ['grants'], ['show', ID]]) {
      const { code, out } = await sallyport(argv, { url });
      expect(code).toBe(0);
      expect(out.split('\n').filter(line => line.length > 80)).toEqual([]);
      expect(out).toMatch(/47 min/);
    }
  });

  it('colour states only where colour is wanted', async () => {
    const { url } = await serving({ 'GET /requests': { body: { requests: [request] } } });
    expect((await sallyport(['requests'], { url })).out).not.toContain('\x1b');
    expect((await sallyport(['requests'], { url, colour: true })).out).toContain('\x1b[33mwaiting\x1b[0m');
  });

  it('pass what they filter by', async () => {
    const { url, calls } = await serving({ 'GET /requests': { body: { requests: [] } } });
    await sallyport(['requests', '--mine', '--state', 'waiting', '--tenant', 'acme'], { url });
    expect(calls[0]!.path).toBe('/requests?tenant=acme&state=waiting&mine=true');
  });
});

describe('approve', () => {
  const routes = {
    [`GET /requests/${ID}`]: { body: inFull },
    [`POST /requests/${ID}/approve`]: { body: { ...request, state: 'approved' } },
  };

  it('shows what it approves and sends the digest of that', async () => {
    const { url, calls } = await serving(routes);
    const { code, out } = await sallyport(['approve', ID, '--yes'], { url });
    expect(code).toBe(0);
    for (const text of [
      'Maya Okafor (msp',
      'root',
      'db01.acme',
      '1h30m',
      'restore the table',
      'CHG-7',
      DIGEST,
    ]) {
      expect(out).toContain(text);
    }
    expect(calls[1]!.body).toEqual({ digest: DIGEST });
  });

  it('asks first, and takes only a yes for one', async () => {
    for (const [input, code] of [
      ['y\n', 0],
      ['\n', 1],
      ['n\n', 1],
      ['', 1],
    ] as const) {
      const { url, calls } = await serving(routes);
      const done = await sallyport(['approve', ID], { url, interactive: true, input });
      expect(done.code).toBe(code);
      expect(done.err).toContain('Approve exactly this? [y/N]');
      expect(calls.length).toBe(code === 0 ? 2 : 1);
    }
  });

  it('needs --yes where nobody can be asked', async () => {
    const { url, calls } = await serving(routes);
    const { code, err } = await sallyport(['approve', ID], { url });
    expect(code).toBe(2);
    expect(err).toMatch(/--yes/);
    expect(calls).toHaveLength(1);
  });

  it('sends nothing for what is decided, and says when it moved', async () => {
    const decided = await serving({ [`GET /requests/${ID}`]: { body: approved } });
    expect((await sallyport(['approve', ID, '--yes'], { url: decided.url })).code).toBe(1);
    expect(decided.calls).toHaveLength(1);
    const moved = await serving({
      ...routes,
      [`POST /requests/${ID}/approve`]: problem(409, 'moved', 'It moved.'),
    });
    const { code, err } = await sallyport(['approve', ID, '--yes'], { url: moved.url });
    expect(code).toBe(1);
    expect(err).toContain('It moved. (moved: look again, then answer)');
  });
});

describe('deny, withdraw, revoke, handback', () => {
  it('send what they should', async () => {
    const { url, calls } = await serving({
      [`GET /requests/${ID}`]: { body: inFull },
      [`POST /requests/${ID}/deny`]: { body: { ...request, state: 'denied' } },
      [`POST /requests/${ID}/withdraw`]: { body: { ...request, state: 'withdrawn' } },
      [`POST /grants/${grant.id}/revoke`]: { body: grant },
      [`POST /grants/${grant.id}/handback`]: { body: grant },
    });
    expect((await sallyport(['deny', ID, '--reason', 'not today'], { url })).code).toBe(0);
    expect(calls[1]!.body).toEqual({ digest: DIGEST, reason: 'not today' });
    expect((await sallyport(['withdraw', ID], { url })).code).toBe(0);
    expect((await sallyport(['revoke', grant.id], { url })).out).toMatch(/^Revoked, its sessions with it/);
    expect((await sallyport(['handback', grant.id], { url })).out).toMatch(/^Handed back/);
  });
});
