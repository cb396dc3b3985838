import type { Party } from './party.ts';
import type { VersionDocument } from './version.ts';

export type ProposalState = 'open' | 'in-force' | 'replaced' | 'withdrawn' | 'outdated';

/** A version that was put up for both parties to sign, and how far it got. It never changes but for that. */
export interface Proposal {
  readonly id: string;
  readonly tenant: string;
  /** Of matrix and inventory: what decisions name. */
  readonly digest: string;
  /** Of all that is signed. */
  readonly document: string;
  /** The document as it is signed: JSON, so that nothing is lost on the way through the database. */
  readonly source: string;
  /** The files as they were written, where they came as files: for reading. */
  readonly texts: VersionTexts | null;
  /** As its authors call it. */
  readonly version: string;
  /** The change record. */
  readonly change: string | null;
  readonly note: string | null;
  readonly noteSalt: Buffer | null;
  /** The digest of the document, or of the unsigned version, that was in force when this was put up; `null`: none. */
  readonly base: string | null;
  /** `null`: the folder of the policies held it when the tenant was first seen. */
  readonly proposedBy: string | null;
  readonly proposedAt: Date;
  readonly state: ProposalState;
  /** When it came into force, was withdrawn or went out of date. */
  readonly closedAt: Date | null;
  readonly closedBy: string | null;
}

export interface VersionTexts {
  readonly matrix: string;
  readonly targets: string;
  readonly expectations: string | null;
}

/** One party's yes to one document. */
export interface Signature {
  readonly tenant: string;
  readonly proposal: string;
  readonly party: Party;
  readonly person: string;
  /** The squad of `governance.sign` that they signed for. */
  readonly squad: string;
  readonly document: string;
  /** Of the sign-in behind it. */
  readonly authenticatedAt: Date;
  readonly at: Date;
}

/** A proposal without what it says: what a list of many needs. */
export type ProposalSummary = Omit<Proposal, 'source' | 'texts'>;

export const documentOf = (proposal: Pick<Proposal, 'source'>): VersionDocument =>
  JSON.parse(proposal.source) as VersionDocument;
