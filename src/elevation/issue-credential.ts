import { isLive } from '../domain/grant.ts';
import { whyApart } from './agreed-clocks.ts';
import type { Look, Outside, Step } from './contract.ts';
import { whyUnsettled } from './settled.ts';
import { whyNoLonger } from './still-given.ts';

/** Signs one session's key. Pure: it touches nothing outside. */
export type Sign = (order: {
  readonly tenant: string;
  readonly target: string;
  readonly role: string;
  readonly session: string;
  readonly person: string;
  readonly publicKey: string;
  readonly sourceAddress: string;
  readonly pty: boolean;
  readonly now: Date;
  readonly grantEndsAt: Date;
}) => {
  readonly certificate: string;
  readonly serial: string;
  readonly principal: string;
  readonly validAfter: Date;
  readonly validBefore: Date;
};

export type Issued =
  | { readonly admitted: true; readonly certificate: string }
  | { readonly admitted: false; readonly code: string; readonly lines: readonly string[] };

/** Mints the credential of one admitted session. Its public part is in the log before anybody can use it. */
export async function issueCredential(
  look: Look,
  outside: Outside,
  sign: Sign,
  order: {
    readonly tenant: string;
    readonly session: string;
    readonly publicKey: string;
    readonly sourceAddress: string;
    readonly pty: boolean;
  },
): Promise<Step<Issued>> {
  const inForce = await look.tenant(order.tenant);
  const session = await look.session(order.session);
  const grant = session && (await look.grant(session.grant));
  const shut = inForce?.lockedOutAt != null && grant?.party === 'msp';
  const person = session && (await look.person(session.person));
  const unsettled = inForce && whyUnsettled(inForce);
  if (unsettled) {
    return { result: { admitted: false, code: 'version-not-signed', lines: [unsettled] } };
  }
  const lost = inForce && person && grant && whyNoLonger(inForce, person, grant, outside.now);
  if (lost) return { result: { admitted: false, code: lost.code, lines: [lost.line] } };
  if (
    !inForce ||
    !person ||
    !session ||
    session.endedAt !== null ||
    !grant ||
    shut ||
    !isLive(grant, outside.now)
  ) {
    return {
      result: { admitted: false, code: 'no-grant', lines: ['The grant ended before the session began.'] },
    };
  }
  const apart = whyApart(await look.clockSkew());
  if (apart) return { result: { admitted: false, code: 'clock-skew', lines: [apart] } };
  const issued = sign({
    tenant: session.tenant,
    target: session.target,
    role: session.role,
    session: session.id,
    person: session.person,
    publicKey: order.publicKey,
    sourceAddress: order.sourceAddress,
    pty: order.pty,
    now: outside.now,
    grantEndsAt: grant.endsAt,
  });
  return {
    result: { admitted: true, certificate: issued.certificate },
    events: [
      {
        tenant: session.tenant,
        action: 'credential.issued',
        actor: 'broker',
        subject: session.id,
        data: {
          session: session.id,
          serial: issued.serial,
          certificate: issued.certificate,
          principal: issued.principal,
          source_address: order.sourceAddress,
          valid_after: issued.validAfter.toISOString(),
          valid_before: issued.validBefore.toISOString(),
        },
      },
    ],
  };
}
