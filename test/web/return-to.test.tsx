import { describe, expect, it } from 'vitest';
import { safeReturn, signInPath } from '../../src/web/return-to.ts';

describe('coming back after signing in', () => {
  it.each([
    ['/', '/'],
    ['/r/req_1', '/r/req_1'],
    ['/log?tenant=acme&subject=s_1', '/log?tenant=acme&subject=s_1'],
    ['/matrix?tenant=acme#backups/restore', '/matrix?tenant=acme#backups/restore'],
    ['/a/../r/req_1', '/r/req_1'],
  ])('goes to a path of ours: %s', (given, expected) => {
    expect(safeReturn(given)).toBe(expected);
  });

  it.each([
    undefined,
    '',
    'r/req_1',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/r\\..\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    ' //evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/r/..//evil.example',
    '/%2e//evil.example',
    'https://evil.example/',
    'javascript:alert(1)',
    '/r/\u202e',
    `/${'a'.repeat(2000)}`,
    '/signin',
    '/signin/abc/callback?code=1',
    '/signout',
    '/r/../switch',
  ])('goes to the first screen instead of %j', given => {
    expect(safeReturn(given)).toBe('/');
  });

  it('has a result that any browser reads as a path of this site', () => {
    for (const given of ['/r/1', '/.//evil.example', '/%5Cevil.example', '/;//evil.example']) {
      expect(new URL(safeReturn(given), 'https://broker.example').host).toBe('broker.example');
    }
  });

  it('is left out of the address where it says nothing', () => {
    expect(signInPath('/')).toBe('/signin');
    expect(signInPath('//evil.example')).toBe('/signin');
    expect(signInPath('/r/req_1?x=1')).toBe('/signin?return_to=%2Fr%2Freq_1%3Fx%3D1');
  });
});
