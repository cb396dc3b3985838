import { describe, expect, it } from 'vitest';
import { addressOf } from '../../src/api/client-address.ts';
import { openPace } from '../../src/api/pace.ts';
import { networks } from '../../src/limits.ts';

const proxies = (...texts: string[]) => networks.parse(texts);

describe('the address of a caller', () => {
  it.each<[string, string, string | undefined, string[], string]>([
    ['is the connection’s', '203.0.113.7', undefined, [], '203.0.113.7'],
    ['is not what a stranger says', '203.0.113.7', '198.51.100.1', ['10.0.0.0/8'], '203.0.113.7'],
    ['is what our proxy says', '10.0.0.2', '203.0.113.7', ['10.0.0.0/8'], '203.0.113.7'],
    [
      'is the last that our proxy says, not what was sent to it',
      '10.0.0.2',
      '127.0.0.1, 198.51.100.1, 203.0.113.7',
      ['10.0.0.0/8'],
      '203.0.113.7',
    ],
    [
      'goes through several proxies of ours',
      '10.0.0.2',
      '198.51.100.1, 203.0.113.7, 10.0.0.9',
      ['10.0.0.0/8'],
      '203.0.113.7',
    ],
    ['is a proxy’s own where it says nothing', '10.0.0.2', undefined, ['10.0.0.0/8'], '10.0.0.2'],
    ['is a proxy’s own where it says nonsense', '10.0.0.2', 'unknown', ['10.0.0.0/8'], '10.0.0.2'],
    ['is told of IPv4 in IPv6', '::ffff:10.0.0.2', '203.0.113.7', ['10.0.0.0/8'], '203.0.113.7'],
    ['is told of IPv6', '::1', '2001:db8::7', ['::1'], '2001:db8::7'],
  ])('%s', (_, peer, forwarded, trusted, expected) => {
    expect(addressOf(peer, forwarded, proxies(...trusted))).toBe(expected);
  });

  it.each(['10.0.0.0/33', '10.0.0', 'localhost', '10.0.0.0/8/8', '::1/129', ''])(
    'of a proxy is not %j',
    text => {
      expect(() => proxies(text)).toThrow(/addresses or networks/);
    },
  );
});

describe('a pace', () => {
  it('lets a burst through, then one as often as it refills, each caller for themselves', () => {
    let now = 0;
    const pace = openPace(60, () => now);
    for (let i = 0; i < 60; i++) expect(pace.take('203.0.113.7')).toBe(0);
    expect(pace.take('203.0.113.7')).toBe(1);
    expect(pace.take('203.0.113.8')).toBe(0);
    now += 1000;
    expect(pace.take('203.0.113.7')).toBe(0);
    expect(pace.take('203.0.113.7')).toBe(1);
    now += 3_600_000;
    for (let i = 0; i < 60; i++) expect(pace.take('203.0.113.7')).toBe(0);
    expect(pace.take('203.0.113.7')).toBe(1);
  });
});
