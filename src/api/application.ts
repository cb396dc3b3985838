import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Logger } from 'pino';
import type { LogKey } from '../audit/log-keys.ts';
import type { Configuration } from '../configuration.ts';
import type { Engagement } from '../domain/decision.ts';
import { memberOf } from '../domain/membership.ts';
import type { Member, Person } from '../domain/person.ts';
import type { ProbeOrder, ProbeReport } from '../domain/probe.ts';
import { isAt } from '../domain/target.ts';
import { Refused, type Unsettled } from '../elevation/contract.ts';
import type { DeviceSignIns } from '../identity/device.ts';
import type { Credentials, SignIns } from '../identity/sign-in.ts';
import type { SignedCheckpoint } from '../schedule/checkpoints.ts';
import type { Authorities } from '../store/authorities.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import type { Engagements } from '../store/engagements.ts';
import type { Instruments } from '../vitals/instruments.ts';
import type { Numbers } from '../vitals/numbers.ts';
import type { Readiness } from '../vitals/readiness.ts';
import type { Proxies } from './client-address.ts';

/** What the edges (API and pages) work with; assembled in `main.ts` alone. */
export interface Application {
  readonly instance: string;
  readonly url: URL;
  readonly web: Configuration['web'];
  /** Where a stock client connects: host and port as people type them. */
  readonly gateway: { readonly host: string; readonly port: number; hostKey(): string };
  readonly recordings: string;
  readonly database: Database;
  readonly commit: Commit;
  readonly engagements: Engagements;
  readonly authorities: Authorities;
  readonly signIns: SignIns;
  readonly devices: DeviceSignIns;
  /** Whose word on where a request came from is taken. */
  readonly proxies: Proxies;
  readonly clock: Clock;
  readonly logger: Logger;
  logKey(tenant: string): Promise<LogKey>;
  checkpoint(tenant: string): Promise<SignedCheckpoint | null>;
  readonly readiness: Readiness;
  readonly numbers: Numbers;
  readonly instruments: Instruments;
  /** What a preflight has of the installation besides the books. */
  readonly preflight: {
    /** Seconds: a sign-in older than this opens no session. */
    readonly signInWithin: number;
    /** Names of the channels that a message to these people and squads goes to. */
    channelsTo(tenant: string, to: readonly string[]): readonly string[];
    /** Has the gateway try a target for somebody, by id; never rejects. */
    probe(order: ProbeOrder, asker: string, signal: AbortSignal): Promise<ProbeReport>;
  };
  /** Who may read the numbers; null: nobody. */
  readonly metricsToken: string | null;
}

export type Variables = {
  credentials: Credentials | null;
  requestId: string;
  /** The stable code of the problem that was the answer. */
  problem?: string;
};
export type Env = { Variables: Variables };

/** The router that routes and pages are mounted on. */
export type Api = OpenAPIHono<Env>;

/** A person on their side of one engagement. */
export interface Membership {
  readonly tenant: string;
  readonly engagement: Engagement;
  readonly member: Member;
  readonly lockedOutAt: Date | null;
  /** Why nothing can be opened by what is served; `null`: it is in force. */
  readonly unsettled: Unsettled | null;
  /** The proposal that is in force; `null`: none was ever signed. */
  readonly proposal: string | null;
}

/** The engagements that a person is on a side of; nothing of any other is theirs to see. */
export async function membershipsOf(app: Application, person: Person): Promise<Membership[]> {
  return (await app.engagements.all()).flatMap(({ tenant, engagement, lockedOutAt, unsettled, proposal }) => {
    const member = memberOf(engagement, person);
    return member ? [{ tenant, engagement, member, lockedOutAt, unsettled, proposal }] : [];
  });
}

/** Those that a person is on a side of, or the named one of them. @throws Refused `no-such-tenant` */
export async function membershipsIn(
  app: Application,
  person: Person,
  tenant: string | undefined,
): Promise<Membership[]> {
  const mine = await membershipsOf(app, person);
  return tenant === undefined ? mine : [pickTenant(mine, tenant)];
}

/** @throws Refused `no-such-tenant`, `tenant-needed` where several fit and none is named */
export function pickTenant(mine: readonly Membership[], named: string | undefined): Membership {
  const fits = named === undefined ? mine : mine.filter(({ tenant }) => tenant === named);
  if (fits.length === 0) {
    throw new Refused(
      'no-such-tenant',
      named ? `There is no engagement "${named}" for you.` : 'You are in no engagement here.',
      404,
    );
  }
  if (fits.length > 1) {
    const names = fits.map(({ tenant }) => tenant);
    throw new Refused('tenant-needed', `Say which engagement: ${names.join(', ')}.`, 400, { tenants: names });
  }
  return fits[0]!;
}

/**
 * A target by its short name or in full (`db01`, `db01.acme`), among a person's engagements.
 *
 * @throws Refused `no-such-target`, `ambiguous-target`
 */
export function pickTarget(
  mine: readonly Membership[],
  name: string,
  tenant: string | undefined,
): Membership & { readonly target: string } {
  const fits = mine
    .filter(membership => tenant === undefined || membership.tenant === tenant)
    .flatMap(membership => {
      const suffix = `.${membership.tenant}`;
      const has = (target: string) => Object.hasOwn(membership.engagement.targets.targets, target);
      const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
      const target = has(short) ? short : has(name) ? name : null;
      return target === null ? [] : [{ ...membership, target }];
    });
  if (fits.length === 0) throw new Refused('no-such-target', `There is no target "${name}" for you.`, 404);
  if (fits.length > 1) {
    const full = fits.map(fit => `${fit.target}.${fit.tenant}`);
    throw new Refused('ambiguous-target', `"${name}" could be any of ${full.join(', ')}: say which.`, 400, {
      targets: full,
    });
  }
  return fits[0]!;
}

/**
 * The target at an address, as an alert knows it: the host or IP of any protocol, with or without a port.
 *
 * @throws Refused `no-such-target`, `ambiguous-target`
 */
export function pickTargetAt(
  mine: readonly Membership[],
  address: string,
  tenant: string | undefined,
): Membership & { readonly target: string } {
  const fits = mine
    .filter(membership => tenant === undefined || membership.tenant === tenant)
    .flatMap(membership =>
      Object.entries(membership.engagement.targets.targets)
        .filter(([, target]) => isAt(target, address))
        .map(([target]) => ({ ...membership, target })),
    );
  if (fits.length === 0) throw new Refused('no-such-target', `No target of yours is at ${address}.`, 404);
  if (fits.length > 1) {
    const full = fits.map(fit => `${fit.target}.${fit.tenant}`);
    const message = `Several are at ${address}: ${full.join(', ')}. Name one, or add its port.`;
    throw new Refused('ambiguous-target', message, 400, { targets: full });
  }
  return fits[0]!;
}
