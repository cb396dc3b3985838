import { createHash } from 'node:crypto';
import { canonicalize } from 'json-canonicalize';
import type { Binding } from './binding.ts';
import type { Engagement } from './engagement.ts';
import type { Matrix } from './matrix.ts';
import { partyOf } from './membership.ts';
import { namedEmails } from './named-people.ts';
import type { Party } from './party.ts';
import type { Person } from './person.ts';
import type { Inventory } from './target.ts';

/**
 * What decides access in one tenant is one thing, signed as one thing: what the parties wrote, what the installation
 * adds to it, and who the named people are.
 */
export interface VersionDocument {
  readonly matrix: Matrix;
  readonly targets: Inventory;
  /** The document of `expectations.yaml`, `null` when there is none. */
  readonly expectations: object | null;
  readonly installation: Installation;
  /** Named people whose identity is known; by email. */
  readonly bindings: readonly Binding[];
}

/** What `sallyport.yaml` says that bears on one tenant. Addresses of channels hold secrets: only their hosts stand here. */
export interface Installation {
  readonly issuers: readonly {
    readonly party: Party;
    readonly issuer: string;
    /** Our audience there; `null`: nobody of this party can sign in. */
    readonly client_id: string | null;
    readonly groups_claim: string | null;
    readonly stable_ids: readonly string[];
  }[];
  readonly channels: readonly {
    readonly name: string;
    readonly kind: string;
    readonly to: readonly string[];
    readonly host: string | null;
  }[];
}

const sha256 = (value: object): string => createHash('sha256').update(canonicalize(value)).digest('hex');

/** SHA-256, lowercase hex, of the RFC 8785 form: what signatures are given to. */
export const documentDigest = (document: VersionDocument): string => sha256(document);

/** The same of the installation's part, to notice that it is no longer what was signed. */
export const installationDigest = (installation: Installation): string => sha256(installation);

/** Somebody whose email the matrix names, and who is not, or not yet, whom that email means. */
export interface Unconfirmed {
  readonly email: string;
  readonly party: Party;
  readonly person: Pick<Person, 'id' | 'issuer' | 'subject' | 'name'>;
  /** Whom it means so far. */
  readonly instead: Binding | null;
}

/**
 * Who waits for both parties to say that they are the one whom the matrix names: those whose provider verified a named
 * email at their last sign-in. Empty where the first sign-in with an email is taken for the one who is meant.
 */
export function unconfirmed(engagement: Engagement, people: readonly Person[]): Unconfirmed[] {
  const { bindings, matrix } = engagement;
  if (bindings === undefined) return [];
  return namedEmails(matrix).flatMap(({ party, issuer, email }) => {
    const instead = bindings.find(binding => binding.email === email && binding.issuer === issuer) ?? null;
    return people
      .filter(person => person.verifiedEmail === email && partyOf(engagement, person) === party)
      .filter(person => person.subject !== instead?.subject)
      .map(({ id, subject, name }) => ({ email, party, person: { id, issuer, subject, name }, instead }));
  });
}

/**
 * The bindings of a version to come: those that were signed, for the emails that it names, and for the others the
 * identity that was first to sign in with it. Where nothing was signed yet all are the first.
 */
export function bindingsFor(
  engagement: Engagement,
  signed: readonly Binding[] | undefined,
  people: readonly Person[],
): Binding[] {
  return namedEmails(engagement.matrix)
    .flatMap(({ party, issuer, email }) => {
      const known = signed?.find(binding => binding.email === email && binding.issuer === issuer);
      const first = people.find(
        person => person.boundEmail === email && partyOf(engagement, person) === party,
      );
      const { subject } = known ?? first ?? {};
      return subject === undefined ? [] : [{ email, issuer, subject }];
    })
    .sort((one, other) => (`${one.issuer} ${one.email}` < `${other.issuer} ${other.email}` ? -1 : 1));
}
