import { cellsCovering, findCell, givesRole } from '../domain/cell.ts';
import type { Engagement } from '../domain/decision.ts';
import { formatDuration } from '../domain/duration.ts';
import { type SshRight, sshLacks, sshNeeds, takesInput } from '../domain/gives.ts';
import { type Grant, isLive } from '../domain/grant.ts';
import { memberOf } from '../domain/membership.ts';
import { observes } from '../domain/observed.ts';
import type { Person } from '../domain/person.ts';
import { type Protocol, saltedHash } from '../domain/request.ts';
import { recordingPath, type Session } from '../domain/session.ts';
import { isInSquad } from '../domain/squad.ts';
import { liesAhead, whyApart } from './agreed-clocks.ts';
import type { Look, Outside, Step, TenantInForce } from './contract.ts';
import { whyUnsettled } from './settled.ts';
import { whyNoLonger } from './still-given.ts';

export interface Knock {
  readonly tenant: string;
  readonly target: string;
  readonly role: string;
  readonly protocol: Protocol;
  readonly kind: string;
  readonly command: string | null;
  /** Whether it asks for a terminal. */
  readonly pty: boolean;
  /** The person's address. */
  readonly address: string;
  /** As the client sent it. */
  readonly username: string;
  readonly gateway: string;
  /** A sign-in older than this does not open sessions; seconds. */
  readonly signInWithin: number;
}

/** So many refusals of one person stand in a tenant's log in a minute; whoever holds a key could knock without end. */
const MOST_REFUSALS = 20;

export type Admitted =
  | {
      readonly admitted: true;
      readonly session: Session;
      readonly grant: Grant;
      readonly address: string;
      readonly hostKeys: readonly string[];
      readonly recordInput: boolean;
      /** `false`: what the person sends stays at the gateway. */
      readonly takesInput: boolean;
      readonly inForce: TenantInForce;
    }
  | { readonly admitted: false; readonly code: string; readonly lines: readonly string[] };

/**
 * Asks the grant, against the clock, for one session. Admission and refusal both stand in the log, a refusal that is
 * repeated within a minute once. Where several live grants fit, the one that lasts longest is used, so that
 * overlapping grants do not cut each other; one whose cell gives what is asked for goes before one that does not.
 */
export async function admitSession(
  look: Look,
  outside: Outside,
  person: Person,
  knock: Knock,
): Promise<Step<Admitted>> {
  const refuse = (code: string, ...lines: string[]): Step<Admitted> => ({
    result: { admitted: false, code, lines },
    events: [
      {
        tenant: knock.tenant,
        action: 'session.refused',
        actor: `person:${person.id}`,
        subject: `target:${knock.target}`,
        data: { code, protocol: knock.protocol, address: knock.address },
        pace: {
          group: `session.refused ${person.id} ${Math.floor(outside.now.getTime() / 60_000)}`,
          repeat: JSON.stringify([code, knock.target, knock.role, knock.protocol, knock.address]),
          most: MOST_REFUSALS,
        },
      },
    ],
  });
  const inForce = await look.tenant(knock.tenant);
  const member = inForce && memberOf(inForce.engagement, person);
  if (!inForce || !member) return refuse('no-such-target', `There is no target "${knock.target}" for you.`);
  const { engagement } = inForce;
  const target = Object.hasOwn(engagement.targets.targets, knock.target)
    ? engagement.targets.targets[knock.target]
    : undefined;
  const address = target?.[knock.protocol]?.address;
  if (!address) {
    return refuse('no-such-target', `${knock.target} cannot be reached by ${knock.protocol} here.`);
  }
  if (inForce.lockedOutAt !== null && member.party === 'msp') {
    const name = engagement.matrix.parties.client.name;
    return refuse(
      'locked-out',
      `${name} has shut out all sessions of its provider. Nothing opens until it lifts that.`,
    );
  }
  const unsettled = whyUnsettled(inForce);
  if (unsettled) return refuse('version-not-signed', unsettled);
  const apart = whyApart(await look.clockSkew());
  if (apart) return refuse('clock-skew', apart);
  const age = (outside.now.getTime() - person.signedInAt.getTime()) / 1000;
  if (age > knock.signInWithin || liesAhead(person.signedInAt, outside.now)) {
    return refuse(
      'sign-in-needed',
      `Your last sign-in is not within the last ${formatDuration(knock.signInWithin)}.`,
      'Sign in in the browser, then connect again.',
    );
  }
  const grants = await look.liveGrants(person.id, knock.tenant, knock.target, outside.now);
  const fitting = grants.filter(
    held => held.role === knock.role && held.protocol === knock.protocol && isLive(held, outside.now),
  );
  const needs = knock.protocol === 'ssh' ? sshNeeds(knock) : [];
  const grant = fitting.find(held => lacking(engagement, held, needs).length === 0) ?? fitting[0];
  if (!grant) return refuse('no-grant', ...howToAsk(inForce, person, knock, grants));
  if (await look.clockPutBack(grant, outside.now)) {
    return refuse('clock-skew', 'The clock was put back since this grant was given. Ask anew.');
  }
  const lost = whyNoLonger(inForce, person, grant, outside.now);
  if (lost) return refuse(lost.code, lost.line);
  const lacks = lacking(engagement, grant, needs);
  if (lacks.length > 0) return refuse('not-given', ...notGiven(grant, knock, lacks));
  const hostKeys = await look.hostKeys(knock.tenant, knock.target);
  const written = target.ssh?.host_key ?? [];
  const pinned = [...hostKeys, ...(typeof written === 'string' ? [written] : written)];
  if (knock.protocol === 'ssh' && pinned.length === 0) {
    return refuse(
      'host-key-unknown',
      `No host key of ${knock.target} is pinned, so nobody can tell it from another machine.`,
      `An owner pins it: sallyport targets enrol ${knock.target} --host-key "ssh-ed25519 AAAA…"`,
    );
  }
  const commandSalt = knock.command === null ? null : outside.salt();
  const session: Session = {
    id: outside.id('s'),
    grant: grant.id,
    tenant: grant.tenant,
    person: person.id,
    target: grant.target,
    protocol: knock.protocol,
    role: grant.role,
    kind: knock.kind,
    command: knock.command,
    commandSalt,
    address: knock.address,
    gateway: knock.gateway,
    recording: '',
    startedAt: outside.now,
    deadline: grant.endsAt,
    endedAt: null,
    endReason: null,
    cutDelay: null,
    exitStatus: null,
    bytesIn: null,
    bytesOut: null,
    size: null,
    sha256: null,
    segments: null,
  };
  const recording = recordingPath(session);
  const activity = findCell(engagement, grant.cell)?.activity;
  const opened = { ...session, recording };
  return {
    result: {
      admitted: true,
      session: opened,
      grant,
      address,
      hostKeys: pinned,
      recordInput: activity?.record === 'input',
      takesInput: knock.protocol !== 'ssh' || (activity !== undefined && takesInput(activity, knock)),
      inForce,
    },
    changes: [{ insert: 'session', record: opened }],
    events: [
      {
        tenant: grant.tenant,
        action: 'session.admitted',
        actor: `person:${person.id}`,
        subject: opened.id,
        data: {
          grant: grant.id,
          person: person.id,
          target: grant.target,
          protocol: opened.protocol,
          role: grant.role,
          kind: knock.kind,
          command_hash: commandSalt && saltedHash(commandSalt, knock.command!),
          address: knock.address,
          deadline: opened.deadline.toISOString(),
          recording,
        },
      },
    ],
  };
}

