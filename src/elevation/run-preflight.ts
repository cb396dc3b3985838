import { rolesGiven } from '../domain/gives.ts';
import { issuersOf, memberOf } from '../domain/membership.ts';
import { observes } from '../domain/observed.ts';
import { mayPreflight } from '../domain/permission.ts';
import type { Person } from '../domain/person.ts';
import {
  type Check,
  cellsAsked,
  decisionChecks,
  MOST_DECISIONS,
  MOST_PEOPLE,
  squadsOf,
  type Window,
  withoutRepeats,
} from '../domain/preflight.ts';
import { peopleChecks } from '../domain/preflight-people.ts';
import { type NotTried, type TriedTarget, targetChecks } from '../domain/preflight-target.ts';
import { MOST_LOGINS, type ProbeOrder, type ProbeReport } from '../domain/probe.ts';
import type { Protocol } from '../domain/protocol.ts';
import { findTarget, placeOf, type Target } from '../domain/target.ts';
import { whyApart } from './agreed-clocks.ts';
import { tooOften } from './asking-pace.ts';
import { type Look, type Outside, Refused, type Step, type TenantInForce } from './contract.ts';
import { whyNoCertificate, whyNoTry } from './may-try.ts';
import { whyUnsettled } from './settled.ts';

/** What is asked about a coming time. */
export interface PreflightAsk extends Pick<Window, 'activity' | 'as' | 'seconds' | 'ticket' | 'severity'> {
  readonly tenant: string;
  readonly at: Date;
  /** Empty: every target that is the asker's to ask about. */
  readonly targets: readonly string[];
}

/** So many targets are tried in one go. */
export const MOST_TARGETS = 50;

/** How often one person may, in one engagement: each makes connections to machines of the client. */
const PACE = [
  { most: 6, seconds: 60, each: 'minute' },
  { most: 40, seconds: 3_600, each: 'hour' },
] as const;

export interface Preflight {
  /** `pf_…` */
  readonly id: string;
  readonly tenant: string;
  readonly matrix: string;
  readonly at: Date;
  readonly activity: string | null;
  readonly targets: readonly string[];
  /** What is known without leaving the house. */
  readonly checks: readonly Check[];
  readonly tries: readonly {
    readonly order: ProbeOrder;
    readonly target: Target;
    /** Why it is not to be dialled. */
    readonly why: string | null;
    /** Why nothing is signed in to. */
    readonly uncertified: string | null;
  }[];
}

/**
 * All of a preflight that the matrix, the people and the clocks can say, and which targets are to be tried. It changes
 * nothing; what comes of it is `recordPreflight`'s to write.
 *
 * @throws Refused `no-such-tenant`, `no-such-target`, `no-such-cell`, `not-yours`, `too-many-targets`, `too-many-requests`
 */
export async function planPreflight(
  look: Look,
  outside: Outside,
  asker: Person,
  asked: PreflightAsk,
  installation: Pick<Window, 'signInWithin'> & {
    channelsTo(tenant: string, names: readonly string[]): readonly string[];
  },
): Promise<Step<Preflight>> {
  const inForce = await look.tenant(asked.tenant);
  const member = inForce && memberOf(inForce.engagement, asker);
  if (!inForce || !member)
    throw new Refused('no-such-tenant', `There is no engagement "${asked.tenant}" for you.`, 404);
  await requirePreflightPace(look, asker, asked.tenant);
  const { engagement } = inForce;
  const everybody = await look.peopleOf(issuersOf(engagement));
  const known = everybody.flatMap(person => {
    const side = memberOf(engagement, person);
    return side ? [{ person, member: side }] : [];
  });
  const window: Window = {
    ...asked,
    engagement,
    asker: member,
    people: known,
    members: known.map(({ member: one }) => one),
    seenIn: squadsOf(engagement, known),
    lockedOut: inForce.lockedOutAt !== null,
    at: asked.at.getTime(),
    now: outside.now.getTime(),
    signInWithin: installation.signInWithin,
    each: MOST_PEOPLE,
    channelsTo: names => installation.channelsTo(asked.tenant, names),
  };
  const targets = targetsOf(window, asked);
  const cells = targets.flatMap(target => cellsAsked(window, asked.activity, target));
  if (cells.length > MOST_DECISIONS) {
    const message = `${cells.length} cells on these targets are too many for one preflight: name an activity.`;
    throw new Refused('too-many-targets', message, 400);
  }
  const each = Math.min(MOST_PEOPLE, Math.max(1, Math.floor(MOST_DECISIONS / Math.max(1, cells.length))));
  const decisions = targets.map(target => decisionChecks({ ...window, each }, target));
  const checks = [
    ...versionChecks(inForce),
    ...decisions.flatMap(({ checks: rows }) => rows),
    ...peopleChecks(window, [...new Set(cells)], [...new Set(decisions.flatMap(each => each.coApprovers))]),
    await clockCheck(look),
  ];
  const id = outside.id('pf');
  const tries: Preflight['tries'][number][] = [];
  for (const target of targets) tries.push(...(await triesOf(look, window, inForce, id, target)));
  const { at, activity, tenant } = asked;
  return {
    result: {
      id,
      tenant,
      matrix: engagement.digest,
      at,
      activity,
      targets,
      checks: withoutRepeats(checks),
      tries,
    },
  };
}

