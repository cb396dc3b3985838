import { describe, expect, it } from 'vitest';
import type { Binding } from '../../src/domain/binding.ts';
import type { Engagement } from '../../src/domain/engagement.ts';
import { memberOf } from '../../src/domain/membership.ts';
import type { Person } from '../../src/domain/person.ts';
import { isInSquad } from '../../src/domain/squad.ts';
import { bindingsFor, documentDigest, unconfirmed } from '../../src/domain/version.ts';
import { readEngagement } from '../../src/matrices/read.ts';

const acme = readEngagement('policies/acme');
if (!acme.ok) throw new Error('the example does not load');
const { engagement } = acme;
const { msp, client } = engagement.matrix.parties;
const NOW = new Date('2026-11-24T15:00:00Z');

const somebody = (change: Partial<Person>): Person => ({
  id: `p_${change.subject}`,
  issuer: client.issuer,
  subject: 'u-4b61',
  name: 'Chris Adeyemi',
  email: 'chris@acme.example',
  boundEmail: 'chris@acme.example',
  verifiedEmail: 'chris@acme.example',
  groups: [],
  claims: {},
  authenticatedAt: NOW,
  signedInAt: NOW,
  signedOutAt: null,
  ...change,
});
const chris = somebody({});
/** Another account with Chris's email, which came later. */
const impostor = somebody({ subject: 'u-9999', boundEmail: null });
const sameAtTheMsp = somebody({ issuer: msp.issuer });
const CHRIS: Binding = { email: 'chris@acme.example', issuer: client.issuer, subject: 'u-4b61' };
const signed = (...bindings: Binding[]): Engagement => ({ ...engagement, bindings });

describe('whom a named email means', () => {
  it.each<[string, Engagement, Person, boolean]>([
    ['whoever was first, before anything was signed', engagement, chris, true],
    ['nobody who came later, before anything was signed', engagement, impostor, false],
    ['whom both signed', signed(CHRIS), chris, true],
    ['nobody, while both signed none', signed(), chris, false],
    ['not who was first, where both signed another', signed({ ...CHRIS, subject: 'u-9999' }), chris, false],
    [
      'the other whom both signed, who was not the first',
      signed({ ...CHRIS, subject: 'u-9999' }),
      impostor,
      true,
    ],
    ['nobody of the other issuer', signed(CHRIS), sameAtTheMsp, false],
    [
      'nobody of the other issuer, whom a binding there would name',
      signed({ ...CHRIS, issuer: msp.issuer }),
      sameAtTheMsp,
      false,
    ],
  ])('%s', (_, by, person, is) => {
    const member = memberOf(by, person)!;
    expect(isInSquad(by, 'client/ciso', member)).toBe(is);
    expect(member.email === 'chris@acme.example' && member.party === 'client').toBe(is);
  });

  it('no handle is two people’s', () => {
    const by = signed({ ...CHRIS, subject: 'u-9999' });
    expect(memberOf(by, chris)!.handle).not.toBe(memberOf(by, impostor)!.handle);
  });

  it('people whom the matrix does not name keep the email that they were first with', () => {
    const dora = somebody({ subject: 'u-1', boundEmail: 'dora@acme.example' });
    expect(memberOf(signed(), dora)!.email).toBe('dora@acme.example');
  });
});

describe('who waits to be confirmed', () => {
  it.each<[string, Engagement, Person[], string[]]>([
    ['nobody before anything was signed', engagement, [chris], []],
    ['who is named and was not signed', signed(), [chris], ['u-4b61']],
    ['nobody who was signed', signed(CHRIS), [chris], []],
    ['another account with the email of one who was', signed(CHRIS), [chris, impostor], ['u-9999']],
    ['nobody of the other party', signed(), [sameAtTheMsp], []],
    ['nobody whose email is not verified', signed(), [somebody({ verifiedEmail: null })], []],
  ])('%s', (_, by, people, subjects) => {
    expect(unconfirmed(by, people).map(({ person }) => person.subject)).toEqual(subjects);
  });
});

describe('the bindings of a version to come', () => {
  it.each<[string, Binding[] | undefined, Person[], string[]]>([
    ['are who was first, where nothing was signed', undefined, [impostor, chris], ['u-4b61']],
    ['stay who was signed', [{ ...CHRIS, subject: 'u-9999' }], [chris, impostor], ['u-9999']],
    ['take in whom nobody signed yet', [], [chris], ['u-4b61']],
    ['are nobody’s who never signed in', [], [], []],
    ['are nobody’s of the other party', undefined, [sameAtTheMsp], []],
  ])('%s', (_, known, people, subjects) => {
    expect(bindingsFor(engagement, known, people).map(({ subject }) => subject)).toEqual(subjects);
  });
});

it('the digest of a document covers each of its parts', () => {
  const document = {
    matrix: engagement.matrix,
    targets: engagement.targets,
    expectations: null,
    installation: { issuers: [], channels: [] },
    bindings: [CHRIS],
  };
  const others = [
    { ...document, matrix: { ...engagement.matrix, version: 'x' } },
    { ...document, targets: { targets: {} } },
    { ...document, expectations: { people: {}, expect: [] } },
    { ...document, installation: { issuers: [], channels: [{ name: 'a', kind: 'b', to: [], host: null }] } },
    { ...document, bindings: [] },
  ];
  expect(new Set([document, ...others].map(documentDigest)).size).toBe(6);
});
