import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readPublicKey } from '../../src/domain/ssh-public-key.ts';
import { mutated, PACKETS, PARSERS, STRANGERS_PACKETS, sent, VALID_LINES } from './fuzz.ts';
import { admitHalf, captured, feed, quietTarget, strange } from './fuzz-live.ts';
import { House } from './house.ts';

// A few thousand cases of each kind; `npm run soak:fuzz` runs a million. What nobody caught fails the run by itself.

describe('whatever it is given, each parser does what it says:', () => {
  test.each(Object.keys(PARSERS))('%s', name => {
    fc.assert(PARSERS[name] as fc.IProperty<unknown>, { numRuns: 1_000 });
  });

  test('and it takes what is right', () => {
    for (const line of VALID_LINES) expect(readPublicKey(line)?.publicKey).toBe(line);
  });
});

describe('a real gateway', () => {
  let target: Awaited<ReturnType<typeof quietTarget>>;
  let house: House;
  beforeAll(async () => {
    target = await quietTarget();
  });
  afterAll(() => target.close());
  beforeEach(async () => {
    house = await House.open(target, {
      limits: {
        authenticationMs: 500,
        arrivals: 1e6,
        unknownPerAddress: 1e3,
        unknown: 1e3,
        connectionsPerPerson: 1e3,
      },
    });
    admitHalf(house);
  });
  afterEach(() => house.close());

  const admitsMayaAlone = async () => {
    const { admissions } = house.controlPlane;
    expect(new Set(admissions.map(({ person }) => person)).size).toBeLessThanOrEqual(1);
    const before = admissions.length;
    const ran = await house.ssh(['-o', 'ConnectTimeout=10', '-s', 'sftp']);
    await house.controlPlane.until(() => admissions.length > before);
    ran.child.kill('SIGKILL');
    await ran.ended;
  };

  test('hears a stock client whose bytes were changed on the way, and admits nobody', async () => {
    const handshake = await captured(house);
    expect(handshake.length).toBeGreaterThan(1_500);
    house.controlPlane.admissions.length = 0;
    const cases = fc.sample(fc.tuple(mutated(handshake), fc.integer({ min: 1, max: 40 }), fc.boolean()), 200);
    const all = cases.map(([bytes, pieces, hangUp]) =>
      strange(house.gateway.port, bytes, pieces, hangUp, 20_000),
    );
    expect(await Promise.all(all)).toEqual(cases.map(() => true));
    expect(house.controlPlane.admissions).toEqual([]);
    await admitsMayaAlone();
  });

  test('hears anything from a stranger who has keys, and admits nobody', async () => {
    const packets = fc.sample(sent(STRANGERS_PACKETS), 600);
    let known = 0;
    await feed(house, 'stranger', packets, (_packet, near) => {
      if (near.isKnown) known += 1;
    });
    expect(known).toBe(0);
    expect(house.controlPlane.admissions).toEqual([]);
    await admitsMayaAlone();
  });

  test('hears anything from a person it knows, and nobody becomes another', async () => {
    await feed(house, 'maya', fc.sample(sent(PACKETS), 3_000));
    await admitsMayaAlone();
  });
});
