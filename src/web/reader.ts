import type { Context } from 'hono';
import { type Application, type Env, type Membership, membershipsOf } from '../api/application.ts';
import { sessionTokens } from '../api/cookies.ts';
import { partyOf } from '../domain/membership.ts';
import type { Party } from '../domain/party.ts';
import type { Person } from '../domain/person.ts';
import type { Credentials } from '../identity/sign-in.ts';
import type { TenantSummary } from '../store/engagements.ts';

/** A side that a person is on, by the name the matrix gives it. */
export interface Side {
  readonly party: Party;
  readonly name: string;
}

/** A person who is signed in at this browser. */
export interface SignedIn {
  readonly person: Person;
  readonly sides: readonly Side[];
}

/** Who looks at a page, and who else this browser is. */
export interface Reader extends SignedIn {
  readonly credentials: Credentials;
  readonly memberships: readonly Membership[];
  readonly others: readonly SignedIn[];
  readonly now: Date;
}

/** The sides of somebody over all engagements, each once. */
export function sidesOf(engagements: readonly TenantSummary[], person: Person): Side[] {
  const sides = engagements.flatMap(({ engagement }): Side[] => {
    const party = partyOf(engagement, person);
    return party ? [{ party, name: engagement.matrix.parties[party].name }] : [];
  });
  return sides.filter((side, at) => sides.findIndex(other => sameSide(side, other)) === at);
}

const sameSide = (one: Side, other: Side) => one.party === other.party && one.name === other.name;

/** Everybody this browser is signed in as, the active one first where its session still holds. */
export async function signedInHere(
  app: Application,
  c: Context<Env>,
): Promise<(SignedIn & { readonly token: string })[]> {
  const engagements = await app.engagements.all();
  const found: (SignedIn & { token: string })[] = [];
  for (const token of sessionTokens(c, app.url)) {
    const credentials = await app.signIns.session(token);
    if (!credentials || found.some(({ person }) => person.id === credentials.person.id)) continue;
    found.push({ token, person: credentials.person, sides: sidesOf(engagements, credentials.person) });
  }
  return found;
}

/** `null`: nobody is signed in. */
export async function readerOf(app: Application, c: Context<Env>): Promise<Reader | null> {
  const credentials = c.get('credentials');
  if (!credentials) return null;
  const { person } = credentials;
  const here = credentials.by === 'session' ? await signedInHere(app, c) : [];
  return {
    credentials,
    person,
    sides: sidesOf(await app.engagements.all(), person),
    memberships: await membershipsOf(app, person),
    others: here.filter(other => other.person.id !== person.id),
    now: app.clock.now(),
  };
}

type Find = () => Promise<Reader | null>;
const finders = new WeakMap<Request, Find>();

/** So that an error page, which is made far from any route, can say who is signed in. */
export const rememberReader = (c: Context<Env>, find: Find): void => {
  finders.set(c.req.raw, find);
};

export async function recalledReader(c: Context<Env>): Promise<Reader | null> {
  // The error page must come about even when what it would like to say cannot be found out.
  return (
    (await finders
      .get(c.req.raw)?.()
      .catch(() => null)) ?? null
  );
}
