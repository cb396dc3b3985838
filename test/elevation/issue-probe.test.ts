import { describe, expect, it } from 'vitest';
import type { Person } from '../../src/domain/person.ts';
import type { Look, Outside, TenantInForce } from '../../src/elevation/contract.ts';
import { issueProbe } from '../../src/elevation/issue-probe.ts';
import { type Bend, db, engagement } from '../domain/fixture.ts';

const now = new Date('2026-11-24T11:00:00Z');
const shut = { lockedOutAt: now };

/** What Olga, who may ask on db, or Ivan, who answers there, is told when a try that began before wants a certificate. */
async function probe(
  who: 'olga' | 'ivan' | 'gone',
  change: Partial<TenantInForce> = {},
  bend: Bend = {},
  groups: readonly string[] = [who === 'olga' ? 'ops' : 'it'],
) {
  const inForce = engagement({ targets: { db }, ...bend });
  const { issuer } = inForce.matrix.parties[who === 'olga' ? 'msp' : 'client'];
  const person = { id: who, issuer, groups, claims: {}, boundEmail: null, signedInAt: now };
  const look: Partial<Look> = {
    tenant: async () => ({
      ...{ engagement: inForce, lockedOutAt: null, unsettled: null, observedUntil: null, base: null },
      ...change,
    }),
    person: async id => (id === 'gone' ? null : (person as unknown as Person)),
    clockSkew: async () => 0,
  };
  let signed = 0;
  const sign = () => {
    signed += 1;
    return { certificate: 'c', serial: '1', principal: 'p', validAfter: now, validBefore: now };
  };
  const order = { preflight: 'pf_1', tenant: 'tiny', target: 'db', login: 'root' };
  const key = { publicKey: 'ssh-ed25519 AAAA', sourceAddress: '10.0.0.9' };
  const step = await issueProbe(look as Look, { now } as Outside, sign, who, { ...order, ...key });
  expect(signed).toBe(step.result.admitted ? 1 : 0);
  expect(step.events?.length ?? 0).toBe(signed);
  return step.result.admitted ? 'issued' : step.result.code;
}

describe('a certificate for a try under way', () => {
  it.each<[string, Parameters<typeof probe>, string]>([
    ['is issued', ['olga'], 'issued'],
    [
      'is not, before a first version is signed',
      ['olga', { unsettled: 'first-version' }],
      'version-not-signed',
    ],
    ['is not, to the client either', ['ivan', { unsettled: 'first-version' }], 'version-not-signed'],
    ['is not, for another installation', ['ivan', { unsettled: 'installation' }], 'version-not-signed'],
    ['is not, to a provider that is locked out meanwhile', ['olga', shut], 'locked-out'],
    ['is, to the client that locked it out', ['ivan', shut], 'issued'],
    ['is not, where the matrix only observes', ['olga', {}, { matrix: { mode: 'observe' } }], 'observed'],
    ['is not, to one who left the squad meanwhile', ['olga', {}, {}, ['cooks']], 'not-yours'],
    ['is not, to somebody whom nobody knows', ['gone'], 'not-yours'],
  ])('%s', async (_, asked, expected) => {
    expect(await probe(...asked)).toBe(expected);
  });
});
