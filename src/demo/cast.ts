import { randomInt } from 'node:crypto';
import type { Party } from '../domain/party.ts';

/** Somebody of the Acme example, as their party's identity provider knows them. */
export interface CastMember {
  readonly party: Party;
  readonly name: string;
  readonly email: string;
  readonly emailVerified: boolean;
  /** The provider's `sub`: opaque, and unique only together with the issuer. */
  readonly subject: string;
  readonly groups: readonly string[];
  /** What they are in the story, for the pages that list them. */
  readonly role: string;
}

/** A member with the password of this start. */
export interface CastMemberWithPassword extends CastMember {
  readonly password: string;
}

/** The names the parties carry in `examples/acme/matrix.yaml`. */
export const PARTY_NAMES: Readonly<Record<Party, string>> = { msp: 'Northwind MSP', client: 'Acme Health' };

/** The people, by first name. */
export const CAST = {
  maya: msp('Maya Okafor', 'u-7f3a', ['backup-ops'], 'backup engineer'),
  noah: msp('Noah Lindqvist', 'u-20c9', ['noc'], 'network operations'),
  sam: msp('Sam Ortiz', 'u-b514', ['soc'], 'security operations'),
  alex: msp('Alex Reyes', 'u-51ee', ['account-managers'], 'account manager'),
  dana: client('Dana Whitfield', 'u-93d2', ['it-admins'], 'internal IT, primary owner'),
  ravi: client('Ravi Menon', 'u-e0a8', ['it-admins'], 'internal IT, secondary owner'),
  chris: client('Chris Adeyemi', 'u-4b61', [], 'chief information security officer'),
  robin: client('Robin Castell', 'u-d73f', [], 'deputy information security officer'),
  audrey: client('Audrey Lin', 'u-1c8e', ['auditors'], 'auditor'),
  // Maya's subject and Maya's group, at the other party's provider. Neither may make her Maya: a person is
  // issuer and subject together, and a group speaks for its own party alone.
  mallory: client('Mallory Finch', 'u-7f3a', ['backup-ops'], 'a client account that claims an MSP group'),
} as const satisfies Record<string, CastMember>;

export type CastName = keyof typeof CAST;

/** The cast with one fresh password each; `make` is there for tests that want to know it. */
export function castWithPasswords(
  make: (member: CastMember) => string = randomPassword,
): Record<CastName, CastMemberWithPassword> {
  const entries = Object.entries(CAST).map(([key, member]) => [key, { ...member, password: make(member) }]);
  return Object.fromEntries(entries) as Record<CastName, CastMemberWithPassword>;
}

/** Those of one party, in the order of the cast. */
export function peopleOf<M extends CastMember>(cast: Readonly<Record<string, M>>, party: Party): M[] {
  return Object.values(cast).filter(member => member.party === party);
}

/** Twelve characters that nobody mistakes for each other when they type them: about 57 bits. */
export function randomPassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
  const group = () => Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return `${group()}-${group()}-${group()}`;
}

function msp(name: string, subject: string, groups: readonly string[], role: string): CastMember {
  return member('msp', 'northwind.example', name, subject, groups, role);
}

function client(name: string, subject: string, groups: readonly string[], role: string): CastMember {
  return member('client', 'acme.example', name, subject, groups, role);
}

function member(
  party: Party,
  domain: string,
  name: string,
  subject: string,
  groups: readonly string[],
  role: string,
): CastMember {
  const email = `${name.split(' ')[0]?.toLowerCase()}@${domain}`;
  return { party, name, email, emailVerified: true, subject, groups, role };
}
