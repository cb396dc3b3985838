import { createHash, randomBytes, randomInt } from 'node:crypto';
import { and, eq, gt, isNull } from 'drizzle-orm';
import type {
  Admission,
  ControlPlane,
  Incident,
  Refusal,
  RequestedChannel,
  Termination,
} from '../../recorder/control-plane.ts';
import type { IssuedCredential } from '../credentials/contract.ts';
import { partyOf } from '../domain/membership.ts';
import type { Person } from '../domain/person.ts';
import type { ProbeOrder } from '../domain/probe.ts';
import { splitAddress } from '../domain/target.ts';
import { admitSession } from '../elevation/admit-session.ts';
import { liesAhead } from '../elevation/agreed-clocks.ts';
import { endSession } from '../elevation/end-session.ts';
import { issueCredential, type Sign } from '../elevation/issue-credential.ts';
import { issueProbe, type SignProbe } from '../elevation/issue-probe.ts';
import { whyNotRenewed } from '../elevation/renew-leases.ts';
import type { Authorities } from '../store/authorities.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import type { Engagements } from '../store/engagements.ts';
import { appendEvents, uuidOf } from '../store/log.ts';
import { sessionsHeld } from '../store/sessions.ts';
import { people, sessions, sshKeys, sshSignIns } from '../store/tables.ts';

const SIGN_IN_SECONDS = 300;
/** A longer one could not be kept and shown whole. */
const MOST_COMMAND = 16_384;
const CODE_LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

export interface GatewayDoor extends ControlPlane {
  /** Lets certificates be had for one try that this person asked for, until the answer is called. */
  expect(order: ProbeOrder, asker: string): () => void;
  close(): Promise<void>;
}

interface Parts {
  readonly database: Database;
  readonly commit: Commit;
  readonly engagements: Engagements;
  readonly authorities: Authorities;
  readonly sign: (authority: Buffer, order: Parameters<Sign>[0]) => IssuedCredential;
  readonly signProbe: (authority: Buffer, order: Parameters<SignProbe>[0]) => IssuedCredential;
  readonly clock: Clock;
  readonly url: URL;
  readonly gateway: string;
  /** Whether sessions may be filed under that name now. */
  readonly mayAdmit: () => boolean;
  readonly signInWithin: number;
}

