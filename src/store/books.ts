import type { Authority } from '../credentials/contract.ts';
import type { Keyring } from '../credentials/seal.ts';
import type { Engagement } from '../domain/decision.ts';
import { whyApart } from '../elevation/agreed-clocks.ts';
import type { Outside } from '../elevation/contract.ts';
import { type Authorities, openAuthorities } from './authorities.ts';
import { type Clock, type Commit, committer, type Route } from './commit.ts';
import type { Database, OpenDatabase } from './database.ts';
import { type Engagements, openEngagements } from './engagements.ts';
import { type DatabaseTime, skewBetween } from './skew.ts';

/** What is kept in a database, by name, and the one way to change it. */
export interface Books {
  readonly database: Database;
  readonly engagements: Engagements;
  readonly commit: Commit;
  readonly authorities: Authorities;
}

/** The same books twice: the second by the connections that wait for nobody, for the gateway's door. */
export function openBooks(
  database: OpenDatabase,
  parts: {
    keyring: Keyring;
    /** Makes an engagement of a stored version. */
    parse: (source: string) => Engagement;
    createAuthority: (protocol: string) => Authority;
    /** Looks on at what is committed. */
    watched: (commit: Commit) => Commit;
    route: Route;
    url: URL;
    asking: Outside['asking'];
    installation: Outside['installation'];
    /** Whether a version that nobody signed may be in force: the demo's first. */
    unsigned: boolean;
    clock: Clock;
    databaseTime: DatabaseTime;
  },
): {
  books: Books;
  reserved: Books;
  /** Why our clock and the database's do not agree, as one line; null while they do. */
  apart: () => Promise<string | null>;
} {
  const { keyring, createAuthority, watched, clock, databaseTime } = parts;
  const engagements = openEngagements(database, parts);
  const surroundings = { ...parts, engagements };
  const over = (by: Database, served: Engagements): Books => ({
    database: by,
    engagements: served,
    commit: watched(committer(by, surroundings)),
    authorities: openAuthorities(by, keyring, createAuthority, clock),
  });
  return {
    books: over(database, engagements),
    reserved: over(database.reserved, openEngagements(database.reserved, parts)),
    apart: async () => whyApart(await skewBetween(clock, () => databaseTime(database.installation))),
  };
}
