import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { House } from './house.ts';
import { type Sshd, startSshd } from './sshd.ts';

/** One sshd for all tests of a file, and for each of them a house of its own, which `enter` is given. */
export function houseForEachTest(
  enter: (house: House, sshd: Sshd) => void,
  options: Parameters<typeof House.open>[1] = {},
): void {
  let sshd: Sshd;
  let house: House;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());
  beforeEach(async () => {
    house = await House.open(sshd, options);
    enter(house, sshd);
  });
  afterEach(() => house.close());
}
