import type { Check } from './preflight.ts';
import type { Entry, ProbeOrder, ProbeReport, SshProbe } from './probe.ts';
import { readPublicKey } from './ssh-public-key.ts';
import type { Target } from './target.ts';

/** What a try of a target says, as rows. */

/** Why a target was not tried: nothing was seen of it. */
export type NotTried = { readonly notTried: string };

export interface TriedTarget {
  readonly order: ProbeOrder;
  readonly target: Target;
  /** Why no certificate was to be had for it. */
  readonly uncertified: string | null;
  readonly found: ProbeReport | NotTried;
}

/** Half of what a session waits for a target: slower than that is no comfort. */
const SLOW_MS = 5_000;

export function targetChecks({ order, target, uncertified, found }: TriedTarget): Check[] {
  const place = `${order.host}:${order.port}`;
  const subject = order.protocol === 'ssh' ? order.target : `${order.target} ${order.protocol}`;
  if ('notTried' in found) {
    return [
      { check: 'target', subject, ok: null, detail: `${place} was not tried: ${found.notTried}`, mend: null },
    ];
  }
  if ('why' in found.reached) {
    const detail = `${place} does not answer: ${found.reached.why}`;
    const mend = 'start it, or open the way from the gateway; is its address in targets.yaml right?';
    return [{ check: 'target', subject, ok: false, detail, mend }];
  }
  if (!found.ssh) return [reachedAlone(order, subject, place, found)];
  const answers = `${place} answers in ${found.reached.ms} ms`;
  return [
    { check: 'target', subject, ok: true, detail: answers, mend: null },
    hostKeyRow(subject, found.ssh, target),
    ...entranceRows(subject, found.ssh, order, target, uncertified),
    arrivalsRow(subject, found.ssh, found.from),
    clockRow(subject, found.ssh.entries),
  ];
}

function reachedAlone(
  order: ProbeOrder,
  subject: string,
  place: string,
  { reached, tls }: ProbeReport,
): Check {
  const ms = 'ms' in reached ? reached.ms : 0;
  const row = { check: 'target', subject } as const;
  if (tls === 'failed') {
    const detail = `${place} answers, and does not speak ${order.protocol === 'web' ? 'TLS' : 'PostgreSQL'} there`;
    return { ...row, ok: false, detail, mend: 'is the address in targets.yaml that of another program?' };
  }
  const spoken = { spoken: ', TLS too', 'not-offered': ', without TLS' } as const;
  const detail = `${place} answers in ${ms} ms${tls === null ? '' : spoken[tls]}; only that was tried`;
  return { ...row, ok: true, detail, mend: null };
}

const writtenIn = ({ ssh }: Target): readonly string[] =>
  ssh?.host_key === undefined ? [] : typeof ssh.host_key === 'string' ? [ssh.host_key] : ssh.host_key;

function hostKeyRow(subject: string, { hostKey, shown }: SshProbe, target: Target): Check {
  const row = { check: 'host-key', subject } as const;
  const key = shown ? `${shown.type} ${shown.fingerprint}` : 'no key';
  if (hostKey === 'unusable') {
    return {
      ...row,
      ok: false,
      detail: `none is pinned, so no session opens; it shows ${key}`,
      mend: `compare with ssh-keygen -lf on the host, then sallyport targets enrol ${subject} --host-key "…"`,
    };
  }
  if (hostKey === 'not-seen') {
    const detail = 'it ended the connection before it showed one';
    return { ...row, ok: null, detail, mend: null };
  }
  if (hostKey !== 'pinned') {
    const shows = hostKey === 'other' ? `it shows ${key}` : 'it has no key of a pinned type';
    return {
      ...row,
      ok: false,
      detail: `${shows}, which is not what is pinned: no session opens`,
      mend: 'ask who runs it: if it was rebuilt, enrol its new key; if not, something is in between',
    };
  }
  const written = writtenIn(target)
    .map(readPublicKey)
    .filter(each => each?.type === shown?.type);
  const differs = written.length > 0 && !written.some(each => each?.fingerprint === shown?.fingerprint);
  return {
    ...row,
    ok: true,
    detail: `the pinned one, ${key}`,
    mend: differs
      ? 'targets.yaml still has another one of this type, which is taken as well: remove it'
      : null,
  };
}

