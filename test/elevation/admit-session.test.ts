import { expect, it } from 'vitest';
import type { Person } from '../../src/domain/person.ts';
import { admitSession, type Knock } from '../../src/elevation/admit-session.ts';
import { people } from '../../src/store/tables.ts';
import { logOf, raised } from '../fixtures/raised.ts';

const stage = raised();

const minute = Math.floor(Date.now() / 60_000) * 60_000;

/** Knocks as somebody at a moment of this minute or a later one; `role@target`. */
async function knock(person: Person, where: string, seconds: number, change: Partial<Knock> = {}) {
  const [role, target] = where.split('@') as [string, string];
  const asked: Knock = {
    ...{
      tenant: 'acme',
      role,
      target,
      protocol: 'ssh',
      kind: 'shell',
      command: null,
      pty: true,
      username: where,
    },
    ...{ address: '192.0.2.1', gateway: 'local-1', signInWithin: 3600 },
    ...change,
  };
  return stage().broker.application.commit('acme', (look, outside) =>
    admitSession(look, { ...outside, now: new Date(minute + seconds * 1000) }, person, asked),
  );
}

const refused = async () =>
  (await logOf(stage()))
    .filter(({ action }) => action === 'session.refused')
    .map(({ actor, subject, data }) => `${actor} ${subject} ${data.address}`);

it('a refusal that is repeated within a minute is one entry, and nobody fills the log with them', async () => {
  await Promise.all([stage().api('maya', 'GET', '/whoami'), stage().api('dana', 'GET', '/whoami')]);
  const known = await stage().broker.application.database.installation.select().from(people);
  const [maya, dana] = ['Maya', 'Dana'].map(name => known.find(one => one.name.startsWith(name))!);

  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => knock(maya!, 'root@no01', at / 2)),
  );
  expect(answers.every(({ admitted }) => !admitted)).toBe(true);
  const one = `person:${maya!.id} target:no01 192.0.2.1`;
  expect(await refused()).toEqual([one]);

  // What differs is told, and so is the next minute.
  await knock(maya!, 'backup@no01', 20);
  await knock(maya!, 'root@no01', 21, { address: '192.0.2.2' });
  await knock(maya!, 'root@no01', 61);
  expect(await refused()).toEqual([one, one, one.replace('2.1', '2.2'), one]);

  // At once, so that none of them has seen the others.
  await Promise.all(Array.from({ length: 60 }, (_, at) => knock(maya!, `root@no${at + 10}`, 130)));
  expect(await refused()).toHaveLength(4 + 20);
  await knock(dana!, 'root@no01', 130);
  expect((await refused()).at(-1)).toBe(`person:${dana!.id} target:no01 192.0.2.1`);
});
