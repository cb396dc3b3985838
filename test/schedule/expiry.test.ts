import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { expireDue } from '../../src/schedule/expiry.ts';
import type { Commit } from '../../src/store/commit.ts';
import { ask, granted, logOf, raised } from '../fixtures/raised.ts';

const stage = raised();

it('an end that cannot be written keeps no other from being written, and is told', async () => {
  const { database, commit } = stage().broker.application;
  const grant = await granted(stage());
  const requests = [await ask(stage()), await ask(stage())].map(({ id }) => id as string);
  const later = new Date(Date.now() + 30 * 86_400_000);
  // The oldest of each, as rows go that no step can take.
  const oldest = requests[0]!;
  const poisoned: Commit = (tenant, step) =>
    commit(tenant, (look, outside) =>
      step(
        {
          ...look,
          request: id => (id === oldest ? Promise.reject(new Error('poisoned')) : look.request(id)),
        },
        { ...outside, now: later },
      ),
    );
  const round = () => expireDue(database, poisoned, { now: () => later });
  for (let again = 0; again < 2; again++) {
    const told = await round().then(
      () => null,
      error => error,
    );
    expect(told).toBeInstanceOf(AggregateError);
    expect(told.errors.map(String)).toEqual(['Error: poisoned']);
  }
  const ended = (await logOf(stage())).filter(({ action }) => /^(request.expired|grant.ended)$/.test(action));
  expect(ended.map(({ subject }) => subject)).toEqual([requests[1], grant.id]);
  const [state] = await database.within(['acme'], tx =>
    tx.execute(sql`select state from request where id = ${oldest}`),
  );
  expect(state).toEqual({ state: 'waiting' });
});

it('more poisoned rows than one page holds do not stand in the way either', async () => {
  const { database, commit } = stage().broker.application;
  const [model] = await Promise.all([ask(stage())]);
  await database.within(['acme'], tx =>
    tx.execute(sql`insert into request select (jsonb_populate_record(r, jsonb_build_object('id', 'req_zz' || n,
        'expires_at', r.expires_at - interval '1 minute'))).*
      from request r, generate_series(1, 130) n where r.id = ${model.id}`),
  );
  const later = new Date(Date.now() + 30 * 86_400_000);
  const poisoned: Commit = (tenant, step) =>
    commit(tenant, (look, outside) =>
      step(
        {
          ...look,
          request: id => (id === model.id ? look.request(id) : Promise.reject(new Error('poisoned'))),
        },
        { ...outside, now: later },
      ),
    );
  await expect(expireDue(database, poisoned, { now: () => later })).rejects.toThrow('could not be written');
  const ended = (await logOf(stage())).filter(({ action }) => action === 'request.expired');
  expect(ended.map(({ subject }) => subject)).toContain(model.id);
});

it('a database that is away ends the round', async () => {
  const { database } = stage().broker.application;
  await granted(stage());
  let tries = 0;
  const away = new Error('away');
  const gone = { ...database, ping: () => Promise.reject(away) } as typeof database;
  const commit: Commit = () => {
    tries += 1;
    return Promise.reject(away);
  };
  const round = expireDue(gone, commit, { now: () => new Date(Date.now() + 30 * 86_400_000) });
  await expect(round).rejects.toBe(away);
  expect(tries).toBe(1);
});