/** Whether the version in force opens anything at all; no row where it does. */
function versionChecks(inForce: TenantInForce): Check[] {
  const row = { check: 'version', subject: inForce.engagement.tenant, ok: false } as const;
  const unsettled = whyUnsettled(inForce);
  return [
    ...(unsettled ? [{ ...row, detail: unsettled, mend: 'both parties sign a version' }] : []),
    ...(observes(inForce.engagement)
      ? [{ ...row, detail: OBSERVE_MODE, mend: 'both parties sign a version with mode: enforce' }]
      : []),
  ];
}

const OBSERVE_MODE = 'observe mode: nothing is opened, whatever the decision says';

/** Writes down that it was run and how it came out, and gives all of its rows. */
export async function recordPreflight(
  asker: Person,
  preflight: Preflight,
  found: readonly (ProbeReport | NotTried)[],
): Promise<Step<readonly Check[]>> {
  const tried = preflight.tries.map(
    ({ order, target, uncertified }, i): TriedTarget => ({
      order,
      target,
      uncertified,
      found: found[i] ?? { notTried: 'no answer' },
    }),
  );
  const checks = [...preflight.checks, ...tried.flatMap(targetChecks)];
  const { id, tenant, at, activity, matrix, targets } = preflight;
  return {
    result: checks,
    events: [
      {
        tenant,
        action: 'preflight.run',
        actor: `person:${asker.id}`,
        subject: `tenant:${tenant}`,
        data: {
          preflight: id,
          at: at.toISOString(),
          activity,
          matrix,
          targets: [...targets],
          tried: tried.filter(each => !('notTried' in each.found)).length,
          checks: checks.length,
          failed: checks.filter(({ ok }) => ok === false).length,
          unknown: checks.filter(({ ok }) => ok === null).length,
        },
      },
    ],
  };
}

/** @throws Refused `too-many-requests`, with the seconds to wait in `retry_after` */
async function requirePreflightPace(look: Look, asker: Person, tenant: string): Promise<void> {
  for (const { most, seconds, each } of PACE) {
    const { count, free } = await look.preflightsWithin(asker.id, tenant, seconds);
    if (count >= most) throw tooOften(`run ${most} preflights in one ${each} here`, free);
  }
}

function targetsOf(window: Window, { targets, activity }: PreflightAsk): string[] {
  const { engagement, asker } = window;
  const all = Object.keys(engagement.targets.targets);
  const named = [...new Set(targets)];
  const unknown = named.find(name => !all.includes(name));
  if (unknown !== undefined) {
    throw new Refused('no-such-target', `There is no target "${unknown}" in ${engagement.tenant}.`, 404);
  }
  const foreign = named.find(name => !mayPreflight(engagement, asker, name));
  if (foreign !== undefined) {
    const message = `You neither ask nor answer for anything on ${foreign}, and do not oversee it.`;
    throw new Refused('not-yours', message, 403);
  }
  const chosen =
    named.length > 0
      ? named
      : all.filter(
          name => mayPreflight(engagement, asker, name) && cellsAsked(window, activity, name).length > 0,
        );
  if (chosen.length === 0) {
    throw new Refused('not-yours', 'There is no target here that you ask or answer for in that way.', 403);
  }
  if (chosen.length > MOST_TARGETS) {
    const message = `${chosen.length} targets are too many for one preflight: name ${MOST_TARGETS} at most.`;
    throw new Refused('too-many-targets', message, 400);
  }
  return chosen;
}

async function triesOf(
  look: Look,
  window: Window,
  inForce: TenantInForce,
  id: string,
  name: string,
): Promise<Preflight['tries']> {
  const { engagement, as, asker } = window;
  const why = whyNoTry(inForce, asker.party)?.line ?? null;
  const uncertified = whyNoCertificate(inForce)?.line ?? null;
  const target = findTarget(engagement.targets, name)!;
  const cells = cellsAsked(window, window.activity, name);
  const rolesOver = (protocol: Protocol) =>
    [...new Set(cells.flatMap(({ activity }) => rolesGiven(activity, protocol)))].filter(
      role => as === null || (as.protocol === protocol && as.role === role),
    );
  const written = target.ssh?.host_key ?? [];
  const tries: Preflight['tries'][number][] = [];
  for (const protocol of ['ssh', 'postgres', 'web'] as const) {
    const place = placeOf(target, protocol);
    const roles = rolesOver(protocol);
    if (!place || roles.length === 0) continue;
    const order: ProbeOrder = {
      preflight: id,
      tenant: engagement.tenant,
      target: name,
      protocol,
      ...place,
      hostKeys:
        protocol === 'ssh'
          ? [
              ...(await look.hostKeys(engagement.tenant, name)),
              ...(typeof written === 'string' ? [written] : written),
            ]
          : [],
      logins:
        protocol === 'ssh' && target.ssh?.trust === 'ca' && uncertified === null
          ? roles.slice(0, MOST_LOGINS)
          : [],
    };
    tries.push({ order, target, why, uncertified });
  }
  return tries;
}

async function clockCheck(look: Look): Promise<Check> {
  const skew = await look.clockSkew();
  const why = whyApart(skew);
  return {
    check: 'clock',
    subject: 'broker',
    ok: why === null,
    detail: why ?? `its clock and the database's are ${(Math.abs(skew) / 1000).toFixed(1)} s apart`,
    mend: why === null ? null : 'set both by the same time server',
  };
}