/** What of these the cell of a grant does not give; a cell that is gone gives nothing. */
const lacking = (engagement: Engagement, grant: Grant, needs: readonly SshRight[]): readonly SshRight[] =>
  sshLacks(findCell(engagement, grant.cell)?.activity ?? {}, needs);

const RIGHTS: Readonly<Record<SshRight, string>> = {
  exec: 'commands (exec)',
  transfer: 'file transfer (transfer)',
};

function notGiven(grant: Grant, knock: Knock, lacks: readonly SshRight[]): string[] {
  const shell = `ssh ${grant.role}@${grant.target}`;
  return [
    `${grant.cell} gives ${grant.role} no ${lacks.map(right => RIGHTS[right]).join(' and no ')}.`,
    knock.kind === 'shell'
      ? `Without a terminal a shell takes whatever is sent into it. Open one with a terminal: ${shell}`
      : `It gives a shell: ${shell}`,
  ];
}

/** What is missing, and the exact command that asks for it, per cell that would fit. */
function howToAsk(inForce: TenantInForce, person: Person, knock: Knock, held: readonly Grant[]): string[] {
  const { engagement } = inForce;
  const member = memberOf(engagement, person)!;
  const where = `${knock.role}@${knock.target}`;
  const others = held
    .filter(grant => grant.protocol === knock.protocol)
    .map(grant => `${grant.role}@${grant.target}`);
  const lines = [
    `You hold no live grant for ${where}.`,
    ...(others.length > 0 ? [`You do hold: ${[...new Set(others)].join(', ')}.`] : []),
  ];
  if (observes(engagement)) {
    const say = `${knock.tenant} is in observe mode: nothing is opened here. Use the access that you have.`;
    return [...lines, say];
  }
  const fitting = cellsCovering(engagement, knock.target).filter(
    cell => cell.activity.R.some(squad => isInSquad(engagement, squad, member)) && givesRole(cell, knock),
  );
  if (fitting.length === 0) {
    return [...lines, `The matrix makes you responsible for nothing that gives ${knock.role} there.`];
  }
  return [
    ...lines,
    'Ask for it:',
    ...fitting.map(({ id, activity }) =>
      [
        `  sallyport request ${knock.target}.${knock.tenant} --activity ${id} --${knock.protocol} ${knock.role}`,
        `--for ${activity.for}`,
        ...(activity.ticket === 'required' ? ['--ticket TICKET'] : []),
        '--reason "WHY"',
      ].join(' '),
    ),
  ];
}