/** The control plane as a gateway in this process sees it: every message straight to the step it stands for. */
export async function openGatewayDoor(parts: Parts): Promise<GatewayDoor> {
  const { database, commit, engagements, clock, gateway } = parts;
  const db = database.installation;
  const expected = new Map<ProbeOrder, string>();
  const listeners = new Set<(termination: Termination) => void>();
  const announce = (termination: Termination) => {
    for (const listener of listeners) listener(termination);
  };
  // Should one be lost while the connection is: what it tells, the next renewal finds as well.
  const { unlisten } = await database.listener.listen('sallyport_cut', payload => {
    announce(JSON.parse(payload) as Termination);
  });

  const personById = async (id: string): Promise<Person | null> =>
    (await db.select().from(people).where(eq(people.id, id)))[0] ?? null;

  /** A gateway in this process serves every tenant: the id alone says whose session it is. */
  const tenantOf = (session: string) =>
    database.everywhere(async tx => {
      const [row] = await tx
        .select({ tenant: sessions.tenant })
        .from(sessions)
        .where(eq(sessions.id, session));
      return row?.tenant;
    });

  /** The key is still this person's, or the sign-in is not too old nor ended: asked for each channel. */
  const stillKnown = async ({ knownBy }: RequestedChannel, person: Person): Promise<boolean> => {
    if (knownBy.kind === 'sign-in') {
      const at = new Date(knownBy.at);
      if (person.signedOutAt && at <= person.signedOutAt) return false;
      return clock.now().getTime() - knownBy.at <= parts.signInWithin * 1000 && !liesAhead(at, clock.now());
    }
    const [key] = await db
      .select({ person: sshKeys.person })
      .from(sshKeys)
      .where(and(eq(sshKeys.fingerprint, knownBy.fingerprint), eq(sshKeys.person, person.id)));
    return key !== undefined;
  };

  return {
    async identifyKey({ fingerprint }) {
      const [row] = await db
        .select({ person: people.id, name: people.name })
        .from(sshKeys)
        .innerJoin(people, eq(people.id, sshKeys.person))
        .where(eq(sshKeys.fingerprint, fingerprint));
      return row ?? null;
    },

    async openSignIn({ username, address }) {
      const id = randomBytes(16).toString('base64url');
      const letters = Array.from({ length: 8 }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join('');
      const code = `${letters.slice(0, 4)}-${letters.slice(4)}`;
      const expiresAt = new Date(clock.now().getTime() + SIGN_IN_SECONDS * 1000);
      await db
        .insert(sshSignIns)
        .values({ id, code: codeHash(id, code), username: username.slice(0, 200), address, expiresAt });
      return { id, url: new URL(`/ssh/${id}`, parts.url).href, code, expiresAt: expiresAt.getTime() };
    },

    async awaitSignIn(id, signal) {
      while (!signal.aborted) {
        const [row] = await db
          .select()
          .from(sshSignIns)
          .where(and(eq(sshSignIns.id, id), gt(sshSignIns.expiresAt, clock.now())));
        if (!row) return null;
        if (row.person) {
          // Before its row is taken: a sign-out everywhere either deletes the row or comes later than this.
          const at = clock.now().getTime();
          // One use: a second connection with the same link finds nothing.
          const [taken] = await db.delete(sshSignIns).where(eq(sshSignIns.id, id)).returning();
          const person = taken && (await personById(row.person));
          return person ? { person: person.id, name: person.name, at } : null;
        }
        await waitFor(500, signal);
      }
      await db.delete(sshSignIns).where(and(eq(sshSignIns.id, id), isNull(sshSignIns.person)));
      return null;
    },

    async admit(channel) {
      if (!parts.mayAdmit())
        return refusal('not-ready', 'This gateway cannot open sessions now; try again in a moment.');
      const person = await personById(channel.person);
      if (!person) return refusal('unknown-person', 'You are not known here any more.');
      if (!(await stillKnown(channel, person))) {
        return refusal(
          'sign-in-needed',
          'What said who you are is no longer good: the key was removed, or the sign-in is old.',
        );
      }
      if ((channel.command?.length ?? 0) > MOST_COMMAND) {
        return refusal(
          'command-too-long',
          `A command may have ${MOST_COMMAND} characters, so that all of it is on record.`,
        );
      }
      const place = await resolve(engagements, person, channel.username);
      if ('code' in place) return place;
      const admitted = await commit(place.tenant, (look, outside) =>
        admitSession(look, outside, person, {
          ...place,
          protocol: channel.protocol,
          kind: channel.kind,
          command: channel.command,
          pty: channel.pty,
          address: channel.address,
          username: channel.username,
          gateway,
          signInWithin: parts.signInWithin,
        }),
      );
      if (!admitted.admitted) return admitted;
      return admissionOf(admitted, person, clock.now());
    },

    async issueCredential({ session, publicKey, sourceAddress, pty }) {
      const tenant = await tenantOf(session);
      if (!tenant) return refusal('no-such-session', 'This session is not known.');
      const authority = await parts.authorities.privateKey(tenant, 'ssh');
      return commit(tenant, (look, outside) =>
        issueCredential(look, outside, order => parts.sign(authority, order), {
          tenant,
          session,
          publicKey,
          sourceAddress,
          pty,
        }),
      );
    },

    async issueProbe(order) {
      const { preflight, tenant, target, login } = order;
      const [, asker] =
        [...expected].find(
          ([each]) =>
            each.preflight === preflight &&
            each.tenant === tenant &&
            each.target === target &&
            each.logins.includes(login),
        ) ?? [];
      if (asker === undefined) return refusal('no-such-try', 'No try of this target is under way.');
      const authority = await parts.authorities.privateKey(tenant, 'ssh');
      return commit(tenant, (look, outside) =>
        issueProbe(look, outside, each => parts.signProbe(authority, each), asker, order),
      );
    },

    expect(order, asker) {
      expected.set(order, asker);
      return () => expected.delete(order);
    },

    async renew(ids) {
      const held = new Map((await sessionsHeld(database, ids)).map(each => [each.session.id, each]));
      const inForce = new Map((await engagements.all()).map(each => [each.tenant, each]));
      const now = clock.now();
      const renewal = async (session: string) => {
        const row = held.get(session);
        if (!row) return 'it is not known here.';
        const served = inForce.get(row.tenant) ?? null;
        const givenUnder = served && (await engagements.version(served.engagement, row.version));
        return whyNotRenewed(served, { ...row, givenUnder }, now);
      };
      return Promise.all(
        ids.map(async session => {
          const message = await renewal(session);
          return message === null ? { session, given: true } : { session, given: false, message };
        }),
      );
    },

    async recordSegment({ session, index, offset, length, sha256 }) {
      const tenant = await tenantOf(session);
      if (!tenant) return;
      await database.within([tenant], async tx => {
        const [row] = await tx
          .select({ endedAt: sessions.endedAt })
          .from(sessions)
          .where(eq(sessions.id, session))
          .for('share');
        // Whoever was written down as dead adds nothing to what was closed for them.
        if (!row || row.endedAt !== null) return;
        await appendEvents(tx, [
          {
            entry: entryId('recording.segment', session, index),
            tenant,
            action: 'recording.segment',
            actor: `gateway:${gateway}`,
            subject: session,
            data: { index, offset, length, sha256 },
          },
        ]);
      });
    },

    async reportIncident({ session, kind, detail }: Incident) {
      const tenant = await tenantOf(session);
      if (!tenant) return;
      await database.within([tenant], tx =>
        appendEvents(tx, [
          {
            entry: entryId('session.incident', session, `${kind} ${detail}`),
            tenant,
            action: 'session.incident',
            actor: `gateway:${gateway}`,
            subject: session,
            data: { kind, detail: detail.slice(0, 500) },
          },
        ]),
      );
    },

    async endSession(ending) {
      const { at, ...rest } = ending;
      const tenant = await tenantOf(ending.session);
      if (!tenant) return;
      await commit(tenant, (look, outside) =>
        endSession(look, outside, gateway, { ...rest, at: new Date(at) }),
      );
    },

    onTermination(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async close() {
      await unlisten();
    },
  };
}

/** The code is short; tied to the id it is worth nothing elsewhere, and five wrong ones end the sign-in. */
export const codeHash = (id: string, code: string): string =>
  createHash('sha256')
    .update(`${id} ${code.toUpperCase().replace(/[^A-Z]/g, '')}`)
    .digest('hex');

/** The entry id of a message that may come twice. */
const entryId = (...parts: readonly (string | number)[]): string =>
  uuidOf(createHash('sha256').update(parts.join('\0')).digest('hex'));

const refusal = (code: string, ...lines: string[]): Refusal => ({ admitted: false, code, lines });

/** `root@db01`, `root@db01.acme`, `root+db01.acme`: whose target is meant, among the engagements this person is in. */
async function resolve(
  engagements: Engagements,
  person: Person,
  username: string,
): Promise<{ tenant: string; target: string; role: string } | Refusal> {
  const at = username.includes('@') ? username.lastIndexOf('@') : username.lastIndexOf('+');
  const role = username.slice(0, at);
  const name = username.slice(at + 1);
  if (at < 1 || name === '') {
    return refusal('no-target', 'Say where to: ssh LOGIN@TARGET@GATEWAY, for example ssh root@db01@gateway.');
  }
  const mine = (await engagements.all()).filter(({ engagement }) => partyOf(engagement, person));
  const fits = mine.flatMap(({ tenant, engagement }) => {
    const short = name.endsWith(`.${tenant}`) ? name.slice(0, -tenant.length - 1) : null;
    const targets = [short, name].filter(
      (target): target is string => target !== null && Object.hasOwn(engagement.targets.targets, target),
    );
    return targets.slice(0, 1).map(target => ({ tenant, target, role }));
  });
  if (fits.length === 0) return refusal('no-such-target', `There is no target "${clean(name)}" for you.`);
  if (fits.length > 1) {
    const full = fits.map(fit => `${role}@${fit.target}.${fit.tenant}`);
    return refusal(
      'ambiguous-target',
      `"${clean(name)}" could be any of ${clean(full.join(', '))}: say which.`,
    );
  }
  return fits[0]!;
}

const clean = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);

function admissionOf(
  {
    session,
    grant,
    address,
    hostKeys,
    recordInput,
    takesInput,
    inForce,
  }: Extract<Awaited<ReturnType<typeof admitSession>>['result'], { admitted: true }>,
  person: Person,
  now: Date,
): Admission {
  const { host, port } = splitAddress(address);
  const { matrix } = inForce.engagement;
  const [service, activity] = grant.cell.split('/') as [string, string];
  const row = matrix.services[service]?.activities[activity];
  const runbook = row?.runbook ?? matrix.services[service]?.runbook;
  const rollback = row?.rollback ?? matrix.services[service]?.rollback;
  const until = new Intl.DateTimeFormat('en-GB', {
    timeZone: matrix.timezone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).format(grant.endsAt);
  return {
    admitted: true,
    session: session.id,
    tenant: session.tenant,
    target: session.target,
    login: session.role,
    host,
    port,
    hostKeys,
    deadline: grant.endsAt.getTime(),
    remaining: grant.endsAt.getTime() - now.getTime(),
    recordInput,
    takesInput,
    banner: [
      `${grant.cell} on ${grant.target}.${grant.tenant}, until ${until} ${matrix.timezone}. What is shown${recordInput ? ' and typed' : ''} is recorded.`,
      ...(runbook ? [`Runbook: ${runbook}`] : []),
      ...(rollback ? [`Rollback: ${rollback}`] : []),
      ...(row?.takeover ?? []).map(item => `To take over: ${item}`),
    ],
    recording: session.recording,
    person: person.id,
    title: `${session.role}@${session.target}.${session.tenant}`,
  };
}

const waitFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