function entranceRows(
  subject: string,
  { entries, hostKey }: SshProbe,
  order: ProbeOrder,
  target: Target,
  uncertified: string | null,
): Check[] {
  const row = { check: 'ca', subject } as const;
  if (target.ssh?.trust === 'key') {
    const detail = 'its sshd trusts no CA (trust: key); that a key gets in cannot be tried yet';
    return [{ ...row, ok: null, detail, mend: null }];
  }
  if (hostKey !== 'pinned') {
    return [
      { ...row, ok: null, detail: 'not tried: nothing is signed in to without its host key', mend: null },
    ];
  }
  if (uncertified !== null) return [{ ...row, ok: null, detail: `not tried: ${uncertified}`, mend: null }];
  const somebodyIn = entries.some(({ outcome }) => outcome === 'let-in');
  return entries.map(entry => ({ ...row, ...entranceOf(entry, somebodyIn, order) }));
}

function entranceOf(
  { login, outcome, ms, why }: Entry,
  somebodyIn: boolean,
  { target, tenant }: ProbeOrder,
): Pick<Check, 'ok' | 'detail' | 'mend'> {
  switch (outcome) {
    case 'let-in':
      return {
        ok: true,
        detail: `takes the CA: ${login} let in after ${ms} ms`,
        mend: ms > SLOW_MS ? 'a session gives up after 10 s: is its name lookup slow (UseDNS)?' : null,
      };
    case 'refused':
      return {
        ok: false,
        detail: somebodyIn ? `refused ${login}, though not all` : `refused the certificate for ${login}`,
        mend: somebodyIn
          ? `its principals file for ${login} must hold sallyport:${target}.${tenant}:${login}`
          : `see sallyport targets enrol ${target}; if it is enrolled: is its clock off by 30 s?`,
      };
    case 'lost':
      return {
        ok: false,
        detail: `${login}: ${why ?? 'the connection broke'}`,
        mend: 'look into its own log',
      };
    default:
      return {
        ok: null,
        detail: `${login} was not tried: ${why ?? 'no certificate was issued'}`,
        mend: null,
      };
  }
}

/** What of sshd's own limits shows from outside. How long it waits (LoginGraceTime), and MaxSessions, do not. */
function arrivalsRow(subject: string, { arrivals, software }: SshProbe, from: string | null): Check {
  const row = { check: 'sshd', subject } as const;
  const named = software === null ? '' : `; ${software}`;
  if (!arrivals) return { ...row, ok: null, detail: `its limits were not tried${named}`, mend: null };
  const { tried, answered, turnedAway } = arrivals;
  if (turnedAway === 'penalty') {
    return {
      ...row,
      ok: false,
      detail: `it keeps ${from ?? 'the gateway'} out for failures before${named}`,
      mend: `PerSourcePenaltyExemptList ${from ?? 'GATEWAY'} in its sshd_config`,
    };
  }
  if (answered < tried) {
    const why = turnedAway === 'too-many' ? ' (MaxStartups)' : '';
    return {
      ...row,
      ok: false,
      detail: `of ${tried} connections at once it spoke to ${answered}${why}${named}`,
      mend: 'raise MaxStartups and PerSourceMaxStartups in its sshd_config: each channel is a connection',
    };
  }
  return {
    ...row,
    ok: true,
    detail: `spoke to ${answered} connections at once${named}`,
    mend: hasPenalties(software)
      ? `PerSourcePenaltyExemptList ${from ?? 'GATEWAY'} keeps users who fail from locking everybody out`
      : null,
  };
}

/** OpenSSH 9.8 brought PerSourcePenalties, switched on. */
function hasPenalties(software: string | null): boolean {
  const [, major, minor] = /^OpenSSH_(\d+)\.(\d+)/.exec(software ?? '') ?? [];
  return major !== undefined && (Number(major) > 9 || (Number(major) === 9 && Number(minor) >= 8));
}

function clockRow(subject: string, entries: readonly Entry[]): Check {
  const row = { check: 'clock', subject } as const;
  // The certificate was good from half a minute before to half a minute after it was used.
  return entries.some(({ outcome }) => outcome === 'let-in')
    ? { ...row, ok: true, detail: 'within 30 s of the broker: it took a certificate of a minute', mend: null }
    : { ...row, ok: null, detail: 'not seen: sshd says no time, and took no certificate', mend: null };
}
