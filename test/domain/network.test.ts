import { describe, expect, it } from 'vitest';
import { networkOf, plainAddress } from '../../src/domain/network.ts';

describe('an address', () => {
  it.each([
    ['::ffff:10.0.0.7', '10.0.0.7'],
    ['::FFFF:10.0.0.7', '10.0.0.7'],
    ['10.0.0.7', '10.0.0.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:1.2.3.4%', '::ffff:1.2.3.4%'],
  ])('%s is written as %s', (address, plain) => {
    expect(plainAddress(address)).toBe(plain);
  });

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:0:1:1:2:3:4', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0DB8:0001::', '2001:db8:1:0::/64'],
    ['2001:0db8:0:0:ffff::2', '2001:db8:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['::4:5:6:7:192.0.2.1', '0:0:4:5::/64'],
  ])('%s is of the network %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each(['', 'unknown', 'a:b', 'NaN:1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9'])(
    'that is none, %j, is a network of its own',
    text => {
      expect(networkOf(text)).toBe(text);
    },
  );
});
